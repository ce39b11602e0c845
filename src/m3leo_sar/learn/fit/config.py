"""Everything a training run depends on, typed; unknown keys are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from m3leo_sar._check import checked, nearest
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.learn.fit.named_configs import preset, preset_names
from m3leo_sar.learn.fit.pair_settings import PairSettings
from m3leo_sar.learn.fit.registry import names, options


@dataclass
class FitConfig:
    """A training run.

    Parameters
    ----------
    archive : str
        Folder of the chip archive.
    output : str
        Folder for checkpoints, metrics and this configuration.
    task, model : dict
        ``name`` of a file in learn/tasks or learn/models, and its options; see
        :func:`m3leo_sar.learn.fit.registry.names`.
    input : list of str
        Channels, each ``dataset:key`` such as ``"coherence:20230101_20230113"``, and names of input sets.
    target : str
        Label chip: its name, as ``dataset:key``, or "" for tasks that need none.
    cells : list of int
        Rows and columns targets are averaged onto by area; empty for the target's own grid.
    splits : dict of str
        Identifier to ``train``, ``val`` or ``test``.
    splits_file : str
        Csv of the same instead.
    missing : str
        What to do without a chip or pixel: ``"raise"`` for a chip, pixels being masked, ``"mask"``, ``"fill"`` with 0
        as if it were data, or ``"drop"`` the tile for a chip.
    statistics : str
        Json of the normalisation, such as a run writes; that of the encoder, or fitted to the train tiles, if "".
    encoder : str
        ``model.pt`` of a pretraining run whose encoder the model starts from.
    pairs : dict
        Fields of :class:`m3leo_sar.learn.fit.pair_settings.PairSettings`: samples are computed from a store of SLC
        tiles, and ``input`` names their products, such as ``coherence:5x20`` and ``intensity:reference``.
    modality : str
        Which of the encoders, if the run brought several together.
    freeze : bool
        Whether the encoder stays as it was.
    crop : int
        Side of the random training squares in pixels, 0 for whole tiles.
    crops : int
        Training squares a tile and epoch.
    hide : float
        Share of training samples that go without one of the data sets among the inputs; with ``model.mask=true`` a
        network learns to do without what is missing.
    batch, eval_batch : int
        Samples a step and device; whole tiles a step of val and test, by which the paper's protocol averages.
    epochs : int
    optimizer : str
        ``"adam"``, ``"adamw"`` or ``"sgd"``.
    learning_rate, weight_decay : float
    schedule : str
        ``"constant"`` or ``"cosine"``, of the learning rate.
    warmup : float
        Share of the steps over which the learning rate rises.
    clip : float
        Largest norm of a gradient, 0 for any.
    accumulate : int
        Batches whose gradients make one step.
    patience : int
        Epochs without a better one after which to stop, 0 for never.
    checkpoint_steps : int
        Steps between checkpoints inside an epoch, 0 for none.
    workers : int
        Loader processes; 0 loads in the main process.
    threads : int
        CPU threads of torch; 0 leaves its default.
    precision : str
        As Lightning names it: ``"32-true"``, ``"bf16-mixed"``, ...
    accelerator, strategy : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``; ``"auto"``, ``"ddp"``, ...
    devices : int
        Processes, a device each.
    sync_norm : bool
        Whether batch normalisation counts the batches of all devices; it needs GPUs.
    loggers : list of str
        ``"csv"`` and ``"tensorboard"``.
    seed : int
    """

    archive: str = "chips"
    output: str = "run"
    task: dict[str, Any] = field(default_factory=lambda: {"name": "segmentation"})
    model: dict[str, Any] = field(default_factory=lambda: {"name": "unet"})
    input: list[str] = field(default_factory=list)
    pairs: dict[str, Any] = field(default_factory=dict)
    target: str = "landcover"
    cells: list[int] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    splits_file: str = ""
    missing: str = "raise"
    statistics: str = ""
    encoder: str = ""
    modality: str = ""
    freeze: bool = False
    crop: int = 0
    crops: int = 8
    hide: float = 0.0
    batch: int = 8
    eval_batch: int = 8
    epochs: int = 75
    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    clip: float = 0.0
    accumulate: int = 1
    patience: int = 0
    checkpoint_steps: int = 0
    workers: int = 0
    threads: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    strategy: str = "auto"
    devices: int = 1
    sync_norm: bool = False
    loggers: list[str] = field(default_factory=lambda: ["csv"])
    seed: int = 0


#: Bytes of a configuration; one that names a split for every tile of a continent keeps it in a file beside it.
_LARGEST_YAML = 16 << 20
#: What must be one of a few words.
_WORDS = {
    "missing": ("raise", "mask", "fill", "drop"),
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("constant", "cosine"),
    "accelerator": ("auto", "cpu", "gpu"),
}
#: What must be at least so much.
_LEAST = {
    "crop": 0, "crops": 1, "hide": 0,
    "batch": 1, "eval_batch": 1, "epochs": 1, "learning_rate": 0, "weight_decay": 0, "warmup": 0,
    "clip": 0, "accumulate": 1, "patience": 0, "checkpoint_steps": 0, "workers": 0, "threads": 0, "devices": 1,
}  # fmt: skip


def load_config(path: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> FitConfig:
    """Configuration of a YAML file with ``key=value`` overrides, checked without loading torch.

    What the named task's preset says holds where neither says otherwise. ``task=NAME`` stands for ``task.name=NAME``,
    ``model`` likewise, ``input=A,B`` for a list. A relative ``splits_file`` or ``statistics`` of the YAML file is
    looked for beside it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a key is unknown, the message naming the nearest, a value has the wrong type, or the file is no YAML.
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
        # Scanner faults of the YAML library, which this room does not import.
        raise ValueError(f"{path} is no YAML: {str(error).splitlines()[0]}") from error
    return checked_config(_typed(_with_preset(given)))


