"""Encoder of an earlier run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from m3leo_sar.chips.statistics import Statistics


class Encoder(NamedTuple):
    """An encoder and the statistics of its input."""

    weights: dict[str, Tensor]
    #: Statistics of its channels, which are identified by name.
    statistics: Statistics


def read_encoder(path: str | os.PathLike[str], *, modality: str = "") -> Encoder:
    """Encoder of a ``model.pt`` of the tasks reconstruction, distillation (the teacher) or alignment, or of vit_head.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a checkpoint or holds no encoder, or it holds several and ``modality`` names none of them.
    """
    state = read_checkpoint(path)
    if not {"weights", "statistics"} <= state.keys():
        raise ValueError(f"{path} is not a model.pt of a run")
    weights, statistics = state["weights"], Statistics.from_json(state["statistics"])
    known = sorted({name.split(".")[1] for name in weights if name.startswith("encoders.")})
    if known:
        if modality not in known:
            raise ValueError(f"modality must be one of {', '.join(known)}, which {path} has, got {modality!r}")
        bands = tuple(band for band in statistics.bands if band.name.split(":")[0] == modality)
        return Encoder(_below(weights, f"encoders.{modality}."), Statistics(bands))
    for start in ("teacher.encoder.", "encoder."):
        if found := _below(weights, start):
            return Encoder(found, statistics)
    raise ValueError(f"{path} holds no encoder; give the model.pt of a run of the task mae, dino or clip")


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Content of a checkpoint, on the CPU; it is data, and no code in it is executed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or not a checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} is not a checkpoint of a run")
    return state


def _below(weights: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): weight for name, weight in weights.items() if name.startswith(start)}
