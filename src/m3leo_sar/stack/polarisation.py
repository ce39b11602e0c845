"""Polarisations of images, and their notation: ``VV``, ``VV+VH`` for several, ``VV-VH`` for a product of two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

#: Transmitted, then received: linear, then compact ones of circular transmission (R right, L left).
POLARISATIONS = ("VV", "VH", "HH", "HV", "RH", "RV", "LH", "LV")


def parse_polarisations(text: str | Sequence[str]) -> tuple[str, ...]:
    """Polarisations of a text such as ``"VV+VH"``, or of several such texts, in their order.

    Raises
    ------
    ValueError
        If one is unknown or named twice, or there is none.

    Examples
    --------
    >>> parse_polarisations("vv+vh"), parse_polarisations(["HH", "HV"])
    (('VV', 'VH'), ('HH', 'HV'))
    """
    texts = [text] if isinstance(text, str) else list(text)
    found = [part.strip().upper() for item in texts for part in item.replace(",", "+").split("+")]
    if not found or len(set(found)) < len(found) or not set(found) <= set(POLARISATIONS):
        raise ValueError(
            f"polarisation must be one of {', '.join(POLARISATIONS)}, got {'+'.join(texts)!r}; several are written "
            "VV+VH"
        )
    return tuple(found)


def joined_polarisations(polarisations: Iterable[str]) -> str:
    """Notation of several polarisations: ``VV+VH``."""
    return "+".join(polarisations)


def polarisation_pairs(polarisations: Sequence[str]) -> list[str]:
    """Products of two of several polarisations, such as ``VV-VH``: the earlier is the reference.

    Examples
    --------
    >>> polarisation_pairs(("VV", "VH")), polarisation_pairs(("HH",))
    (['VV-VH'], [])
    """
    return ["-".join(pair) for pair in combinations(polarisations, 2)]
