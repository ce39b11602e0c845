"""Heads for a pretrained encoder: classes per pixel, values per cell, classes per chip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m3leo_sar.learn.models.area_pool import area_pool
from m3leo_sar.learn.models.vit import VisionTransformer

REDUCTIONS = ("mean", "sum")


class SegmentationHead(nn.Module):
    """Per-pixel class logits from an encoder's tokens: convolutions, each followed by upsampling by 2.

    Parameters
    ----------
    encoder : VisionTransformer
        Fine-tuned with the head; freeze it with ``requires_grad_(False)``.
    classes : int
    width : int
        Channels of the first convolution; halved at each upsampling.

    Raises
    ------
    ValueError
        If the encoder's patch size is not a power of 2, or ``classes`` or ``width`` is below 1.

    Notes
    -----
    Group normalisation with one group, so that a chip's logits do not depend on the rest of its batch.
    """

    def __init__(self, encoder: VisionTransformer, classes: int, *, width: int = 256) -> None:
        super().__init__()
        if encoder.patch & (encoder.patch - 1) or min(classes, width) < 1:
            raise ValueError(
                f"patch must be a power of 2, classes and width at least 1, got {encoder.patch}, {classes}, {width}"
            )
        self.encoder = encoder
        layers: list[nn.Module] = []
        inputs = encoder.dim
        for _ in range(encoder.patch.bit_length() - 1):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.GroupNorm(1, width), nn.GELU()]
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
            inputs, width = width, max(8, width // 2)
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, classes, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, rows, cols) of images (batch, channels, rows, cols)."""
        return self.layers(token_image(self.encoder, image))


class RegressionHead(nn.Module):
    """Values on a small grid, or one value per chip, from an encoder's tokens.

    Parameters
    ----------
    encoder : VisionTransformer
    shape : pair of int
        Rows and columns of output cells; (1, 1) is one value per chip, (45, 55) the paper's biomass grid.
    reduction : str
        ``"mean"`` over each cell, or ``"sum"``, counted in patches.
    width : int
        Channels of the convolution.

    Raises
    ------
    ValueError
        If ``reduction`` is unknown, or a number is below 1.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        shape: tuple[int, int] = (1, 1),
        reduction: str = "mean",
        width: int = 128,
    ) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        if min(*shape, width) < 1:
            raise ValueError(f"shape and width must be at least 1, got {shape} and {width}")
        self.encoder, self.shape, self.reduction = encoder, shape, reduction
        # Four times the resolution of the patches, so that cells smaller than a patch can differ inside it.
        self.layers = nn.Sequential(
            nn.Conv2d(encoder.dim, width, 3, padding=1),
            nn.GELU(),
            nn.Upsample(scale_factor=4, mode="bilinear"),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Values (batch, 1, shape[0], shape[1]) of images (batch, channels, rows, cols)."""
        tokens = token_image(self.encoder, image)
        mean = area_pool(self.layers(tokens), self.shape)
        cells = self.shape[0] * self.shape[1]
        return mean * (tokens.shape[-2] * tokens.shape[-1] / cells) if self.reduction == "sum" else mean


class LinearProbe(nn.Module):
    """Class logits of a chip, linear in the mean token of a frozen encoder.

    Parameters
    ----------
    encoder : VisionTransformer
        Its weights are frozen.
    classes : int
    """

    def __init__(self, encoder: VisionTransformer, classes: int) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.linear = nn.Linear(encoder.dim, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes) of images (batch, channels, rows, cols)."""
        with torch.no_grad():
            tokens = self.encoder(image)
        return self.linear(tokens[:, 1:].mean(dim=1))


def token_image(encoder: VisionTransformer, image: Tensor) -> Tensor:
    """Tokens of the patches as an image (batch, dim, rows of patches, cols of patches)."""
    tokens = encoder(image)[:, 1:].transpose(1, 2)
    # The batch size is not fixed here, so that an exported network accepts batches of any size.
    return tokens.unflatten(2, encoder.grid(image))
