"""Executors of blocks of tiles: worker processes of this machine, or the workers of a dask scheduler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from m3leo_sar.io.files.atomic import remove_stale
from m3leo_sar.run.loop import Answer, Outcome
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.run.run_options import RunOptions

#: Function that a worker runs.
FUNCTION = "m3leo_sar.run.job.run_job"
#: A block of tiles as plain values, and its answer.
Outcomes = Iterator[tuple[Any, Answer]]


class WorkerExecutor:
    """Worker processes of this machine."""

    def __init__(self, pool: WorkerPool, root: Path) -> None:
        self._pool, self._root = pool, root

    def run(self, jobs: Iterable[Any]) -> Outcomes:
        """Yield each block with its answer, in the order of completion."""
        try:
            with closing(self._pool.run(jobs)) as answers:  # type: ignore[type-var]
                for job, values in answers:
                    yield job, answer_of(job, values)
        finally:
            if self._pool.lost:
                remove_stale(self._root)

    def stop(self) -> tuple[()]:
        """The workers end with the iterator of `run`; the next run finds their chips."""
        return ()


class ClusterExecutor:
    """Workers of a dask scheduler."""

    def __init__(self, common: Mapping[str, Any], options: RunOptions, root: Path) -> None:
        self._common, self._options, self._root = common, options, root

    def run(self, jobs: Iterable[Any]) -> Outcomes:
        """Yield each block with its answer, in the order of completion."""
        from m3leo_sar.run.dask_pool import connected, dask_outcomes

        threads = self._options.threads or 1
        with connected(self._options.scheduler) as client:
            try:
                for job, values in dask_outcomes(client, FUNCTION, self._common, jobs, threads=threads):
                    yield job, answer_of(job, values)
            finally:
                # Workers may have been lost without a report.
                remove_stale(self._root)

    def stop(self) -> tuple[()]:
        """The scheduler drops the jobs with the client; the next run finds their chips."""
        return ()


def answer_of(job: Mapping[str, Any], values: Mapping[str, Any]) -> Answer:
    """The plain values of a worker's answer, or the loss of the worker, as an answer."""
    if "tiles" in values:
        outcomes = [Outcome(**entry) for entry in values["tiles"]]
        return Answer(outcomes, values.get("fatal", ""), values.get("seconds", 0.0), values.get("warnings", ()))
    lost = values["lost"]
    return Answer([Outcome(identifier=tile["identifier"], state="failed", reason=lost) for tile in job["tiles"]])
