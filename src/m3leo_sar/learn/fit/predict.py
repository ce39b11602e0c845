"""Prediction with a trained model on the tiles of an archive."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from m3leo_sar.chips.legend import Legend
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import TargetScale
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.labels import IGNORE
from m3leo_sar.learn.fit.config import from_yaml
from m3leo_sar.learn.fit.encoder import read_checkpoint
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.fit_run import build_task
from m3leo_sar.learn.fit.resolved_config import legend_of_config
from m3leo_sar.learn.fit.torch_threads import default_threads, torch_threads
from m3leo_sar.learn.tasks.task import check_shapes


def predict(checkpoint: str | os.PathLike[str], archive: ChipArchive, identifier: str) -> NDArray[Any]:
    """Predict one tile with a model trained by :func:`m3leo_sar.learn.fit.fit.fit`; the tile needs no label.

    Returns
    -------
    (rows, cols) integer or float32
        Class codes of the model's legend, as uint8 where they fit, with the legend's ``nodata`` (0 unless that is a
        class) where no input has data; or float32 values in the target's unit on the target's cells.

    Raises
    ------
    FileNotFoundError
        If the checkpoint or a chip is missing. Chips that were optional in training (``missing``) are optional here.
    ValueError
        If the checkpoint is damaged, its statistics were modified, the model was trained on pairs of a store of SLC
        tiles, or its task does not predict a map.
    """
    state = read_checkpoint(checkpoint)
    if not {"weights", "statistics", "config", "scale"} <= state.keys():
        raise ValueError(f"{checkpoint} is not a model.pt of a run")
    config, statistics = from_yaml(state["config"]), Statistics.from_json(state["statistics"])
    if config.pairs:
        raise ValueError(
            f"{checkpoint} must be a model of chips to predict from an archive, got one of pairs computed from "
            f"{config.pairs['store']}; metrics.json has its test scores, and for maps train without pairs.store on "
            "chips that m3leo-sar prepare writes, such as input=coherence/VV/20230301_20230313"
        )
    channels = [Channel.parse(text) for text in config.input]
    task = build_task(config, channels, scale=TargetScale(*state["scale"]))
    check_shapes(task.model.state_dict(), state["weights"], str(checkpoint))
    task.model.load_state_dict(state["weights"])
    missing = "raise" if config.missing == "drop" else config.missing
    data = ChipDataset(
        archive, [identifier], channels=channels, target="", kind="none", statistics=statistics, missing=missing
    )
    sample = data[0]
    batch = {name: sample[name][None] for name in ("image", "mask")}
    batch["target"] = torch.full((1, *(config.cells or sample["image"].shape[-2:])), torch.nan)
    # As many threads as in training: sums in another order are rounded differently.
    with torch.inference_mode(), torch_threads(config.threads or default_threads(task.model)):
        found = task.eval().predicted(batch)[0].numpy()
    if found.dtype.kind == "f":
        return found
    legend = legend_of_config(config)
    codes = np.full(IGNORE + 1, legend.nodata, legend.dtype)
    codes[: len(legend.codes)] = legend.codes
    return codes[found]


def model_target(checkpoint: str | os.PathLike[str]) -> str:
    """Label that a model was trained to predict, such as ``landcover``; as :func:`model_legend`."""
    return str(_config_of(checkpoint).target).removeprefix("label/")


def model_legend(checkpoint: str | os.PathLike[str]) -> Legend:
    """Legend of the classes a classification model, such as one of land cover, was trained with.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not the ``model.pt`` of a run.
    """
    return legend_of_config(_config_of(checkpoint))


def _config_of(checkpoint: str | os.PathLike[str]) -> FitConfig:
    state = read_checkpoint(checkpoint)
    if "config" not in state:
        raise ValueError(f"{checkpoint} is not a model.pt of a run")
    return from_yaml(state["config"])
