"""A plan in progress: date by date, each after those against which its shift is measured."""

from __future__ import annotations

import datetime
import errno
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from m3leo_sar.grid.annotated_timing import AnnotatedTiming
from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.io.files.atomic import remove_at_once
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.sources.terrain import height_fingerprint
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.run.coregistration.burst_date import ReferenceGrid, write_reference, write_secondary
from m3leo_sar.run.coregistration.burst_ground import Extent, require_known, terrain_of
from m3leo_sar.run.coregistration.coregistration_plan import (
    PRESENT,
    BurstImage,
    CoregistrationPlan,
    inputs_of_image,
)  # fmt: skip
from m3leo_sar.run.coregistration.overlap_shift import DateShift, measured_shift, shifts_of
from m3leo_sar.run.coregistration.stored_facts import date_facts, stack_facts
from m3leo_sar.run.coregistration.unpacked_products import unpacked
from m3leo_sar.run.loop import Answer, Executor, Here, Loop, Outcome, reason_of
from m3leo_sar.run.thread_pool import ThreadPool
from m3leo_sar.run.threads import fitting_workers
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.warp.burst_heights import BurstHeights, burst_heights
from m3leo_sar.warp.burst_offsets import BurstOffsets
from m3leo_sar.warp.range_phase import Acquisition
from m3leo_sar.warp.release_memory import release_memory

#: Memory of a worker that makes a burst.
BURST_BYTES = 512 << 20
#: Faults of the disk after which no other date can be written either.
_OF_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}
#: Two-way time in the middle of IW2, to which the processor refers the times of all swaths.
_MIDDLE_TIME = 5.8553e-3
#: Polarisations by how well their overlaps are coherent.
_CO_POLARISED = ("VV", "HH", "VH", "HV")


