"""Decoding of the GeoTIFF components of M3LEO's release: stored numbers to physical units, with named bands.

Each function takes the stored (bands, rows, cols), the band names of the file and the properties of its folder. It
returns values, mask, bands and notes on faults in the stored numbers, and raises ValueError if bands or dtype differ
from those of the component.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.components.band import SEASONS, Band

#: Possible decibels of backscatter from ground; a value outside them comes from a stored number that has wrapped.
_DECIBELS = (-60.0, 30.0)
#: Bands of Sentinel-2 in the surface reflectance component.
_S2 = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
#: Year and orbit direction of a folder, if its name states them.
Facts = Mapping[str, Any]
Decoded = tuple[NDArray[Any], NDArray[np.bool_], Sequence[Band], Sequence[str]]


def decode_s1grd(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Seasonal Sentinel-1 backscatter, VV and VH of both orbit directions, in dB."""
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


def decode_s1grdm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Monthly Sentinel-1 backscatter of one orbit direction, in dB."""
    expected = [f"{month:02d}_{pol}" for month in range(1, 13) for pol in ("vv", "vh")]
    _expect(stored, len(expected), ("uint16", "uint8"))
    values, mask, notes = _decibels(stored[_in_order(names, expected)])
    bands = [
        Band(name, "sigma0", "dB", "s1grdm", facts.get("year"), name[:2], name[3:].upper(), facts.get("direction"))
        for name in expected
    ]
    return values, mask, bands, notes


def decode_s2rgb(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Sentinel-2 colours by season or month, as reflectance."""
    periods = SEASONS if stored.shape[0] == 12 else tuple(f"{month:02d}" for month in range(1, 13))
    expected = [f"{period}_{colour}" for period in periods for colour in ("red", "green", "blue")]
    _expect(stored, len(expected), ("uint8",))
    stored = stored[_in_order(names, expected)]
    # Black and missing are the same number; a pixel with three black colours is missing.
    known = (stored.reshape(-1, 3, *stored.shape[1:]) > 0).any(axis=1).repeat(3, axis=0)
    values = np.where(known, stored * np.float32(0.3 / 255), np.float32(np.nan))
    bands = [Band(name, "reflectance", "1", "s2rgb", facts.get("year"), name.partition("_")[0]) for name in expected]
    return values.astype(np.float32), known, bands, ()


def decode_s2srm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Ten Sentinel-2 bands by season, as reflectance."""
    expected = [f"{season}_{band}" for season in SEASONS for band in _S2]
    _expect(stored, len(expected), ("uint8", "float32"))
    stored = stored[_in_order(names, expected)]
    # Bytes hold 255 times the reflectance, floats the reflectance; 0 in all bands of a season is no data.
    known = np.isfinite(stored) & (stored.reshape(4, -1, *stored.shape[1:]) != 0).any(axis=1).repeat(len(_S2), axis=0)
    values = stored.astype(np.float32) / np.float32(255 if stored.dtype == np.uint8 else 1)
    bands = [Band(name, "reflectance", "1", "s2srm", facts.get("year"), name.partition("_")[0]) for name in expected]
    return np.where(known, values, np.float32(np.nan)), known, bands, ()


def decode_esawc(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Codes of ESA WorldCover, unchanged."""
    _expect(stored, 1, ("uint8",))
    codes = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
    unknown = sorted(set(np.unique(stored).tolist()) - {0, *codes})
    notes = [f"unknown codes {', '.join(map(str, unknown))}"] if unknown else []
    return stored, np.isin(stored, codes), [Band("Map", "land cover", "class", "esawc", facts.get("year"))], notes


def decode_modisveg(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Tree cover of five years in percent."""
    expected = [f"Percent_Tree_Cover_{when}" for when in range(2016, 2021)]
    _expect(stored, len(expected), ("uint8",))
    stored = stored[_in_order(names, expected)]
    known = stored <= 100
    strange = int((~known & (stored != 200)).sum())
    notes = [f"{strange} values are neither percent nor water (200)"] if strange else []
    values = np.where(known, stored.astype(np.float32), np.float32(np.nan))
    bands = [Band(name, "tree cover", "%", "modisveg", int(name[-4:])) for name in expected]
    return values, known, bands, notes


def decode_ghsbuilts(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Built surface per source pixel in square metres."""
    _expect(stored, 1, ("float32", "float64", "uint16", "int16", "uint8"))
    values = stored.astype(np.float32)
    known = np.isfinite(values) & (values >= 0) & (values != 65535)
    bands = [Band("built_surface", "built surface", "m2 per source pixel", "ghsbuilts", facts.get("year"))]
    return np.where(known, values, np.float32(np.nan)), known, bands, ()


def decode_srtm(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Height in metres and slope in degrees."""
    _expect(stored, 2, ("uint16", "int16"))
    height = stored[0].view(np.int16).astype(np.float32)
    slope = stored[1].astype(np.float32)
    # Heights below sea level are near 65 535 if they were written without a sign.
    known = np.stack([(height > -500) & (height < 9000), (slope >= 0) & (slope <= 90)])
    lost = int((~known).sum())
    notes = [f"{lost} heights or slopes do not exist on Earth"] if lost else []
    values = np.where(known, np.stack([height, slope]), np.float32(np.nan))
    return values, known, [Band("elevation", "height", "m", "srtm"), Band("slope", "slope", "degree", "srtm")], notes


def decode_firecci(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Day, confidence and land cover of burning of five years."""
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


def decode_floods(stored: NDArray[Any], names: Sequence[str], facts: Facts) -> Decoded:
    """Extent, duration, views and permanent water of each flood."""
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
