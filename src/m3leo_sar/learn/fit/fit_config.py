"""Everything that a training run depends on, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
        ``name`` of a part of the library or of an installed package, or a path ending in ``.py``, or ``_target_``, the
        dotted name of a ``build``; and its options. See :func:`m3leo_sar.learn.fit.parts.part`.
    input : list of str
        Channels, each ``dataset:key`` such as ``"coherence:20230101_20230113"``, and names of input sets.
    target : str
        Label chip: its name, as ``dataset:key``, or "" for tasks that need none.
    classes : list
        Classes of a label of codes: entries with ``code``, ``name`` and, if wished, ``colour``; a mapping of codes to
        names; or the name of a published legend, ``worldcover`` or ``dynamic_world``. If empty, what the label's chips
        state, or WorldCover's for a label that is named after it.
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
    classes: list[Any] = field(default_factory=list)
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
