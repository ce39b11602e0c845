"""An archive of small tiles on which each task has something to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive

SIDE = 32
TILES = [f"{index:013x}" for index in range(1, 13)]
SPLITS = dict(zip(TILES, ["train"] * 8 + ["val"] * 2 + ["test"] * 2, strict=True))
COHERENCE, INTENSITY, OPTICAL = "coherence:20230301_20230313", "intensity:20230301", "optical:red:linear"


def make(root: Path) -> ChipArchive:
    """Tiles half built up: coherence and optical show it, intensity does not; biomass is the share that is not."""
    archive = ChipArchive.create(root)
    for index, tile in enumerate(TILES):
        rng = np.random.default_rng(index)
        bounds = (5 + index, 49, 5.1 + index, 49.1)
        box = GeoBox.from_bounds(bounds, shape=(SIDE, SIDE), crs="EPSG:4326")
        built = np.kron(rng.random((4, 4)) < 0.5, np.ones((8, 8))).astype(bool)
        coherence = np.clip(np.where(built, 0.75, 0.3) + 0.07 * rng.standard_normal(built.shape), 0, 1)
        optical = np.where(built, 90.0, 60.0) + 8 * rng.standard_normal(built.shape)
        codes = np.where(built, 50, 10).astype(np.uint8)
        codes[0, :5] = 0
        biomass = (~built).reshape(4, 8, 8, 4).mean(axis=(1, 3)).astype(np.float32) * 200 + 0.25
        biomass[0, 0] = np.nan
        coarse = GeoBox.from_bounds(bounds, shape=biomass.shape, crs="EPSG:4326")
        for dataset, key, chip, grid in (
            ("coherence", "20230301_20230313", coherence.astype(np.float32), box),
            ("intensity", "20230301", rng.exponential(1, built.shape).astype(np.float32), box),
            ("optical", "red", optical.astype(np.float32), box),
            ("label", "landcover", codes, box),
            ("biomass-2020", "agb", biomass, coarse),
        ):
            archive.write(tile, dataset, key, chip, grid, metadata={"product": dataset})
    return archive
