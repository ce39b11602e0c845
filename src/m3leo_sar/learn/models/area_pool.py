"""Area-weighted means over the cells of another, usually coarser, grid of the same ground."""

from __future__ import annotations

import torch
from torch import Tensor


def area_pool(image: Tensor, shape: tuple[int, int], *, mask: Tensor | None = None) -> Tensor:
    """Mean of each cell, every pixel weighted by the share of it that lies in the cell.

    Both grids cover the same ground. Cells need not consist of whole pixels, as with 45 cells over 448 pixels; torch's
    adaptive pooling would then let neighbouring cells share whole pixels. As two matrix products the computation is
    deterministic on any device.

    Parameters
    ----------
    image : (..., rows, cols) float
    shape : pair of int
        Rows and columns of cells; with more cells than pixels, pixel values are repeated.
    mask : (..., rows, cols) bool, optional
        Valid pixels; broadcast against ``image``. A cell without valid pixels is 0.

    Returns
    -------
    (..., shape[0], shape[1]) float32, or float64 if the image is

    Raises
    ------
    ValueError
        If a side of ``shape`` is below 1.

    Examples
    --------
    >>> area_pool(torch.tensor([[1.0, 2.0, 6.0]]), (1, 2))
    tensor([[1.3333, 4.6667]])
    """
    if min(shape) < 1:
        raise ValueError(f"shape must be at least 1 by 1, got {shape}")
    wide = image if image.dtype == torch.float64 else image.float()
    rows, cols = (_shares(image.shape[axis], shape[axis]).to(wide) for axis in (-2, -1))
    # Mixed precision would round the means to 8 bits.
    with torch.autocast(image.device.type, enabled=False):
        if mask is None:
            return rows @ wide @ cols.T
        weight = rows @ mask.to(wide.dtype) @ cols.T
        total = rows @ torch.where(mask, wide, 0) @ cols.T
        # The weight of any pixel is far above this minimum; without valid pixels the total is 0.
        return total / weight.clamp(min=torch.finfo(wide.dtype).tiny)


def _shares(pixels: int, cells: int) -> Tensor:
    """Share (cells, pixels) float64 of each cell that each pixel covers."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells
    start = torch.arange(pixels, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], start + 1) - torch.maximum(edges[:-1, None], start)
    return overlap.clamp(min=0) * cells / pixels
