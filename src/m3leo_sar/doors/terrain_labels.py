"""Vertical datum of terrain heights that come with labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from m3leo_sar.doors.call import Word
from m3leo_sar.grid.heights import labelled_heights


def with_stated_heights(word: Word, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with the vertical datum that a labelled terrain array states.

    Heights without a CRS of their own are plain numbers, which are above the ellipsoid.

    Raises
    ------
    ValueError
        If the array has a CRS that does not state it, and the caller does not either.
    """
    grid = f"{word.heights}_geobox"
    label = _crs_of(arguments[word.heights])
    if label is None:
        return dict(arguments)
    vertical = arguments["vertical_crs"]
    return {**arguments, grid: labelled_heights(arguments[grid], label, vertical_crs=vertical)}


def _crs_of(array: Any) -> str | None:
    """CRS by the conventions of GDAL and CF, or of the attribute ``crs``."""
    names = (array.attrs.get("grid_mapping"), array.encoding.get("grid_mapping"), "spatial_ref", "crs")
    holders = [array.coords[name].attrs for name in names if name in array.coords]
    found = [attributes[word] for attributes in holders for word in ("crs_wkt", "spatial_ref") if word in attributes]
    found += [value for value in (array.attrs.get("crs"),) if value is not None]
    return str(found[0]) if found else None
