"""An SLC by variable offsets: ``OMP_NUM_THREADS=2 python benchmarks/resample.py``.

4096 x 4096 complex64, beside OpenCV's Lanczos (8 x 8) and scipy's cubic spline, each on both parts; medians of
interleaved runs. scipy takes a part of the rows and is scaled up, as it takes seconds.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import resample
from m3leo_sar.grid.pixel_polynomial import PixelPolynomial

#: Rows of a hundred that scipy resamples.
SCIPY_SHARE = 8


def jobs(size: int) -> dict[str, Callable[[], Any]]:
    """Ours with rasters and with polynomials of offsets, and the peers that are installed."""
    random = np.random.default_rng(0)
    slc = random.standard_normal((size, size, 2), np.float32).view(np.complex64)[..., 0]
    row, col = np.ogrid[:size, :size]
    azimuth = 0.3 + 0.4 * np.sin(row / 500) * np.cos(col / 700)
    across = 1.2 + 0.3 * np.cos(row / 400) * np.cos(col / 900)
    smooth = PixelPolynomial([[0.3, 1e-4, 1e-9], [2e-4, 1e-8, 0.0]])
    found: dict[str, Callable[[], Any]] = {
        "m3leo_sar, rasters": lambda: resample(slc, azimuth_offset=azimuth, range_offset=across),
        "m3leo_sar, polynomials": lambda: resample(slc, azimuth_offset=smooth, range_offset=smooth),
        "m3leo_sar, one shift": lambda: resample(slc, azimuth_offset=0.3, range_offset=1.2),
        "m3leo_sar, cubic": lambda: resample(slc, azimuth_offset=azimuth, range_offset=across, resampling="cubic"),
    }
    parts = [np.ascontiguousarray(part) for part in (slc.real, slc.imag)]
    maps = (col + across).astype(np.float32), (row + azimuth).astype(np.float32)
    try:
        import cv2

        cv2.setNumThreads(2)
        found["OpenCV Lanczos4"] = lambda: [cv2.remap(part, *maps, cv2.INTER_LANCZOS4) for part in parts]
    except ImportError:
        pass
    try:
        from scipy.ndimage import map_coordinates

        rows = slice(0, max(size * SCIPY_SHARE // 100, 1))
        places = [maps[1][rows], maps[0][rows]]
        found["scipy, order 3"] = lambda: [
            map_coordinates(part[rows], places, order=3, output=np.float32) for part in parts
        ]
    except ImportError:
        pass
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}, triad {triad_bandwidth() / 1e9:.1f} GB/s"
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, {load}\n")
    taken = interleaved(jobs(asked.size), rounds=asked.rounds)
    share = max(asked.size * SCIPY_SHARE // 100, 1) / asked.size
    if "scipy, order 3" in taken:
        taken["scipy, order 3"] /= share
    ours = taken["m3leo_sar, rasters"]
    print(f"| {asked.size} x {asked.size} complex64 | s | times m3leo_sar with rasters |\n|---|---|---|")
    for name, seconds in taken.items():
        print(f"| {name} | {seconds:.3f} | {seconds / ours:.2f} |")


if __name__ == "__main__":
    main()
