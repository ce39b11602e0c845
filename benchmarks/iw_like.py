"""A geocoded stack on disk such as OPERA's, 5 m by 10 m, whose chunks repeat: any size in seconds."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import numpy as np

from m3leo_sar import GeoBox, SlcStack, TileGrid
from m3leo_sar.io.stacks.zarr_stack import CHUNK, write_stack

WEST, NORTH, CRS = 500_000, 5_500_000, "EPSG:32631"
#: Metres of a pixel along rows and columns.
STEP = (10, 5)


def dates(count: int) -> list[datetime.date]:
    return [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * index) for index in range(count)]


def geobox(shape: tuple[int, int]) -> GeoBox:
    rows, cols = shape
    return GeoBox.from_bounds((WEST, NORTH - STEP[0] * rows, WEST + STEP[1] * cols, NORTH), shape=shape, crs=CRS)


def write_iw_like(folder: Path, shape: tuple[int, int], count: int) -> Path:
    """Write a stack of our container; every chunk of a date is one file under many names.

    Reading costs what reading costs: each name is opened and unpacked by itself.
    """
    box, days = geobox(shape), dates(count)
    rng = np.random.default_rng(5)
    common = _speckle(rng)
    pixels = {day: 0.7 * common + 0.7 * _speckle(rng) for day in days}
    small = (min(CHUNK, shape[0]), min(CHUNK, shape[1]))
    stack = SlcStack(
        dates=tuple(days),
        read=lambda index, rows, cols: _first_chunk_only(pixels[days[index]], rows, cols, small),
        geometry=box,
        polarisation="VV",
        orbit="ascending",
    )
    write_stack(stack, folder)
    for day in days:
        chunks = folder / f"{day:%Y%m%d}" / "VV" / "c"
        first = chunks / "0" / "0"
        for row in range(-(-shape[0] // CHUNK)):
            (chunks / str(row)).mkdir(exist_ok=True)
            for col in range(-(-shape[1] // CHUNK)):
                if (row, col) != (0, 0):
                    os.link(first, chunks / str(row) / str(col))
    return folder


def tiles_over(shape: tuple[int, int], count: int | None = None) -> TileGrid:
    """Tiles of the exact lattice within the stack, all or the first from its middle."""
    west, south, east, north = geobox(shape).bounds_in("EPSG:4326")
    grid = TileGrid.exact((west, south, east, north))
    grid = grid.select((west, south, east, north), within=True)
    if count is None:
        return grid
    middle = np.hypot(
        grid.bounds[:, [0, 2]].mean(1) - (west + east) / 2, 1.5 * (grid.bounds[:, [1, 3]].mean(1) - (south + north) / 2)
    )
    return grid.take(np.sort(np.argsort(middle)[:count]))


def _speckle(rng: np.random.Generator) -> np.ndarray:
    parts = rng.standard_normal((CHUNK, CHUNK, 2), np.float32)
    return parts.view(np.complex64)[..., 0]


def _first_chunk_only(pixels: np.ndarray, rows: slice, cols: slice, small: tuple[int, int]) -> np.ndarray:
    """No data but in the first chunk: what holds none is not written at all."""
    out = np.full((rows.stop - rows.start, cols.stop - cols.start), np.nan + 1j * np.nan, np.complex64)
    if rows.start == 0:
        out[: small[0], : small[1]] = pixels[: small[0], : small[1]]
    return out
