"""Complex samples whose real and imaginary parts (I and Q) are real bands or files of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

#: First words of the names of both parts, as SNAP and others write them.
_WORDS = (("i", "q"), ("real", "imaginary"), ("real", "imag"), ("re", "im"), ("inphase", "quadrature"))
#: Units of both parts, as SNAP writes them.
_UNITS = ("real", "imaginary")
#: GDAL's tag of the meaning of a band of a SICD (NITF).
_SUBCATEGORY = "NITF_ISUBCAT"


def require_no_parts(
    product: str, names: Sequence[str], units: Sequence[str], *, chosen: Collection[int] | None = None
) -> None:
    """Refuse parts of complex samples: taken for quantities, they get the resampling and statistics of amounts.

    Parameters
    ----------
    product : str
        Name of the file or data set, for the message.
    names, units : sequence of str
        Of every real band or variable, "" where there is none.
    chosen : collection of int, optional
        Positions of those to be read; all by default.

    Raises
    ------
    ValueError
        If one of the chosen is a part; the message names both.

    Examples
    --------
    >>> require_no_parts("a.tif", ["i_VV", "q_VV", "coherence"], ["", "", ""], chosen=[2])
    >>> require_no_parts("a.tif", ["band1", "band2"], ["real", "imaginary"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: a.tif has complex samples in two real bands, 'band1' and 'band2'; write them as one complex band, ...
    """
    first, second = _parts(names, units)
    if not (first or second) or not any(place in first + second for place in chosen or range(len(names))):
        return
    shown = [names[place] or f"band {place + 1}" for place in (*first[:1], *second[:1])]
    shown_parts = (
        f"in two real bands, {shown[0]!r} and {shown[1]!r}" if len(shown) == 2 else f"of which {shown[0]!r} is a part"
    )
    raise ValueError(
        f"{product} has complex samples {shown_parts}; write them as one complex band, choose others with indexes or "
        "variables, or state their quantity if they are none"
    )


def _parts(names: Sequence[str], units: Sequence[str]) -> tuple[list[int], list[int]]:
    """Positions of real and of imaginary parts."""
    real, imaginary = ([place for place, unit in enumerate(units) if unit.strip().lower() == word] for word in _UNITS)
    if real or imaginary:
        return real, imaginary
    words = [re.split(r"[_ .-]", name.strip().lower())[0] for name in names]
    for pair in _WORDS:
        first, second = ([place for place, word in enumerate(words) if word == part] for part in pair)
        if first and second:
            return first, second
    return [], []


def require_no_raster_parts(source: Any, path: str | os.PathLike[str], *, indexes: Sequence[int] | None = None) -> None:
    """Refuse the parts of complex samples in a raster: bands by description, unit or tag, and files ``i_*``, ``q_*``.

    Parameters
    ----------
    source : rasterio.DatasetReader
    path : path
        Its file.
    indexes : sequence of int, optional
        Bands to be read, from 1; all by default.

    Raises
    ------
    ValueError
        If one of them is a part.
    """
    name = Path(path).name
    is_real = ["complex" not in dtype for dtype in source.dtypes]
    names = [
        (description or source.tags(index).get(_SUBCATEGORY, "")) if real else ""
        for index, description, real in zip(source.indexes, source.descriptions, is_real, strict=True)
    ]
    units = [unit or "" if real else "" for unit, real in zip(source.units, is_real, strict=True)]
    chosen = [index - 1 for index in indexes] if indexes is not None else None
    require_no_parts(name, names, units, chosen=chosen)
    other = _other_part(Path(path))
    if other is not None and any(is_real):
        raise ValueError(
            f"{name} is one part of complex samples, the other is {other.name} beside it; write them as one complex "
            "band"
        )


def _other_part(path: Path) -> Path | None:
    """The file ``q_*`` beside ``i_*``, or the reverse."""
    letter, mark, rest = path.name.partition("_")
    other = {"i": "q", "q": "i", "I": "Q", "Q": "I"}.get(letter)
    beside = path.with_name(f"{other}{mark}{rest}") if other and rest else None
    return beside if beside is not None and beside.is_file() else None
