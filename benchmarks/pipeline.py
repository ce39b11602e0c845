"""Time of each step from a stack to a normalised tile: ``python benchmarks/pipeline.py``."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from interleaved import interleaved

from m3leo_sar import GeoBox, Window, coherence, normalise
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.warp.pixel_map import pixel_map
from m3leo_sar.warp.sample import sample


def main() -> None:
    rng = np.random.default_rng(0)
    source = GeoBox.from_bounds((680_000, 5_500_000, 685_000, 5_505_000), shape=(500, 500), crs="EPSG:32631")
    tile = GeoBox.from_bounds((5.501, 49.63, 5.555, 49.67), shape=(448, 448), crs="EPSG:4326")
    stack = rng.standard_normal((6, 500, 500, 2), np.float32).view(np.complex64)[..., 0]
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    window, positions = Window(rows=5, cols=20), pixel_map(source, tile)
    maps = coherence(stack, pairs=pairs, window=window)
    chip = sample(maps, positions)
    statistics = Statistics(tuple(BandStatistics(str(pair), centre=0.5, scale=0.25) for pair in pairs))
    seconds = interleaved(
        {
            "coherence of 15 pairs": lambda: coherence(stack, pairs=pairs, window=window),
            "15 maps to the tile": lambda: sample(maps, positions),
            "normalise 15 channels": lambda: normalise(chip, statistics),
        },
        rounds=9,
    )
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    total = sum(seconds.values())
    for name, taken in seconds.items():
        print(f"{name:<24}{1e3 * taken:7.1f} ms a tile")
    print(f"together{1e3 * total / len(pairs):10.2f} ms a pair and tile, {len(pairs) / total:.0f} pair-tiles a second")


if __name__ == "__main__":
    main()
