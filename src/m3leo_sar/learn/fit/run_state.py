"""Progress of a run: its best epoch, its checkpoint, and its stopping criteria."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.learn.data.datamodule import ChipDataModule
from m3leo_sar.learn.data.pair_datamodule import PairDataModule
from m3leo_sar.learn.fit.random_state import random_state, restore_random_state
from m3leo_sar.learn.score.processes import gathered

#: Called with (completed epochs, scores) after each epoch.
Report = Callable[[int, dict[str, float]], None]


class Stopped(Exception):
    """Ctrl-C was pressed, and the checkpoint for resuming is written."""


class StopSignal:
    """Whether Ctrl-C was pressed: the first press is recorded, the second interrupts."""

    def __init__(self) -> None:
        self.heard = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record Ctrl-C inside the block; interrupting a step would leave weights partially updated."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        except SystemExit as error:
            # Lightning ends the process on a KeyboardInterrupt; the command has its own exit code for that.
            raise KeyboardInterrupt from error
        finally:
            signal.signal(signal.SIGINT, before)

    def _hear(self, *_: Any) -> None:
        if self.heard:
            raise KeyboardInterrupt
        self.heard = True


class Progress(Callback):
    """Keeps the best epoch, writes checkpoints, and stops early, on Ctrl-C and at a NaN or infinite loss.

    The best weights are part of the state, so the checkpoint alone is sufficient: a resumed run tests the same epoch as
    an uninterrupted one.

    Parameters
    ----------
    path : Path
        Checkpoint, replaced atomically after each epoch, every ``every`` steps, and before the last step of an epoch,
        so that a stop during validation costs only one step.
    data : ChipDataModule or PairDataModule
        Its position is set when the run resumes.
    watched : pair of str
        Monitored score, and ``"max"`` or ``"min"``.
    facts : dict
        Values that must be identical when the run is resumed.
    every, patience : int
        Steps between checkpoints, 0 for none; epochs without improvement before stopping, 0 for no early stopping.
    stop : StopSignal
    report : callable, optional
    """

    def __init__(
        self,
        path: Path,
        data: ChipDataModule | PairDataModule,
        *,
        watched: tuple[str, str],
        facts: dict[str, Any],
        every: int = 0,
        patience: int = 0,
        stop: StopSignal | None = None,
        report: Report | None = None,
    ) -> None:
        self.path, self.data, self.facts, self.report = path, data, facts, report
        self.name, self.sign = watched[0], 1 if watched[1] == "max" else -1
        self.every, self.patience, self.stop = every, patience, stop or StopSignal()
        self.best, self.score, self.place = 0, -math.inf, (0, 0)
        self.weights: dict[str, Tensor] = {}
        self._random: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """State of this callback in a checkpoint."""
        kept = {"best": self.best, "score": self.score, "place": list(self.place), "weights": self.weights}
        return {**kept, "facts": self.facts, "random": gathered(random_state())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self.best, self.score, self.weights = state_dict["best"], state_dict["score"], state_dict["weights"]
        self._random = state_dict["random"]
        self.data.move_to(*state_dict["place"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do not continue a run that had stopped early."""
        trainer.should_stop = self._enough(trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore the random state, now that only the training step draws random numbers."""
        if self._random:
            restore_random_state(self._random[min(trainer.global_rank, len(self._random) - 1)])
            self._random = []

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        """Reject a NaN or infinite loss before it reaches the weights."""
        if not torch.isfinite(loss):
            kept = f"{self.path} is from before it" if self.path.is_file() else "there is no checkpoint yet"
            raise ValueError(
                f"the loss is {float(loss)} in epoch {trainer.current_epoch + 1}, batch "
                f"{trainer.fit_loop.batch_idx + 1}; {kept}. A lower learning_rate, a warmup or clip=1 may help"
            )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint if one is due, and stop if requested."""
        done, every, batches = batch_idx + 1, trainer.accumulate_grad_batches, int(trainer.num_training_batches)
        stop = self._asked(trainer)
        # Between the batches of one accumulated step there are gradients, which a checkpoint does not contain.
        if done < batches and done % every == 0:
            due = self.every and trainer.global_step % self.every == 0
            if stop or due or done + every >= batches:
                self._save(trainer, (trainer.current_epoch, done))
            if stop:
                raise Stopped
        elif stop and self.path.is_file():
            raise Stopped

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
        """Stop if requested; the state before validation is already written."""
        if not trainer.sanity_checking and self._asked(trainer, together=False) and self.path.is_file():
            raise Stopped

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Update the best epoch, write the checkpoint and report."""
        scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = trainer.current_epoch + 1
        score = self.sign * scores[self.name]
        # A NaN score (val tiles without a label) is better than no score and worse than any other.
        if not self.weights or score > self.score:
            self.best, self.score = epoch, -math.inf if math.isnan(score) else score
            self.weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
        self.data.move_to(epoch)
        self._save(trainer, (epoch, 0))
        if self.report and trainer.is_global_zero:
            self.report(epoch, scores)
        if self._asked(trainer):
            raise Stopped
        trainer.should_stop = self._enough(epoch)

    def _enough(self, epoch: int) -> bool:
        return bool(self.patience and self.best and epoch - self.best >= self.patience)

    def _asked(self, trainer: L.Trainer, *, together: bool = True) -> bool:
        # Processes receive the signal at different batches, and must stop at the same one.
        several = together and trainer.world_size > 1
        return trainer.strategy.reduce_boolean_decision(self.stop.heard, all=False) if several else self.stop.heard

    def _save(self, trainer: L.Trainer, place: tuple[int, int]) -> None:
        self.place = place
        if not trainer.is_global_zero:
            # All processes take part, as each contributes its random state; the first one writes.
            trainer.save_checkpoint(self.path)
            return
        with atomic_path(self.path) as partial:
            trainer.save_checkpoint(partial)
