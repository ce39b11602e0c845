"""The image components of M3LEO's release, decoded to physical units, with named bands."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.complex_parts import require_no_parts
from m3leo_sar.io.files.raster import GEOTIFF, read_raster

SEASONS = ("winter", "spring", "summer", "fall")
#: Possible decibels of backscatter from ground; a value outside them comes from a stored number that has wrapped.
_DECIBELS = (-60.0, 30.0)


@dataclass(frozen=True, slots=True)
class Band:
    """Meaning of one band of a component.

    Parameters
    ----------
    name : str
        Name within the component, such as ``"winter_vvasc"``.
    quantity, unit : str
        Such as ``"sigma0"`` and ``"dB"``; the unit of a code is ``"class"``.
    product : str
        The component.
    year : int, optional
        Year of the data, if known.
    period : str, optional
        Season or month within the year.
    polarisation, orbit_direction : str, optional
        Those of radar bands.
    samples : float, optional
        Samples averaged per value of a coherence or an interferogram, if known.
    kind : str, optional
        Kind of the quantity, a name of :data:`m3leo_sar.io.components.quantity.KINDS`, if unit and names do not
        imply it.
    """

    name: str
    quantity: str
    unit: str
    product: str
    year: int | None = None
    period: str | None = None
    polarisation: str | None = None
    orbit_direction: str | None = None
    samples: float | None = None
    kind: str | None = None


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


#: Year and orbit direction of a folder, if its name states them.
Facts = Mapping[str, Any]
Decoded = tuple[NDArray[Any], NDArray[np.bool_], Sequence[Band], Sequence[str]]


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
    raise ValueError(f"folder {folder!r} is none of the components {known}; specify one with component=")


def _named(name: str) -> Component:
    for entry in COMPONENTS:
        if entry.name == name:
            return entry
    raise ValueError(f"component must be one of {', '.join(entry.name for entry in COMPONENTS)}, got {name!r}")


def _expect(stored: NDArray[Any], count: int, dtypes: Sequence[str]) -> None:
    if stored.shape[0] != count:
        raise ValueError(f"it must have {count} bands, got {stored.shape[0]}")
    if str(stored.dtype) not in dtypes:
        raise ValueError(f"it must be {' or '.join(dtypes)}, got {stored.dtype}")


def _in_order(names: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Position of each expected band; the expected order if the file names no bands."""
    if not any(names):
        return list(range(len(expected)))
    if sorted(names) != sorted(expected):
        wrong = sorted(set(expected) ^ set(names))
        raise ValueError(f"its bands must be {expected[0]} ... {expected[-1]}, {', '.join(wrong[:3])} do not fit")
    return [list(names).index(name) for name in expected]


def _s1grd(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    kinds = [(pol, way) for pol in ("vv", "vh") for way in ("asc", "des")]
    expected = [f"{season}_{pol}{way}" for season in SEASONS for pol, way in kinds]
    _expect(stored, len(expected), ("uint16", "uint8"))
    values, mask, notes = _decibels(stored[_in_order(names, expected)])
    bands = [
        Band(f"{season}_{pol}{way}", "sigma0", "dB", "s1grd", facts.get("year"), season, pol.upper(),
             "ascending" if way == "asc" else "descending")
        for season in SEASONS for pol, way in kinds
    ]  # fmt: skip
    return values, mask, bands, notes


def _s1grdm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    expected = [f"{month:02d}_{pol}" for month in range(1, 13) for pol in ("vv", "vh")]
    _expect(stored, len(expected), ("uint16", "uint8"))
    values, mask, notes = _decibels(stored[_in_order(names, expected)])
    bands = [
        Band(name, "sigma0", "dB", "s1grdm", facts.get("year"), name[:2], name[3:].upper(), facts.get("direction"))
        for name in expected
    ]
    return values, mask, bands, notes


def _decibels(stored: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_], list[str]]:
    missing = stored == 0
    if stored.dtype == np.uint16:
        values = stored.view(np.int16).astype(np.float32)
        wrapped = ~missing & ((values < _DECIBELS[0]) | (values > _DECIBELS[1]))
    else:
        values = stored.astype(np.float32) * np.float32(30 / 255) - np.float32(30)
        wrapped = ~missing & _dark_amid_bright(stored)
    notes = []
    if wrapped.any():
        share = wrapped.sum() / max(int((~missing).sum()), 1)
        notes.append(
            f"{int(wrapped.sum())} values ({share:.2%}) lie outside the range of their encoding and have wrapped"
        )
    mask = ~(missing | wrapped)
    return np.where(mask, values, np.float32(np.nan)), mask, notes


