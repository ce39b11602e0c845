"""Training from a configuration to a checkpoint and a metrics file."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from m3leo_sar.chips.land_cover import WORLDCOVER, read_legend, stated_legend
from m3leo_sar.chips.legend import Legend
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.atomic import atomic_path, write_text
from m3leo_sar.io.tables.split_file import read_splits, write_splits
from m3leo_sar.learn.data.channel import Channel, modalities
from m3leo_sar.learn.data.datamodule import SPLITS as SPLIT_NAMES
from m3leo_sar.learn.data.datamodule import ChipDataModule, TargetScale, target_scale
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.labels import archive_legend, require_classes
from m3leo_sar.learn.data.pair_datamodule import PairDataModule, pair_channels
from m3leo_sar.learn.data.pair_dataset import PairDataset
from m3leo_sar.learn.fit.compose import expanded
from m3leo_sar.learn.fit.config import checked_config, to_yaml
from m3leo_sar.learn.fit.counters import Counters
from m3leo_sar.learn.fit.encoder import Encoder, read_checkpoint, read_encoder
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.given_statistics import check_bands, given_statistics
from m3leo_sar.learn.fit.parts import part
from m3leo_sar.learn.fit.run_state import Progress, Report, Stopped, StopSignal
from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.tasks.task import Task, check_shapes
from m3leo_sar.learn.tasks.task_request import TaskRequest

CHECKPOINT, METRICS, CONFIG, RESUME = "model.pt", "metrics.json", "config.yaml", "last.ckpt"
SPLITS, STATISTICS, LOGS = "splits.csv", "statistics.json", "logs"
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


#: Loaders with their statistics and their position in the data.
DataModule = ChipDataModule | PairDataModule
PairData = Callable[[FitConfig, str, Statistics | None], PairDataModule]


class _Run(NamedTuple):
    """Components of a run."""

    config: FitConfig
    data: DataModule
    task: Task
    scale: TargetScale


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
    config = _with_classes(resolved(config))
    if config.threads:
        torch.set_num_threads(config.threads)
    output, stop, counters = Path(config.output), StopSignal(), Counters()
    with _quiet():
        L.seed_everything(config.seed, workers=True, verbose=False)
        run = _made(config, pair_data)
        last = output / RESUME
        facts = _facts(run)
        start = last if resume and last.is_file() else None
        if start:
            _check_resumable(start, run.task, facts)
        _write_beginnings(output, run, anew=start is None)
        every = {"every": config.checkpoint_steps, "patience": config.patience}
        progress = Progress(last, run.data, watched=run.task.watched, facts=facts, stop=stop, report=report, **every)
        trainer = _trainer(config, [counters, progress])
        started = time.perf_counter()
        losses = _train_and_test(trainer, run, progress, start)
        metrics = _metrics(run, progress, counters, trainer) | {"loss": losses["test_loss"]}
        metrics["seconds"] = time.perf_counter() - started
    if trainer.is_global_zero:
        _write_results(output, run, metrics)
    return FitResult(output, metrics)


def resolved(config: FitConfig) -> FitConfig:
    """Copy of a configuration with inputs resolved to channels and splits read.

    Raises
    ------
    ValueError
        If a value is not usable.
    """
    config = checked_config(copy.deepcopy(config))
    if not config.input:
        raise ValueError("input must name at least one channel, got none")
    if config.splits_file and not config.splits:
        config = replace(config, splits=read_splits(config.splits_file))
    if config.sync_norm and not torch.cuda.is_available():
        raise ValueError("sync_norm needs GPUs; on CPUs use model.norm=group, which needs no other samples")
    if "tensorboard" in config.loggers and not (find_spec("tensorboard") or find_spec("tensorboardX")):
        raise ValueError("loggers names tensorboard, which needs the package tensorboard; csv needs none")
    unknown = sorted(set(config.loggers) - {"csv", "tensorboard"})
    if unknown:
        raise ValueError(f"loggers must be csv or tensorboard, got {', '.join(unknown)}")
    return config if config.pairs else replace(config, input=expanded(config.input))


def build_task(config: FitConfig, channels: list[Channel], *, scale: TargetScale) -> Task:
    """Task and model of a configuration, with newly initialised weights.

    Raises
    ------
    ValueError
        If the task and the model are incompatible.
    """
    chosen, parts = part("task", config.task), modalities(channels)
    count = sum(len(part) for part in parts.values())
    cells = (config.cells[0], config.cells[1]) if config.cells else None
    classes = legend_of_config(config).names if chosen.TARGET == "classes" else ()
    outputs = len(classes) if chosen.OUTPUTS is None else chosen.OUTPUTS
    request = ModelRequest(channels=count, outputs=outputs, cells=cells, modalities=parts)
    model = part("model", config.model).build(request, **_options(config.model))
    wanted = TaskRequest(centre=scale.centre, scale=scale.scale, classes=classes, modalities=parts, seed=config.seed)
    return chosen.build(model, wanted, **_options(config.task))


def legend_of_config(config: FitConfig) -> Legend:
    """Classes of a run; WorldCover's for configurations of earlier versions, which do not name classes."""
    return read_legend(config.classes) if config.classes else WORLDCOVER