class CoregistrationRun:
    """The dates of a plan in order.

    Parameters
    ----------
    plan : CoregistrationPlan
    terrain : Terrain or None
        None where every burst has its stack, which the caller checks.
    ledger : Ledger
        Gets the outcome of each image.
    with_shifts : bool
        Whether azimuth shifts are measured.
    flatten : bool
        Whether new stacks are flattened.
    workers : int, optional
    report : callable, optional
    stopping : threading.Event
    """

    def __init__(
        self,
        plan: CoregistrationPlan,
        terrain: Any,
        ledger: Ledger,
        *,
        with_shifts: bool,
        flatten: bool,
        workers: int | None,
        report: Callable[[Outcome], Any] | None,
        stopping: threading.Event,
    ) -> None:
        #: What is left of it is done with another reference if the pixels of its own are damaged.
        self.plan = plan
        self._terrain, self._ledger, self._with_shifts = terrain, ledger, with_shifts
        self._flatten = flatten
        self._workers, self._stopping = workers or fitting_workers(BURST_BYTES), stopping
        self._loop: Loop[Any] = Loop(note=self._note, report=report)
        self.summary = self._loop.summary
        #: Why bursts of the date do not fit their reference.
        self._unfit: dict[BurstIdentifier, str] = {}
        #: Azimuth shift of each date that was made.
        self.shifts: dict[datetime.date, DateShift] = {}
        #: Why images of the reference could not be written, by the folder of their stack.
        self._faults: dict[str, str] = {}
        #: Stacks that are there, by folder, each opened once.
        self._opened: dict[str, BurstStack] = {}

    def over_dates(self) -> None:
        """Make every date that is lacking.

        Raises
        ------
        OSError
            If the disk cannot be written to.
        """
        done: set[datetime.date] = set()
        while waiting := [date for date in self.plan.dates if date not in done]:
            date = waiting[0]
            done.add(date)
            images = self.plan.of_date(date)
            for image in images:
                if image.state == PRESENT:
                    self._loop.present(_name(image))
            lacking = [image for image in images if image.state != PRESENT]
            if lacking:
                self._make(date, lacking)
            if date == self.plan.reference and self._faults:
                self._take_another_reference()

    def _take_another_reference(self) -> None:
        """Go on with a reference whose pixels can be read, if nothing was written with this one."""
        if self._stacks():
            return
        plan = self.plan.without_reference()
        if plan is None:
            return
        reason = next(iter(self._faults.values()))
        warnings.warn(
            f"{self.plan.reference} cannot be the reference ({reason}), {plan.reference} is instead", stacklevel=2
        )
        for note in plan.notes:
            warnings.warn(note, stacklevel=2)
        self.plan, self._faults = plan, {}

    def _make(self, date: datetime.date, lacking: Sequence[BurstImage]) -> None:
        with ExitStack() as held:
            try:
                opened = held.enter_context(unpacked([image.image for image in lacking], self.plan.folder))
            except ValueError as error:
                if date == self.plan.reference:
                    self._faults |= {image.folder: reason_of(error) for image in lacking}
                self._fail(lacking, error)
                return
            ready = [image._replace(image=found) for image, found in zip(lacking, opened, strict=True)]
            release_memory()
            if date == self.plan.reference:
                jobs: list[Any] = list(_by_burst(ready).values())
                self._loop.over(jobs, self._executor(self._make_reference, len(jobs)))
                return
            offsets = self._offsets(date, ready)
            try:
                shift = self._shift(date, [image for image in ready if image.identifier in offsets], offsets)
            except (ValueError, OSError) as error:
                if _is_fatal(error):
                    raise
                self._fail(ready, error)
                return
            if offsets:
                self.shifts[date] = shift
            release_memory()
            do = partial(self._make_secondary, shift=shift, offsets=offsets)
            singles = [[image] for image in ready]
            self._loop.over(singles, self._executor(do, len(singles)))

    def _fail(self, images: Sequence[BurstImage], error: Exception) -> None:
        """Note images of a date that one fault keeps from being made; other dates go on."""
        failed = Answer([_outcome(image, reason_of(error)) for image in images])
        self._loop.over([images], Here(lambda job: failed))

    def _executor(self, do: Callable[[Any], Answer], jobs: int) -> Executor[Any]:
        workers = min(self._workers, jobs)
        do = _released(do)
        return Here(do) if workers < 2 else ThreadPool(do, workers=workers, stopping=self._stopping)

    def _offsets(self, date: datetime.date, images: Sequence[BurstImage]) -> dict[BurstIdentifier, BurstOffsets]:
        """Offsets of each burst of a date whose stack has its reference; they serve all polarisations."""
        found: dict[BurstIdentifier, BurstOffsets] = {}
        self._unfit = {}
        for image in images:
            stack = None if image.identifier in found else self._stack(image)
            if stack is not None:
                try:
                    secondary = self.plan.orbits[date].acquisition(image.image)
                    found[image.identifier] = ReferenceGrid.of(stack).offsets(secondary)
                except ValueError as error:
                    self._unfit[image.identifier] = reason_of(error)
        return found

    def _shift(
        self, date: datetime.date, images: Sequence[BurstImage], offsets: Mapping[BurstIdentifier, BurstOffsets]
    ) -> DateShift:
        """Shift of a date: that with which an earlier run wrote some of its bursts, or a new one."""
        if not images:
            return DateShift(note="no burst fits its reference")
        every = self._stacks()
        orbit = self.plan.orbits[date]
        written = shifts_of(list(every.values()), date, inputs_of_image(images[0].image, orbit))
        if written is not None:
            return written
        if not self._with_shifts:
            return DateShift(note="not measured")
        polarisation = min((image.polarisation for image in images), key=_CO_POLARISED.index)
        some = {image.identifier: image.image for image in images if image.polarisation == polarisation}
        stacks = {
            identifier: stack for (identifier, name), stack in every.items()
            if name == polarisation and self.plan.reference in stack.dates()
        }  # fmt: skip
        return measured_shift(date, some, offsets, stacks, reference=self.plan.reference)

    def _stacks(self) -> dict[tuple[BurstIdentifier, str], BurstStack]:
        """Stacks of the plan that are there; one without a date was begun and never made."""
        every = {image.folder: image for image in self.plan.images}
        stacks = {(image.identifier, image.polarisation): self._stack(image) for image in every.values()}
        return {key: stack for key, stack in stacks.items() if stack is not None and stack.dates()}

    def _stack(self, image: BurstImage) -> BurstStack | None:
        """Stack of an image; None if there is none yet."""
        place = self.plan.folder / image.folder
        if image.folder not in self._opened and BurstStack.exists(place):
            self._opened[image.folder] = BurstStack(place)
        return self._opened.get(image.folder)

    def _make_reference(self, images: Sequence[BurstImage]) -> Answer:
        """Stacks of one burst with the reference's own pixels; the terrain serves all polarisations."""
        orbit = self.plan.orbits[self.plan.reference]
        acquisition = orbit.acquisition(images[0].image)
        try:
            geometry, heights = self._written_ground(images[0].identifier) or self._ground(acquisition, images[0].image)
        except ValueError as error:
            return Answer([_outcome(image, reason_of(error)) for image in images])
        outcomes: list[Outcome] = []
        for image in images:
            try:
                self._write_reference(image, geometry, heights)
            except (ValueError, OSError, MemoryError) as error:
                if _is_fatal(error):
                    return Answer([*outcomes, _outcome(image, reason_of(error))], fatal=reason_of(error))
                self._faults[image.folder] = reason_of(error)
                outcomes.append(_outcome(image, reason_of(error)))
            else:
                outcomes.append(_outcome(image))
        return Answer(outcomes)

    def _write_reference(self, image: BurstImage, geometry: OrbitGeometry, heights: BurstHeights) -> None:
        """The stack of an image with its own pixels; no stack if these fail, as it would fix the reference."""
        place, stack = self.plan.folder / image.folder, self._stack(image)
        if stack is None or not stack.dates():
            self._drop(image)
            facts = stack_facts(image, geometry, self._terrain, flatten=self._flatten)
            steps = heights.row_step, heights.col_step
            stack = BurstStack.create(place, facts, geometry, heights.height, steps=steps)
        try:
            write_reference(stack, image.image, facts=date_facts(image, self.plan.orbits[image.date]))
        except BaseException:
            if not stack.dates():
                self._drop(image)
            raise

    def _drop(self, image: BurstImage) -> None:
        """Remove a stack without a date."""
        self._opened.pop(image.folder, None)
        if BurstStack.exists(self.plan.folder / image.folder):
            remove_at_once(self.plan.folder / image.folder)

    def _written_ground(self, identifier: BurstIdentifier) -> tuple[OrbitGeometry, BurstHeights] | None:
        """Grid and heights of another polarisation of the burst."""
        for (burst, _), stack in self._stacks().items():
            if burst == identifier:
                height, steps = stack.heights()
                self._require_terrain(stack)
                return stack.geometry(), BurstHeights(height, *steps)
        return None

    def _ground(self, acquisition: Acquisition, burst: Any) -> tuple[OrbitGeometry, BurstHeights]:
        extent = Extent.of(burst.valid)
        dem, box = terrain_of(acquisition, extent, self._terrain)
        release_memory()
        geometry = OrbitGeometry(acquisition.orbit, acquisition.radar_grid, dem, box, timing=timing_of(burst))
        heights = burst_heights(orbit=acquisition.orbit, radar_grid=acquisition.radar_grid, dem=dem, dem_geobox=box)
        release_memory()
        require_known(heights, extent, box)
        return geometry, heights

    def _make_secondary(
        self, images: Sequence[BurstImage], *, shift: DateShift, offsets: Mapping[BurstIdentifier, BurstOffsets]
    ) -> Answer:
        image = images[0]
        stack, orbit = self._stack(image), self.plan.orbits[image.date]
        try:
            if stack is None or self.plan.reference not in stack.dates():
                raise ValueError(self._without_reference(image))
            self._require_terrain(stack)
            if image.identifier not in offsets:
                raise ValueError(self._unfit[image.identifier])
            facts = {**date_facts(image, orbit), **shift.facts()}
            write_secondary(stack, image.image, offsets[image.identifier], shift=shift.lines, facts=facts)
        except (ValueError, OSError, MemoryError) as error:
            return Answer([_outcome(image, reason_of(error))], fatal=reason_of(error) if _is_fatal(error) else "")
        return Answer([_outcome(image)])

    def _without_reference(self, image: BurstImage) -> str:
        """Why an image whose stack lacks its reference cannot be made, with the remedy."""
        date, reason = self.plan.reference, self._faults.get(image.folder)
        if reason is None:
            return f"the reference {date} of {image.folder} failed"
        name = next((one.image.name for one in self.plan.of_date(date) if one.folder == image.folder), "its product")
        place = " and another folder" if self._stacks() else ""
        return (
            f"the reference {date} of {image.folder} failed ({reason}); download {name} again, or choose another date "
            f"by reference={place}"
        )

    def _require_terrain(self, stack: BurstStack) -> None:
        """Refuse another terrain than that with which the stack was flattened."""
        if self._terrain is None or stack.facts.get("terrain_source") == self._terrain.fingerprint:
            return
        held = stack.geometry()
        dem, box = self._terrain.window(held.dem_geobox.bounds, minimum_share=0.0)
        if height_fingerprint(dem, box) != stack.facts.get("terrain"):
            raise ValueError(
                f"{stack.root.name} was flattened with another terrain than dem; give the same, leave dem out to use "
                "that of the stack, or take another folder"
            )

    def _note(self, job: Any, answer: Answer) -> None:
        orbits, plan = self.plan.orbits, self.plan
        for image, outcome in zip(job, answer.outcomes, strict=False):
            digest = parameter_digest({**inputs_of_image(image.image, orbits[image.date]), "to": plan.reference})
            self._ledger.record(outcome.identifier, outcome.state, digest=digest, reason=outcome.reason)


