"""The bursts, dates and polarisations of products that a run co-registers, and what is left out with the reason."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.io.sentinel1.passes import require_comparable
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.polarisation import POLARISATIONS, parse_polarisations

#: Bursts of a pass by identifier, each by polarisation.
Pass = Mapping[BurstIdentifier, Mapping[str, Any]]
#: Swaths of the mode IW.
SWATHS = ("IW1", "IW2", "IW3")


@dataclass(frozen=True, kw_only=True)
class BurstChoice:
    """Restrictions of a run; None where there is none.

    Parameters
    ----------
    start, stop : str, optional
        First and last date, ``YYYY-MM-DD``.
    swath : str, optional
        ``"IW1"``, ``"IW2"`` or ``"IW3"``, or several as ``"IW1+IW2"``.
    burst : str, optional
        Such as ``"T052-110431-IW1"``, or several as ``"A+B"``.
    polarisation : str, optional
        ``"VV"``, or several as ``"VV+VH"``; all of the products by default.
    is_inside : callable, optional
        ``is_inside(burst)`` gives whether a burst touches the area of interest.
    """

    start: str | None = None
    stop: str | None = None
    swath: str | None = None
    burst: str | None = None
    polarisation: str | None = None
    is_inside: Callable[[Any], bool] | None = None

    @property
    def swaths(self) -> tuple[str, ...]:
        """Swaths that are wanted."""
        found = tuple(self.swath.upper().split("+")) if self.swath else SWATHS
        for one in found:
            if one not in SWATHS:
                raise ValueError(f"swath must be one of {', '.join(SWATHS)}, got {one!r}")
        return found

    @property
    def polarisations(self) -> tuple[str, ...]:
        """Polarisations that are wanted."""
        return parse_polarisations(self.polarisation) if self.polarisation else POLARISATIONS

    @property
    def identifiers(self) -> tuple[BurstIdentifier, ...]:
        """Bursts that are named; none for all."""
        return tuple(BurstIdentifier.parse(one) for one in self.burst.split("+")) if self.burst else ()


def chosen_passes(
    passes: Mapping[datetime.date, Pass], choice: BurstChoice
) -> tuple[dict[datetime.date, Pass], list[str]]:
    """Passes with the bursts and polarisations that are wanted, and sentences on what is left out.

    Raises
    ------
    ValueError
        If nothing is left, or what is left are bursts of several tracks, polarisations without a common one, or
        processors whose phases do not fit.
    """
    kept: dict[datetime.date, Pass] = {}
    for date, bursts in sorted(_between(passes, choice).items()):
        some = _chosen_bursts(bursts, choice)
        if some:
            kept[date] = some
    if not kept:
        raise ValueError(_nothing(passes, choice))
    _require_one_track(kept)
    notes = _require_polarisations(kept, choice)
    _require_comparable(kept)
    return kept, notes + _absent(kept)


def _between(passes: Mapping[datetime.date, Pass], choice: BurstChoice) -> dict[datetime.date, Pass]:
    first, last = (None if text is None else parse_date(text) for text in (choice.start, choice.stop))
    return {
        date: bursts
        for date, bursts in passes.items()
        if (first is None or date >= first) and (last is None or date <= last)
    }


def _chosen_bursts(bursts: Pass, choice: BurstChoice) -> Pass:
    found: dict[BurstIdentifier, Mapping[str, Any]] = {}
    for identifier, images in sorted(bursts.items()):
        if identifier.swath not in choice.swaths or (choice.identifiers and identifier not in choice.identifiers):
            continue
        some = {name: image for name, image in sorted(images.items()) if name in choice.polarisations}
        if some and (choice.is_inside is None or choice.is_inside(next(iter(some.values())))):
            found[identifier] = some
    return found


def _nothing(passes: Mapping[datetime.date, Pass], choice: BurstChoice) -> str:
    """Reason why no burst is left: the first restriction that nothing meets."""
    dates = sorted(passes)
    bursts = sorted({identifier for some in passes.values() for identifier in some})
    held = sorted({name for some in passes.values() for images in some.values() for name in images})
    if not bursts:
        return "products must hold a burst, got none"
    if not _between(passes, choice):
        given = " and ".join(
            f"{name}={text}" for name, text in (("start", choice.start), ("stop", choice.stop)) if text
        )
        return f"{given} leaves no date of the products, which are of {dates[0]} to {dates[-1]}"
    if choice.polarisation and not set(parse_polarisations(choice.polarisation)) & set(held):
        return f"polarisation must be one of {', '.join(held)}, which the products hold, got {choice.polarisation}"
    if choice.swath and not set(choice.swaths) & {one.swath for one in bursts}:
        return f"swath must be one of {', '.join(sorted({one.swath for one in bursts}))}, got {choice.swath}"
    if choice.identifiers and not set(choice.identifiers) & set(bursts):
        return f"burst must be one of the products' {_some(bursts)}, got {choice.burst}"
    return f"aoi must touch a burst of the products, {_some(bursts)}; it touches none"


def _some(items: Sequence[object]) -> str:
    return ", ".join(str(item) for item in items[:4]) + (f" and {len(items) - 4} others" if len(items) > 4 else "")


def _require_one_track(kept: Mapping[datetime.date, Pass]) -> None:
    tracks: dict[int, list[datetime.date]] = {}
    for date, bursts in kept.items():
        for identifier in bursts:
            tracks.setdefault(identifier.track, []).append(date)
    if len(tracks) > 1:
        listed = "; ".join(f"track {track} on {_some(sorted(set(dates)))}" for track, dates in sorted(tracks.items()))
        raise ValueError(f"products must be of one track, got {listed}; co-register each into a folder of its own")


def _require_polarisations(kept: Mapping[datetime.date, Pass], choice: BurstChoice) -> list[str]:
    """Refuse dates without a common polarisation; sentences on dates that lack one of several."""
    by_date = {date: {name for images in bursts.values() for name in images} for date, bursts in kept.items()}
    held = sorted(set.union(*by_date.values()))
    common = set.intersection(*by_date.values())
    wanted = parse_polarisations(choice.polarisation) if choice.polarisation else ()
    for one in wanted:
        if one not in held:
            raise ValueError(f"polarisation must be one of {', '.join(held)}, which the products hold, got {one}")
    if not common:
        example = {"+".join(sorted(names)): date for date, names in by_date.items()}
        listed = " and ".join(f"{names} on {date}" for names, date in sorted(example.items()))
        raise ValueError(f"products must have a common polarisation, got {listed}; choose dates by start= and stop=")
    return [
        f"{', '.join(str(date) for date in dates)}: without {name}"
        for name in held
        if (dates := [date for date, names in by_date.items() if name not in names])
    ]


def _require_comparable(kept: Mapping[datetime.date, Pass]) -> None:
    """Refuse dates of a burst whose pixels form no interferograms, such as of an old processor beside a new one."""
    by_image: dict[tuple[BurstIdentifier, str], dict[datetime.date, Any]] = {}
    for date, bursts in kept.items():
        for identifier, images in bursts.items():
            for polarisation, image in images.items():
                by_image.setdefault((identifier, polarisation), {})[date] = image
    for some in by_image.values():
        require_comparable(some)


def _absent(kept: Mapping[datetime.date, Pass]) -> list[str]:
    """Sentences on dates that lack bursts which others have."""
    every = sorted({identifier for bursts in kept.values() for identifier in bursts})
    lacking = {date: [one for one in every if one not in bursts] for date, bursts in kept.items()}
    return [
        f"{date}: without {len(some)} of {len(every)} bursts ({_some(some)}); tiles on them have no pair with this date"
        for date, some in lacking.items()
        if some
    ]
