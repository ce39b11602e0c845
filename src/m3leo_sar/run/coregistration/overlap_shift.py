"""The azimuth shift of a date, from the overlaps of its bursts (enhanced spectral diversity)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.spectral_diversity import AzimuthShift, shift_of_coherences
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.run.coregistration.burst_date import PlacedBurst, ReferenceGrid
from m3leo_sar.warp.burst_offsets import BurstOffsets

#: Largest shift that orbits explain, lines, and the largest between S1C and S1D, whose clocks differ by 55 us.
LARGEST, LARGEST_OF_CLOCKS = 0.02, 0.04
#: Platforms whose clocks differ.
_CLOCKS = {"S1C", "S1D"}
#: Largest difference between swaths that is not reported, lines.
_SWATHS = 1e-3
#: Least share of an overlap's samples that must be coherent: noise alone is so in one of 100 000.
_SHARE = 1e-3
#: Least rows of an overlap, and most dates that are tried one after the other.
_ROWS, _PARTNERS = 8, 3
#: Window of the coherences in an overlap.
_WINDOW = Window(rows=5, cols=21)


@dataclass(frozen=True, kw_only=True)
class DateShift:
    """Azimuth shift of a date against the reference; one for all swaths.

    Parameters
    ----------
    lines : float
        Lines to add to the azimuth offsets; 0 where no overlap is coherent.
    spread : float, optional
        Lines: standard deviation over the overlaps, or the standard error of a single one. None where it is unknown.
    samples : int
        Samples that took part.
    partner : datetime.date, optional
        Date against which it was measured; its own shift is in its pixels.
    overlaps : mapping of str to float
        Lines of each overlap, by the name of its earlier burst.
    note : str
        Why it is 0, or what to know about it.
    """

    lines: float = 0.0
    spread: float | None = None
    samples: int = 0
    partner: datetime.date | None = None
    overlaps: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def facts(self) -> dict[str, Any]:
        """Attributes of a date of a stack."""
        return {
            "azimuth_shift": self.lines,
            "azimuth_shift_spread": self.spread,
            "azimuth_shift_samples": self.samples,
            "azimuth_shift_to": None if self.partner is None else self.partner.isoformat(),
            "azimuth_shift_overlaps": dict(self.overlaps),
            "azimuth_shift_note": self.note,
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> DateShift:
        """The shift that :meth:`facts` describes."""
        partner, spread = facts.get("azimuth_shift_to"), facts.get("azimuth_shift_spread")
        return cls(
            lines=float(facts["azimuth_shift"]),
            spread=None if spread is None else float(spread),
            samples=int(facts.get("azimuth_shift_samples", 0)),
            partner=None if partner is None else datetime.date.fromisoformat(partner),
            overlaps=dict(facts.get("azimuth_shift_overlaps", {})),
            note=str(facts.get("azimuth_shift_note", "")),
        )


class Overlap(NamedTuple):
    """Rows that two consecutive bursts of a swath share, in each of them."""

    earlier: BurstIdentifier
    later: BurstIdentifier
    rows: slice
    later_rows: slice

    @property
    def name(self) -> str:
        """Name of the earlier burst."""
        return str(self.earlier)


def overlaps_of(stacks: Mapping[BurstIdentifier, BurstStack]) -> Iterator[Overlap]:
    """Overlaps of consecutive bursts, of one swath each."""
    for identifier, stack in sorted(stacks.items()):
        after = BurstIdentifier(identifier.track, identifier.number + 1, identifier.swath)
        if after in stacks:
            found = _rows_shared(stack, stacks[after])
            if found is not None:
                yield Overlap(identifier, after, *found)


def _rows_shared(earlier: BurstStack, later: BurstStack) -> tuple[slice, slice] | None:
    times = [datetime.datetime.fromisoformat(stack.facts["first_line"]) for stack in (earlier, later)]
    interval = earlier.radar_grid.azimuth_interval
    apart = round((times[1] - times[0]).total_seconds() / interval)
    ends = [[row for row, _ in stack.facts["outline"]] for stack in (earlier, later)]
    first, last = round(min(ends[1])), round(max(ends[0])) - apart
    if last - first + 1 < _ROWS:
        return None
    return slice(first + apart, last + apart + 1), slice(first, last + 1)


def measured_shift(
    date: datetime.date,
    images: Mapping[BurstIdentifier, Any],
    offsets: Mapping[BurstIdentifier, BurstOffsets],
    stacks: Mapping[BurstIdentifier, BurstStack],
    *,
    reference: datetime.date,
) -> DateShift:
    """Shift of a date against the nearest date between it and the reference that is coherent with it.

    Dates are linked towards the reference only, so that a date that is added later never changes an earlier result.

    Parameters
    ----------
    date : datetime.date
    images : mapping of BurstIdentifier to SafeBurst
        Its bursts, of one polarisation.
    offsets : mapping of BurstIdentifier to BurstOffsets
        Theirs against the reference.
    stacks : mapping of BurstIdentifier to BurstStack
        With the reference, and the dates that are done.
    reference : datetime.date

    Raises
    ------
    ValueError
        If the shift is larger than an orbit or a clock explains.
    """
    known = {identifier: stack for identifier, stack in stacks.items() if identifier in images}
    overlaps = list(overlaps_of(known))
    if not overlaps:
        return DateShift(note=_orbits_alone("no two consecutive bursts", images, known, reference))
    held = {identifier: set(stack.dates()) for identifier, stack in known.items()}
    done = set().union(*held.values())
    # Dates that are not flat cannot be compared here; the reference always can.
    done = done if all(stack.is_flattened for stack in known.values()) else done & {reference}
    for partner in partners_of(date, done, reference):
        some = [one for one in overlaps if partner in held[one.earlier] & held[one.later]]
        found = _against(partner, some, _Date(images, offsets, known))
        sure = [(one, shift) for one, shift in found if shift.samples > _SHARE * _size(one, known[one.earlier])]
        if sure:
            platforms = {image.mission for image in images.values()} | _platforms(known, partner)
            return shift_of_overlaps(sure, partner, platforms, date)
    return DateShift(note=_orbits_alone("no overlap is coherent", images, known, reference))


def _orbits_alone(
    reason: str,
    images: Mapping[BurstIdentifier, Any],
    stacks: Mapping[BurstIdentifier, BurstStack],
    date: datetime.date,
) -> str:
    """Why a shift is 0, and what that leaves in between satellites whose clocks differ: its sign is not published."""
    is_across = {image.mission for image in images.values()} | _platforms(stacks, date) >= _CLOCKS
    left = "; the clocks of S1C and S1D differ by 0.027 line, which stays in the phase" if is_across else ""
    return f"{reason}: orbits alone{left}"


def _size(overlap: Overlap, stack: BurstStack) -> int:
    return int((overlap.rows.stop - overlap.rows.start) * stack.shape[1])


def partners_of(date: datetime.date, done: set[datetime.date], reference: datetime.date) -> list[datetime.date]:
    """Dates that a date may be measured against, the nearest first: those between it and the reference, and that.

    Examples
    --------
    >>> days = [datetime.date(2023, 3, day) for day in (1, 13, 25)]
    >>> [str(day) for day in partners_of(days[2], set(days[:2]), days[0])]
    ['2023-03-13', '2023-03-01']
    """
    low, high = sorted((date, reference))
    between = [one for one in done if low <= one <= high and one != date]
    return sorted(between, key=lambda one: (abs((one - date).days), one))[:_PARTNERS]


class _Date(NamedTuple):
    """Bursts of a date by identifier, with their offsets and stacks."""

    images: Mapping[BurstIdentifier, Any]
    offsets: Mapping[BurstIdentifier, BurstOffsets]
    stacks: Mapping[BurstIdentifier, BurstStack]

    def placed(self, identifier: BurstIdentifier) -> PlacedBurst:
        """A burst on the grid of its reference."""
        grid = ReferenceGrid.of(self.stacks[identifier])
        return PlacedBurst(self.images[identifier], grid, self.offsets[identifier])


def _against(
    partner: datetime.date, overlaps: Sequence[Overlap], date: _Date
) -> Iterator[tuple[Overlap, AzimuthShift]]:
    """Shift of each overlap against a date that is done; one overlap is in memory at a time."""
    for overlap in sorted(overlaps, key=lambda one: (one.earlier.swath, one.earlier.number)):
        bursts = [date.placed(identifier) for identifier in (overlap.earlier, overlap.later)]
        stacks = [date.stacks[identifier] for identifier in (overlap.earlier, overlap.later)]
        # Of one burst after the other, as its images take twice the memory of its coherence.
        maps = [
            coherence(
                stack.window(partner, rows, slice(None)), burst.rows(rows, shift=0.0).pixels,
                window=_WINDOW, output="complex",
            )
            for burst, stack, rows in zip(bursts, stacks, (overlap.rows, overlap.later_rows), strict=True)
        ]  # fmt: skip
        yield (
            overlap,
            shift_of_coherences(
                *maps,
                separation=_separation(bursts[0].image, bursts[1].image, overlap),
                azimuth_interval=stacks[0].radar_grid.azimuth_interval,
                window=_WINDOW,
            ),
        )


def _separation(earlier: Any, later: Any, overlap: Overlap) -> NDArray[np.float32]:
    """Frequency of the earlier burst less that of the later one at each sample of the overlap, Hz."""
    cols, carriers = np.arange(earlier.shape[1], dtype=np.float64), (earlier.carrier, later.carrier)
    found = np.empty((overlap.rows.stop - overlap.rows.start, cols.size), np.float32)
    for index, line in enumerate(found):
        rows = overlap.rows.start + index, overlap.later_rows.start + index
        line[:] = carriers[0].frequency(rows[0], cols) - carriers[1].frequency(rows[1], cols)
    return found


def _platforms(stacks: Mapping[BurstIdentifier, BurstStack], date: datetime.date) -> set[str]:
    return {str(facts.get("platform")) for stack in stacks.values() if (facts := stack.dates().get(date))}


def shift_of_overlaps(
    found: Sequence[tuple[Overlap, AzimuthShift]], partner: datetime.date, platforms: set[str], date: datetime.date
) -> DateShift:
    """One shift of a date from those of its overlaps: their median.

    Raises
    ------
    ValueError
        If it is larger than an orbit or a clock explains.
    """
    lines = np.array([shift.lines for _, shift in found])
    middle = float(np.median(lines))
    largest = LARGEST_OF_CLOCKS if platforms >= _CLOCKS else LARGEST
    if abs(middle) > largest:
        raise ValueError(
            f"{date} lies {middle:+.4f} line from its orbit, measured against {partner}; more than {largest} line is "
            "no orbit's error but a wrong orbit file, an unknown clock or an ambiguous phase; check its orbit, or take "
            "spectral_diversity=False"
        )
    by_swath: dict[str, list[float]] = {}
    for overlap, shift in found:
        by_swath.setdefault(overlap.earlier.swath, []).append(shift.lines)
    swaths = {swath: float(np.median(values)) for swath, values in sorted(by_swath.items())}
    note = ""
    if max(swaths.values()) - min(swaths.values()) > _SWATHS:
        note = "swaths disagree: " + ", ".join(f"{swath} {value:+.4f}" for swath, value in swaths.items())
    spread = float(np.std(lines)) if lines.size > 1 else found[0][1].spread
    return DateShift(
        lines=middle,
        spread=spread if np.isfinite(spread) else None,
        samples=int(sum(shift.samples for _, shift in found)),
        partner=partner,
        overlaps={overlap.name: float(shift.lines) for overlap, shift in found},
        note=note,
    )


def shift_text(date: datetime.date, shift: DateShift) -> str:
    """A date's shift in one sentence."""
    if shift.partner is None:
        return f"{date}: azimuth shift 0, {shift.note}"
    rest = f"; {shift.note}" if shift.note else ""
    spread = "unknown" if shift.spread is None else f"{shift.spread:.1g}"
    return (
        f"{date}: azimuth shift {shift.lines:+.5f} line against {shift.partner}, spread {spread} over "
        f"{len(shift.overlaps)} overlap{'s' * (len(shift.overlaps) != 1)}{rest}"
    )


def shifts_of(stacks: Sequence[BurstStack], date: datetime.date, inputs: Mapping[str, str]) -> DateShift | None:
    """The shift with which an earlier run wrote other bursts of a date from the same orbit; None if there is none."""
    for stack in stacks:
        held = stack.dates().get(date)
        if held and "azimuth_shift" in held and held.get("inputs", {}).get("orbit") == inputs["orbit"]:
            return DateShift.of_facts(held)
    return None
