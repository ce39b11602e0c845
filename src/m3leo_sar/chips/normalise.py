"""Normalisation of physical values for a network, and its inverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.normalise_request import PIXEL_TYPES, NormaliseRequest, dtype_name, pixel_type
from m3leo_sar.chips.deramp import PhasePlane, phase_plane
from m3leo_sar.chips.statistics import ENCODINGS, BandStatistics, Statistics
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype

# The kernel subtracts a plane; apart from that, de-ramping is linear.
_CODES = {name: code for code, name in enumerate(ENCODINGS)} | {"deramped": 0}


class NormalisedChip(NamedTuple):
    """A normalised chip, the input of a network."""

    #: (channels, rows, cols) float32; 0 where there is no data.
    values: Any
    #: (channels, rows, cols) bool; True where there is data.
    mask: Any


def _like(chip: Any, statistics: Statistics, **_: Any) -> NormalisedChip:
    plane = chip[0] if isinstance(chip, Sequence) else chip
    size = plane.shape[:2] if isinstance(chip, Sequence) else plane.shape[-2:]
    shape = (statistics.channels, *size)
    return NormalisedChip(prototype(plane, shape, np.float32), prototype(plane, shape, np.bool_))


@door(
    arrays={"chip": "*rc", "out": "*rc"},
    sequences=("chip", "out"),
    like=_like,
    lead="channel",
    units={"values": "1", "mask": None},
)
def normalise(chip: Any, statistics: Statistics, *, out: NormalisedChip | None = None) -> NormalisedChip:
    """Decode, encode, clip and scale a chip in one pass, with its mask.

    Parameters
    ----------
    chip : (bands, rows, cols) array, or sequence of (rows, cols) arrays
        Planes in the order of the bands: float32, float64, uint8, uint16, int16, complex64, complex128,
        or complex int16 (rows, cols, 2); a sequence may mix dtypes. No data is NaN or a band's ``nodata``; infinities,
        a power that is not above zero under a logarithm and a phasor of zero are no data too. Phasors need a complex
        plane, all other encodings a real one.
    statistics : Statistics
        Planes and encoding of each band.
    out : NormalisedChip, optional
        C-contiguous values (channels, rows, cols) float32 and mask bool to fill, such as a slot in a batch.

    Returns
    -------
    NormalisedChip
        values and mask; a band with a ``"phase"`` or phasor encoding gives two channels.

    Raises
    ------
    TypeError
        If a dtype is not supported, or ``statistics`` is not a Statistics.
    ValueError
        If there are too few or too many planes, their shapes differ, or an encoding does not support a dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import normalise
    >>> from m3leo_sar.chips.statistics import BandStatistics, Statistics
    >>> statistics = Statistics((BandStatistics("intensity", "decibel", low=-30, high=0, centre=-10, scale=5),))
    >>> values, mask = normalise(np.array([[[1.0, 0.1, 0.0, np.nan]]]), statistics)
    >>> values.tolist(), mask.tolist()
    ([[[2.0, 0.0, 0.0, 0.0]]], [[[True, True, False, False]]])
    """
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics must be Statistics, got {type(statistics).__name__}")
    planes = _planes(chip, statistics)
    backend = backend_of(*planes)
    shape = (statistics.channels, *planes[0].shape[:2])
    request = NormaliseRequest(places=_places(statistics), recipes=_recipes(planes, statistics), shape=shape)
    return NormalisedChip(*backend.normalise(planes, request, _checked(out, shape)))


@door(arrays={"chip": "*rc"}, sequences=("chip",), eager=True)
def denormalise(chip: NormalisedChip, statistics: Statistics) -> list[Any]:
    """Recover physical values from a normalised chip.

    Parameters
    ----------
    chip : NormalisedChip
        values (channels, rows, cols) and their mask.
    statistics : Statistics
        Statistics used for the normalisation.

    Returns
    -------
    list of (rows, cols) float64 or complex128
        One array per band, NaN where the mask is False. Clipped values stay clipped. A ``"ratio"`` or ``"log_ratio"``
        is returned as the ratio, a ``"deramped"`` phase without its ramp, a phasor with magnitude one or that of its
        coherence weight, a coherence with its original bias, where it was above that of zero coherence.

    Raises
    ------
    ValueError
        If the channels are not those of the statistics.

    Examples
    --------
    >>> statistics = Statistics((BandStatistics("vv", "decibel", centre=-10, scale=5),))
    >>> power = np.array([[[0.5, np.nan, 0.01]]])
    >>> denormalise(normalise(power, statistics), statistics)[0].round(6).tolist()
    [[0.5, nan, 0.01]]
    """
    values, mask = chip
    if values.ndim != 3 or len(values) != statistics.channels or mask.shape != values.shape:
        raise ValueError(f"chip must hold {statistics.channels} channels and their mask, got {tuple(values.shape)}")
    xp, planes, channel = module_of(values), [], 0
    for band in statistics.bands:
        parts = values[channel : channel + band.channels].astype(np.float64)
        plane = _decoded(xp, parts, band)
        planes.append(xp.where(mask[channel], plane, xp.asarray(np.nan, plane.dtype)))
        channel += band.channels
    return planes


def _decoded(xp: Any, parts: Any, band: BandStatistics) -> Any:
    if band.encoding == "phase":
        return xp.arctan2(parts[1], parts[0])
    if not ENCODINGS[band.encoding].scaled:
        return parts[0] + 1j * parts[1]
    x = parts[0] * band.scale + band.centre
    if band.encoding == "amplitude_decibel":
        return 10 ** (x / 20)
    if band.encoding in ("decibel", "log_ratio"):
        return 10 ** (x / 10)
    x = xp.tanh(x) if band.encoding == "fisher" else x
    return xp.sqrt(x**2 * (1 - 1 / band.equivalent_looks) + 1 / band.equivalent_looks) if band.equivalent_looks else x


def _planes(chip: Any, statistics: Statistics) -> list[Any]:
    planes = list(chip) if isinstance(chip, Sequence) or getattr(chip, "ndim", 0) >= 3 else [chip]
    needed = statistics.planes
    count = 1 + max((max(places) for places in needed), default=-1)
    if len(planes) != count or not planes or (hasattr(chip, "ndim") and chip.ndim < 3):
        shape = tuple(chip.shape) if hasattr(chip, "shape") else f"{len(planes)} planes"
        raise ValueError(f"chip must be ({count}, rows, cols) for these statistics, got shape {shape}")
    for index, plane in enumerate(planes):
        _check_plane(plane, index, planes[0])
    types = [pixel_type(plane) for plane in planes]
    for band, places in zip(statistics.bands, needed, strict=True):
        for order, place in enumerate(places):
            _check_fits(band, types[place], order)
    return planes


def _check_plane(plane: Any, index: int, first: Any) -> None:
    dtype, shape = getattr(plane, "dtype", None), tuple[int, ...](getattr(plane, "shape", ()))
    name = None if dtype is None else dtype_name(dtype)
    parts = len(shape) == 3 and shape[2] == 2 and name == "int16"
    if name not in PIXEL_TYPES:
        known = ", ".join(PIXEL_TYPES)
        raise TypeError(f"chip must be an array of {known}, got {name or type(plane).__name__} in plane {index}")
    if not (len(shape) == 2 or parts) or 0 in shape:
        raise ValueError(f"chip must hold planes (rows, cols) that are not empty, got {shape} in plane {index}")
    if shape[:2] != tuple(first.shape[:2]):
        raise ValueError(f"planes of a chip must have one shape, {tuple(first.shape[:2])}, got {shape[:2]}")


def _check_fits(band: BandStatistics, stored: str, order: int) -> None:
    wants = ENCODINGS[band.encoding].takes_complex and order == 0
    if wants != stored.startswith("complex"):
        raise ValueError(f"band {band.name}: encoding {band.encoding!r} does not fit a chip of {stored}")


# A loader normalises chip after chip with the same statistics; their tables are created once.
@lru_cache(maxsize=64)
def _places(statistics: Statistics) -> np.ndarray:
    """Table of ext/chips/normalise.h's NormalisedPlaces."""
    channels = np.cumsum([0, *(band.channels for band in statistics.bands[:-1])])
    rows = [
        (_CODES[band.encoding], channel, planes[0], planes[1] if len(planes) > 1 else -1)
        for band, channel, planes in zip(statistics.bands, channels, statistics.planes, strict=True)
    ]
    return np.array(rows, np.int32)


