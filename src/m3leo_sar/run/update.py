"""Update an archive: plan, run on one machine or a cluster, note the results."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER, ChipLedger, TileState
from m3leo_sar.io.files.atomic import remove_stale
from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.remote.chunk_index import INDEX
from m3leo_sar.io.remote.open_remote import index_at
from m3leo_sar.products.placement import placement_on
from m3leo_sar.products.recipe import UNKNOWN, Origin, Recipe, images_of_chips, wanted_chips
from m3leo_sar.run.catalogue import Catalogue
from m3leo_sar.run.job import BLOCK_BYTES, common_values, job_values, run_job
from m3leo_sar.run.loop import Answer, Executor, Here, Loop, Outcome, Summary, refuse_none
from m3leo_sar.run.make_chips import require_work
from m3leo_sar.run.plan import RATE, Plan, folder_stamp, make_plan
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.run.run_log import RunLog
from m3leo_sar.run.threads import shares
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack

#: Function that a worker runs.
FUNCTION = "m3leo_sar.run.job.run_job"
#: Most tiles per block.
_LARGEST_BLOCK = 16
#: Least number of blocks per worker, so that none waits long for the last.
_BLOCKS_A_WORKER = 4
#: Assumed number of workers of a cluster, if it is not given.
_CLUSTER = 64
#: Entry of the ledger: the common inputs of all chips of an archive.
_SERIES = "series"
#: A block of tiles as plain values, and its answer.
Outcomes = Iterator[tuple[Any, Answer]]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Processes, device and log of a run.

    Parameters
    ----------
    workers : int, optional
        Worker processes; by default one per CPU, and this process alone for little work.
    threads : int, optional
        Threads per worker; by default its share of the CPUs.
    scheduler : str or object, optional
        Address of a dask scheduler, a Dask cluster or its client, whose workers do the jobs.
    timeout : float, optional
        Seconds per block after which a worker is replaced.
    device : str
        ``"cpu"``, or ``"gpu"``: workers compute on the GPU visible to them.
    verify : bool
        Read every existing chip, and compute damaged ones again.
    log : path, optional
        File to which each event is added as a line of JSON.
    """

    workers: int | None = None
    threads: int | None = None
    scheduler: Any = None
    timeout: float | None = None
    device: str = "cpu"
    verify: bool = False
    log: str | os.PathLike[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Callbacks during a run.

    Parameters
    ----------
    checked : callable
        An input's checksum is known.
    planned : callable
        The plan is made.
    settled : callable
        A tile is done, skipped or failed.
    """

    checked: Callable[[], Any] = lambda: None
    planned: Callable[[Plan], Any] = lambda plan: None
    settled: Callable[[Outcome], Any] = lambda outcome: None


def bring_up_to_date(
    catalogue: Catalogue,
    archive: ChipArchive,
    grid: TileGrid,
    recipe: Recipe,
    *,
    options: RunOptions | None = None,
    watch: Watch | None = None,
) -> Summary:
    """Compute every chip of the recipe that is missing, or was computed from other inputs or parameters.

    It may be stopped, or killed, at any time and started again: chips appear whole, the ledger then notes them, and
    noted chips are not computed again. The archive is locked against other runs meanwhile.

    Parameters
    ----------
    catalogue : Catalogue
    archive : ChipArchive
    grid : TileGrid
    recipe : Recipe
    options : RunOptions, optional
    watch : Watch, optional

    Returns
    -------
    Summary
        ``failed`` lists tiles whose input could not be read; the next run tries them again.

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or every tile lies off the stack.
    BlockingIOError
        If another run works on the archive.
    OSError
        If an input or the archive cannot be used, or the scheduler is gone; finished work is kept.
    """
    options, watch = options or RunOptions(), watch or Watch()
    if options.device not in ("cpu", "gpu"):
        raise ValueError(f"device must be cpu or gpu, got {options.device!r}")
    if options.scheduler is not None and options.timeout is not None:
        raise ValueError(f"timeout applies to workers on this machine, got {options.timeout} beside a scheduler")
    require_work(catalogue.stack, grid, recipe)
    with ExitStack() as open_:
        lock = open_.enter_context(RunLock(archive.root))
        ledger = open_.enter_context(ChipLedger(archive.root / LEDGER))
        log = open_.enter_context(RunLog(options.log))
        index = open_.enter_context(index_at(archive.root / INDEX)) if catalogue.is_far else None
        ledger.note(_SERIES, _series(catalogue, ledger, archive))
        origin, signatures = catalogue.origin(_inputs(catalogue, recipe), ledger.checksum, progress=watch.checked)
        plan = _plan(catalogue, grid, recipe, origin, archive=archive, ledger=ledger, verify=options.verify)
        watch.planned(plan)
        common = common_values(
            catalogue, archive, recipe, origin, signatures, device=options.device, remote_index=index
        )
        run = _Run(plan, archive, ledger, log, watch)
        run.over(common, options, catalogue.stack, recipe, lock)
    refuse_none(run.summary.skipped, len(grid), catalogue.stack.name)
    return run.summary


def plan_only(
    catalogue: Catalogue, path: str | os.PathLike[str], grid: TileGrid, recipe: Recipe, *, verify: bool = False
) -> tuple[Plan, float | None]:
    """Plan of :func:`bring_up_to_date`, and the seconds per pixel of earlier runs; nothing is written.

    Raises
    ------
    ValueError, OSError
        As :func:`bring_up_to_date`, or if ``path`` is not an archive.
    """
    require_work(catalogue.stack, grid, recipe)
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"archive must be a folder, got the file {folder}")
    if not folder.is_dir() or not any(folder.iterdir()):
        return _on_stack(_plan(catalogue, grid, recipe, UNKNOWN), catalogue.stack, recipe), None
    archive, book = ChipArchive(folder), folder / LEDGER
    with ExitStack() as open_:
        # An inspection creates no ledger.
        ledger = open_.enter_context(ChipLedger(book)) if book.is_file() else None
        if ledger:
            _series(catalogue, ledger, archive)
        origin, _ = catalogue.origin(_inputs(catalogue, recipe), ledger.checksum if ledger else _checksum)
        plan = _plan(catalogue, grid, recipe, origin, archive=archive, ledger=ledger, verify=verify)
        return _on_stack(plan, catalogue.stack, recipe), ledger.fact(RATE) if ledger else None


def _on_stack(plan: Plan, stack: SlcStack | BurstSet, recipe: Recipe) -> Plan:
    """The plan without the tiles that a run would leave out, as too small a share of them lies on the stack."""
    for position in list(plan.lacking):
        tile = plan.grid[position]
        try:
            _, reason = placement_on(stack, tile, recipe.minimum_coverage)
        except (ValueError, OSError):
            # The run gives the reason.
            continue
        if reason:
            plan.skipped[tile.identifier] = reason
            del plan.lacking[position]
    return plan


def block_size(plan: Plan, stack: SlcStack | BurstSet, *, workers: int) -> int:
    """Number of tiles per block, so that its pixels fit in memory and every worker gets several blocks."""
    positions = list(plan.lacking)
    fair = -(-len(positions) // (_BLOCKS_A_WORKER * workers))
    for position in positions[:: max(1, len(positions) // 8)]:
        images = len(images_of_chips(plan.lacking[position])) or 1
        try:
            spans = [part.positions.window() for part in placement_on(stack, plan.grid[position], 0).parts]
        except ValueError:
            # Off the stack; another tile gives the size.
            continue
        area = sum((rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols in spans)
        if not area:
            continue
        fitting = BLOCK_BYTES // (area * images * np.dtype(stack.dtype).itemsize)
        return max(1, min(fair, fitting, _LARGEST_BLOCK))
    return max(1, min(fair, _LARGEST_BLOCK))


class _Run:
    """A plan in progress; one thread writes the ledger."""

    def __init__(self, plan: Plan, archive: ChipArchive, ledger: ChipLedger, log: RunLog, watch: Watch) -> None:
        self.plan, self.archive, self.ledger, self.log, self.watch = plan, archive, ledger, log, watch
        self.loop: Loop[Any] = Loop(
            note=self._note,
            report=watch.settled,
            warned=lambda text: self.log.write("warning", reason=text),
        )
        self.summary = self.loop.summary
        self.summary.present, self.summary.skipped = plan.present, dict(plan.skipped)
        self._position = {plan.grid.identifiers[position]: position for position in plan.lacking}
        self._digests = {name: parameter_digest(parameters) for name, parameters in plan.wanted.items()}
        self._holdings: dict[tuple[int, tuple[str, ...]], tuple[str, list[str]]] = {}
        self._seconds = 0.0

    def over(
        self, common: Mapping[str, Any], options: RunOptions, stack: SlcStack | BurstSet, recipe: Recipe, lock: RunLock
    ) -> None:
        """Run all blocks and note their results."""
        started = time.monotonic()
        self._note_learned()
        # The number of a cluster's workers may change; small blocks serve any number.
        few = options.workers or (1 if options.scheduler is None else _CLUSTER)
        blocks = self.plan.blocks(block_size(self.plan, stack, workers=few))
        workers, threads = shares(workers=options.workers, threads=options.threads, blocks=len(blocks))
        if workers > 1 and options.scheduler is None:
            blocks = self.plan.blocks(block_size(self.plan, stack, workers=workers))
        self.log.write(
            "start",
            software=f"m3leo-sar {version('m3leo-sar')}",
            archive=str(self.archive.root),
            stack=stack.name,
            tiles=len(self.plan.grid),
            lacking=self.plan.chips,
            present=self.plan.present,
            pairs=len(recipe.pairs),
            blocks=len(blocks),
            workers=workers,
            threads=threads,
        )
        jobs = (job_values(self.plan, block) for block in blocks)
        try:
            self.loop.over(jobs, self._executor(common, options, workers, threads, lock))
        finally:
            pixels = sum(self.summary.computed.values()) * self.plan.grid.pixels**2
            self.log.write(
                "end",
                computed=self.summary.computed,
                skipped=len(self.summary.skipped),
                failed=len(self.summary.failed),
                seconds=round(time.monotonic() - started, 3),
                worker_seconds=round(self._seconds, 3),
            )
        if pixels:
            self.ledger.note(RATE, self._seconds / pixels)

    def _executor(
        self, common: Mapping[str, Any], options: RunOptions, workers: int, threads: int, lock: RunLock
    ) -> Executor[Any]:
        if options.scheduler is not None:
            # SQLite does not serve several machines.
            return _Cluster({**common, "remote_index": None}, options, self.archive.root)
        if workers == 1 and options.workers is None and options.threads is None and options.timeout is None:
            # Little work: starting another process would take longer.
            return Here(lambda job: _answer(job, run_job(common, job)))
        pool = WorkerPool(
            FUNCTION,
            common,
            workers=workers,
            threads=threads,
            timeout=options.timeout,
            keep_open=(lock.fileno(),),
            on_event=lambda word, sentence: self.log.write(word, reason=sentence),
        )
        return _Processes(pool, self.archive.root)

    def _note_learned(self) -> None:
        """Note chips of the archive that the ledger did not know."""
        states = {}
        for identifier, held in self.plan.learned.items():
            stamp = folder_stamp(self.archive.root, identifier, held)
            states[identifier] = TileState("done", "", self._holding(held, ())[0], stamp)
        self.ledger.record_tiles(states)

    def _note(self, job: Any, answer: Answer) -> None:
        """Record the tiles of a block in the ledger and the log."""
        self._seconds += answer.seconds
        self.ledger.record_tiles({outcome.identifier: self._state(outcome) for outcome in answer.outcomes})
        for outcome in answer.outcomes:
            self.log.write("tile", **asdict(outcome))

    def _state(self, outcome: Outcome) -> TileState:
        position = self._position[outcome.identifier]
        if outcome.state == "skipped":
            return TileState("skipped", outcome.reason, self.plan.asked, "")
        done = outcome.state == "done"
        made = self.plan.lacking[position] if done else ()
        holding, names = self._holding(self.plan.held[position], made)
        # A job that failed or was lost may have written some of its chips: the next run inspects them.
        stamp = folder_stamp(self.archive.root, outcome.identifier, names) if done else ""
        return TileState(outcome.state, outcome.reason, holding, stamp)

    def _holding(self, held: Mapping[str, str], made: tuple[str, ...]) -> tuple[str, list[str]]:
        """Digest under which the ledger keeps the present chips of a tile, and one chip of each product."""
        # Tiles that are alike share the mapping, which the plan keeps alive.
        kind = (id(held), made)
        if kind not in self._holdings:
            chips = dict(held) | {name: self._digests[name] for name in made}
            one_of_each = {name.rpartition("/")[0]: name for name in chips}
            self._holdings[kind] = self.ledger.keep(chips), list(one_of_each.values())
        return self._holdings[kind]


class _Processes:
    """Worker processes of this machine."""

    def __init__(self, pool: WorkerPool, root: Path) -> None:
        self._pool, self._root = pool, root

    def run(self, jobs: Iterable[Any]) -> Outcomes:
        try:
            with closing(self._pool.run(jobs)) as answers:  # type: ignore[type-var]
                for job, values in answers:
                    yield job, _answer(job, values)
        finally:
            if self._pool.lost:
                remove_stale(self._root)

    def stop(self) -> tuple[()]:
        """The workers end with the iterator of `run`; the next run finds their chips."""
        return ()


class _Cluster:
    """Workers of a dask scheduler."""

    def __init__(self, common: Mapping[str, Any], options: RunOptions, root: Path) -> None:
        self._common, self._options, self._root = common, options, root

    def run(self, jobs: Iterable[Any]) -> Outcomes:
        from m3leo_sar.run.dask_pool import connected, dask_outcomes

        threads = self._options.threads or 1
        with connected(self._options.scheduler) as client:
            try:
                for job, values in dask_outcomes(client, FUNCTION, self._common, jobs, threads=threads):
                    yield job, _answer(job, values)
            finally:
                # Workers may have been lost without a report.
                remove_stale(self._root)

    def stop(self) -> tuple[()]:
        """The scheduler drops the jobs with the client; the next run finds their chips."""
        return ()


def _answer(job: Mapping[str, Any], values: Mapping[str, Any]) -> Answer:
    """The plain values of a worker's answer, or the loss of the worker, as an answer."""
    if "tiles" in values:
        outcomes = [Outcome(**entry) for entry in values["tiles"]]
        return Answer(outcomes, values.get("fatal", ""), values.get("seconds", 0.0), values.get("warnings", ()))
    lost = values["lost"]
    return Answer([Outcome(identifier=tile["identifier"], state="failed", reason=lost) for tile in job["tiles"]])


def _plan(
    catalogue: Catalogue,
    grid: TileGrid,
    recipe: Recipe,
    origin: Origin,
    *,
    archive: ChipArchive | None = None,
    ledger: ChipLedger | None = None,
    verify: bool = False,
) -> Plan:
    wanted = wanted_chips(
        recipe,
        polarisation=catalogue.stack.polarisation,
        shape=(grid.pixels, grid.pixels),
        labels=catalogue.labels,
        origin=origin,
        bursts=None if isinstance(catalogue.stack, SlcStack) else catalogue.stack.parameters,
    )
    return make_plan(
        grid, wanted, archive=archive, ledger=ledger, minimum_coverage=recipe.minimum_coverage, verify=verify
    )


def _series(catalogue: Catalogue, ledger: ChipLedger, archive: ChipArchive) -> dict[str, Any]:
    """Properties that identify a stack among others of the same ground and dates; they must match earlier runs.

    Chips are named by polarisation and dates alone, so those of another burst or band would replace these.
    """
    stack, before = catalogue.stack, ledger.fact(_SERIES) or {}
    # Earlier versions had one polarisation per archive, and noted it.
    before = {name: value for name, value in before.items() if name != "polarisation"}
    found = {"orbit": stack.orbit, "track": stack.track, "frequency": stack.frequency}
    found = {name: value for name, value in found.items() if value is not None}
    found |= {"burst": stack.burst} if stack.burst else {}
    for name, value in found.items():
        # Bursts that are added to those of earlier runs change the chips at their edges, and no others.
        grown = name == "burst" and name in before and set(before[name].split("+")) <= set(value.split("+"))
        if before.get(name, value) != value and not grown:
            raise ValueError(
                f"{archive.root} holds chips of {name} {before[name]}, {stack.name} is of {value}: its chips would "
                "replace them; give another archive"
            )
    return before | found


def _inputs(catalogue: Catalogue, recipe: Recipe) -> list[str]:
    """Names of the inputs of a recipe's chips."""
    dates = [f"{date:%Y%m%d}" for date in recipe.dates]
    dates += [f"{one}/{date}" for one in catalogue.stack.polarisations for date in dates]
    return [*dates, "geometry", *(f"label-{name}" for name in catalogue.labels)]


def _checksum(path: Path, stop: threading.Event) -> tuple[str, str]:
    return signature(path), checksum(path, stop=stop)
