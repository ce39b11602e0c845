"""The encoder of an earlier run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from m3leo_sar.chips.statistics import Statistics


class Encoder(NamedTuple):
    """An encoder and what its input was."""

    weights: dict[str, Tensor]
    #: Of its channels, by the names of which they are told.
    statistics: Statistics


def read_encoder(path: str | os.PathLike[str], *, modality: str = "") -> Encoder:
    """Encoder of a ``model.pt`` of the tasks reconstruction, distillation (the teacher's), alignment, or of vit_head.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no checkpoint or holds no encoder, or of several none is named.
    """
    state = read_checkpoint(path)
    if not {"weights", "statistics"} <= state.keys():
        raise ValueError(f"{path} is no model.pt of a run")
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
    """What a checkpoint holds, on the CPU; it is data, and nothing in it is run.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or no checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} is no checkpoint of a run")
    return state


def _below(weights: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): weight for name, weight in weights.items() if name.startswith(start)}