def _dark_amid_bright(stored: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels below -26 dB most of whose neighbours are above -4 dB: pixels brighter than 0 dB wrap to dark ones."""
    padded = np.pad(stored, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows, cols = stored.shape[1:]
    bright = np.zeros(stored.shape, np.uint8)
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                bright += padded[:, down : down + rows, right : right + cols] >= 221
    return (stored <= 33) & (bright >= 5)


def _s2rgb(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    periods = SEASONS if stored.shape[0] == 12 else tuple(f"{month:02d}" for month in range(1, 13))
    expected = [f"{period}_{colour}" for period in periods for colour in ("red", "green", "blue")]
    _expect(stored, len(expected), ("uint8",))
    stored = stored[_in_order(names, expected)]
    # Black and missing are the same number; a pixel with three black colours is missing.
    known = (stored.reshape(-1, 3, *stored.shape[1:]) > 0).any(axis=1).repeat(3, axis=0)
    values = np.where(known, stored * np.float32(0.3 / 255), np.float32(np.nan))
    bands = [Band(name, "reflectance", "1", "s2rgb", facts.get("year"), name.partition("_")[0]) for name in expected]
    return values.astype(np.float32), known, bands, ()


#: Bands of Sentinel-2 in the surface reflectance component.
_S2 = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


def _s2srm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    expected = [f"{season}_{band}" for season in SEASONS for band in _S2]
    _expect(stored, len(expected), ("uint8", "float32"))
    stored = stored[_in_order(names, expected)]
    # Bytes hold 255 times the reflectance, floats the reflectance; 0 in all bands of a season is no data.
    known = np.isfinite(stored) & (stored.reshape(4, -1, *stored.shape[1:]) != 0).any(axis=1).repeat(len(_S2), axis=0)
    values = stored.astype(np.float32) / np.float32(255 if stored.dtype == np.uint8 else 1)
    bands = [Band(name, "reflectance", "1", "s2srm", facts.get("year"), name.partition("_")[0]) for name in expected]
    return np.where(known, values, np.float32(np.nan)), known, bands, ()


def _esawc(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    _expect(stored, 1, ("uint8",))
    codes = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
    unknown = sorted(set(np.unique(stored).tolist()) - {0, *codes})
    notes = [f"unknown codes {', '.join(map(str, unknown))}"] if unknown else []
    return stored, np.isin(stored, codes), [Band("Map", "land cover", "class", "esawc", facts.get("year"))], notes


def _modisveg(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    expected = [f"Percent_Tree_Cover_{when}" for when in range(2016, 2021)]
    _expect(stored, len(expected), ("uint8",))
    stored = stored[_in_order(names, expected)]
    known = stored <= 100
    strange = int((~known & (stored != 200)).sum())
    notes = [f"{strange} values are neither percent nor water (200)"] if strange else []
    values = np.where(known, stored.astype(np.float32), np.float32(np.nan))
    bands = [Band(name, "tree cover", "%", "modisveg", int(name[-4:])) for name in expected]
    return values, known, bands, notes


def _ghsbuilts(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    _expect(stored, 1, ("float32", "float64", "uint16", "int16", "uint8"))
    values = stored.astype(np.float32)
    known = np.isfinite(values) & (values >= 0) & (values != 65535)
    bands = [Band("built_surface", "built surface", "m2 a source pixel", "ghsbuilts", facts.get("year"))]
    return np.where(known, values, np.float32(np.nan)), known, bands, ()


def _srtm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    _expect(stored, 2, ("uint16", "int16"))
    height = stored[0].view(np.int16).astype(np.float32)
    slope = stored[1].astype(np.float32)
    # Heights below sea level are near 65 535 if they were written without a sign.
    known = np.stack([(height > -500) & (height < 9000), (slope >= 0) & (slope <= 90)])
    lost = int((~known).sum())
    notes = [f"{lost} heights or slopes do not exist on Earth"] if lost else []
    values = np.where(known, np.stack([height, slope]), np.float32(np.nan))
    return values, known, [Band("elevation", "height", "m", "srtm"), Band("slope", "slope", "degree", "srtm")], notes


def _firecci(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    kinds = {"BurnDate": ("day of burning", "day of year"), "ConfidenceLevel": ("confidence", "%"),
             "LandCover": ("land cover burned", "class")}  # fmt: skip
    expected = [f"{year}_{kind}" for year in range(2016, 2021) for kind in kinds]
    _expect(stored, len(expected), ("int16", "uint16"))
    stored = stored[_in_order(names, expected)].view(np.int16)
    # In the product -1 was not observed and -2 cannot burn; 0 is observed and not burned, and a value.
    known = stored >= 0
    days = np.array([name.endswith("BurnDate") for name in expected])[:, None, None]
    strange = int((known & days & (stored > 366)).sum())
    notes = [f"{strange} days of burning are not days of a year"] if strange else []
    known &= ~(days & (stored > 366))
    values = np.where(known, stored.astype(np.float32), np.float32(np.nan))
    bands = [Band(name, *kinds[name[5:]], "firecci51", int(name[:4])) for name in expected]
    return values, known, bands, notes


def _floods(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    kinds = {"flooded": ("flooded", "class"), "duration": ("duration of flood", "day"),
             "clear_views": ("clear views", "1"), "clear_perc": ("clear views", "%"),
             "jrc_perm_water": ("permanent water", "class")}  # fmt: skip
    parts = [re.fullmatch(rf"(.+)_({'|'.join(kinds)})", name) for name in names]
    if not parts or not all(parts):
        raise ValueError("its bands must be named FLOOD_flooded, FLOOD_duration, ...")
    _expect(stored, len(names), ("uint16", "uint8", "int16"))
    bands = [
        Band(part[0], *kinds[part[2]], "globalfloods", facts.get("year"), part[1]) for part in parts if part is not None
    ]
    return stored.astype(np.float32), np.ones(stored.shape, bool), bands, ()


#: The components stored as GeoTIFF.
COMPONENTS = (
    Component("s1grd", r"s1grd-(?P<year>\d{4})", "bilinear", _s1grd),
    Component("s1grdm", r"s1grdm-(?P<year>\d{4})-(?P<direction>asc|des)", "bilinear", _s1grdm),
    Component("s2rgb", r"s2rgbm?-(?P<year>\d{4})", "bilinear", _s2rgb),
    Component("s2srm", r"s2(srm)?-(?P<year>\d{4})", "bilinear", _s2srm),
    Component("esawc", r"esaworldcover-(?P<year>\d{4})", "mode", _esawc),
    Component("modisveg", r"modis44b006veg", "average", _modisveg),
    Component("ghsbuilts", r"gh(sbuilts|sl-built-S)-(?P<year>\d{4})", "sum", _ghsbuilts),
    Component("firecci51", r"firecci51", "nearest", _firecci),
    Component("globalfloods", r"globalfloods-(?P<year>\d{4})", "nearest", _floods),
    Component("srtm", r"s(rtm|trm)(dem)?", "bilinear", _srtm),
)
