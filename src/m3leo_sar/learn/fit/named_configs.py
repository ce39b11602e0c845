"""Configurations by name that come with the library: tasks and input sets of the M3LEO baselines."""

from __future__ import annotations

from importlib import resources
from typing import Any

from omegaconf import OmegaConf

from m3leo_sar._check import checked

KINDS = ("task", "input")


def preset_names(kind: str) -> list[str]:
    """Presets of a kind, ``"task"`` or ``"input"``."""
    return sorted(path.name.removesuffix(".yaml") for path in _folder(kind).iterdir() if path.name.endswith(".yaml"))


def preset(kind: str, name: str) -> dict[str, Any]:
    """Part of a configuration: settings of a task, or ``input`` of an input set.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    checked(name, preset_names(kind), what=kind)
    text = (_folder(kind) / f"{name}.yaml").read_text(encoding="utf-8")
    return OmegaConf.to_container(OmegaConf.create(text))  # type: ignore[return-value]


def expanded(inputs: list[str]) -> list[str]:
    """Channels for a list of channels and input sets, each channel once.

    Raises
    ------
    ValueError
        If an input is neither a set nor reads like a channel.
    """
    channels: list[str] = []
    for item in inputs:
        channels += [item] if ":" in item else preset("input", item)["input"]
    return list(dict.fromkeys(channels))


def _folder(kind: str) -> Any:
    return resources.files("m3leo_sar.learn.fit") / "configs" / kind
