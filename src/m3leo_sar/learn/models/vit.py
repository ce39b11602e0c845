"""A Vision Transformer for images of any shape and number of channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VisionTransformer(nn.Module):
    """Image patches as tokens, with learned positions and a class token; by default ViT-B/16 at 448 pixels.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    side : int
        Rows and columns for which positions are learned. For other sizes they are interpolated bicubically.
    patch : int
        Side of a patch in pixels.
    dim, depth, heads : int
        Token dimension, number of blocks, and attention heads per block.

    Raises
    ------
    ValueError
        If a number is below 1, ``side`` is not a multiple of ``patch`` or ``dim`` not one of ``heads``; in use, if an
        image has another number of channels, or sides that are not multiples of ``patch``.

    Notes
    -----
    ViT-B/16 at 448 pixels has 88 019 712 parameters for 12 channels, including 196 608 per channel for the patches.

    References
    ----------
    Dosovitskiy et al., 2021, ICLR, arXiv 2010.11929.
    """

    def __init__(
        self, in_channels: int, *, side: int = 448, patch: int = 16, dim: int = 768, depth: int = 12, heads: int = 12
    ) -> None:
        super().__init__()
        if min(in_channels, side, patch, dim, depth, heads) < 1:
            raise ValueError(f"all sizes must be at least 1, got {(in_channels, side, patch, dim, depth, heads)}")
        if side % patch or dim % heads:
            raise ValueError(
                f"side must be a multiple of patch and dim of heads, got {side} of {patch}, {dim} of {heads}"
            )
        self.in_channels, self.patch, self.dim = in_channels, patch, dim
        self.embed = nn.Conv2d(in_channels, dim, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.zeros(1, 1 + (side // patch) ** 2, dim))
        self.blocks = nn.Sequential(*(TransformerBlock(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.apply(initialise)
        for tokens in (self.class_token, self.position):
            nn.init.trunc_normal_(tokens, std=0.02)

    def grid(self, image: Tensor) -> tuple[int, int]:
        """Rows and columns of patches of images (batch, channels, rows, cols).

        Raises
        ------
        ValueError
            If the image does not fit the network.
        """
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise ValueError(f"image must be (batch, {self.in_channels}, rows, cols), got {tuple(image.shape)}")
        rows, cols = image.shape[-2:]
        if not rows or not cols or rows % self.patch or cols % self.patch:
            raise ValueError(f"rows and cols must be multiples of {self.patch}, got {(rows, cols)}")
        return rows // self.patch, cols // self.patch

    def patches(self, image: Tensor) -> Tensor:
        """Tokens (batch, patches, dim) of images (batch, channels, rows, cols), positions added."""
        positions = resized_positions(self.position, self.grid(image))
        return self.embed(image).flatten(2).transpose(1, 2) + positions[:, 1:]

    def encode(self, patches: Tensor) -> Tensor:
        """Tokens (batch, 1 + patches, dim), the class token first, of any part of the patches."""
        first = (self.class_token + self.position[:, :1]).expand(patches.shape[0], -1, -1)
        return self.norm(self.blocks(torch.cat([first, patches], dim=1)))

    def forward(self, image: Tensor) -> Tensor:
        """Tokens (batch, 1 + patches, dim), the class token first, of images (batch, channels, rows, cols)."""
        return self.encode(self.patches(image))


class TransformerBlock(nn.Module):
    """Pre-norm residual block of attention and a perceptron of four times the width.

    Parameters
    ----------
    dim, heads : int
        Token dimension; number of attention heads.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        self.query_key_value, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.perceptron = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (batch, length, dim) to tokens of the same shape."""
        tokens = tokens + self._attend(self.norms[0](tokens))
        return tokens + self.perceptron(self.norms[1](tokens))

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, length, dim = tokens.shape
        parts = self.query_key_value(tokens).reshape(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(1, 2).reshape(batch, length, dim))


def resized_positions(position: Tensor, grid: tuple[int, int]) -> Tensor:
    """Positions (1, 1 + rows * cols, dim) for another grid of patches, interpolated bicubically except the first.

    Parameters
    ----------
    position : (1, 1 + side * side, dim) float
        Learned on a square grid.
    grid : pair of int
        Rows and columns of patches.
    """
    side = round((position.shape[1] - 1) ** 0.5)
    if grid == (side, side):
        return position
    image = position[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resized = nn.functional.interpolate(image, size=grid, mode="bicubic", align_corners=False)
    return torch.cat([position[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def to_patches(image: Tensor, patch: int) -> Tensor:
    """Pixels (batch, patches, channels * patch * patch) of images (batch, channels, rows, cols), in row-major order."""
    batch, channels, rows, cols = image.shape
    cut = image.reshape(batch, channels, rows // patch, patch, cols // patch, patch)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * patch * patch)


def from_patches(patches: Tensor, patch: int, grid: tuple[int, int]) -> Tensor:
    """Undo :func:`to_patches` for a grid of (rows, cols) patches."""
    cut = patches.reshape(len(patches), *grid, -1, patch, patch).permute(0, 3, 1, 4, 2, 5)
    return cut.reshape(len(patches), -1, grid[0] * patch, grid[1] * patch)


def initialise(module: nn.Module) -> None:
    """Initialise a linear or patch layer as in the masked autoencoder: Xavier weights, zero bias."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
