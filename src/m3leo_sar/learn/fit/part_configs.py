"""Options of the library's models and tasks as structured configurations; does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class UnetOptions:
    """Options of :func:`m3leo_sar.learn.models.unet.build`."""

    widths: list[int] = field(default_factory=lambda: [32, 64, 128, 256, 512])
    norm: str = "batch"
    padding: str = "reflect"
    dropout: float = 0.0
    mask: bool = False


@dataclass
class TransformerOptions:
    """Options shared by all vision transformers; by default ViT-B/16 at 448 pixels."""

    side: int = 448
    patch: int = 16
    dim: int = 768
    depth: int = 12
    heads: int = 12


@dataclass
class VitHeadOptions(TransformerOptions):
    """Options of :func:`m3leo_sar.learn.models.vit_head.build`."""

    width: int = 256
    reduction: str = "mean"


@dataclass
class TimmHeadOptions:
    """Options of :func:`m3leo_sar.learn.models.timm_head.build`."""

    encoder: str = "resnet18"
    pretrained: bool = False
    width: int = 64


@dataclass
class MaeOptions(TransformerOptions):
    """Options of :func:`m3leo_sar.learn.models.mae.build`."""

    mask_ratio: float = 0.75
    decoder_dim: int = 512
    decoder_depth: int = 1
    decoder_heads: int = 16


@dataclass
class DinoOptions(TransformerOptions):
    """Options of :func:`m3leo_sar.learn.models.dino.build`."""

    hidden: int = 2048
    bottleneck: int = 256
    prototypes: int = 65536
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    centre_momentum: float = 0.9


@dataclass
class ContrastiveOptions(TransformerOptions):
    """Options of :func:`m3leo_sar.learn.models.contrastive.build`."""

    embedding: int = 256


@dataclass
class NoOptions:
    """A task without options of its own."""


@dataclass
class RegressionOptions:
    """Options of :func:`m3leo_sar.learn.tasks.regression.build`."""

    unit: str = ""


@dataclass
class DistillationOptions:
    """Options of :func:`m3leo_sar.learn.tasks.distillation.build`."""

    whole_side: int = 224
    local_side: int = 96
    whole: int = 2
    local: int = 4
    momentum: float = 0.996


#: Options of each part by kind and name; the part is the module of that name in ``learn.models`` or ``learn.tasks``.
OPTIONS: dict[str, dict[str, type]] = {
    "model": {
        "unet": UnetOptions,
        "vit_head": VitHeadOptions,
        "timm_head": TimmHeadOptions,
        "mae": MaeOptions,
        "dino": DinoOptions,
        "contrastive": ContrastiveOptions,
    },
    "task": {
        "segmentation": NoOptions,
        "regression": RegressionOptions,
        "reconstruction": NoOptions,
        "distillation": DistillationOptions,
        "alignment": NoOptions,
    },
}
