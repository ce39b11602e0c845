"""Typed configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class FitConfig:
    """Configuration of a training run.

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
        Channels, each ``dataset/key`` such as ``"coherence/VV/20230101_20230113"``, and names of input sets.
    polarisations : list of str
        Such as ``["VV", "VH"]``: an input of a product of the stack that names no polarisation, such as
        ``coherence/20230101_20230113``, becomes one channel per polarisation, with statistics of its own. If empty,
        such an input is of the only polarisation of the data.
    target : str
        Label chip, by name or as ``dataset:key``; "" for tasks that need no label.
    classes : list
        Classes of a categorical label: entries with ``code``, ``name`` and an optional ``colour``; a mapping of codes
        to names; or the name of a published legend, ``worldcover`` or ``dynamic_world``. If empty, the classes stated
        by the label's chips, or those of WorldCover for a label named after it.
    cells : list of int
        Rows and columns of the grid onto which targets are area-averaged; empty for the target's own grid.
    splits : dict of str
        Identifier to ``train``, ``val`` or ``test``.
    splits_file : str
        CSV file with the same mapping, as an alternative.
    missing : str
        Policy for missing chips and pixels: ``"raise"`` on a missing chip and mask missing pixels; ``"mask"`` both;
        ``"fill"`` both with 0 as if it were data; or ``"drop"`` the tile of a missing chip.
    statistics : str
        JSON file with normalisation statistics, as written by a run. If "", the statistics of the encoder, or else
        statistics fitted to the train tiles.
    encoder : str
        ``model.pt`` of a pretraining run, whose encoder initialises the model.
    pairs : dict
        Fields of :class:`m3leo_sar.learn.fit.pair_settings.PairSettings`: samples are computed from a store of SLC
        tiles, and ``input`` names their products, such as ``coherence:5x20`` and ``intensity:reference``.
    modality : str
        Encoder to use if the pretraining run aligned several.
    freeze : bool
        Whether the encoder's weights are frozen.
    crop : int
        Side of the random training crops in pixels, 0 for whole tiles.
    crops : int
        Training crops per tile and epoch.
    hide : float
        Probability of hiding each input data set of a training sample, of which at least one is kept; with
        ``model.mask=true`` the network learns to work without missing inputs.
    batch, eval_batch : int
        Batch size per device, in samples; batch size for val and test, in whole tiles. The paper's protocol averages
        over the latter.
    epochs : int
    optimizer : str
        ``"adam"``, ``"adamw"`` or ``"sgd"``.
    learning_rate, weight_decay : float
    schedule : str
        Learning-rate schedule, ``"constant"`` or ``"cosine"``.
    warmup : float
        Share of the steps over which the learning rate rises.
    clip : float
        Maximum gradient norm, 0 for no clipping.
    accumulate : int
        Batches whose gradients are accumulated per optimizer step.
    patience : int
        Epochs without improvement before early stopping, 0 for no early stopping.
    checkpoint_steps : int
        Steps between checkpoints within an epoch, 0 for none.
    workers : int
        Loader processes; 0 loads in the main process.
    threads : int
        CPU threads of torch; 0 for one if the network has fewer than 200 000 parameters, else one per CPU.
    precision : str
        Lightning's name of the precision: ``"32-true"``, ``"bf16-mixed"``, ...
    accelerator, strategy : str
        ``"auto"``, ``"cpu"`` or ``"gpu"``; ``"auto"``, ``"ddp"``, ...
    devices : int
        Number of processes, one device per process.
    sync_norm : bool
        Whether batch normalisation is synchronised over all devices; requires GPUs.
    loggers : list of str
        ``"csv"`` and ``"tensorboard"``.
    seed : int
    """

    archive: str = "chips"
    output: str = "run"
    task: dict[str, Any] = field(default_factory=lambda: {"name": "segmentation"})
    model: dict[str, Any] = field(default_factory=lambda: {"name": "unet"})
    input: list[str] = field(default_factory=list)
    polarisations: list[str] = field(default_factory=list)
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
