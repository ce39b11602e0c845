"""A Vision Transformer that predicts classes or values, from scratch or from a pretrained encoder."""

from __future__ import annotations

from m3leo_sar.learn.models.heads import RegressionHead, SegmentationHead
from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.models.vit import VisionTransformer


def build(
    request: ModelRequest,
    *,
    side: int = 448,
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    width: int = 256,
    reduction: str = "mean",
) -> SegmentationHead | RegressionHead:
    """Encoder with the head required by a task: classes per pixel, or values per target cell.

    Raises
    ------
    ValueError
        If the task requires neither, or requires values without fixed cells.
    """
    encoder = VisionTransformer(request.channels, side=side, patch=patch, dim=dim, depth=depth, heads=heads)
    if request.outputs > 1:
        return SegmentationHead(encoder, request.outputs, width=width)
    if request.outputs == 1 and request.cells:
        return RegressionHead(encoder, shape=request.cells, width=width, reduction=reduction)
    raise ValueError("model vit_head needs a task of classes, or of values with cells=[ROWS,COLS]")
