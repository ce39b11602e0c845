"""Kernels on a GPU beside the bandwidth of a copy there, and beside the same written with CuPy's own arrays.

    python benchmarks/gpu_kernels.py [--size 8192]

Medians of several runs, timed by events on the device after a warm-up; buffers together are far larger than its
caches. A kernel that fails is reported in its line, and the others go on.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import cupy
import numpy as np

from m3leo_sar import Window, coherence, interferogram, normalise, resample
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.insar.decay import fit_decay
from m3leo_sar.insar.fringe import fringe_coherence
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import sample

WINDOW = Window(rows=5, cols=20)


class Job(NamedTuple):
    """Compulsory bytes of a call, the call, and the same in CuPy's eager arrays if there is a short way to write it."""

    compulsory: float
    call: Callable[[], Any]
    eager: Callable[[], Any] | None = None


def images(count: int, size: int, seed: int = 1) -> cupy.ndarray:
    """(count, size, size) complex64."""
    draw = cupy.random.RandomState(seed)
    parts = draw.standard_normal((count, size, size, 2), dtype=cupy.float32)
    return parts.view(cupy.complex64)[..., 0]


def eager_coherence(a: cupy.ndarray, b: cupy.ndarray) -> cupy.ndarray:
    """Three box sums by SciPy's interface on the device."""
    from cupyx.scipy.ndimage import uniform_filter

    cross = a * b.conj()
    sums = [
        uniform_filter(part, (5, 20), mode="constant") for part in (cross.real, cross.imag, abs(a) ** 2, abs(b) ** 2)
    ]
    return cupy.sqrt((sums[0] ** 2 + sums[1] ** 2) / (sums[2] * sums[3]))


def eager_phasor(z: cupy.ndarray) -> tuple[cupy.ndarray, cupy.ndarray]:
    """Parts of z / |z| and their mask."""
    unit = z / abs(z)
    valid = cupy.isfinite(unit)
    return cupy.where(valid, cupy.stack([unit.real, unit.imag]), 0), valid


def coherence_jobs(size: int) -> dict[str, Callable[[], Job]]:
    """Pairs of a stack."""

    def one() -> Job:
        a, b = images(2, size)
        return Job(20.0 * size**2, lambda: coherence(a, b, window=WINDOW), lambda: eager_coherence(a, b))

    def every(dates: int) -> Job:
        side = size // 8
        stack, pairs = images(dates, side), list(itertools.combinations(range(dates), 2))
        compulsory = (8.0 * dates + 4.0 * len(pairs)) * side**2
        return Job(
            compulsory,
            lambda: coherence(stack, pairs=pairs, window=WINDOW),
            lambda: [eager_coherence(stack[i], stack[j]) for i, j in pairs],
        )

    def whole() -> Job:
        a, b = images(2, size // 2)
        return Job(44.0 * (size // 2) ** 2, lambda: coherence(a, b, window=WINDOW, output="all"))

    return {
        "coherence, one pair": one,
        "coherence, 435 pairs of 30 dates": lambda: every(30),
        "coherence, all maps": whole,
    }


def other_jobs(size: int) -> dict[str, Callable[[], Job]]:
    """Kernels after and before it."""

    def resampled() -> Job:
        (image,) = images(1, size)
        rows, cols = cupy.mgrid[:size, :size]
        down, right = 0.3 + 1e-4 * rows, 0.7 + 1e-4 * cols
        return Job(32.0 * size**2, lambda: resample(image, azimuth_offset=down, range_offset=right))

    def warped() -> Job:
        plane = images(1, size)[0].real.copy()
        rows, cols = (axis.astype(cupy.float64) for axis in cupy.mgrid[: size // 2, : size // 2])
        positions = PixelMap(10.3 + 0.98 * rows + 0.02 * cols, 20.7 - 0.02 * rows + 0.98 * cols)
        from cupyx.scipy.ndimage import map_coordinates

        place = cupy.stack([positions.rows, positions.cols])
        return Job(
            24.0 * (size // 2) ** 2,
            lambda: sample(plane, positions),
            lambda: map_coordinates(plane, place, order=1),
        )

    def phasor() -> Job:
        (plane,) = images(1, size)
        band = Statistics((BandStatistics("phasor", "phasor"),))
        return Job(18.0 * size**2, lambda: normalise([plane], band), lambda: eager_phasor(plane))

    def fringe() -> Job:
        a, b = images(2, size // 4)
        return Job(28.0 * (size // 4) ** 2, lambda: fringe_coherence(a, b, window=WINDOW))

    def decay() -> Job:
        side, pairs = 448, list(itertools.combinations(range(20), 2))
        days = np.array([12 * (b - a) for a, b in pairs])
        planes = 0.5 + 0.1 * cupy.random.standard_normal((len(pairs), side, side), dtype=cupy.float32)
        return Job((4.0 * len(pairs) + 12) * side**2, lambda: fit_decay(planes, days))

    def product() -> Job:
        a, b = images(2, size)
        return Job(24.0 * size**2, lambda: interferogram(a, b), lambda: a * b.conj())

    return {
        "resample, rasters of offsets": resampled,
        "sample, bilinear, positions": warped,
        "normalise, phasor of complex64": phasor,
        "fringe": fringe,
        "decay, 190 pairs": decay,
        "interferogram": product,
    }


def seconds(call: Callable[[], Any], repeats: int = 7) -> float:
    """Median on the device, after one call that does not count."""
    call()
    found = []
    for _ in range(repeats):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        call()
        end.record()
        end.synchronize()
        found.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return statistics.median(found)


def copy_bandwidth(megabytes: int = 2048) -> float:
    """Bytes per second, read and written."""
    source = cupy.ones(megabytes << 18, cupy.float32)
    target = cupy.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: cupy.copyto(target, source))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=8192, help="rows and columns of the largest image")
    size = parser.parse_args().size
    copy = copy_bandwidth()
    print(f"copy {copy / 1e12:.2f} TB/s\n")
    print("| kernel | ms | TB/s | of a copy | CuPy eager, ms | x |\n|---|---|---|---|---|---|")
    for name, make in {**coherence_jobs(size), **other_jobs(size)}.items():
        try:
            job = make()
            ours = seconds(job.call)
            eager = seconds(job.eager, 3) if job.eager else float("nan")
        except Exception as error:
            print(f"| {name} | failed: {' '.join(str(error).split())[:200]} | | | | |", flush=True)
            continue
        rate = job.compulsory / ours
        beside = f"{1e3 * eager:.2f} | {eager / ours:.1f}"
        print(f"| {name} | {1e3 * ours:.3f} | {rate / 1e12:.2f} | {rate / copy:.0%} | {beside} |", flush=True)
        del job
        cupy.get_default_memory_pool().free_all_blocks()


if __name__ == "__main__":
    main()
