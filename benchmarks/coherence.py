"""The coherence kernel beside the machine's bandwidth: ``python benchmarks/coherence.py``.

Medians of interleaved runs. ``peers.py`` has the same pair beside other packages.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved
from peers import BYTES_A_PIXEL, pair

from m3leo_sar import Looks, Window, coherence
from m3leo_sar.insar.decay import fit_decay
from m3leo_sar.insar.fringe import fringe_coherence
from m3leo_sar.insar.homogeneous import homogeneous_coherence, homogeneous_pixels
from m3leo_sar.stack.complex_int16 import to_complex_int16

Jobs = dict[str, Callable[[], Any]]
WINDOW = Window(rows=5, cols=20)


def windows(size: int) -> Jobs:
    """One pair, windows small to large."""
    a, b = pair(size)
    sizes = [Window(rows=rows, cols=cols) for rows, cols in ((3, 3), (5, 5), (5, 20), (11, 11), (21, 81))]
    return {f"{w.rows} x {w.cols}": (lambda window=w: coherence(a, b, window=window)) for w in sizes}


def options(size: int) -> Jobs:
    """One pair, all that may be asked of it."""
    a, b = pair(size)
    holes = a.copy()
    holes[::50, ::50] = np.nan
    phase = np.linspace(0, 1e4, size * size).reshape(size, size)
    stored = [to_complex_int16(image, scale=1e-3) for image in (a, b)]
    return {
        "plain": lambda: coherence(a, b, window=WINDOW),
        "looks 5 x 20": lambda: coherence(a, b, window=WINDOW, step=Looks(rows=5, cols=20)),
        "a hole in every tile": lambda: coherence(holes, b, window=WINDOW),
        "complex int16": lambda: coherence(*stored, window=WINDOW),
        "Gaussian weights": lambda: coherence(a, b, window=Window.gaussian(rows=5, cols=20)),
        "complex value": lambda: coherence(a, b, window=WINDOW, output="complex"),
        "all maps": lambda: coherence(a, b, window=WINDOW, output="all"),
        "reference phase": lambda: coherence(a, b, window=WINDOW, reference_phase=phase),
        "complex value, reference phase": lambda: coherence(
            a, b, window=WINDOW, reference_phase=phase, output="complex"
        ),
        "along the fringe": lambda: fringe_coherence(a, b, window=WINDOW),
    }


def stack_jobs(size: int, dates: int, window: Window) -> Jobs:
    """One pair and all pairs of a stack."""
    rng = np.random.default_rng(1)
    stack = rng.standard_normal((dates, size, size, 2), np.float32).view(np.complex64)[..., 0]
    pairs = list(combinations(range(dates), 2))
    return {
        "one": lambda: coherence(stack, pairs=pairs[:1], window=window),
        "all": lambda: coherence(stack, pairs=pairs, window=window),
    }


def per_pixel_jobs(size: int, dates: int) -> Jobs:
    """Decay fits and homogeneous pixels of a tile."""
    rng = np.random.default_rng(2)
    stack = rng.standard_normal((dates, size, size, 2), np.float32).view(np.complex64)[..., 0]
    pairs = list(combinations(range(dates), 2))
    maps = coherence(stack, pairs=pairs, window=WINDOW)
    days, window, amplitude = [12 * (j - i) for i, j in pairs], Window(rows=9, cols=9), abs(stack)
    mask = homogeneous_pixels(amplitude, window=window)
    return {
        f"decay fit to {len(pairs)} pairs": lambda: fit_decay(maps, days),
        f"homogeneous pixels, glrt, 9 x 9, {dates} dates": lambda: homogeneous_pixels(amplitude, window=window),
        f"homogeneous pixels, ks, 9 x 9, {dates} dates": lambda: homogeneous_pixels(
            amplitude, window=window, test="ks"
        ),
        "coherence over them": lambda: homogeneous_coherence(stack[0], stack[1], window=window, mask=mask),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns of the pair")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    size, triad = asked.size, triad_bandwidth()
    print(
        f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, triad {triad / 1e9:.1f} GB/s"
    )
    for title, jobs in (("windows", windows(size)), ("options, window 5 x 20", options(size))):
        print(f"\n{size} x {size} complex64 pair, {title}\n")
        print("| | median s | GB/s at 20 B per pixel | of triad |\n|---|---|---|---|")
        for name, taken in interleaved(jobs, rounds=asked.rounds).items():
            speed = BYTES_A_PIXEL * size * size / taken
            print(f"| {name} | {taken:.3f} | {speed / 1e9:.1f} | {speed / triad:.0%} |")
    print("\n| all pairs of | ms per pair alone | ms per extra pair | of one alone |\n|---|---|---|---|")
    for side, dates in ((size // 4, 12), (size // 4, 30), (448, 30)):
        taken = interleaved(stack_jobs(side, dates, WINDOW), rounds=asked.rounds)
        extra = (taken["all"] - taken["one"]) / (dates * (dates - 1) // 2 - 1)
        row = f"{1e3 * taken['one']:.2f} | {1e3 * extra:.2f} | {extra / taken['one']:.0%}"
        print(f"| {dates} dates of {side} x {side} | {row} |")
    print("\n| a tile of 448 x 448 | median s |\n|---|---|")
    for name, taken in interleaved(per_pixel_jobs(448, 20), rounds=3).items():
        print(f"| {name} | {taken:.3f} |")


if __name__ == "__main__":
    main()
