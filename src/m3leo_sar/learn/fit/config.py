"""Typed configuration of a training run; unknown keys are rejected."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from m3leo_sar._check import nearest
from m3leo_sar.chips.land_cover import read_legend, stated_legend
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.learn.fit.compose import composed, expanded, group_names
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.pair_settings import PairSettings
from m3leo_sar.learn.fit.part_configs import OPTIONS
from m3leo_sar.learn.fit.parts import part_names, part_options
from m3leo_sar.stack.polarisation import parse_polarisations

#: Maximum bytes of a configuration; the splits of a continent's tiles belong in a separate file.
_LARGEST_YAML = 16 << 20
#: Fields with a fixed set of values.
_WORDS = {
    "missing": ("raise", "mask", "fill", "drop"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("constant", "cosine"),
    "accelerator": ("auto", "cpu", "gpu"),
}
#: Minimum values of numeric fields.
_LEAST = {
    "crop": 0, "crops": 1, "hide": 0,
    "batch": 1, "eval_batch": 1, "epochs": 1, "learning_rate": 0, "weight_decay": 0, "warmup": 0,
    "clip": 0, "accumulate": 1, "patience": 0, "checkpoint_steps": 0, "workers": 0, "threads": 0, "devices": 1,
}  # fmt: skip


def load_config(
    path: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    config_dir: str | os.PathLike[str] | None = None,
) -> FitConfig:
    """Compose a configuration from groups, a YAML file and ``key=value`` overrides, and check it without loading torch.

    ``task=NAME``, ``model=NAME`` and ``pairs=NAME`` select from the groups of that name. ``input=A,B`` selects from the
    group ``input`` or lists channels; ``classes={1: water}`` lists entries. Overrides take precedence over the file,
    and the file over the groups. A relative ``splits_file`` or ``statistics`` in the YAML file is resolved against the
    file's folder first.

    Parameters
    ----------
    path : path, optional
        YAML file, such as the ``config.yaml`` written by a run.
    overrides : sequence of str
        Each ``key=value``.
    config_dir : path, optional
        Folder whose ``task/NAME.yaml``, ``model/NAME.yaml``, ``input/NAME.yaml`` and ``pairs/NAME.yaml`` extend the
        groups.

    Raises
    ------
    FileNotFoundError
        If the file or folder does not exist.
    ValueError
        If a key is unknown (the message names the nearest one), a value has the wrong type, or the file is not valid
        YAML.
    """
    if path is not None and not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    for text in overrides:
        if "=" not in text:
            raise ValueError(f"an override must read key=value, got {text!r}")
    try:
        parts = [_beside(_spelled(_loaded(Path(path))), Path(path).parent)] if path is not None else []
        parts += [_spelled(OmegaConf.from_dotlist([text])) for text in overrides]
        given: Any = OmegaConf.to_container(OmegaConf.merge(*parts)) if parts else {}
    except (OmegaConfBaseException, ValueError) as error:
        raise ValueError(str(error).splitlines()[0]) from error
    except Exception as error:
        # Scanner errors of the YAML library, which this room does not import.
        raise ValueError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    return checked_config(_typed(_with_groups(given, config_dir)))


def checked_config(config: FitConfig) -> FitConfig:
    """Validate a configuration and complete it with every option of its task and model.

    Raises
    ------
    ValueError
        If a value is not usable.
    """
    for name, words in _WORDS.items():
        if getattr(config, name) not in words:
            raise ValueError(f"{name} must be one of {', '.join(words)}, got {getattr(config, name)!r}")
    for name, least in _LEAST.items():
        if not getattr(config, name) >= least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(config, name)}")
    if config.warmup >= 1:
        raise ValueError(f"warmup must be a share below 1 of the steps, got {config.warmup}")
    if len(config.cells) not in (0, 2) or (config.cells and min(config.cells) < 1):
        raise ValueError(f"cells must be rows and columns or empty, got {config.cells}")
    if config.classes:
        config.classes = stated_legend(read_legend(config.classes))
    if config.polarisations:
        config.polarisations = _polarisations(config)
    if config.pairs:
        config.pairs = _pairs(config)
    config.task, config.model = _part(config.task, "task"), _part(config.model, "model")
    return config


def _polarisations(config: FitConfig) -> list[str]:
    try:
        found = list(parse_polarisations(config.polarisations))
    except ValueError as error:
        raise ValueError(f"polarisations: {error}") from error
    if config.pairs.get("polarisation"):
        raise ValueError("polarisations and pairs.polarisation are both given; give one of them")
    return found


def _pairs(config: FitConfig) -> dict[str, Any]:
    """Complete settings of pairs, after rejecting settings that only apply to chips."""
    known = [item.name for item in fields(PairSettings)]
    pairs = vars(_merged(PairSettings, config.pairs, known, prefix="pairs."))
    if not pairs["store"]:
        raise ValueError("pairs.store must name a store of SLC tiles, got none")
    if pairs["device"] not in ("cpu", "gpu"):
        raise ValueError(f"pairs.device must be cpu or gpu, got {pairs['device']!r}")
    usual = FitConfig()
    for name in ("crop", "crops", "hide"):
        if getattr(config, name) != getattr(usual, name):
            raise ValueError(
                f"{name} must be {getattr(usual, name)} with pairs.store, whose samples are whole tiles with all their "
                f"products, got {getattr(config, name)}"
            )
    if config.eval_batch not in (usual.eval_batch, config.batch):
        raise ValueError(
            f"eval_batch must be batch, {config.batch}, or left out with pairs.store, got {config.eval_batch}"
        )
    return pairs


def to_yaml(config: FitConfig) -> str:
    """YAML text for :func:`load_config`, one line per key; empty values are omitted."""
    lines, usual = [], FitConfig()
    for item in fields(FitConfig):
        value = getattr(config, item.name)
        if value not in ({}, [], "") or value != getattr(usual, item.name):
            lines.append(f"{item.name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def from_yaml(text: str) -> FitConfig:
    """Read the text of :func:`to_yaml`."""
    return checked_config(_typed(OmegaConf.to_container(OmegaConf.create(text))))  # type: ignore[arg-type]


def _loaded(path: Path) -> Any:
    """Content of a YAML file; aliases are rejected, as ten lines of them can expand to millions of values."""
    text = read_text(path, largest=_LARGEST_YAML)
    if re.search(r"(?m)(?:^|[-:,\[{]\s*)&\w", text):
        raise ValueError(f"{path} must have no YAML anchors (&name)")
    return OmegaConf.create(text)


def _spelled(given: Any) -> Any:
    """Configuration with shorthand expanded."""
    plain = OmegaConf.to_container(given)
    if not isinstance(plain, dict):
        raise ValueError(f"a configuration must be keys with values, got {type(plain).__name__}")
    for key in ("task", "model", "pairs"):
        if isinstance(plain.get(key), str):
            plain[key] = {"name": plain[key]}
    if isinstance(plain.get("classes"), str | dict):
        plain["classes"] = stated_legend(read_legend(plain["classes"]))
    for key in ("input", "loggers", "polarisations"):
        if isinstance(plain.get(key), str):
            separator = r"[,+]" if key == "polarisations" else ","
            plain[key] = [item for item in re.split(separator, plain[key]) if item]
    return OmegaConf.create(plain)


def _beside(given: Any, folder: Path) -> Any:
    """Relative paths resolved against the configuration file's folder, where the files exist there."""
    places = [(given, "splits_file"), (given, "statistics")]
    places += [(given[kind], "name") for kind in ("task", "model") if isinstance(given.get(kind), Mapping)]
    for holder, key in places:
        value = holder.get(key)
        is_file = key != "name" or str(value).endswith(".py")
        if value and is_file and not Path(value).is_absolute() and (folder / value).is_file():
            holder[key] = str(folder / value)
    return given


