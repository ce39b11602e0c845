"""The GeoTIFF components of M3LEO's release and their reader."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.component_decoding import (
    Decoded,
    Facts,
    decode_esawc,
    decode_firecci,
    decode_floods,
    decode_ghsbuilts,
    decode_modisveg,
    decode_s1grd,
    decode_s1grdm,
    decode_s2rgb,
    decode_s2srm,
    decode_srtm,
)
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.complex_parts import require_no_parts
from m3leo_sar.io.files.raster import GEOTIFF, read_raster


@dataclass(frozen=True, slots=True, eq=False)
class ComponentChip:
    """One chip of a component.

    Parameters
    ----------
    array : (bands, rows, cols) float32, or uint8 for codes
        Physical values, NaN for no data; codes as stored.
    mask : (bands, rows, cols) bool
        True for data.
    geobox : GeoBox
        The chip's grid.
    bands : tuple of Band
        One per band.
    notes : tuple of str
        Faults found in the stored numbers, as text.
    """

    array: NDArray[Any]
    mask: NDArray[np.bool_]
    geobox: GeoBox
    bands: tuple[Band, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """Storage of one component.

    Parameters
    ----------
    name : str
        Name of the component in this library.
    folder : str
        Pattern of its folder's name, with groups ``year`` and ``direction`` that apply to all bands.
    resampling : str
        Resampling of its bands to another grid: a word of :func:`m3leo_sar.reproject`.
    decode : callable
        Decodes the stored (bands, rows, cols), from the band names of the file and the properties of its folder.
    """

    name: str
    folder: str
    resampling: str
    decode: Callable[[NDArray[Any], Sequence[str], Facts], Decoded]


def read_component(path: str | os.PathLike[str], *, component: str | None = None) -> ComponentChip:
    """Read one GeoTIFF chip of M3LEO and decode it.

    Parameters
    ----------
    path : str or path
        ``.../<dataset folder>/<identifier>.tif``.
    component : str, optional
        Name of the component, if the folder's name does not state it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or has no grid, its folder belongs to no known component, or its bands or dtype
        differ from those of the component.

    Notes
    -----
    Radar chips exist in two encodings. uint16 holds whole decibels, truncated towards zero, wrapped below zero; uint8
    holds ``255 (dB + 30) / 30``. In both, 0 is either missing or a value, and is read as missing. Numbers outside -60
    to 30 dB, and in uint8 dark pixels amid very bright ones, wrapped around when they were written: they are masked
    and counted in ``notes``.
    """
    file = Path(path)
    entry, facts = component_of(file.parent.name) if component is None else (_named(component), {})
    raster = read_raster(file, driver=GEOTIFF, largest=limits.LARGEST_CHIP)
    if raster.geobox is None:
        raise ValueError(f"{file.name} has no grid")
    names = [name or "" for name in raster.names]
    require_no_parts(file.name, names, [""] * len(names))
    stored = raster.array if raster.array.ndim == 3 else raster.array[None]
    try:
        array, mask, bands, notes = entry.decode(stored, names, facts)
    except ValueError as error:
        raise ValueError(f"{file.name} is not a chip of {entry.name}: {error}") from error
    return ComponentChip(array, mask, raster.geobox, tuple(bands), tuple(notes))


class UnknownComponent(ValueError):
    """A folder whose name is no component's."""


def component_of(folder: str) -> tuple[Component, dict[str, Any]]:
    """Component of a dataset folder, and the year and orbit direction in its name.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> entry, facts = component_of("s1grd-2020")
    >>> entry.name, facts
    ('s1grd', {'year': 2020})
    """
    directions = {"asc": "ascending", "des": "descending"}
    for entry in COMPONENTS:
        match = re.fullmatch(entry.folder, folder)
        if match:
            groups = match.groupdict()
            facts: dict[str, Any] = {"year": int(groups["year"])} if groups.get("year") else {}
            return entry, facts | ({"direction": directions[groups["direction"]]} if groups.get("direction") else {})
    known = ", ".join(entry.name for entry in COMPONENTS)
    raise UnknownComponent(f"folder {folder!r} is none of the components {known}; specify one with component=")


def _named(name: str) -> Component:
    for entry in COMPONENTS:
        if entry.name == name:
            return entry
    raise ValueError(f"component must be one of {', '.join(entry.name for entry in COMPONENTS)}, got {name!r}")


#: The components stored as GeoTIFF.
COMPONENTS = (
    Component("s1grd", r"s1grd-(?P<year>\d{4})", "bilinear", decode_s1grd),
    Component("s1grdm", r"s1grdm-(?P<year>\d{4})-(?P<direction>asc|des)", "bilinear", decode_s1grdm),
    Component("s2rgb", r"s2rgbm?-(?P<year>\d{4})", "bilinear", decode_s2rgb),
    Component("s2srm", r"s2(srm)?-(?P<year>\d{4})", "bilinear", decode_s2srm),
    Component("esawc", r"esaworldcover-(?P<year>\d{4})", "mode", decode_esawc),
    Component("modisveg", r"modis44b006veg", "average", decode_modisveg),
    Component("ghsbuilts", r"gh(sbuilts|sl-built-S)-(?P<year>\d{4})", "sum", decode_ghsbuilts),
    Component("firecci51", r"firecci51", "nearest", decode_firecci),
    Component("globalfloods", r"globalfloods-(?P<year>\d{4})", "nearest", decode_floods),
    Component("srtm", r"s(rtm|trm)(dem)?", "bilinear", decode_srtm),
)
