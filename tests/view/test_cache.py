"""Values are computed once, kept within a number of bytes, and errors are not kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.view.cache import ByteCache, bytes_of


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=60), st.integers(0, 150))
def test_the_least_recently_used_values_give_way(asked, most):
    cache, order = ByteCache(most), {}
    for key, size in asked:
        known = key in order
        value, hit = cache.get(key, lambda size=size: bytes(size))
        assert hit == known
        if known:
            order[key] = order.pop(key)
        elif size <= most:
            order[key] = size
            while sum(order.values()) > most:
                order.pop(next(iter(order)))
        assert len(value) == (order.get(key, size) if known else size)
        assert cache.nbytes == sum(order.values()) <= most
        assert all(key in cache for key in order)
        assert len(cache) == len(order)


def test_threads_compute_a_value_once():
    cache, made, ready = ByteCache(1000), [], threading.Event()

    def make():
        ready.wait(10)
        made.append(1)
        return np.ones(5)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get, "key", make) for _ in range(8)]
        ready.set()
        values = [future.result() for future in asked]
    assert len(made) == 1
    assert len({id(value) for value, _ in values}) == 1


def test_an_error_reaches_all_who_wait_and_is_not_kept():
    cache, started, ready = ByteCache(1000), threading.Event(), threading.Event()

    def fail():
        started.set()
        ready.wait(10)
        raise OSError("no disk")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", fail)
        started.wait(10)
        second = pool.submit(cache.get, "key", fail)
        ready.set()
        for future in (first, second):
            with pytest.raises(OSError, match="no disk"):
                future.result()
    assert cache.get("key", lambda: b"x") == (b"x", False)


def test_bytes_and_bounds():
    assert bytes_of((np.zeros(3), (b"12", "text"))) == 26
    with pytest.raises(ValueError, match="most_bytes must be at least 0, got -1"):
        ByteCache(-1)
