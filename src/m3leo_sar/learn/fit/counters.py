"""Data throughput of a run: samples and bytes per second, and waiting times."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

#: Number of batches whose times are kept for quantiles.
_KEPT = 10_000


class Counters(Callback):
    """Measures times between training batches, and counts label codes that are not classes.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Any = time.perf_counter) -> None:
        self.clock = clock
        self.samples, self.bytes, self.waiting, self.stepping = 0, 0, 0.0, 0.0
        self.waits: deque[float] = deque(maxlen=_KEPT)
        self.steps: deque[float] = deque(maxlen=_KEPT)
        #: Tile to the number of pixels of each code.
        self.unknown: dict[str, dict[int, int]] = {}
        self._since: float | None = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start waiting for the first batch."""
        self._since = self.clock()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The wait is over."""
        now = self.clock()
        # A run resumed in the middle of an epoch has no call for the epoch's start.
        waited = 0.0 if self._since is None else now - self._since
        self.waiting, self._since = self.waiting + waited, now
        self.waits.append(waited)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The step is over."""
        now = self.clock()
        took = 0.0 if self._since is None else now - self._since
        self.steps.append(took)
        self.stepping, self._since = self.stepping + took, now
        self.samples += len(batch["image"])
        self.bytes += sum(batch[name].nbytes for name in ("image", "mask", "target") if name in batch)
        self._note_codes(batch)

    def on_validation_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        """Record codes of val tiles."""
        self._note_codes(batch)

    def on_test_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        """Record codes of test tiles."""
        self._note_codes(batch)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the rates measured so far."""
        pl_module.log_dict(self.rates(trainer.world_size))

    def rates(self, world: int = 1) -> dict[str, float]:
        """Rates measured since the process started; all 0 if nothing was measured.

        Returns
        -------
        dict
            ``samples_per_second`` and ``bytes_per_second`` of all ``world`` processes; ``wait_fraction``, the share of
            the time spent waiting for batches; ``wait_p50`` and ``wait_p99`` in seconds; and ``stall_ratio``, the
            median time from one batch to the next over the median time of the step alone, minus 1.
        """
        seconds = self.waiting + self.stepping
        if not self.steps or not seconds:
            return dict.fromkeys(_NAMES, 0.0)
        waits, steps = np.array(self.waits)[-len(self.steps) :], np.array(self.steps)
        values = (
            world * self.samples / seconds,
            world * self.bytes / seconds,
            self.waiting / seconds,
            *np.quantile(waits, (0.5, 0.99)).tolist(),
            float(np.median(waits + steps) / np.median(steps) - 1),
        )
        return dict(zip(_NAMES, values, strict=True))

    def unknown_codes(self) -> dict[str, int]:
        """Pixels per code that is neither a class nor 0, over all tiles read; codes above 255 count as ``"other"``."""
        total: dict[int, int] = {}
        for codes in self.unknown.values():
            for code, count in codes.items():
                total[code] = total.get(code, 0) + count
        return {str(code) if code < 256 else "other": total[code] for code in sorted(total)}

    def _note_codes(self, batch: dict[str, Any]) -> None:
        if "unknown" not in batch or not batch["unknown"].any():
            return
        for identifier, counts in zip(batch["identifier"], batch["unknown"], strict=True):
            found = torch.nonzero(counts).flatten().tolist()
            if found:
                self.unknown[identifier] = {code: int(counts[code]) for code in found}


_NAMES = ("samples_per_second", "bytes_per_second", "wait_fraction", "wait_p50", "wait_p99", "stall_ratio")
