"""Options of a run, and callbacks during it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from m3leo_sar.chips.transfer import require_gpu
from m3leo_sar.run.loop import Outcome
from m3leo_sar.run.plan import Plan


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

    def require_usable(self) -> None:
        """Refuse options that no run can have, before anything is made.

        Raises
        ------
        ValueError
            If the device is unknown, or a timeout is given beside a scheduler.
        ImportError, OSError
            If this machine is to compute on a GPU and lacks CuPy or a GPU; the machines of a scheduler are others.
        """
        if self.device not in ("cpu", "gpu"):
            raise ValueError(f"device must be cpu or gpu, got {self.device!r}")
        if self.scheduler is not None and self.timeout is not None:
            raise ValueError(f"timeout applies to workers on this machine, got {self.timeout} beside a scheduler")
        if self.device == "gpu" and self.scheduler is None:
            require_gpu()


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