def _with_classes(config: FitConfig) -> FitConfig:
    """Configuration with the classes of its labels; some of them must occur in every split."""
    if part("task", config.task).TARGET != "classes":
        if config.classes:
            raise ValueError(
                f"classes must be left out for task {config.task.get('name', 'given')}, whose targets are not classes"
            )
        return config
    archive = ChipArchive(config.archive)
    tiles = {name: sorted(tile for tile, split in config.splits.items() if split == name) for name in SPLIT_NAMES}
    legend = read_legend(config.classes) if config.classes else None
    legend = legend or archive_legend(archive, [tile for names in tiles.values() for tile in names], config.target)
    # Without labels to train on or to select the best epoch by, a run would succeed but be meaningless.
    needed = ("train",) if config.missing in ("mask", "fill") else SPLIT_NAMES
    for name in needed:
        if tiles[name]:
            require_classes(archive, tiles[name], config.target, legend)
    return replace(config, classes=stated_legend(legend))


def _options(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("name", "_target_")}


def _made(config: FitConfig, pair_data: PairData | None) -> _Run:
    encoder = read_encoder(config.encoder, modality=config.modality) if config.encoder else None
    channels = pair_channels(config.input) if config.pairs else [Channel.parse(text) for text in config.input]
    statistics = _statistics(config, channels, encoder)
    data: DataModule
    if config.pairs:
        if pair_data is None:
            raise ValueError("pairs needs pair_data, which computes them; m3leo-sar train passes it")
        data = pair_data(config, part("task", config.task).TARGET, statistics)
    else:
        data = _data(config, channels, statistics)
    scale = target_scale(data.sets["train"]) if data.sets["train"].kind == "values" else TargetScale(0.0, 1.0)
    task = build_task(config, channels, scale=scale)
    steps = config.epochs * math.ceil(data.train_batches(config.devices) / config.accumulate)
    task.optimisation = replace(
        task.optimisation,
        **{
            name: getattr(config, name) for name in ("optimizer", "learning_rate", "weight_decay", "schedule", "warmup")
        },
        steps=steps,
    )
    if encoder:
        task.load_encoder(encoder.weights, source=config.encoder, freeze=config.freeze)
    return _Run(config, data, task, scale)


def _statistics(config: FitConfig, channels: list[Channel], encoder: Encoder | None) -> Statistics | None:
    """Statistics of the file or of the encoder; if both are given, they must be equal."""
    given = given_statistics(config, channels) if config.statistics else None
    if given:
        check_bands(given, config, channels)
    if encoder is None:
        return given
    names, seen = [channel.name for channel in channels], [band.name for band in encoder.statistics.bands]
    if names != seen:
        raise ValueError(
            f"input must be what {config.encoder} was trained on, {', '.join(seen)}; got {', '.join(names)}"
        )
    if given:
        given.require(encoder.statistics.digest, what=f"the encoder of {config.encoder}")
    return encoder.statistics


def _data(config: FitConfig, channels: list[Channel], statistics: Statistics | None) -> ChipDataModule:
    options = {name: getattr(config, name) for name in ("batch", "eval_batch", "workers", "crop", "crops", "hide")}
    return ChipDataModule(
        ChipArchive(config.archive),
        channels,
        config.splits,
        statistics=statistics,
        target=config.target,
        kind=part("task", config.task).TARGET,
        legend=legend_of_config(config),
        cells=tuple(config.cells) or None,
        missing=config.missing,
        seed=config.seed,
        **options,
    )


def _facts(run: _Run) -> dict[str, Any]:
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


def _train_and_test(trainer: L.Trainer, run: _Run, progress: Progress, start: Path | None) -> dict[str, float]:
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


def _metrics(run: _Run, progress: Progress, counters: Counters, trainer: L.Trainer) -> dict[str, Any]:
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


@rank_zero_only
def _write_beginnings(output: Path, run: _Run, *, anew: bool) -> None:
    """Write the files needed to resume, before training begins."""
    output.mkdir(parents=True, exist_ok=True)
    if anew:
        # Checkpoint of an older run; this run would resume from it if stopped before its own first checkpoint.
        (output / RESUME).unlink(missing_ok=True)
    write_splits(output / SPLITS, run.config.splits)
    write_text(output / CONFIG, to_yaml(replace(run.config, splits={}, splits_file=SPLITS)))
    write_text(output / STATISTICS, run.data.statistics.to_json() + "\n")


def _write_results(output: Path, run: _Run, metrics: dict[str, Any]) -> None:
    with atomic_path(output / CHECKPOINT) as partial:
        state = {
            "weights": run.task.model.state_dict(),
            "statistics": run.data.statistics.to_json(),
            "config": to_yaml(replace(run.config, splits={}, splits_file="")),
            "scale": list(run.scale),
        }
        torch.save(state, partial)
    write_text(output / METRICS, json.dumps(metrics, indent=2) + "\n")


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