def checked_config(config: FitConfig) -> FitConfig:
    """Give a configuration whose words and numbers can be used, with every option of its task and model.

    Raises
    ------
    ValueError
        If one cannot.
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
    if config.pairs:
        config.pairs = _pairs(config)
    config.task, config.model = _part(config.task, "tasks"), _part(config.model, "models")
    return config


def _pairs(config: FitConfig) -> dict[str, Any]:
    """Every setting of pairs, once none is beside them that only chips know."""
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
    """Text that :func:`load_config` reads back, a line a key; what is empty anyway is left out."""
    lines, usual = [], FitConfig()
    for item in fields(FitConfig):
        value = getattr(config, item.name)
        if value not in ({}, [], "") or value != getattr(usual, item.name):
            lines.append(f"{item.name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def from_yaml(text: str) -> FitConfig:
    """Read :func:`to_yaml`."""
    return checked_config(_typed(OmegaConf.to_container(OmegaConf.create(text))))  # type: ignore[arg-type]


def _loaded(path: Path) -> Any:
    """A YAML file, without the names inside it by which ten lines can stand for millions of values."""
    text = read_text(path, largest=_LARGEST_YAML)
    if re.search(r"(?m)(?:^|[-:,\[{]\s*)&\w", text):
        raise ValueError(f"{path} must have no YAML anchors (&name)")
    return OmegaConf.create(text)


def _spelled(given: Any) -> Any:
    """Short ways of writing written out."""
    plain = OmegaConf.to_container(given)
    if not isinstance(plain, dict):
        raise ValueError(f"a configuration must be keys with values, got {type(plain).__name__}")
    for key in ("task", "model"):
        if isinstance(plain.get(key), str):
            plain[key] = {"name": plain[key]}
    for key in ("input", "loggers"):
        if isinstance(plain.get(key), str):
            plain[key] = [item for item in plain[key].split(",") if item]
    return OmegaConf.create(plain)


def _beside(given: Any, folder: Path) -> Any:
    for key in ("splits_file", "statistics"):
        value = given.get(key)
        if value and not Path(value).is_absolute() and (folder / value).is_file():
            given[key] = str(folder / value)
    return given


def _with_preset(given: dict[Any, Any]) -> dict[Any, Any]:
    name = (given.get("task") or {}).get("name")
    if name not in preset_names("task"):
        return given
    base = preset("task", name)
    task = {**given["task"], **{"name": base["task"]["name"]}}
    # Options of another model than the preset's are none of the one that was named.
    if (given.get("model") or {}).get("name", base["model"]["name"]) != base["model"]["name"]:
        base["model"] = {}
    return OmegaConf.to_container(OmegaConf.merge(base, {**given, "task": task}))  # type: ignore[return-value]


def _typed(given: dict[Any, Any]) -> FitConfig:
    known = [item.name for item in fields(FitConfig)]
    return _merged(FitConfig, given, known)


def _part(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Name and every option of a task or model."""
    rest = dict(given)
    if kind == "tasks":
        checked(str(rest.get("name", "segmentation")), names("tasks") + preset_names("task"), what="task")
    name = str(rest.pop("name", {"tasks": "segmentation", "models": "unet"}[kind]))
    known = options(kind, name)
    found = _merged(known, rest, [item.name for item in fields(known)], prefix=f"{kind.removesuffix('s')}.", of=name)
    return {"name": name, **vars(found)}


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
        # Quoted as JSON is, which YAML reads: a colon or a number stays a text.
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _key(key: Any) -> str:
    # Identifiers of tiles may be digits alone, which YAML would take for a number.
    return key if str(key).isidentifier() else _flow(str(key))
