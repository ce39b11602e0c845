"""A trained model on the tiles of an archive."""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import NDArray

from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.learn.channel import Channel
from m3leo_sar.learn.config import from_yaml
from m3leo_sar.learn.dataset import ChipDataset
from m3leo_sar.learn.labels import WORLDCOVER
from m3leo_sar.learn.models.unet import UNet


def predict(checkpoint: str | os.PathLike[str], archive: ChipArchive, identifier: str) -> NDArray[np.uint8]:
    """Land cover of one tile by a model that :func:`m3leo_sar.learn.fit.fit` trained.

    Returns
    -------
    (rows, cols) uint8
        WorldCover codes, 0 where no input has data.

    Raises
    ------
    FileNotFoundError
        If the checkpoint or a chip is missing.
    ValueError
        If the checkpoint's statistics were changed.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    config = from_yaml(state["config"])
    statistics = Statistics.from_json(state["statistics"])
    model = UNet(statistics.channels, len(WORLDCOVER), widths=config.widths)
    model.load_state_dict(state["weights"])
    channels = [Channel.parse(text) for text in config.inputs]
    data = ChipDataset(archive, [identifier], channels=channels, target=config.target, statistics=statistics)
    sample = data[0]
    with torch.inference_mode():
        classes = model.eval()(sample["image"][None])[0].argmax(0).numpy()
    codes = np.array(list(WORLDCOVER), np.uint8)[classes]
    return np.where(sample["mask"].any(0).numpy(), codes, 0).astype(np.uint8)
