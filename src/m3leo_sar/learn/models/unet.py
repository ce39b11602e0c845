"""The UNet of the M3LEO baselines."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Widths of the paper's network, and of one that trains on a CPU.
PAPER_WIDTHS = (32, 64, 128, 256, 512)
SMALL_WIDTHS = (8, 16, 32, 64)


class UNet(nn.Module):
    """Encoder and decoder with skip connections; bilinear upsampling, reflect padding.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    classes : int
        Channels of the output.
    widths : sequence of int
        Channels of each level; each level below halves the rows and columns.

    Raises
    ------
    ValueError
        If a number is below 1, or the input's sides are not multiples of 2 to the number of halvings.

    Notes
    -----
    With the paper's widths, 8 channels and 11 classes it has 7 854 315 parameters.

    References
    ----------
    Ronneberger et al., 2015, MICCAI; M3LEO, arXiv 2406.04230, 2024, appendix D.
    """

    def __init__(self, in_channels: int, classes: int, *, widths: Sequence[int] = PAPER_WIDTHS) -> None:
        super().__init__()
        if min(in_channels, classes, *widths) < 1:
            raise ValueError(f"channels, classes and widths must be at least 1, got {in_channels}, {classes}, {widths}")
        self.halvings = len(widths) - 1
        inputs = (in_channels, *widths[:-1])
        self.down = nn.ModuleList(_double_conv(a, b) for a, b in zip(inputs, widths, strict=True))
        ups = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_double_conv(below + here, here) for below, here in ups)
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, rows, cols) of images (batch, channels, rows, cols)."""
        step = 2**self.halvings
        if image.shape[-2] % step or image.shape[-1] % step:
            raise ValueError(f"rows and cols must be multiples of {step}, got {tuple(image.shape[-2:])}")
        kept = []
        for level, block in enumerate(self.down):
            image = block(self.pool(image) if level else image)
            kept.append(image)
        kept.pop()
        for block in self.up:
            image = block(torch.cat([kept.pop(), self.grow(image)], dim=1))
        return self.head(image)


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(outputs)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
