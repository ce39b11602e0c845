"""A plan in progress: its blocks, and the notes in ledger and log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from m3leo_sar._machine import within_memory
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import ChipLedger, TileState
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.products.placement import placement_on
from m3leo_sar.products.recipe import Recipe, images_of_chips
from m3leo_sar.run.block_executor import FUNCTION, ClusterExecutor, WorkerExecutor, answer_of
from m3leo_sar.run.job import BLOCK_BYTES, job_values, run_job
from m3leo_sar.run.loop import Answer, Executor, Here, Loop, Outcome
from m3leo_sar.run.plan import RATE, Plan, folder_stamp
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.run.run_log import RunLog
from m3leo_sar.run.run_options import RunOptions, Watch
from m3leo_sar.run.threads import shares
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack

#: Most tiles per block.
_LARGEST_BLOCK = 16
#: Least number of blocks per worker, so that none waits long for the last.
_BLOCKS_A_WORKER = 4
#: Assumed number of workers of a cluster, if it is not given.
_CLUSTER = 64


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
        fitting = within_memory(BLOCK_BYTES, parts=8) // (area * images * np.dtype(stack.dtype).itemsize)
        return max(1, min(fair, fitting, _LARGEST_BLOCK))
    return max(1, min(fair, _LARGEST_BLOCK))


class UpdateRun:
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
            return ClusterExecutor({**common, "remote_index": None}, options, self.archive.root)
        if workers == 1 and options.workers is None and options.threads is None and options.timeout is None:
            # Little work: starting another process would take longer.
            return Here(lambda job: answer_of(job, run_job(common, job)))
        pool = WorkerPool(
            FUNCTION,
            common,
            workers=workers,
            threads=threads,
            timeout=options.timeout,
            keep_open=(lock.fileno(),),
            on_event=lambda word, sentence: self.log.write(word, reason=sentence),
        )
        return WorkerExecutor(pool, self.archive.root)

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