def _recipes(planes: Sequence[Any], statistics: Statistics) -> np.ndarray:
    """Table of ext/chips/normalise.h's NormalisedBand."""
    table = _fixed_recipes(statistics)
    ramps = [index for index, band in enumerate(statistics.bands) if band.encoding == "deramped"]
    if not ramps:
        return table
    table = table.copy()
    for index in ramps:
        plane = planes[statistics.planes[index][0]]
        table[index, -len(PhasePlane._fields) :] = phase_plane(_physical(plane, statistics.bands[index]))
    return table


@lru_cache(maxsize=64)
def _fixed_recipes(statistics: Statistics) -> np.ndarray:
    """The part of the table that is independent of the chip."""
    rows = []
    for band in statistics.bands:
        decoding = (_or_nan(band.gain), _or_nan(band.offset), _or_nan(band.nodata))
        looks = 1 / band.equivalent_looks if band.equivalent_looks else 0.0
        rows.append((band.low, band.high, band.centre, band.scale, *decoding, looks, *PhasePlane(0.0, 0.0, 0.0)))
    return np.array(rows, np.float64)


def _physical(plane: Any, band: BandStatistics) -> Any:
    """A stored plane in its unit, for quantities needed before the pass."""
    if band.gain is None and band.nodata is None and plane.dtype.kind == "f":
        return plane
    xp = module_of(plane)
    values = plane.astype(np.float64) * (band.gain or 1.0) + (band.offset or 0.0)
    return values if band.nodata is None else xp.where(plane == band.nodata, np.nan, values)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _checked(out: NormalisedChip | None, shape: tuple[int, ...]) -> NormalisedChip | None:
    if out is None:
        return None
    for name, array, dtype in (("values", out[0], np.float32), ("mask", out[1], np.bool_)):
        if tuple(array.shape) != shape or array.dtype != dtype or not array.flags.c_contiguous:
            raise ValueError(
                f"out.{name} must be C-contiguous {np.dtype(dtype).name} of shape {shape}, got {array.dtype} of "
                f"{tuple(array.shape)}"
            )
    return out
