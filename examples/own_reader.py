"""A reader of stacks of your own: ``m3leo-sar prepare FOLDER ARCHIVE --reader examples/own_reader.py``.

It opens a folder of NumPy files ``YYYYMMDD.npy`` of complex64 (rows, cols) beside a ``grid.json`` with ``bounds`` and
``crs``. Pixels are read when they are asked for, so a stack may be larger than memory.
"""

from __future__ import annotations

import datetime
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import GeoBox, SlcStack


def recognises(path: Path) -> bool:
    """Whether a folder is one of these; asked of readers that a package has installed."""
    return (path / "grid.json").is_file()


def files(path: Path) -> dict[datetime.date, list[Path]]:
    """Files behind each date: a changed file makes the chips of its date stale, and no others."""
    found = sorted(path.glob("[0-9]" * 8 + ".npy"))
    return {datetime.datetime.strptime(file.stem, "%Y%m%d").date(): [file] for file in found}


def open(path: Path, *, burst: str | None = None, polarisation: str | None = None) -> SlcStack:
    """Open a folder as a stack."""
    images = files(path)
    first = np.load(next(iter(images.values()))[0], mmap_mode="r")
    grid = json.loads((path / "grid.json").read_text())
    return SlcStack(
        dates=tuple(images),
        read=partial(_window, [file for (file,) in images.values()]),
        geometry=GeoBox.from_bounds(tuple(grid["bounds"]), shape=first.shape, crs=grid["crs"]),
        polarisation=polarisation or "VV",
        name=str(path),
    )


def _window(paths: list[Path], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    return np.array(np.load(paths[index], mmap_mode="r")[rows, cols])
