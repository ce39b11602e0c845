"""Statistics of many chips beside the reading of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar.chips.accumulate import StatisticsAccumulator
from m3leo_sar.chips.statistics import BandStatistics

SHAPE, FILES, CHIPS = (16, 448, 448), 24, 10_000


def jobs(folder: Path, shape: tuple[int, int, int], files: int) -> dict[str, Callable[[], None]]:
    """Counting chips in memory, reading raw files, both, and NumPy's way for two chips."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{index}.npy" for index in range(files)]
    for path in paths:
        np.save(path, rng.gamma(1, 0.1, shape).astype(np.float32))
    held = [np.load(path) for path in paths]
    bands = [BandStatistics(f"b{index}", "decibel") for index in range(shape[0])]

    def count() -> None:
        seen = StatisticsAccumulator(bands)
        for chip in held:
            seen.update(chip)

    def read() -> None:
        for path in paths:
            np.load(path)

    def both() -> None:
        seen = StatisticsAccumulator(bands)
        for path in paths:
            seen.update(np.load(path))

    def plain() -> None:
        for chip in held[:2]:
            valid = np.isfinite(chip) & (chip > 0)
            x = 10 * np.log10(np.where(valid, chip, 1))
            for band, there in zip(x, valid, strict=True):
                np.histogram(band[there], 4096, (-60, 40))
                band[there].mean(dtype=float), band[there].var(dtype=float)

    return {"count": count, "read": read, "both": both, "plain": plain}


def main() -> None:
    """Print the rate of counting, of reading raw files and of both, and what 10 000 chips take."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = interleaved(jobs(Path(folder), SHAPE, FILES))
    size = FILES * np.prod(SHAPE) * 4
    print(f"triad {triad_bandwidth() / 1e9:.1f} GB/s")
    for name in ("count", "read", "both"):
        print(f"{name}: {size / seconds[name] / 1e9:.2f} GB/s, {seconds[name] / FILES * 1e3:.2f} ms per chip")
    print(f"NumPy's histogram, mean and variance: {seconds['plain'] / 2 * FILES / seconds['count']:.1f} x slower")
    print(f"{CHIPS} chips, files in the page cache: {seconds['both'] / FILES * CHIPS:.0f} s")


if __name__ == "__main__":
    main()
