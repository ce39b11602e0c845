"""Statistics per group of chips: product, polarisation, orbit direction and, optionally, region."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from m3leo_sar.chips.accumulate import StatisticsAccumulator
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.chips.stored_unit import StoredUnits

#: Default facts of a chip that define its group; add ``aoi`` for statistics per region.
KEYS = ("product", "polarisation", "orbit")


class GroupedAccumulator:
    """One accumulator per group, created for its first chip.

    Parameters
    ----------
    encodings : mapping of str to str
        Encoding of each product's values.
    keys : sequence of str
        Facts that define a group; ``"product"`` must be among them. A missing fact of a chip counts as "".
    ranges : mapping of str to (float, float), optional
        Histogram range per product.

    Examples
    --------
    >>> import numpy as np
    >>> seen = GroupedAccumulator({"coherence": "linear"})
    >>> seen.update(np.full((2, 3), 0.5, "f4"), {"product": "coherence", "polarisation": "VV"})
    >>> seen.finish(rule="mean_std").band(product="coherence", polarisation="VV").centre
    0.5
    """

    def __init__(
        self,
        encodings: Mapping[str, str],
        *,
        keys: tuple[str, ...] = KEYS,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        if "product" not in keys:
            raise ValueError(f"keys must hold 'product', got {', '.join(keys)}")
        self.encodings, self.keys, self.ranges = dict(encodings), tuple(keys), dict(ranges or {})
        self.groups: dict[tuple[str, ...], StatisticsAccumulator] = {}
        self._units = StoredUnits()

    def update(self, plane: Any, facts: Mapping[str, Any]) -> None:
        """Count one plane (rows, cols) in the group of its facts.

        Raises
        ------
        ValueError
            If its product has no encoding, or its unit does not match the encoding or the group.
        """
        group = _group(facts, self.keys)
        product = str(facts.get("product", ""))
        if product not in self.encodings:
            raise ValueError(f"product must be one of {', '.join(self.encodings)}, got {product!r}")
        name = " ".join(part for part in group if part)
        self._units.check(name, self.encodings[product], facts.get("unit"), where=str(facts.get("key", "a chip")))
        if group not in self.groups:
            band = BandStatistics(name, self.encodings[product])
            self.groups[group] = StatisticsAccumulator([band], ranges=[self.ranges.get(product)])
        self.groups[group].update(plane[None])

    def merge(self, other: GroupedAccumulator) -> None:
        """Add the counts of another accumulator.

        Raises
        ------
        ValueError
            If keys, encodings or ranges differ.
        """
        if (other.keys, other.encodings, other.ranges) != (self.keys, self.encodings, self.ranges):
            raise ValueError("only accumulators of the same keys, encodings and ranges can be merged")
        for group, seen in other.groups.items():
            if group in self.groups:
                self.groups[group].merge(seen)
            else:
                self.groups[group] = StatisticsAccumulator.from_json(seen.to_json())

    def finish(self, rule: str = "robust", **options: Any) -> GroupedStatistics:
        """Statistics of every group, with the options of :meth:`StatisticsAccumulator.finish`."""
        bands = {group: seen.finish(rule, **options).bands[0] for group, seen in sorted(self.groups.items())}
        return GroupedStatistics(self.keys, bands)


@dataclass(frozen=True)
class GroupedStatistics:
    """Statistics of one band per group.

    Parameters
    ----------
    keys : tuple of str
        Facts that define a group.
    groups : dict of tuple to BandStatistics
        Keyed by the values of these facts.
    """

    keys: tuple[str, ...]
    groups: dict[tuple[str, ...], BandStatistics]

    def band(self, **facts: Any) -> BandStatistics:
        """Statistics of a chip with these facts.

        Raises
        ------
        KeyError
            If no such chip was counted; the message lists the counted groups.
        """
        group = _group(facts, self.keys)
        if group not in self.groups:
            known = "; ".join(", ".join(part or "-" for part in other) for other in self.groups)
            raise KeyError(f"no statistics for {dict(zip(self.keys, group, strict=True))}; there are {known}")
        return self.groups[group]

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when any value does."""
        return hashlib.sha256(json.dumps(self._document(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Serialise as text that includes the digest."""
        return json.dumps({"digest": self.digest, **self._document()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> GroupedStatistics:
        """Read :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is not valid or the digest is not that of its values.
        """
        try:
            document = json.loads(text)
            keys = tuple(document["keys"])
            groups = {
                tuple(entry["group"]): Statistics.from_json(json.dumps(entry["statistics"])).bands[0]
                for entry in document["groups"]
            }
            stored = document["digest"]
        except (json.JSONDecodeError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise ValueError(f"statistics cannot be read: {type(error).__name__} {error}") from error
        found = cls(keys, groups)
        if stored != found.digest:
            raise ValueError(f"statistics were changed: they name the digest {stored}, the values give {found.digest}")
        return found

    def _document(self) -> dict[str, Any]:
        groups = [
            {"group": list(group), "statistics": json.loads(Statistics((band,)).to_json())}
            for group, band in self.groups.items()
        ]
        return {"keys": list(self.keys), "groups": groups}


def _group(facts: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("" if facts.get(key) is None else str(facts[key]) for key in keys)
