"""Training from a configuration to a checkpoint and a metrics file."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.pair_dataset import PairDataset
from m3leo_sar.learn.fit.counters import Counters
from m3leo_sar.learn.fit.encoder import read_checkpoint
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.fit_run import PairData, Run, build_run
from m3leo_sar.learn.fit.resolved_config import resolved, with_classes
from m3leo_sar.learn.fit.run_files import LOGS, RESUME, write_beginnings, write_results
from m3leo_sar.learn.fit.run_state import Progress, Report, Stopped, StopSignal
from m3leo_sar.learn.fit.torch_threads import default_threads, torch_threads
from m3leo_sar.learn.tasks.task import Task, check_shapes

#: Fields that a resumed run may not change: its position in the data depends on them, or the checkpoint restores them.
_FIXED = (
    "task",
    "model",
    "encoder",
    "freeze",
    "input",
    "pairs",
    "target",
    "classes",
    "cells",
    "missing",
    "crop",
    "crops",
    "hide",
    "batch",
    "devices",
    "accumulate",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "schedule",
    "warmup",
    "clip",
    "precision",
    "seed",
)


class FitResult(NamedTuple):
    """Result of a training run."""

    #: Folder of the output files.
    output: Path
    #: Scores on the test tiles under the task's names, ``loss``, rates, digests, versions and a summary of the run.
    metrics: dict[str, Any]


def fit(
    config: FitConfig, *, report: Report | None = None, resume: bool = False, pair_data: PairData | None = None
) -> FitResult:
    """Train a model, select the best epoch on the val tiles, test it, and write the output files.

    ``model.pt`` holds weights, statistics and configuration; ``metrics.json`` the scores; ``config.yaml`` the
    configuration, with ``splits.csv``; ``statistics.json`` the normalisation; ``logs`` one table per start;
    ``last.ckpt`` the checkpoint for ``resume``, including the best epoch so far. Each file is written atomically.

    Parameters
    ----------
    config : FitConfig
    report : callable, optional
        Called with (completed epochs, scores) after each epoch.
    resume : bool
        Resume from ``last.ckpt`` in the output folder, if it exists, even in the middle of an epoch. A run that does
        not resume removes an existing ``last.ckpt``.
    pair_data : callable, optional
        Creates the data module of a configuration with ``pairs``. Its arguments are the configuration, the kind of
        targets of the task, and the statistics of an encoder or a file, or None. It provides the function that computes
        products.

    Raises
    ------
    ValueError
        If an input, a split or a number of the configuration is not usable, a checkpoint belongs to another run or
        network, or the loss becomes NaN or infinite.
    OSError
        If the output cannot be written.
    KeyboardInterrupt
        If Ctrl-C was pressed; the checkpoint for resuming is written first.
    """
    config = with_classes(resolved(config))
    output, stop, counters = Path(config.output), StopSignal(), Counters()
    with _quiet():
        L.seed_everything(config.seed, workers=True, verbose=False)
        run = build_run(config, pair_data)
        last = output / RESUME
        facts = _facts(run)
        start = last if resume and last.is_file() else None
        if start:
            _check_resumable(start, run.task, facts)
        write_beginnings(output, run, anew=start is None)
        every = {"every": config.checkpoint_steps, "patience": config.patience}
        progress = Progress(last, run.data, watched=run.task.watched, facts=facts, stop=stop, report=report, **every)
        trainer = _trainer(config, [counters, progress])
        started = time.perf_counter()
        with torch_threads(config.threads or default_threads(run.task.model)):
            losses = _train_and_test(trainer, run, progress, start)
        metrics = _metrics(run, progress, counters, trainer) | {"loss": losses["test_loss"]}
        metrics["seconds"] = time.perf_counter() - started
    if trainer.is_global_zero:
        write_results(output, run, metrics)
    return FitResult(output, metrics)


def _facts(run: Run) -> dict[str, Any]:
    fixed = {name: copy.deepcopy(getattr(run.config, name)) for name in _FIXED}
    # Pairs are distributed over one lane per worker.
    lanes = {"workers": run.config.workers} if run.config.pairs else {}
    return {**fixed, **lanes, "data": run.data.digest, "statistics": run.data.statistics.digest}


def _check_resumable(path: Path, task: Task, facts: dict[str, Any]) -> None:
    state = read_checkpoint(path)
    kept = next((part for part in state.get("callbacks", {}).values() if "facts" in part), None)
    if kept is None or "state_dict" not in state:
        raise ValueError(f"{path} is not a checkpoint of a run")
    check_shapes(task.state_dict(), state["state_dict"], str(path))
    for name, value in facts.items():
        # Checkpoints of earlier versions contain fewer facts.
        before = kept["facts"].get(name, value)
        if before != value:
            raise ValueError(
                f"{path} was made with {name} {before}, this run has {value}; a run goes on with the same, or starts "
                "anew in another output"
            )


def _trainer(config: FitConfig, callbacks: list[L.Callback]) -> L.Trainer:
    return L.Trainer(
        max_epochs=config.epochs,
        accelerator=config.accelerator,
        devices=config.devices,
        strategy=config.strategy,
        precision=config.precision,  # type: ignore[arg-type]
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip or None,
        sync_batchnorm=config.sync_norm,
        callbacks=callbacks,
        logger=_loggers(config),
        # The Progress callback writes checkpoints; the default one would write into the working folder.
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        # The sampler already splits batches over processes.
        use_distributed_sampler=False,
        deterministic="warn",
    )


def _loggers(config: FitConfig) -> list[Logger]:
    kinds = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
    return [kinds[name](config.output, name=LOGS) for name in config.loggers]


def _train_and_test(trainer: L.Trainer, run: Run, progress: Progress, start: Path | None) -> dict[str, float]:
    """Test losses with the weights of the best epoch."""
    try:
        with progress.stop.listening():
            # Weights only: a checkpoint is data, and unpickling it must not execute code.
            trainer.fit(run.task, run.data, ckpt_path=str(start) if start else None, weights_only=True)
            if progress.stop.heard:
                raise Stopped
            run.task.load_state_dict(progress.weights)
            return dict(trainer.test(run.task, run.data, verbose=False)[0])
    except Stopped as error:
        raise KeyboardInterrupt from error


def _metrics(run: Run, progress: Progress, counters: Counters, trainer: L.Trainer) -> dict[str, Any]:
    sets: Mapping[str, ChipDataset | PairDataset] = run.data.sets
    return {
        **run.task.scores(),
        "best_epoch": progress.best,
        "input": list(run.config.input),
        "parameters": sum(weight.numel() for weight in run.task.model.parameters()),
        "statistics": run.data.statistics.digest,
        "data": run.data.digest,
        "tiles": {name: len(sets[name].identifiers) for name in sorted(sets)},
        "unknown_codes": counters.unknown_codes(),
        **counters.rates(trainer.world_size),
        "versions": {name: version(name) for name in ("m3leo-sar", "torch", "lightning", "numpy")},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice on workers and devices, which is not useful to users of this library."""
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