def _released(do: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """A job after which the memory of its blocks goes back, as the next one begins with arrays of other sizes."""

    def job(images: Any) -> Answer:
        answer = do(images)
        release_memory()
        return answer

    return job


def _by_burst(images: Sequence[BurstImage]) -> dict[BurstIdentifier, list[BurstImage]]:
    found: dict[BurstIdentifier, list[BurstImage]] = {}
    for image in images:
        found.setdefault(image.identifier, []).append(image)
    return found


def timing_of(burst: Any) -> AnnotatedTiming | None:
    """Timing of a burst, None if its annotation lacks an entry, as those of repacked products may."""
    note = burst.annotation
    if None in (note.prf, note.rank, note.pulse_ramp_rate) or not note.is_bistatic_corrected:
        return None
    return AnnotatedTiming(_MIDDLE_TIME, note.rank / note.prf, note.pulse_ramp_rate, burst.carrier)


def _is_fatal(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _OF_DISK


def _name(image: BurstImage) -> str:
    return f"{image.folder}/{image.date:%Y%m%d}"


def _outcome(image: BurstImage, reason: str = "") -> Outcome:
    counts: Mapping[str, int] = {} if reason else {image.polarisation: 1}
    size = 0 if reason else image.bytes
    return Outcome(
        identifier=_name(image), state="failed" if reason else "done", reason=reason, counts=counts, bytes=size
    )
