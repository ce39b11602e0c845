"""Normalising chips beside NumPy and the memory bandwidth: ``OMP_NUM_THREADS=2 python benchmarks/normalise.py``."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import normalise
from m3leo_sar.chips.statistics import BandStatistics, Statistics

#: Of a stack that no cache holds, and of one chip, as a loader normalises them one after the other.
SHAPES = ((16, 1792, 1792), (16, 448, 448))


def jobs(shape: tuple[int, int, int]) -> dict[str, tuple[object, Statistics, Callable[[object], object], int]]:
    """Planes, statistics, the plain NumPy way and compulsory bytes per pixel of each case."""
    rng = np.random.default_rng(1)
    power = rng.gamma(1, 0.1, shape).astype(np.float32)
    power[:, ::50] = np.nan
    stored = rng.integers(0, 256, shape).astype(np.uint8)
    coherence = rng.random(shape).astype(np.float32)
    phasors = (rng.standard_normal(shape[1:]) + 1j * rng.standard_normal(shape[1:])).astype(np.complex64)
    count = shape[0]

    def bands(encoding: str, **facts: object) -> Statistics:
        return Statistics(tuple(BandStatistics(f"b{i}", encoding, -30, 3, -12, 5, **facts) for i in range(count)))

    def scaled(x: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(valid, (np.clip(x, -30, 3) + 12) / 5, 0).astype(np.float32), valid

    def decibels(planes: np.ndarray) -> object:
        valid = np.isfinite(planes) & (planes > 0)
        return scaled(10 * np.log10(np.where(valid, planes, 1)), valid)

    def linear(planes: np.ndarray) -> object:
        return scaled(planes, np.isfinite(planes))

    def decoded(planes: np.ndarray) -> object:
        return scaled(planes.astype(np.float32) * np.float32(30 / 255) - 30, planes != 0)

    def fisher(planes: np.ndarray) -> object:
        valid = np.isfinite(planes)
        return scaled(np.arctanh(np.clip(np.where(valid, planes, 0), -0.9999, 0.9999)), valid)

    def phase(planes: np.ndarray) -> object:
        valid = np.isfinite(planes)
        x = np.where(valid, planes, 0)
        return np.where(valid, np.cos(x), 0), np.where(valid, np.sin(x), 0), valid

    def phasor(planes: list[np.ndarray]) -> object:
        z = planes[0]
        valid = np.isfinite(z) & (z != 0)
        unit = np.where(valid, z / np.abs(np.where(valid, z, 1)), 0)
        return unit.real.copy(), unit.imag.copy(), valid

    return {
        "dB of float32": (power, bands("decibel"), decibels, 9 * count),
        "linear float32": (power, bands("linear"), linear, 9 * count),
        "dB stored in uint8": (stored, bands("linear", gain=30 / 255, offset=-30, nodata=0), decoded, 6 * count),
        "Fisher of coherence": (coherence, bands("fisher"), fisher, 9 * count),
        "cosine and sine": (coherence * 6, bands("phase"), phase, 14 * count),
        "unit phasor": ([phasors], Statistics((BandStatistics("z", "phasor"),)), phasor, 18),
    }


def timed(stack: object, statistics: Statistics, plain: Callable[[object], object]) -> dict[str, float]:
    """Median seconds of ours and of NumPy's way."""
    # Bands come from files of their own; packing them is part of the work.
    planes = list(stack)  # type: ignore[call-overload]
    single = len(planes) == 1
    # Into a place of its own, as a batch is filled; a fresh array would measure how fast pages are cleared.
    place = normalise(planes, statistics)
    ways = {
        "ours": lambda: normalise(planes, statistics, out=place),
        "numpy": lambda: plain(planes if single else np.stack(planes)),
    }
    return interleaved(ways, rounds=9)


def main() -> None:
    """Print a table: milliseconds, share of triad measured just before, and times faster than NumPy."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"{datetime.date.today()}, load {os.getloadavg()[0]:.1f}, {threads} threads\n")
    names = [f"{shape[0]} bands of {shape[1]} x {shape[2]}" for shape in SHAPES]
    print("| | " + " | ".join(f"{name}: ms | of triad | NumPy slower by" for name in names) + " |")
    print("|---|" + "---|" * (3 * len(SHAPES)))
    cells: dict[str, list[str]] = {}
    for shape in SHAPES:
        for name, (stack, statistics, plain, bytes_per_pixel) in jobs(shape).items():
            triad = triad_bandwidth()
            seconds = timed(stack, statistics, plain)
            rate = bytes_per_pixel * shape[1] * shape[2] / seconds["ours"]
            slower = seconds["numpy"] / seconds["ours"]
            cells.setdefault(name, []).append(f"{seconds['ours'] * 1e3:.2f} | {rate / triad:.0%} | {slower:.1f} x")
    for name, row in cells.items():
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
