"""Jobs on dask.distributed: the same function, on the workers of a scheduler."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from typing import Any

from m3leo_sar.run.threads import library_threads, limit_openmp

#: Jobs per thread that the scheduler holds: one that runs and one that waits.
_AHEAD = 2
#: Address of our dashboard: on this machine only.
LOOPBACK = "127.0.0.1"


@contextmanager
def connected(scheduler: Any, *, timeout: float = 30.0) -> Iterator[Any]:
    """Client of a scheduler, from its address, a cluster object or a client.

    Raises
    ------
    ImportError
        If dask.distributed is not installed.
    OSError
        If nothing answers at the address.
    """
    distributed = _distributed()
    if isinstance(scheduler, distributed.Client):
        yield scheduler
        return
    try:
        client = distributed.Client(scheduler, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"scheduler {scheduler} does not answer: {error}") from error
    with client:
        yield client


@contextmanager
def local_cluster(*, workers: int, threads: int = 1, dashboard: str = f"{LOOPBACK}:0") -> Iterator[Any]:
    """A scheduler and worker processes on this machine, not reachable from others.

    Parameters
    ----------
    workers : int
        Processes, each with one job at a time.
    threads : int
        Threads of a job.
    dashboard : str
        Address of the dashboard; the loopback address by default.

    Raises
    ------
    ImportError
        If dask.distributed is not installed.
    """
    distributed = _distributed()
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host=LOOPBACK,
        dashboard_address=dashboard,
        worker_dashboard_address=f"{LOOPBACK}:0",
        env=library_threads(threads),
    )
    with cluster:
        yield cluster


def dask_outcomes(
    client: Any, function: str, common: Mapping[str, Any], jobs: Iterable[Any], *, threads: int
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Submit each job to the scheduler and yield its answer, in the order of completion.

    The scheduler submits a job whose worker dies to another worker; a job that has cost several workers is lost.

    Raises
    ------
    OSError
        If the scheduler is gone.
    """
    distributed = _distributed()
    waiting = iter(jobs)
    under_way: dict[str, Any] = {}
    flow = distributed.as_completed(loop=client.loop)

    def submit() -> None:
        slots = sum(client.nthreads().values()) or 1
        for job in islice(waiting, max(0, _AHEAD * slots - len(under_way))):
            # Not pure: equal jobs of two runs are two jobs.
            future = client.submit(_run, function, dict(common), job, threads, pure=False)
            under_way[future.key] = job
            flow.add(future)

    try:
        submit()
        for future in flow:
            try:
                answer = future.result()
            except distributed.KilledWorker as error:
                answer = {"lost": f"the worker was lost several times: {error}".partition("\n")[0]}
            yield under_way.pop(future.key), answer
            future.release()
            submit()
    except (CancelledError, distributed.CancelledError, OSError) as error:
        raise OSError(f"the scheduler is gone ({type(error).__name__}); run again to continue") from error


def _run(function: str, common: Mapping[str, Any], job: Any, threads: int) -> dict[str, Any]:
    """Run a job on a worker, whose environment others have set."""
    limit_openmp(threads)
    module, _, name = function.rpartition(".")
    answer: dict[str, Any] = getattr(importlib.import_module(module), name)(common, job)
    return answer


def _distributed() -> Any:
    try:
        # Imported here: it takes a second, and one machine does not need it.
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ImportError("a scheduler needs dask.distributed: pip install 'm3leo-sar[scale]'") from error
