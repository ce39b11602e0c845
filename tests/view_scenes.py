"""Small sources of an explorer: a stack on disk, its tiles, its archive."""

from __future__ import annotations

from pathlib import Path

from production import BOX, DATES, recipe, tiles, write_dates

from m3leo_sar import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles

__all__ = ["BOX", "DATES", "WINDOW", "make_archive", "make_store", "tiles", "write_dates"]
WINDOW = Window(rows=3, cols=8)


def make_archive(stack: Path, folder: Path, **options: object) -> ChipArchive:
    """Chips of all pairs with the window of ``recipe``."""
    archive = ChipArchive.create(folder)
    make_chips(read_stack(stack), archive, list(tiles()), recipe(**options))
    return archive


def make_store(stack: Path, folder: Path) -> Path:
    """Samples of the tiles, for windows up to ``WINDOW``."""
    build_slc_tiles(read_stack(stack), list(tiles()), folder, window=WINDOW)
    return folder
