"""An encoder of the package timm, by name, with a decoder for classes or values per pixel or cell."""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from m3leo_sar.learn.models.area_pool import area_pool
from m3leo_sar.learn.models.model_request import ModelRequest


class PyramidHead(nn.Module):
    """Features of an encoder at several scales, joined from the coarsest to the finest, and upsampled to the image.

    Parameters
    ----------
    encoder : nn.Module
        Maps images (batch, channels, rows, cols) to a list of features (batch, widths, rows, cols), the finest first.
    widths : sequence of int
        Channels of these features.
    outputs : int
        Channels of the output.
    width : int
        Channels of the decoder.
    cells : pair of int, optional
        Rows and columns of the output; those of the image by default.

    Raises
    ------
    ValueError
        If a number is below 1.

    Notes
    -----
    Group normalisation with one group, so that a chip's output does not depend on the rest of its batch. The encoder
    keeps its own normalisation.
    """

    def __init__(
        self,
        encoder: nn.Module,
        widths: list[int],
        outputs: int,
        *,
        width: int = 64,
        cells: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if min(*widths, outputs, width) < 1:
            raise ValueError(f"widths, outputs and width must be at least 1, got {widths}, {outputs} and {width}")
        self.encoder, self.cells = encoder, cells
        self.narrow = nn.ModuleList(nn.Conv2d(each, width, 1) for each in widths)
        self.join = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(1, width), nn.GELU()) for _ in widths
        )
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Output (batch, outputs, rows, cols) of images (batch, channels, rows, cols)."""
        features = [layer(part) for layer, part in zip(self.narrow, self.encoder(image), strict=True)]
        joined = self.join[-1](features[-1])
        for layer, part in zip(list(self.join)[-2::-1], features[-2::-1], strict=True):
            joined = layer(part + interpolate(joined, size=part.shape[-2:], mode="bilinear"))
        out = interpolate(self.head(joined), size=image.shape[-2:], mode="bilinear")
        return out if self.cells is None else area_pool(out, self.cells)


def build(
    request: ModelRequest, *, encoder: str = "resnet18", pretrained: bool = False, width: int = 64
) -> PyramidHead:
    """Network with an encoder of timm, such as ``resnet18`` or ``convnext_tiny``, for any number of channels.

    Parameters
    ----------
    request : ModelRequest
    encoder : str
        Name in ``timm.list_models()``; it must give features at several scales.
    pretrained : bool
        Whether timm downloads weights; those of the first layer, made for three channels, are repeated for all.
    width : int
        Channels of the decoder.

    Raises
    ------
    ImportError
        If timm, or torchvision which it needs, is missing or does not fit torch.
    ValueError
        If the task has no targets, or timm has no such encoder or gives no features of it.
    """
    if not request.outputs:
        raise ValueError("model timm_head needs a task with labels, such as segmentation or regression")
    timm = _timm()
    if encoder not in timm.list_models():
        near = ", ".join(timm.list_models(f"*{encoder.partition('.')[0][:6]}*")[:5])
        raise ValueError(f"encoder must be a model of timm{f', such as {near}' if near else ''}, got {encoder!r}")
    try:
        features = timm.create_model(encoder, pretrained=pretrained, features_only=True, in_chans=request.channels)
    except (RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        raise ValueError(f"encoder {encoder} of timm gives no features at several scales: {error}") from error
    widths = [int(count) for count in features.feature_info.channels()]
    return PyramidHead(features, widths, request.outputs, width=width, cells=request.cells)


def _timm() -> ModuleType:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"model timm_head needs timm ({error}); install it with pip install 'm3leo-sar[timm]'", name=error.name
        ) from error
    except RuntimeError as error:
        # Such as torchvision for CUDA beside torch for CPUs, whose operators it cannot load.
        raise ImportError(
            f"timm needs a torchvision of the build of torch {torch.__version__}, from the same package index: {error}"
        ) from error
    found: ModuleType = timm
    return found
