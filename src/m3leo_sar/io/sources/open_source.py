"""Open any source that can be resampled onto tiles."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from m3leo_sar._check import checked
from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.io.sources.gssic_source import GssicSource
from m3leo_sar.io.sources.gunw_source import GunwSource
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.tile_source import TileSource
from m3leo_sar.io.sources.xarray_source import open_xarray_source

#: Entry-point group by which packages add sources.
ENTRY_POINTS = "m3leo_sar.sources"
#: Kinds of source and their readers.
KINDS: dict[str, Any] = {
    "raster": RasterSource,
    "gssic": GssicSource,
    "gunw": GunwSource,
    "xarray": open_xarray_source,
}


def open_source(path: str | os.PathLike[str], *, kind: str | None = None, **options: Any) -> TileSource:
    """Open a raster (a file or URL), a netCDF file or Zarr store, or a folder of GSSIC or S1-GUNW files.

    Parameters
    ----------
    path : str or path
    kind : {"raster", "gssic", "gunw", "xarray"} or str, optional
        By default recognised from the name, or from the files in a folder. Or your own source: a file ending in
        ``.py``, a module, or an entry point of ``m3leo_sar.sources``, whose ``open(path, **options)`` returns a
        :class:`m3leo_sar.io.sources.tile_source.TileSource`.
    options
        Options of the kind's class; None stands for its default.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    TypeError
        If the kind has no such option.
    ValueError
        If the kind is unknown or cannot be recognised, or the source is damaged.
    """
    chosen = kind or kind_of(path)
    given = {name: value for name, value in options.items() if value is not None}
    try:
        opened: TileSource = _opener(chosen)(path, **given)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise TypeError(f"a source of kind {chosen} takes no option {str(error).rpartition(' ')[2]}") from error
    return opened


def _opener(kind: str) -> Any:
    if kind in KINDS:
        return KINDS[kind]
    if "." not in kind and kind not in own_names(ENTRY_POINTS):
        checked(kind, [*KINDS, *own_names(ENTRY_POINTS)], what="kind")
    return needs(own_module(kind, group=ENTRY_POINTS, what="kind"), ["open"], what="kind").open


def kind_of(path: str | os.PathLike[str]) -> str:
    """Kind of a source by its name, and by the files of a folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If a folder holds no known kind of file.
    """
    text, place = os.fspath(path), Path(path)
    if "://" in text or text.startswith("/vsi"):
        return "raster"
    if not place.exists():
        raise FileNotFoundError(f"there is no file or folder {place}")
    if place.is_file():
        return "xarray" if place.suffix.lower() in (".nc", ".nc4", ".cdf") else "raster"
    if any((place / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata")):
        return "xarray"
    for kind, pattern, name in (("gunw", "*.nc", r"S1-GUNW-.*"), ("gssic", "*.tif", r"[NS]\d\d[EW]\d\d\d_.*")):
        if any(re.match(name, found.name) for found in place.rglob(pattern)):
            return kind
    raise ValueError(f"{place} holds neither S1-GUNW granules nor GSSIC files nor a Zarr store; specify its kind")
