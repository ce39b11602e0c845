"""Coherence beside its peers and the machine's bandwidth: ``python benchmarks/coherence.py``.

Prints medians of interleaved runs and ratios; what a peer needs and is not installed is left out.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import Window, coherence

#: Two complex64 read and one float32 written.
BYTES_A_PIXEL = 20


def pair(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first, noise = (rng.standard_normal((size, size, 2), np.float32).view(np.complex64)[..., 0] for _ in range(2))
    return first, 0.6 * first + np.complex64(0.8) * noise


def scipy_coherence(a: np.ndarray, b: np.ndarray, window: Window) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    size, cross = (window.rows, window.cols), a * b.conj()
    planes = (cross.real, cross.imag, np.abs(a) ** 2, np.abs(b) ** 2)
    re, im, p, q = (uniform_filter(plane, size, mode="constant") for plane in planes)
    return np.sqrt((re * re + im * im) / (p * q))


def opencv_coherence(a: np.ndarray, b: np.ndarray, window: Window) -> np.ndarray:
    import cv2

    size, cross = (window.cols, window.rows), a * b.conj()
    planes = (cross.real.copy(), cross.imag.copy(), np.abs(a) ** 2, np.abs(b) ** 2)
    re, im, p, q = (cv2.boxFilter(plane, -1, size, borderType=cv2.BORDER_CONSTANT) for plane in planes)
    return np.sqrt((re * re + im * im) / (p * q))


def jobs(size: int, window: Window) -> dict[str, Callable[[], Any]]:
    """The kernel and each peer that is installed, on the same pair."""
    a, b = pair(size)
    found: dict[str, Callable[[], Any]] = {"m3leo_sar": lambda: coherence(a, b, window=window)}
    if importlib.util.find_spec("cv2"):
        found["OpenCV boxFilter"] = lambda: opencv_coherence(a, b, window)
    if importlib.util.find_spec("scipy"):
        found["scipy uniform_filter"] = lambda: scipy_coherence(a, b, window)
    return found


def stack_jobs(size: int, dates: int, window: Window) -> dict[str, Callable[[], Any]]:
    """One pair and all pairs of a stack."""
    rng = np.random.default_rng(1)
    stack = rng.standard_normal((dates, size, size, 2), np.float32).view(np.complex64)[..., 0]
    pairs = [(i, j) for i in range(dates) for j in range(i + 1, dates)]
    return {
        "one": lambda: coherence(stack, pairs=pairs[:1], window=window),
        "all": lambda: coherence(stack, pairs=pairs, window=window),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns of the pair")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    window, size = Window(rows=5, cols=20), options.size
    triad = triad_bandwidth()
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"triad {triad / 1e9:.1f} GB/s")
    seconds = interleaved(jobs(size, window), rounds=options.rounds)
    ours = seconds["m3leo_sar"]
    speed = BYTES_A_PIXEL * size * size / ours
    print(f"pair {size} x {size}, window 5 x 20: {speed / 1e9:.1f} GB/s, {speed / triad:.0%} of triad")
    for name, taken in seconds.items():
        print(f"  {name:<22}{taken:8.3f} s   {taken / ours:6.1f} x")
    sizes = {(rows, cols): Window(rows=rows, cols=cols) for rows, cols in ((3, 3), (5, 20), (21, 81))}
    a, b = pair(size)
    by_window = interleaved(
        {f"{r} x {c}": (lambda w=w: coherence(a, b, window=w)) for (r, c), w in sizes.items()}, rounds=options.rounds
    )
    print("window size: " + ", ".join(f"{name} {taken:.3f} s" for name, taken in by_window.items()))
    dates = 12
    stack = interleaved(stack_jobs(size // 4, dates, window), rounds=options.rounds)
    count = dates * (dates - 1) // 2
    extra = (stack["all"] - stack["one"]) / (count - 1)
    print(f"{count} pairs of {dates} dates: an extra pair costs {extra / stack['one']:.0%} of a single one")


if __name__ == "__main__":
    main()
