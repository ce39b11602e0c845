"""Coherence before, across and after an event, and the change against that of quiet pairs."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.insar.change import change_threshold, coherence_change
from m3leo_sar.stack.events import Triplet, triplets_of
from m3leo_sar.stack.pairs import Pair

#: Differences of days within which pairs count as of the same days, the first that gives a triplet.
_TOLERANCES = (0, 1, 6, 12)
#: Most pairs before the event that calibrate the change.
_QUIET = 5
#: Share of quiet pixels that may exceed the threshold.
FALSE_ALARM = 0.01


class EventMaps(NamedTuple):
    """Maps about an event; each (rows, cols) float32, NaN where there is no data."""

    before: NDArray[np.float32]
    across: NDArray[np.float32]
    #: None if no later pair of these days exists.
    after: NDArray[np.float32] | None
    #: Coherence before less across, in [-1, 1]; positive where coherence was lost.
    change: NDArray[np.float32]
    #: Change that one in a hundred pixels of quiet pairs exceeds; None if fewer than two such pairs precede the event.
    threshold: float | None
    #: The three pairs.
    pairs: Triplet
    #: Pairs of the same days before the event, whose changes give the threshold.
    quiet: tuple[Pair, ...]
    geobox: GeoBox
    seconds: Mapping[str, float]


def event_pairs(pairs: Sequence[Pair], date: datetime.date) -> tuple[Triplet, tuple[Pair, ...]]:
    """Pairs before, across and after an event, and the quiet ones before it, in order.

    Raises
    ------
    KeyError
        If no pair crosses the event and has one of the same days before it.
    """
    for tolerance in _TOLERANCES:
        found = triplets_of(pairs, start=date, tolerance_days=tolerance)
        if found:
            triplet = found[0]
            alike = [
                pair
                for pair in sorted(pairs)
                if pair.secondary < date and pair.days > 0 and abs(pair.days - triplet.across.days) <= tolerance
            ]
            return triplet, tuple(alike[-_QUIET:])
    raise KeyError(f"no pair crosses {date} that has a pair of the same days before that date")


def event_maps(
    triplet: Triplet,
    quiet: Sequence[Pair],
    geobox: GeoBox,
    map_of: Callable[[Pair], NDArray[np.float32]],
    seconds: Mapping[str, float],
) -> EventMaps:
    """Maps of the pairs of :func:`event_pairs`; ``map_of`` gives the coherence of a pair."""
    before, across = map_of(triplet.before), map_of(triplet.across)
    after = None if triplet.after is None else map_of(triplet.after)
    earlier = [map_of(pair) for pair in quiet]
    changes = [coherence_change(one, other) for one, other in itertools.pairwise(earlier)]
    known = [change for change in changes if not np.isnan(change).all()]
    threshold = change_threshold(np.stack(known), false_alarm=FALSE_ALARM) if known else None
    change = coherence_change(before, across)
    return EventMaps(before, across, after, change, threshold, triplet, tuple(quiet), geobox, seconds)
