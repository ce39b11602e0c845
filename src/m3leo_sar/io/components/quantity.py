"""Kinds of quantity, and the resampling methods that each allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from m3leo_sar.io.components.band import Band


class Kind(NamedTuple):
    """Operations allowed on the values of a quantity.

    Parameters
    ----------
    name : str
        Name of the kind.
    resampling : str or None
        The usual word of :func:`m3leo_sar.reproject`, None if the user must choose.
    allowed : tuple of str
        All allowed words; empty for every word.
    overviews : str
        GDAL's resampling for overviews of a raster.
    """

    name: str
    resampling: str | None
    allowed: tuple[str, ...]
    overviews: str


#: Resampling methods that copy values and never mix them.
COPIES = ("nearest", "mode")
_MEANS = ("bilinear", "cubic", "cubic_spline", "lanczos", "average")

#: The table. ``phase`` is in radians and wraps at pi, ``direction`` in degrees and wraps at 360: both are resampled as
#: phasors. ``decibel`` is resampled as power. An ``amount`` is a total per source pixel, which ``sum`` shares out.
KINDS = {
    kind.name: kind
    for kind in (
        Kind("number", "bilinear", (), "average"),
        Kind("phase", "bilinear", ("nearest", *_MEANS), "nearest"),
        Kind("direction", "bilinear", ("nearest", *_MEANS), "nearest"),
        Kind("decibel", "bilinear", ("nearest", "min", "max", *_MEANS), "nearest"),
        Kind("code", "mode", (), "mode"),
        Kind("amount", "sum", ("sum",), "average"),
    )
}

_UNWRAPPED = re.compile(
    r"unw(rapped)?(phase)?\b|\babs(olute)? phase|\bphase (std|stability|variance|noise|bias|gradient)", re.I
)
_WRAPPED = re.compile(r"\b(wrapped|phase|pha|wrapped ?phase|lv phi)\b", re.I)
_ASPECT = re.compile(r"aspect", re.I)
_DIRECTION = re.compile(r"\b(aspect|azimuth|direction|heading)\b", re.I)
_DEGREES = ("degree", "degrees", "deg", "°")
_RADIANS = ("rad", "radian", "radians", "phase")
_AMOUNTS = re.compile(r"(m2|m\^2|people|persons?|inhabitants|counts?) (a|per) (source )?pixel", re.IGNORECASE)


def kind_of(band: Band, *, source: str = "") -> str:
    """Kind of a band's quantity: a name of ``KINDS``.

    The stated kind decides, then the unit, then the words of quantity and name, then those of the source's name if the
    band has no own name. An unknown quantity is a ``"number"``.

    Parameters
    ----------
    band : Band
    source : str
        Name of the file, such as ``"..._wrapped_phase.tif"``.

    Examples
    --------
    >>> kind_of(Band("vv", "gamma0", "dB", "")), kind_of(Band("Map", "land cover", "class", ""))
    ('decibel', 'code')
    >>> kind_of(Band("band1", "band1", "", ""), source="S1AA_VVP012_INT80_G_ueF_E3D7_wrapped_phase.tif")
    'phase'
    >>> kind_of(Band("Phase_ifg_VV", "Phase_ifg_VV", "phase", "")), kind_of(Band("aspect", "aspect", "degree", ""))
    ('phase', 'direction')
    >>> kind_of(Band("unw", "unwrapped phase", "rad", ""))
    'number'
    """
    if band.kind is not None:
        return band.kind
    unit = band.unit.strip().lower()
    if unit in ("class", "code"):
        return "code"
    if unit in ("db", "decibel", "decibels"):
        return "decibel"
    if _AMOUNTS.fullmatch(unit):
        return "amount"
    text = _words(f"{band.quantity} {band.name}")
    if re.fullmatch(r"band ?\d+ band ?\d+", text):
        text = _words(source.partition(".")[0])
    if _UNWRAPPED.search(text):
        return "number"
    if unit in ("", *_RADIANS) and _WRAPPED.search(text):
        return "phase"
    is_direction = _DIRECTION.search(text) if unit in _DEGREES else not unit and _ASPECT.fullmatch(text.split()[-1])
    return "direction" if is_direction else "number"


def _words(name: str) -> str:
    """Separate words of a name: ``unwrappedPhase``, ``wrapped_phase`` and ``Phase-ifg`` alike."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]+", " ", name)


def require_kind(quantity: str | None) -> None:
    """Refuse a kind that is none of ``KINDS``; None leaves the kind to units and names.

    Raises
    ------
    ValueError
        If it is.
    """
    if quantity is not None and quantity not in KINDS:
        raise ValueError(f"quantity must be one of {', '.join(KINDS)}, got {quantity!r}")


def of_kind(band: Band, quantity: str | None) -> Band:
    """The band with the kind that a user states; unchanged if none is stated."""
    if quantity is None:
        return band
    units = {"code": "class", "decibel": "dB"}
    return replace(band, kind=quantity, unit=units.get(quantity, band.unit))


def usual_resampling(bands: Sequence[Band], *, is_integer: bool, source: str = "") -> str | None:
    """The resampling for all bands, None if the user must choose: integers without a unit may be classes."""
    kinds = {kind_of(band, source=source) for band in bands}
    unknown = [band for band in bands if kind_of(band, source=source) == "number" and band.unit in ("", "1")]
    if is_integer and any(band.kind is None for band in unknown):
        return None
    if len(kinds) == 1:
        return KINDS[kinds.pop()].resampling
    return "bilinear"


def require_allowed(kind: str, resampling: str, name: str) -> None:
    """Refuse a resampling that would create invalid values of a quantity.

    Raises
    ------
    ValueError
        If it would; the message names the allowed methods.
    """
    allowed = KINDS[kind].allowed
    if allowed and resampling not in allowed:
        raise ValueError(
            f"resampling of {name}, a quantity of kind {kind}, must be {', '.join(allowed)}, got {resampling!r}"
        )
