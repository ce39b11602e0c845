"""A small stack on disk, tiles over it, and what makes two archives equal."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.loop import Summary
from m3leo_sar.run.run_options import RunOptions, Watch
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import all_pairs

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(4)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WEST, SOUTH = BOX.transformer_to("EPSG:4326").transform(680_300, 5_500_250)


def tiles(rows: int = 2, cols: int = 3, pixels: int = 16) -> TileGrid:
    """Tiles side by side, all of them on the stack."""
    step_x, step_y = 0.015 / cols, 0.007 / rows
    corners = [(WEST + col * step_x, SOUTH + row * step_y) for row in range(rows) for col in range(cols)]
    return TileGrid([(x, y, x + 0.9 * step_x, y + 0.9 * step_y) for x, y in corners], pixels=pixels)


def write_dates(folder: Path, count: int = 4, *, seed: int = 4, labels: bool = True) -> Path:
    """A container of the first dates."""
    scene = simulate_scene(BOX, dates=DATES[:count], seed=seed)
    write_stack(scene.stack, folder, labels=scene.labels() if labels else None)
    return folder


def recipe(count: int = 4, **options: Any) -> Recipe:
    return Recipe(**{"pairs": all_pairs(DATES[:count]), "window": Window(rows=3, cols=8), **options})


def run(
    stack: Path,
    archive: Path,
    *,
    grid: TileGrid | None = None,
    storage: str = "geotiff",
    count: int = 4,
    settled: Any = None,
    asked: Recipe | None = None,
    **options: Any,
) -> Summary:
    """Bring an archive up to date."""
    return bring_up_to_date(
        open_catalogue(stack),
        ChipArchive.create(archive, storage=storage),
        grid or tiles(),
        asked or recipe(count),
        options=RunOptions(**options),
        watch=Watch(settled=settled) if settled else None,
    )


def assert_same(first: Path, second: Path) -> None:
    """Same tiles, same chips, same pixels and metadata, nothing damaged, nothing half written."""
    one, other = ChipArchive(first), ChipArchive(second)
    assert not list(first.rglob("*.partial-*"))
    assert not list(one.verify())
    assert one.identifiers == other.identifiers
    for tile in one.identifiers:
        assert one.datasets(tile) == other.datasets(tile)
        for dataset in one.datasets(tile):
            assert one.keys(tile, dataset) == other.keys(tile, dataset)
            for key in one.keys(tile, dataset):
                chip, twin = one.read(tile, dataset, key), other.read(tile, dataset, key)
                np.testing.assert_array_equal(chip.array, twin.array)
                assert chip.metadata == twin.metadata
