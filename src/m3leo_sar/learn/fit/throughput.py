"""Throughput of samples, waiting time per step, and slowdown of the model by the loader."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch

Batch = dict[str, Any]


class Throughput(NamedTuple):
    """Throughput measured over a number of batches."""

    #: Batches and samples.
    batches: int
    samples: int
    #: Samples and bytes of tensors per second of wall time.
    samples_per_second: float
    bytes_per_second: float
    #: Share of the wall time spent waiting for a batch.
    wait_fraction: float
    #: Median and 99th percentile of the waiting time in seconds.
    wait_p50: float
    wait_p99: float


class ThroughputCounter:
    """Counts batches, their bytes and the waiting times.

    Parameters
    ----------
    clock : callable
        Returns seconds; replaced in tests.

    Examples
    --------
    >>> times = iter([0.0, 1.0, 4.0, 6.0, 10.0])
    >>> counter = ThroughputCounter(clock=lambda: next(times))
    >>> for _ in counter.watched([{"image": torch.zeros(3, 5)}, {"image": torch.zeros(3, 5)}]):
    ...     pass
    >>> counted = counter.result()
    >>> counted.samples, counted.wait_fraction, counted.wait_p50
    (6, 0.3, 1.5)
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Reset the counts."""
        self.batches, self.samples, self.bytes = 0, 0, 0
        self._waits: list[float] = []
        self._first, self._last = math.nan, math.nan

    def watched(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """Batches of a loader; time from request to arrival counts as waiting, time until the next request does not."""
        batches = iter(loader)
        while True:
            asked = self._clock()
            try:
                batch = next(batches)
            except StopIteration:
                self._last = asked
                return
            self.note(batch, asked, self._clock())
            yield batch

    def note(self, batch: Batch, asked: float, came: float) -> None:
        """Count a batch that was requested at one time and arrived at another."""
        if self.batches == 0:
            self._first = asked
        tensors = [value for value in batch.values() if isinstance(value, torch.Tensor)]
        self.batches += 1
        self.samples += len(tensors[0]) if tensors else 0
        self.bytes += sum(tensor.nbytes for tensor in tensors)
        self._waits.append(came - asked)
        self._last = came

    def result(self) -> Throughput:
        """Throughput measured so far.

        Raises
        ------
        ValueError
            If no batch has arrived.
        """
        if not self._waits:
            raise ValueError("no batch was counted yet")
        wall = max(self._last - self._first, 1e-12)
        return Throughput(
            self.batches,
            self.samples,
            self.samples / wall,
            self.bytes / wall,
            sum(self._waits) / wall,
            float(np.quantile(self._waits, 0.5)),
            float(np.quantile(self._waits, 0.99)),
        )


class ThroughputCallback(L.Callback):
    """Logs samples and bytes per second and the share of time spent waiting for batches, at the end of each epoch."""

    def __init__(self) -> None:
        self.counter = ThroughputCounter()
        self._asked = math.nan

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start counting."""
        self.counter.reset()
        self._asked = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Record the arrival of a batch."""
        self.counter.note(batch, self._asked, time.perf_counter())

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the request for the next batch."""
        self._asked = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the measured throughput."""
        counted = self.counter.result()
        for name in ("samples_per_second", "bytes_per_second", "wait_fraction", "wait_p50", "wait_p99"):
            pl_module.log(f"throughput/{name}", float(getattr(counted, name)))


class Stall(NamedTuple):
    """Slowdown of a training step by its loader, from alternating blocks with and without the loader."""

    #: Median seconds per step on live batches over that on a resident batch, minus 1.
    ratio: float
    #: Median seconds per step with the resident batch and with live batches, waiting included.
    resident: float
    live: float
    #: Share of the time of live blocks spent waiting, and 99th percentile of the waiting time in seconds.
    wait_fraction: float
    wait_p99: float


def stall_ratio(
    step: Callable[[Batch], Any],
    batches: Callable[[], Iterable[Batch]],
    *,
    resident: Batch | Sequence[Batch] | None = None,
    blocks: int = 5,
    steps: int = 50,
    warm_up: int = 3,
    synchronise: Callable[[], None] | None = None,
) -> Stall:
    """Compare steps on a resident batch with steps on a loader's batches, in alternating blocks in one process.

    Parameters
    ----------
    step : callable
        A training step on a batch.
    batches : callable
        Returns one epoch of batches; called again when the epoch ends.
    resident : dict or sequence of dict, optional
        The resident batch, already on the device for a GPU; the loader's first batch if None. Several batches are used
        in turn: with the loader's own batches, loaded in advance, the ratio is the cost of loading.
    blocks, steps : int
        Blocks of each kind, alternating, and steps per block.
    warm_up : int
        Steps at the start of each block that are not counted.
    synchronise : callable, optional
        Waits for the device, such as ``torch.cuda.synchronize``, so that each step is timed completely.

    Returns
    -------
    Stall
        Medians over all steps of a kind, since a busy machine may slow down any single step.

    Raises
    ------
    ValueError
        If a count is too small, or the loader yields no batch.
    """
    if blocks < 1 or steps < 1 or warm_up < 0:
        raise ValueError(f"blocks and steps must be at least 1, warm_up at least 0, got {blocks}, {steps}, {warm_up}")
    live = _endless(batches)
    kept = [next(live)] if resident is None else [resident] if isinstance(resident, dict) else list(resident)
    held = itertools.cycle(kept)
    wait = synchronise or _nothing
    times: dict[str, list[float]] = {"resident": [], "live": []}
    waits: list[float] = []
    for _ in range(blocks):
        for kind in ("resident", "live"):
            for number in range(warm_up + steps):
                asked = time.perf_counter()
                batch = next(held if kind == "resident" else live)
                came = time.perf_counter()
                step(batch)
                wait()
                if number >= warm_up:
                    times[kind].append(time.perf_counter() - asked)
                    if kind == "live":
                        waits.append(came - asked)
    still, moving = (statistics.median(times[kind]) for kind in ("resident", "live"))
    return Stall(moving / still - 1, still, moving, sum(waits) / sum(times["live"]), float(np.quantile(waits, 0.99)))


def headroom(
    step: Callable[[Batch], Any], batches: Callable[[], Iterable[Batch]], *, blocks: int = 3, count: int = 30
) -> float:
    """Rate of the loader alone over that of the model alone; above 1, the loader is faster than the model.

    Parameters
    ----------
    step, batches : callable
        As of :func:`stall_ratio`.
    blocks, count : int
        Blocks of each kind, alternating, and batches per block. A block should be much longer than the number of
        batches that worker processes prefetch, which take no time to load.

    Raises
    ------
    ValueError
        If a count is below 1 or the loader yields no batch.
    """
    if blocks < 1 or count < 1:
        raise ValueError(f"blocks and count must be at least 1, got {blocks} and {count}")
    live = _endless(batches)
    held = next(live)
    step(held)
    loading = stepping = 0.0
    for _ in range(blocks):
        started = time.perf_counter()
        for _ in range(count):
            next(live)
        came = time.perf_counter()
        for _ in range(count):
            step(held)
        loading, stepping = loading + came - started, stepping + time.perf_counter() - came
    return stepping / max(loading, 1e-12)


def _endless(batches: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
    while True:
        empty = True
        for batch in batches():
            empty = False
            yield batch
        if empty:
            raise ValueError("batches must give at least one batch, got none")


def _nothing() -> None:
    """Do nothing: on a CPU a step is complete when it returns."""
