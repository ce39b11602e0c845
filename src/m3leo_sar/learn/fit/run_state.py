"""How far a run is: its best epoch, what going on needs, and when it must stop."""

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

#: Called with (epochs done, scores) after each epoch.
Report = Callable[[int, dict[str, float]], None]


class Stopped(Exception):
    """Ctrl-C was heard, and what going on needs is written."""


class StopSignal:
    """Whether Ctrl-C was pressed: the first time it is noted, the second time it interrupts."""

    def __init__(self) -> None:
        self.heard = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note Ctrl-C inside the block; interrupting a step would leave weights half changed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        except SystemExit as error:
            # Lightning ends the process on a KeyboardInterrupt; the command has a code of its own for that.
            raise KeyboardInterrupt from error
        finally:
            signal.signal(signal.SIGINT, before)

    def _hear(self, *_: Any) -> None:
        if self.heard:
            raise KeyboardInterrupt
        self.heard = True


class Progress(Callback):
    """Remembers the best epoch, writes what resuming needs, stops early, on Ctrl-C and at a loss that is no number.

    The best weights are part of the state, so the checkpoint alone holds all: a run that is resumed tests the same
    epoch as one that was never interrupted.

    Parameters
    ----------
    path : Path
        Checkpoint; it is replaced whole after each epoch, every ``every`` steps, and before the last step of an epoch,
        so that a stop while validating costs a step.
    data : ChipDataModule or PairDataModule
        Told where to go on.
    watched : pair of str
        Score and ``"max"`` or ``"min"``.
    facts : dict
        What must be the same when the run is resumed.
    every, patience : int
        Steps between checkpoints, epochs without a better one; 0 for none and for never.
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
        """What a checkpoint keeps of this."""
        kept = {"best": self.best, "score": self.score, "place": list(self.place), "weights": self.weights}
        return {**kept, "facts": self.facts, "random": gathered(random_state())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self.best, self.score, self.weights = state_dict["best"], state_dict["score"], state_dict["weights"]
        self._random = state_dict["random"]
        self.data.move_to(*state_dict["place"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do not go on with a run that had stopped early."""
        trainer.should_stop = self._enough(trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Go on with the random numbers, now that nothing but the step draws any."""
        if self._random:
            restore_random_state(self._random[min(trainer.global_rank, len(self._random) - 1)])
            self._random = []

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        """Refuse a loss that is no number before it reaches the weights."""
        if not torch.isfinite(loss):
            kept = f"{self.path} is from before it" if self.path.is_file() else "there is no checkpoint yet"
            raise ValueError(
                f"the loss is {float(loss)} in epoch {trainer.current_epoch + 1}, batch "
                f"{trainer.fit_loop.batch_idx + 1}; {kept}. A lower learning_rate, a warmup or clip=1 may help"
            )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint where one is due, and stop if asked to."""
        done, every, batches = batch_idx + 1, trainer.accumulate_grad_batches, int(trainer.num_training_batches)
        stop = self._asked(trainer)
        # Between the batches of one step there are gradients that a checkpoint does not keep.
        if done < batches and done % every == 0:
            due = self.every and trainer.global_step % self.every == 0
            if stop or due or done + every >= batches:
                self._save(trainer, (trainer.current_epoch, done))
            if stop:
                raise Stopped
        elif stop and self.path.is_file():
            raise Stopped

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
        """Stop if asked to; what comes before validation is written."""
        if not trainer.sanity_checking and self._asked(trainer, together=False) and self.path.is_file():
            raise Stopped

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember, write, report."""
        scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
        epoch = trainer.current_epoch + 1
        score = self.sign * scores[self.name]
        # A score that is NaN (val tiles without a label) is better than none and worse than any.
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
        # Processes hear it at different batches, and must stop at one.
        several = together and trainer.world_size > 1
        return trainer.strategy.reduce_boolean_decision(self.stop.heard, all=False) if several else self.stop.heard

    def _save(self, trainer: L.Trainer, place: tuple[int, int]) -> None:
        self.place = place
        if not trainer.is_global_zero:
            # All take part, as each gives its random numbers; the first one writes.
            trainer.save_checkpoint(self.path)
            return
        with atomic_path(self.path) as partial:
            trainer.save_checkpoint(partial)
