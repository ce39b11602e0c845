"""The machine's own memory bandwidth, the bound that every kernel is read against."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def triad_bandwidth(megabytes: int = 240, *, repeats: int = 5, threads: int | None = None) -> float:
    """Bytes a second of out = b + c over arrays far larger than any cache, the best of some runs.

    NumPy lets the lock go inside a ufunc, so threads add up. A plain store first reads the line it writes, so 4 words
    move for each result, 3 of which are counted, as STREAM does.
    """
    threads = threads or int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    size = megabytes * 2**20 // 8 // 3
    b, c, out = np.ones(size), np.ones(size), np.empty(size)
    parts = [slice(size * i // threads, size * (i + 1) // threads) for i in range(threads)]

    def add(part: slice) -> None:
        np.add(b[part], c[part], out=out[part])

    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            started = time.perf_counter()
            list(pool.map(add, parts))
            best = min(best, time.perf_counter() - started)
    return 3 * 8 * size / best


if __name__ == "__main__":
    print(f"triad {triad_bandwidth() / 1e9:.1f} GB/s")
