"""Configurations composed by Hydra from groups of the library, of installed packages and of a user's folder.

The groups are ``task``, ``model``, ``input`` and ``pairs``. Users extend them with files such as ``task/NAME.yaml`` in
their own folder (``--config-dir``), or with a package that names one of its modules in the entry-point group
``m3leo_sar.configs``. The library's structured configurations are stored in Hydra's ConfigStore.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from m3leo_sar._check import checked
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.pair_settings import PairSettings
from m3leo_sar.learn.fit.part_configs import OPTIONS

GROUPS = ("task", "model", "input", "pairs")
#: Entry-point group: each value is a module whose folder holds groups.
ENTRY_POINTS = "m3leo_sar.configs"
_ROOT = "run"


@dataclass
class _Run(FitConfig):
    """Root of the composition; the type of a part is determined by its group."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"model": "unet"},
            {"task": "segmentation"},
            {"input": None},
            {"pairs": None},
        ]
    )
    task: Any = None
    model: Any = None
    pairs: Any = None


def _store() -> None:
    store = ConfigStore.instance()
    store.store(name=_ROOT, node=_Run)
    for kind, parts in OPTIONS.items():
        for name, options in parts.items():
            store.store(group=kind, name=name, node={"name": name, **OmegaConf.structured(options)})
    store.store(group="pairs", name="consecutive", node=PairSettings)


_store()


def group_names(group: str, *, config_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Sorted names of a group.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    with _hydra(_places(config_dir)) as searched:
        return _offered(group, searched)


def composed(choices: Mapping[str, str], *, config_dir: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Configuration from one choice per group; a task's preset may select the model unless ``choices`` does.

    Parameters
    ----------
    choices : mapping
        Group to a name in it.
    config_dir : path, optional
        Folder with user-defined groups.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a name is not in its group (the message names the nearest one), or a file of a group is not usable.
    """
    places = _places(config_dir)
    # Installed packages do not change while a process runs; a user's folder may.
    make = _composed if config_dir is not None else _composed_once
    return copy.deepcopy(make(tuple(choices.items()), places))


def expanded(inputs: Sequence[str], *, config_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Expand channels and names of the group ``input`` to a list of channels without duplicates.

    Two spellings of a channel, such as ``coherence/20230101_20230113`` and ``coherence:20230101_20230113:linear``, are
    one; the first is kept.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If an input is neither a name of the group nor a valid channel.
    """
    channels: list[str] = []
    for item in inputs:
        channels += [item] if ":" in item or "/" in item else composed({"input": item}, config_dir=config_dir)["input"]
    return distinct_inputs(channels, _spelling)


def _spelling(text: str) -> str:
    """One spelling of a channel; the text itself if it is none, which is refused where it is read."""
    try:
        return str(Channel.parse(text))
    except ValueError:
        return text


def distinct_inputs(inputs: Sequence[str], spelled: Callable[[str], str]) -> list[str]:
    """Inputs in order, of those with one common spelling the first."""
    found: dict[str, str] = {}
    for text in inputs:
        found.setdefault(spelled(text), text)
    return list(found.values())


def _composed(choices: tuple[tuple[str, str], ...], places: tuple[str, ...]) -> dict[str, Any]:
    with _hydra(places) as searched:
        for group, name in choices:
            checked(name, _offered(group, searched), what=group)
        try:
            config = compose(_ROOT, [f"{group}={name}" for group, name in choices] + searched)
        except (HydraException, OmegaConfBaseException) as error:
            cause = error.__cause__ or error
            raise ValueError(f"{dict(choices)} cannot be composed: {' '.join(str(cause).split())}") from error
    plain: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]
    plain.pop("defaults", None)
    return plain


_composed_once = lru_cache(maxsize=256)(_composed)


def _offered(group: str, searched: list[str]) -> list[str]:
    loader = GlobalHydra.instance().config_loader()
    return sorted(loader.get_group_options(group, config_name=_ROOT, overrides=searched))


def _places(config_dir: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """Locations of groups other than the library's own, in order of precedence.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    others = tuple(f"pkg://{entry.value}" for entry in entry_points(group=ENTRY_POINTS))
    if config_dir is None:
        return others
    if not Path(config_dir).is_dir():
        raise FileNotFoundError(f"config-dir must be a folder, and there is no {config_dir}")
    return (f"file://{Path(config_dir).resolve()}", *others)


@contextmanager
def _hydra(places: tuple[str, ...]) -> Iterator[list[str]]:
    """Initialise Hydra on the library's own groups; yields the override that adds all other locations."""
    quoted = ",".join(f"'{place}'" for place in places)
    with (
        resources.as_file(resources.files("m3leo_sar.learn.fit") / "configs") as own,
        initialize_config_dir(str(own), version_base="1.3", job_name="train"),
    ):
        yield [f"hydra.searchpath=[{quoted}]"] if places else []
