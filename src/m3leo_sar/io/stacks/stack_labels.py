"""Label rasters stored with a stack in our container, read window by window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.atomic import PARTIAL
from m3leo_sar.io.files.zarr_products import is_of_server, names_in, open_array, read_array, store_at
from m3leo_sar.io.remote.remote_address import AnyFile

_PREFIX = "label-"


class LabelRaster(NamedTuple):
    """A label raster that is read on request."""

    #: Its pixel grid.
    geobox: GeoBox
    #: Returns the pixels [rows, cols].
    read: Callable[[slice, slice], NDArray[Any]]
    #: Unit of its values; empty for codes, or if it is not specified.
    unit: str = ""


def label_folders(path: AnyFile) -> dict[str, AnyFile]:
    """Label folders of a container, also one on a server, by name; none for other kinds of stacks."""
    names = [name for name in names_in(path) if name.startswith(_PREFIX) and PARTIAL not in name]
    return {name.removeprefix(_PREFIX): path / name for name in names}


def open_label(folder: AnyFile) -> LabelRaster:
    """Open one label raster.

    Raises
    ------
    ValueError
        If the folder is not a label raster or is damaged.
    """
    # Imported here: the names of labels are known without it.
    import zarr

    try:
        group = zarr.open_group(store_at(folder), mode="r")
        array, facts = open_array(folder, "label"), group.attrs
        geobox = GeoBox(tuple(facts["shape"]), Affine(*facts["affine"]), str(facts["crs"]))  # type: ignore[arg-type, misc]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if is_of_server(folder, error):
            raise
        raise ValueError(f"{folder} is not a label raster: {error}") from error
    return LabelRaster(geobox, partial(_pixels, folder, array), str(facts.get("unit", "")))


def _pixels(folder: AnyFile, array: Any, rows: slice, cols: slice) -> NDArray[Any]:
    try:
        return read_array(array, (rows, cols))
    except (OSError, ValueError, RuntimeError) as error:
        if is_of_server(folder, error):
            raise
        raise ValueError(f"{folder} cannot be read: {error}") from error
