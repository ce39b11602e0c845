"""An interferogram of looks: ``OMP_NUM_THREADS=2 python benchmarks/interferogram.py``.

4096 x 4096 complex64, looks 4 x 20, beside NumPy and, where it is installed, moraine; then Goldstein's filter. Medians
of interleaved runs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import Looks, interferogram
from m3leo_sar._backend import transforms
from m3leo_sar.insar.goldstein import goldstein

LOOKS = Looks(rows=4, cols=20)


def jobs(size: int) -> dict[str, Callable[[], Any]]:
    """Ours, with a phase taken off and oversampled too, and the peers."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, size, size, 2), np.float32).view(np.complex64)[..., 0]
    phase = np.linspace(0, 1e4, size)[None] + np.zeros((size, 1))
    high, wide = size // LOOKS.rows, size // LOOKS.cols

    def plain() -> np.ndarray:
        product = (a * b.conj())[: high * LOOKS.rows, : wide * LOOKS.cols]
        return product.reshape(high, LOOKS.rows, wide, LOOKS.cols).mean(axis=(1, 3))

    found: dict[str, Callable[[], Any]] = {
        "m3leo_sar": lambda: interferogram(a, b, looks=LOOKS),
        "m3leo_sar, single looks": lambda: interferogram(a, b),
        "m3leo_sar, a phase taken off": lambda: interferogram(a, b, looks=LOOKS, reference_phase=phase),
        "m3leo_sar, single looks, a phase taken off": lambda: interferogram(a, b, reference_phase=phase),
        "NumPy": plain,
    }
    try:
        import moraine

        found["moraine multi_look"] = lambda: moraine.multi_look(a, b, looks=(LOOKS.rows, LOOKS.cols))
    except ImportError:
        pass
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    triad = triad_bandwidth()
    load = f"load {os.getloadavg()[0]:.1f}, triad {triad / 1e9:.1f} GB/s"
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, {load}\n")
    taken = interleaved(jobs(asked.size), rounds=asked.rounds)
    print(f"| {asked.size} x {asked.size}, looks 4 x 20 | s | of triad at 16 B per pixel | times m3leo_sar |")
    print("|---|---|---|---|")
    for name, seconds in taken.items():
        share = 16 * asked.size**2 / seconds / triad
        print(f"| {name} | {seconds:.4f} | {share:.0%} | {seconds / taken['m3leo_sar']:.1f} |")
    noise = np.exp(1j * np.random.default_rng(0).normal(size=(1024, 1024))).astype(np.complex64)
    filters = interleaved({"threads": lambda: goldstein(noise), "NumPy": lambda: _with_numpy(noise)}, rounds=3)
    print(f"\nGoldstein's filter of 1024 x 1024: {filters['threads']:.2f} s, {_ratio(filters):.1f} times as fast as")
    print(f"with NumPy's transforms in one thread ({filters['NumPy']:.2f} s)")


def _ratio(filters: dict[str, float]) -> float:
    return filters["NumPy"] / filters["threads"]


def _with_numpy(noise: Any) -> Any:
    """The same filter with the transforms of NumPy, which has one thread."""
    with mock.patch.multiple(transforms, fft2=np.fft.fft2, ifft2=np.fft.ifft2):
        return goldstein(noise)


if __name__ == "__main__":
    main()
