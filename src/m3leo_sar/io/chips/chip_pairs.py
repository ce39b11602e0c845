"""Pairs of an archive's chips, with the days between their passings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.pairs import Pair


class HasFacts(Protocol):
    """An archive that gives the metadata of a chip without its pixels."""

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, Mapping[str, Any]]:
        """Grid and metadata of a chip; OSError or ValueError if it is unreadable."""


def pair_of(key: str, metadata: Mapping[str, Any] | None = None) -> Pair | None:
    """The pair in a chip's key, None for a key of another kind.

    The dates of a track that passes at midnight UTC differ by a day more or less than its passings: the days are those
    in the chip's metadata, counted from time to time when it was made, and those between the dates only without them.

    Examples
    --------
    >>> pair_of("20221214_20221225").days, pair_of("20221214_20221225", {"days": 12}).days
    (11, 12)
    >>> pair_of("VV/20230301_20230313").days
    12
    >>> pair_of("landcover") is None
    True
    """
    try:
        pair = Pair.parse(key.rpartition("/")[2])
    except ValueError:
        return None
    days = (metadata or {}).get("days")
    is_stated = isinstance(days, int) and not isinstance(days, bool)
    return Pair(pair.reference, pair.secondary, span=days) if is_stated else pair


def pairs_of(archive: HasFacts, identifier: str, dataset: str, keys: Iterable[str]) -> dict[str, Pair]:
    """Pairs of a tile's chips by key; other keys are skipped, and a damaged chip has the days between its dates."""
    found = {}
    for key in keys:
        if pair_of(key) is None:
            continue
        try:
            _, metadata = archive.facts(identifier, dataset, key)
        except (OSError, ValueError):
            metadata = {}
        pair = pair_of(key, metadata)
        assert pair is not None
        found[key] = pair
    return found
