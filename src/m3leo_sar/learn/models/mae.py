"""Masked autoencoder: most patches are masked, and reconstructed from the rest."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.models.vit import TransformerBlock, VisionTransformer, initialise, resized_positions, to_patches


class Reconstruction(NamedTuple):
    """Reconstruction of an input by a masked autoencoder."""

    #: (batch, patches, channels * patch * patch) float: pixels in the layout of ``to_patches``.
    patches: Tensor
    #: (batch, patches) bool: True where the patch was masked.
    hidden: Tensor


class MaskedAutoencoder(nn.Module):
    """An encoder of the visible patches, and a small decoder that reconstructs the others.

    Parameters
    ----------
    encoder : VisionTransformer
    mask_ratio : float
        Share of masked patches; at least one patch is visible and one is masked.
    decoder_dim, decoder_depth, decoder_heads : int
        Dimension, depth and attention heads of the decoder; the paper's has one layer.

    Raises
    ------
    ValueError
        If ``mask_ratio`` is not between 0 and 1, or ``decoder_dim`` is not a multiple of ``decoder_heads``.

    Notes
    -----
    Table C.1 of the paper states 88.8 M parameters for a ViT-B/16 encoder at 448 pixels and 5.5 M for the decoder. This
    holds for the 12 channels of its configuration: the encoder has 88 019 712 parameters, or 88 788 712 with the common
    1000-class ViT head, which an autoencoder does not use and this one does not have; the decoder has 5 525 504.

    References
    ----------
    He et al., 2022, CVPR, arXiv 2111.06377; M3LEO, arXiv 2406.04230, 2024, appendix C.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        mask_ratio: float = 0.75,
        decoder_dim: int = 512,
        decoder_depth: int = 1,
        decoder_heads: int = 16,
    ) -> None:
        super().__init__()
        if not 0 < mask_ratio < 1:
            raise ValueError(f"mask_ratio must lie between 0 and 1, got {mask_ratio}")
        self.encoder, self.mask_ratio = encoder, mask_ratio
        self.decoder = MaskedDecoder(encoder, dim=decoder_dim, depth=decoder_depth, heads=decoder_heads)

    def forward(self, image: Tensor, *, generator: torch.Generator | None = None) -> Reconstruction:
        """Mask patches of images (batch, channels, rows, cols) and reconstruct them.

        Parameters
        ----------
        image : (batch, channels, rows, cols) float
        generator : torch.Generator, optional
            Generator on the CPU, so that the same seed masks the same patches on any device.
        """
        grid = self.encoder.grid(image)
        patches = self.encoder.patches(image)
        order = random_order(len(image), patches.shape[1], generator).to(image.device)
        kept = min(max(1, round(patches.shape[1] * (1 - self.mask_ratio))), max(1, patches.shape[1] - 1))
        seen = self.encoder.encode(_taken(patches, order[:, :kept]))
        # A patch is masked if it comes late in the order.
        return Reconstruction(self.decoder(seen, order, grid), order.argsort(dim=1) >= kept)


def build(
    request: ModelRequest,
    *,
    side: int = 448,
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    mask_ratio: float = 0.75,
    decoder_dim: int = 512,
    decoder_depth: int = 1,
    decoder_heads: int = 16,
) -> MaskedAutoencoder:
    """Model of the task ``reconstruction``."""
    if request.outputs:
        raise ValueError(
            "model mae uses no labels; train it with the task reconstruction, then vit_head from its encoder"
        )
    encoder = VisionTransformer(request.channels, side=side, patch=patch, dim=dim, depth=depth, heads=heads)
    sizes = {"decoder_dim": decoder_dim, "decoder_depth": decoder_depth, "decoder_heads": decoder_heads}
    return MaskedAutoencoder(encoder, mask_ratio=mask_ratio, **sizes)


class MaskedDecoder(nn.Module):
    """Pixels of all patches from the tokens of some; a learned mask token replaces the others.

    Parameters
    ----------
    encoder : VisionTransformer
        Encoder of the input tokens.
    dim, depth, heads : int
        Token dimension, number of blocks, and attention heads per block.

    Raises
    ------
    ValueError
        If ``dim`` is not a multiple of ``heads``.
    """

    def __init__(self, encoder: VisionTransformer, *, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"decoder_dim must be a multiple of decoder_heads, got {dim} of {heads}")
        self.embed = nn.Linear(encoder.dim, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.zeros(1, encoder.position.shape[1], dim))
        self.blocks = nn.Sequential(*(TransformerBlock(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.predict = nn.Linear(dim, encoder.in_channels * encoder.patch**2)
        self.apply(initialise)
        for tokens in (self.mask_token, self.position):
            nn.init.trunc_normal_(tokens, std=0.02)

    def forward(self, seen: Tensor, order: Tensor, grid: tuple[int, int]) -> Tensor:
        """Pixels (batch, patches, channels * patch * patch).

        Parameters
        ----------
        seen : (batch, 1 + kept, encoder dim) float
            The class token, then the visible patches.
        order : (batch, patches) int64
            Order of the patches, the visible ones first.
        grid : pair of int
            Rows and columns of patches.
        """
        tokens = self.embed(seen)
        hidden = order.shape[1] + 1 - tokens.shape[1]
        missing = self.mask_token.to(tokens.dtype).expand(len(tokens), hidden, -1)
        patches = _taken(torch.cat([tokens[:, 1:], missing], dim=1), order.argsort(dim=1))
        whole = torch.cat([tokens[:, :1], patches], dim=1) + resized_positions(self.position, grid)
        return self.predict(self.norm(self.blocks(whole))[:, 1:])


def random_order(batch: int, patches: int, generator: torch.Generator | None = None) -> Tensor:
    """Random order (batch, patches) int64 in which patches are kept, drawn per image."""
    return torch.rand(batch, patches, generator=generator).argsort(dim=1)


def reconstruction_loss(found: Reconstruction, image: Tensor, mask: Tensor, *, patch: int) -> Tensor:
    """Mean squared error over the masked pixels that have data; 0, with a gradient of 0, if there are none.

    Parameters
    ----------
    found : Reconstruction
    image : (batch, channels, rows, cols) float
        Original images.
    mask : (batch, channels, rows, cols) bool
        True where there is data.
    patch : int
        Side of a patch in pixels.
    """
    counted = found.hidden[..., None] & to_patches(mask, patch)
    wanted = torch.where(counted, to_patches(image, patch), found.patches.detach())
    return (found.patches - wanted).square().sum() / counted.sum().clamp(min=1)


def _taken(tokens: Tensor, order: Tensor) -> Tensor:
    return tokens.gather(1, order[..., None].expand(-1, -1, tokens.shape[-1]))
