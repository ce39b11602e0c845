"""Training from a configuration to a checkpoint and a metrics file."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.io.atomic import atomic_path, write_text
from m3leo_sar.learn.channel import Channel
from m3leo_sar.learn.config import FitConfig, to_yaml
from m3leo_sar.learn.datamodule import ChipDataModule
from m3leo_sar.learn.labels import WORLDCOVER
from m3leo_sar.learn.models.unet import UNet
from m3leo_sar.learn.tasks.segmentation import SegmentationTask

Report = Callable[[int, dict[str, float]], None]
CHECKPOINT, METRICS, CONFIG, RESUME = "model.pt", "metrics.json", "config.yaml", "last.ckpt"


class FitResult(NamedTuple):
    """What a run gave."""

    #: Where the files lie.
    output: Path
    #: Scores on the test tiles: ``miou``, ``accuracy``, ``iou`` by class name, ``loss``, and how the run went.
    metrics: dict[str, Any]


def fit(config: FitConfig, *, report: Report | None = None, resume: bool = False) -> FitResult:
    """Train, keep the best epoch on the val tiles, test it, and write the files.

    ``model.pt`` holds weights, statistics and configuration; ``metrics.json`` the scores; ``config.yaml`` the
    configuration; ``last.ckpt`` what ``resume`` goes on from, the best epoch so far among it. Each appears whole or
    not at all.

    Parameters
    ----------
    config : FitConfig
    report : callable, optional
        Called with (epochs done, scores) after each epoch.
    resume : bool
        Go on from ``last.ckpt`` of the output folder, if it is there.

    Raises
    ------
    ValueError
        If an input, a split or a number of the configuration cannot be used.
    OSError
        If the output cannot be written.
    """
    channels = [Channel.parse(text) for text in config.inputs]
    if not channels:
        raise ValueError("inputs must name at least one channel, got none")
    if config.threads:
        torch.set_num_threads(config.threads)
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    with _quiet():
        L.seed_everything(config.seed, workers=True, verbose=False)
        data = _data(config, channels)
        task = _task(config, data.statistics)
        epochs = _Epochs(output, report)
        trainer = _trainer(config, [epochs])
        last = output / RESUME
        started = time.perf_counter()
        # Weights only: a checkpoint is data, and unpickling one must not run what it holds.
        trainer.fit(task, data, ckpt_path=str(last) if resume and last.is_file() else None, weights_only=True)
        seconds = time.perf_counter() - started
        task.load_state_dict(epochs.weights)
        losses = trainer.test(task, data, verbose=False)[0]
        metrics = _metrics(config, task, data.statistics) | {"loss": losses["test_loss"], "seconds": seconds}
        metrics["best_epoch"] = epochs.best
        metrics["samples_per_second"] = len(data.sets["train"]) * epochs.done / seconds
    _write(output, config, task, data.statistics, metrics)
    return FitResult(output, metrics)


def _data(config: FitConfig, channels: list[Channel]) -> ChipDataModule:
    return ChipDataModule(
        ChipArchive(config.archive),
        channels,
        config.splits,
        batch=config.batch,
        workers=config.workers,
        crop=config.crop,
        crops=config.crops,
        target=config.target,
        missing=config.missing,
        seed=config.seed,
    )


def _task(config: FitConfig, statistics: Statistics) -> SegmentationTask:
    classes = len(WORLDCOVER)
    model = UNet(statistics.channels, classes, widths=config.widths)
    return SegmentationTask(model, classes=classes, learning_rate=config.learning_rate)


def _trainer(config: FitConfig, callbacks: list[Callback]) -> L.Trainer:
    return L.Trainer(
        max_epochs=config.epochs,
        accelerator=config.accelerator,
        devices=1 if config.accelerator == "cpu" else "auto",
        precision=config.precision,  # type: ignore[arg-type]
        callbacks=callbacks,
        logger=False,
        # The callback keeps what resuming needs; the default one would write into the working folder.
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        # The sampler knows the epoch, so the loader is made anew for each.
        reload_dataloaders_every_n_epochs=1,
        deterministic="warn",
    )


class _Epochs(Callback):
    """After each epoch: remembers the best one, keeps what resuming needs, and reports.

    The best weights are part of the state, so ``last.ckpt`` alone holds all: a run that is resumed tests the same
    epoch as one that was never interrupted.
    """

    def __init__(self, output: Path, report: Report | None) -> None:
        self.output, self.report = output, report
        self.best, self.score, self.done = 0, float("-inf"), 0
        self.weights: dict[str, torch.Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this."""
        return {"best": self.best, "score": self.score, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self.best, self.score, self.weights = state_dict["best"], state_dict["score"], state_dict["weights"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember, write, report."""
        scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.done += 1
        # A score that is NaN (val tiles without a label) is better than none and worse than any.
        if not self.weights or scores["val_miou"] > self.score:
            self.best, self.score = trainer.current_epoch + 1, _or_worst(scores["val_miou"])
            self.weights = {name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()}
        with atomic_path(self.output / RESUME) as partial:
            trainer.save_checkpoint(partial)
        if self.report:
            self.report(trainer.current_epoch + 1, scores)


def _or_worst(score: float) -> float:
    return float("-inf") if score != score else score


def _metrics(config: FitConfig, task: SegmentationTask, statistics: Statistics) -> dict[str, Any]:
    seen = task.seen["test"]
    return {
        "miou": seen.mean_iou(),
        "accuracy": seen.accuracy(),
        "iou": {name: score for name, score in zip(WORLDCOVER.values(), seen.iou(), strict=True) if score == score},
        "inputs": list(config.inputs),
        "parameters": sum(weight.numel() for weight in task.model.parameters()),
        "statistics": statistics.digest,
        "versions": {name: version(name) for name in ("m3leo-sar", "torch", "lightning", "numpy")},
    }


def _write(
    output: Path, config: FitConfig, task: SegmentationTask, statistics: Statistics, metrics: dict[str, Any]
) -> None:
    with atomic_path(output / CHECKPOINT) as partial:
        state = {"weights": task.model.state_dict(), "statistics": statistics.to_json(), "config": to_yaml(config)}
        torch.save(state, partial)
    write_text(output / CONFIG, to_yaml(config))
    write_text(output / METRICS, json.dumps(metrics, indent=2) + "\n")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice on workers and devices, which tells a user of this library nothing."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
