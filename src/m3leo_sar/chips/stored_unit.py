"""Unit of stored chips, checked before their values are encoded."""

from __future__ import annotations

import re
from typing import Any

_LOGARITHMIC = re.compile(r"d(eci)?b(els?)?\b", re.IGNORECASE)
_DEGREES = re.compile(r"(deg(rees?)?|°)$", re.IGNORECASE)
#: Encodings that compute a logarithm themselves, and those that need radians.
_LOGARITHMS, _ANGLES = ("decibel", "amplitude_decibel", "log_ratio"), ("phase", "deramped")
#: Synonyms: a power, as a ratio or in an arbitrary unit.
_POWER = ("1", "intensity", "power", "linear")


class StoredUnits:
    """Units of the chips of several channels: one unit per channel, supported by its encoding.

    Examples
    --------
    >>> units = StoredUnits()
    >>> units.check("VV", "decibel", "intensity", where="tile a")
    >>> units.check("VV", "decibel", "dB", where="tile b")
    Traceback (most recent call last):
    ...
    ValueError: VV of tile b is stored in dB, of which decibel takes the logarithm again; use the encoding linear
    """

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, str]] = {}

    def check(self, name: str, encoding: str, unit: Any, *, where: str) -> None:
        """Refuse a chip whose unit does not match; a chip without a stated unit always matches.

        Parameters
        ----------
        name : str
            Channel or group.
        encoding : str
            As in :class:`m3leo_sar.chips.statistics.BandStatistics`.
        unit : str or None
            Unit stated by the metadata of the chip.
        where : str
            Identification of the chip, for the message.

        Raises
        ------
        ValueError
            If the encoding needs another unit, or an earlier chip of the channel has another.
        """
        stated = str(unit or "").strip()
        if not stated:
            return
        if encoding in _LOGARITHMS and _LOGARITHMIC.match(stated):
            raise ValueError(
                f"{name} of {where} is stored in {stated}, of which {encoding} takes the logarithm again; use the "
                "encoding linear"
            )
        if encoding in _ANGLES and _DEGREES.match(stated):
            raise ValueError(f"{name} of {where} is stored in {stated}, {encoding} takes radians; convert it")
        kind = "power" if stated.lower() in _POWER else stated.lower()
        first, known, place = self._first.setdefault(name, (kind, stated, where))
        if kind != first:
            raise ValueError(
                f"{name} must be of one unit, {place} has it in {known}, {where} in {stated}; bring them to one"
            )
