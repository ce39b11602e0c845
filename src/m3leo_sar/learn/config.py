"""Everything a training run depends on, typed; unknown keys are refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass
class FitConfig:
    """A training run of land-cover segmentation.

    Parameters
    ----------
    archive : str
        Folder of the chip archive.
    output : str
        Folder for the checkpoint, the metrics and this configuration.
    inputs : list of str
        Channels, each ``dataset:key`` such as ``"coherence:20230101_20230113"``.
    target : str
        Name of the label chip.
    splits : dict of str
        Identifier to ``train``, ``val`` or ``test``.
    missing : str
        ``"raise"``, ``"mask"`` or ``"drop"``: what to do with a tile that lacks an input.
    widths : list of int
        Channels of the UNet's levels; the paper's are 32, 64, 128, 256, 512.
    crop : int
        Side of the random training squares in pixels, 0 for whole tiles.
    crops : int
        Training squares a tile and epoch.
    batch : int
        Samples a step.
    epochs : int
    learning_rate : float
    workers : int
        Loader processes; 0 loads in the main process.
    threads : int
        CPU threads of torch; 0 leaves its default.
    precision : str
        As Lightning names it: ``"32-true"``, ``"bf16-mixed"``, ...
    accelerator : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``.
    seed : int
    """

    archive: str = "chips"
    output: str = "run"
    inputs: list[str] = field(default_factory=list)
    target: str = "landcover"
    splits: dict[str, str] = field(default_factory=dict)
    missing: str = "raise"
    widths: list[int] = field(default_factory=lambda: [32, 64, 128, 256, 512])
    crop: int = 0
    crops: int = 8
    batch: int = 8
    epochs: int = 75
    learning_rate: float = 1e-4
    workers: int = 0
    threads: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    seed: int = 0


def load_config(path: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> FitConfig:
    """Configuration of a YAML file with ``key=value`` overrides.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a key is unknown, a value has the wrong type, or the file is no YAML.
    """
    config = OmegaConf.structured(FitConfig)
    if path is not None and not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    for text in overrides:
        if "=" not in text:
            raise ValueError(f"an override must read key=value, got {text!r}")
    try:
        parts = [config] + ([OmegaConf.load(Path(path))] if path is not None else [])
        merged = OmegaConf.merge(*parts, OmegaConf.from_dotlist(list(overrides)))
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except (OmegaConfBaseException, ValueError) as error:
        known = ", ".join(FitConfig.__dataclass_fields__)
        raise ValueError(f"{str(error).splitlines()[0]} (known keys: {known})") from error


def to_yaml(config: FitConfig) -> str:
    """Text that :func:`load_config` reads back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def from_yaml(text: str) -> FitConfig:
    """Read :func:`to_yaml`."""
    merged = OmegaConf.merge(OmegaConf.structured(FitConfig), OmegaConf.create(text))
    return OmegaConf.to_object(merged)  # type: ignore[return-value]
