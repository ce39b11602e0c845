"""Moving arrays, and what is said where there is no GPU."""

import numpy as np
import pytest

from m3leo_sar.chips.transfer import to_gpu, to_host


def test_arrays_come_back_to_the_host(backend, rng):
    array = rng.random((3, 5))
    back = to_host(backend.array(array))
    assert type(back) is np.ndarray or backend.name == "simt"
    np.testing.assert_array_equal(back, array)


def test_a_gpu_is_needed_to_go_there(rng):
    if gpu_is_there():
        np.testing.assert_array_equal(to_host(to_gpu(rng.random((3, 5))).copy()).shape, (3, 5))
        pytest.skip("there is a GPU")
    with pytest.raises((ImportError, RuntimeError), match="CuPy is not installed|there is no GPU to compute on"):
        to_gpu(rng.random((3, 5)))


def gpu_is_there():
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


def test_without_cupy_the_extra_is_named(monkeypatch, rng):
    import builtins

    imported = builtins.__import__

    def without(name, *rest):
        if name.startswith("m3leo_sar._backend") and rest[2:] and "gpu" in (rest[2] or ()):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"install it with pip install \"m3leo-sar\[gpu\]\""):
        to_gpu(rng.random(3))
