"""Data, task and model of a run, as its configuration describes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel, modalities
from m3leo_sar.learn.data.datamodule import ChipDataModule, TargetScale, target_scale
from m3leo_sar.learn.data.pair_datamodule import PairDataModule, pair_channels
from m3leo_sar.learn.fit.encoder import Encoder, read_encoder
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.given_statistics import check_bands, given_statistics
from m3leo_sar.learn.fit.parts import part
from m3leo_sar.learn.fit.resolved_config import legend_of_config
from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Loaders with their statistics and their position in the data.
DataModule = ChipDataModule | PairDataModule
#: Creates the data module of a configuration with ``pairs``; see :func:`m3leo_sar.learn.fit.fit.fit`.
PairData = Callable[[FitConfig, str, Statistics | None], PairDataModule]


class Run(NamedTuple):
    """Components of a run."""

    config: FitConfig
    data: DataModule
    task: Task
    scale: TargetScale


def build_run(config: FitConfig, pair_data: PairData | None) -> Run:
    """Open the data of a resolved configuration and build its task and model.

    Raises
    ------
    ValueError
        If inputs, statistics, task and model are incompatible, or ``pair_data`` is missing.
    """
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
    return Run(config, data, task, scale)


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


def _options(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("name", "_target_")}


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
