"""The work of a co-registration: the reference, and each burst of each date with its state."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.grid.orbit import earth_fixed
from m3leo_sar.io.stacks.burst_stack import BurstStack, is_burst_stack
from m3leo_sar.run.coregistration.burst_choice import Pass
from m3leo_sar.run.coregistration.burst_ground import Extent, outline_on_ground
from m3leo_sar.run.coregistration.pass_orbits import PassOrbit
from m3leo_sar.run.coregistration.reference_date import reference_of
from m3leo_sar.stack.baseline import baseline

#: States of a burst of a date: the reference's own, made by an earlier run, to be made, or made anew from other inputs.
PRESENT, NEW, AGAIN, ABSENT = "present", "new", "again", "absent"
#: Bytes of a sample.
_BYTES = 4


class BurstImage(NamedTuple):
    """One burst, date and polarisation."""

    identifier: BurstIdentifier
    polarisation: str
    date: datetime.date
    #: The burst of a product.
    image: Any
    #: One of the states above.
    state: str

    @property
    def folder(self) -> str:
        """Name of its stack."""
        return stack_name(self.identifier, self.polarisation)

    @property
    def coverage(self) -> float:
        """Share of the burst's samples that are valid."""
        first, last = np.asarray(self.image.valid).T
        shape = self.image.radar_grid.shape
        return float(np.where(first < 0, 0, last - first + 1).sum() / (shape[0] * shape[1]))

    @property
    def bytes(self) -> int:
        """Bytes of its samples."""
        rows, cols = self.image.radar_grid.shape
        return int(rows * cols * _BYTES)


def stack_name(identifier: BurstIdentifier, polarisation: str) -> str:
    """Name of the stack of a burst and polarisation."""
    return f"{identifier}-{polarisation}"


