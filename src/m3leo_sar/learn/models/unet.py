"""The UNet of the M3LEO baselines."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from m3leo_sar.learn.models.model_request import ModelRequest

#: Widths of the paper's network, and of a smaller one for training on a CPU.
PAPER_WIDTHS = (32, 64, 128, 256, 512)
SMALL_WIDTHS = (8, 16, 32, 64)
NORMS = ("batch", "group")
PADDINGS = ("reflect", "replicate", "zeros")


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
    norm : str
        ``"batch"`` as in the paper, or ``"group"`` with one group, so that no sample depends on the rest of its batch.
    padding : str
        ``"reflect"`` as in the paper, ``"replicate"`` or ``"zeros"``.
    dropout : float
        Share of the channels of the lowest level that are dropped in training.
    mask : bool
        Whether the network also receives the mask, as one additional channel per input channel, to distinguish zero
        from no data.

    Raises
    ------
    ValueError
        If ``norm`` or ``padding`` is unknown, a number is below 1, or the input's sides are not multiples of 2 to the
        power of the number of halvings.

    Notes
    -----
    With the paper's widths, 8 channels and 11 classes the network has 7 854 315 parameters.

    References
    ----------
    Ronneberger et al., 2015, MICCAI; M3LEO, arXiv 2406.04230, 2024, appendix D.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int,
        *,
        widths: Sequence[int] = PAPER_WIDTHS,
        norm: str = "batch",
        padding: str = "reflect",
        dropout: float = 0.0,
        mask: bool = False,
    ) -> None:
        super().__init__()
        self.takes_mask = mask
        for name, word, words in (("norm", norm, NORMS), ("padding", padding, PADDINGS)):
            if word not in words:
                raise ValueError(f"{name} must be one of {', '.join(words)}, got {word!r}")
        if min(in_channels, classes, *widths) < 1:
            raise ValueError(f"channels, classes and widths must be at least 1, got {in_channels}, {classes}, {widths}")
        self.halvings = len(widths) - 1
        inputs = (2 * in_channels if mask else in_channels, *widths[:-1])
        layers = {"norm": norm, "padding": padding}
        self.down = nn.ModuleList(_double_conv(a, b, **layers) for a, b in zip(inputs, widths, strict=True))
        ups = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_double_conv(below + here, here, **layers) for below, here in ups)
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.drop = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (batch, classes, rows, cols) of images (batch, channels, rows, cols), and of their mask if used."""
        if self.takes_mask:
            if mask is None:
                raise ValueError("mask must be given to a network that takes it, got none")
            image = torch.cat([image, mask.to(image.dtype)], dim=1)
        step = 2**self.halvings
        if image.shape[-2] % step or image.shape[-1] % step:
            raise ValueError(f"rows and cols must be multiples of {step}, got {tuple(image.shape[-2:])}")
        kept = []
        for level, block in enumerate(self.down):
            image = block(self.pool(image) if level else image)
            kept.append(image)
        kept.pop()
        image = self.drop(image)
        for block in self.up:
            image = block(torch.cat([kept.pop(), self.grow(image)], dim=1))
        return self.head(image)


def build(
    request: ModelRequest,
    *,
    widths: Sequence[int] = (32, 64, 128, 256, 512),
    norm: str = "batch",
    padding: str = "reflect",
    dropout: float = 0.0,
    mask: bool = False,
) -> UNet:
    """Network for per-pixel classes or values."""
    if not request.outputs:
        raise ValueError("model unet needs a task with labels, such as segmentation or regression")
    options = {"norm": norm, "padding": padding, "dropout": dropout, "mask": mask}
    return UNet(request.channels, request.outputs, widths=widths, **options)  # type: ignore[arg-type]


def _double_conv(inputs: int, outputs: int, *, norm: str, padding: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        normal = nn.BatchNorm2d(outputs) if norm == "batch" else nn.GroupNorm(1, outputs)
        convolution = nn.Conv2d(channels, outputs, 3, padding=1, padding_mode=padding)  # type: ignore[arg-type]
        layers += [convolution, normal, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
