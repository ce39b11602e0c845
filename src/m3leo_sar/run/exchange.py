"""Metadata of exported files, and the counts of an exchange with M3LEO's layout."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Metadata of a band of an exported file: its chip's as JSON, and a mark if the tile has no such chip.
TAG, MISSING = "M3LEO_SAR", "M3LEO_SAR_MISSING"
#: Metadata of one band only, even if a file has them for all bands.
OF_ONE = ("key", "crc32", "date", "reference", "secondary", "days", "parameters")


@dataclass
class Exchanged:
    """Files read or written, and files left out.

    Parameters
    ----------
    files : int
        Files read or written whole.
    chips : int
        Chips in them.
    left_out : dict of str to str
        Files, tiles or chips left out, with the reason.
    """

    files: int = 0
    chips: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