@dataclass(frozen=True, kw_only=True)
class CoregistrationPlan:
    """What a run does.

    Parameters
    ----------
    folder : Path
        Folder of the stacks.
    reference : datetime.date
        Date to whose grid all others are brought.
    orbits : mapping of datetime.date to PassOrbit
    images : tuple of BurstImage
        In the order of the work: the reference first, then by distance in time from it.
    baselines : mapping of datetime.date to float
        Perpendicular baseline to the reference, metres.
    notes : tuple of str
        Sentences on what is left out.
    unreadable : mapping of str to str
        Date and name of each product that cannot be read, and the reason; the run goes on with the others.
    passes : mapping of datetime.date to mapping
        The bursts of each date, from which another reference is chosen if pixels of this one are damaged.
    is_fixed : bool
        Whether the reference is that of stacks that are there, or was asked for.
    """

    folder: Path
    reference: datetime.date
    orbits: Mapping[datetime.date, PassOrbit]
    images: tuple[BurstImage, ...]
    baselines: Mapping[datetime.date, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    passes: Mapping[datetime.date, Pass] = field(default_factory=dict, repr=False)
    is_fixed: bool = True

    def without_reference(self) -> CoregistrationPlan | None:
        """Plan of the other dates, with another reference; None if the reference is fixed, or is the only date."""
        others = {date: bursts for date, bursts in self.passes.items() if date != self.reference}
        if self.is_fixed or not others:
            return None
        orbits = {date: self.orbits[date] for date in others}
        return replace(make_plan(others, orbits, self.folder), unreadable=self.unreadable)

    @property
    def dates(self) -> tuple[datetime.date, ...]:
        """Dates in the order of the work."""
        return tuple(dict.fromkeys(image.date for image in self.images))

    def of_date(self, date: datetime.date) -> list[BurstImage]:
        """Images of a date."""
        return [image for image in self.images if image.date == date]

    @property
    def lacking(self) -> list[BurstImage]:
        """Images to make."""
        return [image for image in self.images if image.state != PRESENT]

    def table(self) -> Iterator[dict[str, Any]]:
        """A row per burst and date: what is there, and what a run makes.

        ``baseline`` is in metres, and None of the reference; ``coverage`` is in [0, 1].
        """
        for (date, identifier), images in sorted(_grouped(self.images).items()):
            yield {
                "date": date,
                "burst": str(identifier),
                "platform": images[0].image.mission,
                "processor": str(images[0].image.processor or ""),
                "orbit": self.orbits[date].kind,
                "baseline": None if date == self.reference else float(self.baselines.get(date, np.nan)),
                "polarisations": [image.polarisation for image in images],
                "coverage": min(image.coverage for image in images),
                "state": " ".join(dict.fromkeys(image.state for image in images)),
                "bytes": sum(image.bytes for image in images),
            }

    def coverage(self) -> dict[str, dict[datetime.date, str]]:
        """State of each date by burst: ``"reference"``, ``"present"``, ``"new"``, ``"again"`` or ``"absent"``."""
        found: dict[str, dict[datetime.date, str]] = {}
        for image in self.images:
            state = "reference" if image.date == self.reference else image.state
            found.setdefault(str(image.identifier), dict.fromkeys(self.dates, ABSENT))[image.date] = state
        return dict(sorted(found.items()))


def existing_coverage(folder: Path) -> dict[str, dict[datetime.date, str]]:
    """State of each date of the stacks in a folder by burst: ``"reference"`` or ``"present"``."""
    found: dict[str, dict[datetime.date, str]] = {}
    for place in sorted(path for path in folder.iterdir() if is_burst_stack(path)):
        stack = BurstStack(place)
        states = {date: "reference" if date == stack.reference else PRESENT for date in stack.dates()}
        found.setdefault(str(stack.facts["burst"]), {}).update(states)
    return found


def _grouped(images: Sequence[BurstImage]) -> dict[tuple[datetime.date, BurstIdentifier], list[BurstImage]]:
    found: dict[tuple[datetime.date, BurstIdentifier], list[BurstImage]] = {}
    for image in images:
        found.setdefault((image.date, image.identifier), []).append(image)
    return found


def make_plan(
    passes: Mapping[datetime.date, Pass],
    orbits: Mapping[datetime.date, PassOrbit],
    folder: Path,
    *,
    reference: datetime.date | None = None,
    notes: Sequence[str] = (),
) -> CoregistrationPlan:
    """Plan of the passes that are chosen, with the reference of the stacks that are there, or a new one.

    Raises
    ------
    ValueError
        If the reference asked for is not that of the stacks, is no date of the products, lacks a burst that is new,
        or the stacks have several.
    """
    stacks = _stacks(passes, folder)
    written = {stack.reference for stack in stacks.values()}
    if len(written) > 1:
        raise ValueError(f"{folder} holds stacks of several references, {', '.join(map(str, sorted(written)))}")
    baselines = _baselines(passes, orbits)
    chosen, remarks = reference_of(
        passes, orbits, baselines, asked=reference, written=next(iter(written), None), folder=folder
    )
    images, left = [], [*notes, *remarks]
    for date in sorted(passes, key=lambda date: (abs((date - chosen).days), date)):
        for identifier, some in sorted(passes[date].items()):
            for polarisation, image in sorted(some.items()):
                stack = stacks.get(stack_name(identifier, polarisation))
                if stack is None and polarisation not in passes.get(chosen, {}).get(identifier, {}):
                    left.append(f"{stack_name(identifier, polarisation)}: left out, the reference {chosen} lacks it")
                    continue
                state = _state(stack, date, image, orbits[date])
                images.append(BurstImage(identifier, polarisation, date, image, state))
    zero = baselines.get(chosen, 0.0)
    return CoregistrationPlan(
        folder=folder,
        reference=chosen,
        orbits=orbits,
        images=tuple(images),
        baselines={date: value - zero for date, value in baselines.items()},
        notes=tuple(dict.fromkeys(left)),
        passes=passes,
        is_fixed=bool(written) or reference is not None,
    )


def _stacks(passes: Mapping[datetime.date, Pass], folder: Path) -> dict[str, BurstStack]:
    """Stacks that are there, of the bursts that are chosen; one without a date was begun and never made."""
    names = {
        stack_name(identifier, polarisation)
        for bursts in passes.values()
        for identifier, images in bursts.items()
        for polarisation in images
    }
    found = {name: BurstStack(folder / name) for name in sorted(names) if BurstStack.exists(folder / name)}
    return {name: stack for name, stack in found.items() if stack.dates()}


def _baselines(
    passes: Mapping[datetime.date, Pass], orbits: Mapping[datetime.date, PassOrbit]
) -> dict[datetime.date, float]:
    """Perpendicular baseline of each date to the first, at the middle of its first burst."""
    first = next(iter(passes.values()))
    image = next(iter(next(iter(first.values())).values()))
    origin = orbits[next(iter(passes))].acquisition(image)
    longitude, latitude = outline_on_ground(origin, Extent.of(image.valid)).mean(axis=0)
    point = earth_fixed(longitude, latitude, 0.0)
    found = {}
    for date, bursts in passes.items():
        there = orbits[date].acquisition(next(iter(next(iter(bursts.values())).values())))
        try:
            found[date] = baseline(origin.orbit, there.orbit, point).perpendicular
        except ValueError:
            # The burst lies beyond the vectors that are read around another burst's product.
            found[date] = 0.0
    return found


def inputs_of_image(image: Any, orbit: PassOrbit) -> dict[str, str]:
    """What a date of a stack is made from: other values mean another date."""
    return {"product": str(image.name), "orbit": orbit.name}


def _state(stack: BurstStack | None, date: datetime.date, image: Any, orbit: PassOrbit) -> str:
    if stack is None:
        return NEW
    held = stack.dates().get(date)
    if held is None:
        return NEW
    # The grid is that of the reference as it was written: another orbit of it would make every date another.
    if date == stack.reference or held.get("inputs") == inputs_of_image(image, orbit):
        return PRESENT
    return AGAIN