def _with_groups(given: dict[str, Any], config_dir: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Given values merged over those of the groups they name."""
    choices = {}
    for group in ("task", "model", "pairs"):
        settings = given.get(group)
        if isinstance(settings, dict) and "name" in settings and not _is_own(group, settings):
            choices[group] = str(settings["name"])
    base = composed(choices, config_dir=config_dir)
    given = {key: dict(value) if isinstance(value, dict) else value for key, value in given.items()}
    for group in choices:
        # The group states which part it configures: the task esawc is a segmentation.
        del given[group]["name"]
    for group in ("task", "model"):
        if group not in choices and _is_own(group, given.get(group) or {}):
            base[group] = {}
    if base["pairs"] is None:
        base["pairs"] = {}
    merged: dict[str, Any] = OmegaConf.to_container(OmegaConf.merge(base, given))  # type: ignore[assignment]
    if config_dir is not None and isinstance(merged.get("input"), list):
        # Expanded here: the folder is not known when training from this configuration.
        sets = set(group_names("input", config_dir=config_dir))
        parts = [expanded([item], config_dir=config_dir) if item in sets else [item] for item in merged["input"]]
        merged["input"] = [channel for part in parts for channel in part]
    return merged


def _is_own(group: str, settings: Mapping[str, Any]) -> bool:
    """Whether a part is user-defined: a file, a dotted name or a part of an installed package."""
    name = str(settings.get("name", ""))
    if "_target_" in settings or name.endswith(".py"):
        return True
    return group != "pairs" and name in part_names(group) and name not in OPTIONS[group]


def _typed(given: dict[Any, Any]) -> FitConfig:
    known = [item.name for item in fields(FitConfig)]
    return _merged(FitConfig, given, known)


def _part(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Name and every option of a task or model."""
    rest = dict(given)
    named: dict[str, Any] = {key: str(rest.pop(key)) for key in ("name", "_target_") if key in rest}
    named = named or {"name": {"task": "segmentation", "model": "unet"}[kind]}
    if "_target_" in named:
        # A name next to ``_target_`` is that of the part that it replaces.
        named = {"_target_": named["_target_"]}
    elif named["name"].endswith(".py"):
        # The path is also stored in the run's folder and in checkpoints, which are read from elsewhere.
        named["name"] = str(Path(named["name"]).resolve())
    known = part_options(kind, named)
    of = str(next(iter(named.values())))
    found = _merged(known, rest, [item.name for item in fields(known)], prefix=f"{kind}.", of=of)
    return {**named, **vars(found)}


def _merged(schema: type, given: Mapping[Any, Any], known: list[str], *, prefix: str = "", of: str = "") -> Any:
    for key in given:
        if key not in known:
            whose = f" of {of}" if of else ""
            raise ValueError(
                f"there is no key {prefix}{key}{nearest(str(key), known)} (known keys{whose}: {', '.join(known)})"
            )
    for item in fields(schema):
        if str(item.type).startswith("list") and not isinstance(given.get(item.name, []), list):
            raise ValueError(f"{prefix}{item.name} must be a list such as [1,2], got {given[item.name]!r}")
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.create(dict(given))))
    except (OmegaConfBaseException, ValueError) as error:
        key = getattr(error, "full_key", None)
        raise ValueError(
            f"{prefix}{key}: {str(error).splitlines()[0]}" if key else str(error).splitlines()[0]
        ) from error


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON quoting is valid YAML and keeps colons and numbers as text.
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _key(key: Any) -> str:
    # Tile identifiers may consist of digits only, which YAML would read as a number.
    return key if str(key).isidentifier() else _flow(str(key))
