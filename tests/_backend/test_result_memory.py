import gc
import threading

import numpy as np
import pytest

from m3leo_sar._backend import result_memory
from m3leo_sar._backend.result_memory import MOST_KEPT, SMALLEST, empty


@pytest.fixture(autouse=True)
def nothing_kept():
    gc.collect()
    result_memory._kept.buffers.clear()


def kept():
    return [buffer.nbytes for buffer in result_memory._kept.buffers]


def test_a_dropped_result_is_used_again():
    first = empty((700, 900), np.float32)
    assert first.shape == (700, 900)
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert first.ctypes.data % 64 == 0
    address = first.ctypes.data
    del first
    assert empty((450, 1400), np.float32).ctypes.data == address


@pytest.mark.parametrize("hold", [lambda a: a[3:5], lambda a: a.T, lambda a: a.view(np.int32), lambda a: memoryview(a)])
def test_a_view_keeps_its_memory(hold):
    first = empty((700, 900), np.float32)
    first[:] = 7
    view = hold(first)
    del first
    second = empty((700, 900), np.float32)
    second[:] = 1
    assert not np.shares_memory(np.asarray(view), second)
    assert (np.asarray(view).view(np.float32) == 7).all()


def test_torch_keeps_it_too():
    torch = pytest.importorskip("torch")
    first = empty((700, 900), np.float32)
    first[:] = 7
    tensor = torch.from_numpy(first)
    del first
    empty((700, 900), np.float32)[:] = 1
    assert bool((tensor == 7).all())


def test_what_is_kept_is_bounded_and_given_back_before_something_new():
    held = [empty((1 << 22,), np.float32) for _ in range(6)]
    del held
    assert 0 < sum(kept()) <= MOST_KEPT
    empty((SMALLEST * 2,), np.uint8)
    assert len(kept()) == 1
    whole = empty((MOST_KEPT + 1,), np.uint8)
    assert kept() == []
    del whole
    assert kept() == []


def test_a_pair_of_4096_is_used_again():
    # Nothing is written, so no page is ever cleared.
    first = empty((4096, 4096), np.complex64)
    address = first.ctypes.data
    del first
    assert empty((4096, 4096), np.complex64).ctypes.data == address


def test_the_system_may_take_what_is_kept(monkeypatch):
    advised = []
    monkeypatch.setattr(result_memory._Buffer, "_advise", lambda buffer, option: advised.append(option))
    first = empty((700, 900), np.float32)
    assert advised == [result_memory._HUGE]
    del first
    assert advised[1:] == [result_memory._FREE]
    empty((700, 900), np.float32)
    assert advised[2:] == [result_memory._FREE]


def test_without_pages_of_its_own_a_result_is_numpys(monkeypatch):
    def refused(*arguments, **options):
        raise OSError("no pages")

    monkeypatch.setattr(result_memory.mmap, "mmap", refused)
    array = empty((700, 900), np.float32)
    array[:] = 7
    assert array.ctypes.data % 64 == 0
    with pytest.raises(MemoryError, match="Unable to allocate"):
        empty((1 << 30, 1 << 16), np.float64)
    monkeypatch.setattr(result_memory, "_FREE", None)
    assert empty((700, 900), np.float32).sum(where=False) == 0


def test_small_results_are_numpys():
    assert empty((10, 10), np.float64).base is None
    assert empty((0, 10), np.float64).shape == (0, 10)


def test_threads_never_share_a_buffer():
    failures = []

    def work(mark):
        for _ in range(60):
            array = empty((300, 1000), np.float32)
            array[:] = mark
            if (array != mark).any():
                failures.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
