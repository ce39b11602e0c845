"""Label rasters stored with a stack in our container, read window by window."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.atomic import PARTIAL

_PREFIX = "label-"


class LabelRaster(NamedTuple):
    """A label raster that is read on request."""

    #: Its pixel grid.
    geobox: GeoBox
    #: Returns the pixels [rows, cols].
    read: Callable[[slice, slice], NDArray[Any]]
    #: Unit of its values; empty for codes, or if it is not specified.
    unit: str = ""


def label_folders(path: str | os.PathLike[str]) -> dict[str, Path]:
    """Label folders of a container by name; none for other kinds of stacks."""
    folders = sorted(entry for entry in Path(path).glob(f"{_PREFIX}*") if PARTIAL not in entry.name)
    return {entry.name.removeprefix(_PREFIX): entry for entry in folders}


def open_label(folder: str | os.PathLike[str]) -> LabelRaster:
    """Open one label raster.

    Raises
    ------
    ValueError
        If the folder is not a label raster or is damaged.
    """
    try:
        group = zarr.open_group(folder, mode="r")
        array, facts = group["label"], group.attrs
        geobox = GeoBox(tuple(facts["shape"]), Affine(*facts["affine"]), str(facts["crs"]))  # type: ignore[arg-type, misc]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} is not a label raster: {error}") from error
    return LabelRaster(geobox, partial(_pixels, Path(folder), array), str(facts.get("unit", "")))


def _pixels(folder: Path, array: Any, rows: slice, cols: slice) -> NDArray[Any]:
    try:
        return np.asarray(array[rows, cols])
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be read: {error}") from error
