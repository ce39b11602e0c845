"""Index of samples: tiles and their pairs, selected by area, split, temporal baseline, season or event."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import boxes_on_globe
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.stack.events import event_triplets
from m3leo_sar.stack.pairs import Pair, as_date, pairs_by_days

#: Pairs of one sample; products refer to them by position.
Group = tuple[Pair, ...]
#: Dates of each tile, or its acquisition times, from which days between dates are then counted.
Dates = Mapping[str, Sequence[datetime.date]]


class PairSample(NamedTuple):
    """A sample: a tile and its pairs."""

    identifier: str
    pairs: Group


@dataclass(frozen=True, eq=False)
class PairIndex:
    """Ordered samples, eight bytes per sample.

    Parameters
    ----------
    identifiers : tuple of str
        Tiles.
    groups : tuple of tuples of Pair
        The distinct pairs of samples.
    tile, group : (samples,) int32
        Tile and group of each sample, as positions in ``identifiers`` and ``groups``.

    Examples
    --------
    >>> import datetime
    >>> dates = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * index) for index in range(3)]
    >>> index = PairIndex.of_pairs({"a": dates, "b": dates[:2]}, pairs_by_days)
    >>> len(index), index[3].identifier, str(index[3].pairs[0])
    (4, 'b', '20230101_20230113')
    """

    identifiers: tuple[str, ...]
    groups: tuple[Group, ...]
    tile: NDArray[np.int32]
    group: NDArray[np.int32]

    @classmethod
    def of_groups(
        cls, dates: Dates, choose: Callable[[tuple[datetime.date, ...]], Iterable[Sequence[Pair]]]
    ) -> PairIndex:
        """Samples whose pairs are selected by a rule from each tile's dates; it is called once for equal dates."""
        chosen: dict[tuple[datetime.date, ...], NDArray[np.int32]] = {}
        # Pairs of equal dates may differ in days, if acquisition times are known for only some of the tiles.
        numbers: dict[tuple[Group, tuple[int, ...]], int] = {}
        parts = []
        for days in dates.values():
            key = tuple(days)
            if key not in chosen:
                found = [tuple(group) for group in choose(key)]
                keys = [(group, tuple(pair.days for pair in group)) for group in found]
                places = [numbers.setdefault(each, len(numbers)) for each in keys]
                chosen[key] = np.array(places, np.int32)
            parts.append(chosen[key])
        counts = np.array([len(part) for part in parts], np.intp)
        tile = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
        groups = tuple(group for group, _ in numbers)
        return cls(tuple(dates), groups, tile, np.concatenate([np.zeros(0, np.int32), *parts]))

    @classmethod
    def of_pairs(cls, dates: Dates, choose: Callable[[tuple[datetime.date, ...]], Iterable[Pair]]) -> PairIndex:
        """Samples of one pair each, such as the pairs of :func:`m3leo_sar.stack.pairs.sequential_pairs`."""
        return cls.of_groups(dates, lambda days: [(pair,) for pair in choose(days)])

    @classmethod
    def of_lags(cls, dates: Dates, *, days: Sequence[int], season: str | None = None) -> PairIndex:
        """Samples of every pair with one of the temporal baselines ``days``, optionally of one season.

        Raises
        ------
        ValueError
            If no days are given, one is below 1, or the season is unknown.
        """
        return cls.of_pairs(dates, lambda held: pairs_by_days(held, days=days, season=season))

    @classmethod
    def of_events(
        cls, dates: Dates, *, start: datetime.date, end: datetime.date | None = None, tolerance_days: int = 0
    ) -> PairIndex:
        """Samples (across, before, after) of an event's complete triplets, the pair that spans the event first."""
        return cls.of_groups(
            dates,
            lambda held: [
                (found.across, found.before, found.after)
                for found in event_triplets(held, start=start, end=end, tolerance_days=tolerance_days)
                if found.after is not None
            ],
        )

    def __len__(self) -> int:
        return len(self.tile)

    def __getitem__(self, index: int) -> PairSample:
        if not 0 <= index < len(self):
            raise IndexError(f"sample must be 0 to {len(self) - 1}, got {index}")
        return PairSample(self.identifiers[self.tile[index]], self.groups[self.group[index]])

    def __iter__(self) -> Iterator[PairSample]:
        return (self[index] for index in range(len(self)))

    @property
    def used(self) -> list[str]:
        """Tiles with at least one sample, in order."""
        return [self.identifiers[number] for number in np.unique(self.tile)]

    @property
    def dates(self) -> set[datetime.date]:
        """Dates required by any sample."""
        needed = (self.groups[number] for number in np.unique(self.group))
        return {date for group in needed for pair in group for date in (pair.reference, pair.secondary)}

    def where(self, keep: NDArray[np.bool_]) -> PairIndex:
        """Samples selected by a mask (samples,) bool, in order."""
        return replace(self, tile=self.tile[keep], group=self.group[keep])

    def by_tile(self, identifiers: Collection[str]) -> PairIndex:
        """Samples of the given tiles; unknown identifiers are ignored."""
        wanted = set(identifiers)
        return self.where(np.array([name in wanted for name in self.identifiers], bool)[self.tile])

    def by_split(self, splits: Mapping[str, str], name: str) -> PairIndex:
        """Samples of the tiles of one split.

        Raises
        ------
        ValueError
            If a tile has no split.
        """
        lacking = [identifier for identifier in self.identifiers if identifier not in splits]
        if lacking:
            raise ValueError(f"splits must name every tile, {len(lacking)} have none, first {lacking[0]}")
        return self.by_tile([identifier for identifier in self.identifiers if splits[identifier] == name])

    def by_area(self, aoi: Any, grid: TileGrid) -> PairIndex:
        """Samples of tiles that touch an area, given in a form that :func:`m3leo_sar.grid.aoi.aoi_polygon` accepts.

        Raises
        ------
        TypeError, ValueError
            If ``aoi`` is not a valid area, or a tile does not belong to the grid.
        """
        import shapely

        places = grid.identifiers.find(self.identifiers)
        lacking = np.flatnonzero(places < 0)
        if len(lacking):
            first = self.identifiers[lacking[0]]
            raise ValueError(f"grid must hold every tile, {len(lacking)} are missing, first {first}")
        bounds = grid.bounds[places].reshape(-1, 4)
        return self.where(shapely.intersects(aoi_polygon(aoi), boxes_on_globe(bounds))[self.tile])

    def by_group(self, keep: Callable[[Group], bool]) -> PairIndex:
        """Samples whose pairs satisfy a rule, such as ``lambda pairs: pairs[0].days == 12``."""
        return self.where(np.array([keep(group) for group in self.groups], bool)[self.group])

    def alike(self, index: int) -> NDArray[np.intp]:
        """Samples of the same tile with the same temporal baseline and order of dates, in order, including itself.

        A sample of several pairs, such as that of an event, is only similar to itself.
        """
        if len(self[index].pairs) != 1:
            return np.array([index], np.intp)
        days, order, keys = self._lags
        key = (int(self.tile[index]) << 32) + int(days[self.group[index]])
        first, last = np.searchsorted(keys, (key, key + 1))
        return order[first:last]

    @cached_property
    def _lags(self) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.int64]]:
        """Days of each group, 0 for several pairs; samples sorted by tile and days; and their sort keys."""
        days = np.array([pairs[0].days if len(pairs) == 1 else 0 for pairs in self.groups], np.int64)
        # Tile and days as one number: days between two calendar dates are far below 2**31.
        keys = (self.tile.astype(np.int64) << 32) + days[self.group]
        order = np.argsort(keys, kind="stable")
        return days, order, keys[order]

    def complete(self, dates: Dates) -> NDArray[np.bool_]:
        """Mask (samples,) bool of the samples whose pairs have all their dates among those of the tile."""
        # Days of equal times are determined once.
        days_of = {days: frozenset(as_date(day, "dates") for day in days) for days in map(tuple, dates.values())}
        held = [days_of.get(tuple(dates.get(identifier, ())), frozenset()) for identifier in self.identifiers]
        needed = [
            frozenset(date for pair in group for date in (pair.reference, pair.secondary)) for group in self.groups
        ]
        # Tiles with equal dates are checked once.
        kinds = {days: number for number, days in enumerate(dict.fromkeys(held))}
        table = np.array([[group <= days for group in needed] for days in kinds], bool).reshape(len(kinds), len(needed))
        return table[np.array([kinds[days] for days in held], np.intp)[self.tile], self.group]
