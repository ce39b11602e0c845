"""Means over the cells of a coarser, or other, grid of the same ground."""

from __future__ import annotations

import torch
from torch import Tensor


def area_pool(image: Tensor, shape: tuple[int, int], *, mask: Tensor | None = None) -> Tensor:
    """Mean of each cell, every pixel counted by the share of it that lies in the cell.

    Both grids cover the same ground. Cells need not hold whole pixels, as where 448 pixels make 45 cells; torch's
    adaptive pooling would then let neighbouring cells share whole pixels. Being two matrix products it is
    deterministic on any device.

    Parameters
    ----------
    image : (..., rows, cols) float
    shape : pair of int
        Rows and columns of cells; more than pixels repeats them.
    mask : (..., rows, cols) bool, optional
        Pixels that count; broadcast against ``image``. A cell without any is 0.

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
        # The weight of one pixel is far above this, and where there is none the total is 0.
        return total / weight.clamp(min=torch.finfo(wide.dtype).tiny)


def _shares(pixels: int, cells: int) -> Tensor:
    """Share (cells, pixels) float64 of each cell that each pixel covers."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * pixels / cells
    start = torch.arange(pixels, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], start + 1) - torch.maximum(edges[:-1, None], start)
    return overlap.clamp(min=0) * cells / pixels
