"""A Vision Transformer that tells classes or values, from the start or from a pretrained encoder."""

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
    """Encoder with the head a task asks for: classes of pixels, or values of the target's cells.

    Raises
    ------
    ValueError
        If the task asks for neither, or for values whose cells are not fixed.
    """
    encoder = VisionTransformer(request.channels, side=side, patch=patch, dim=dim, depth=depth, heads=heads)
    if request.outputs > 1:
        return SegmentationHead(encoder, request.outputs, width=width)
    if request.outputs == 1 and request.cells:
        return RegressionHead(encoder, shape=request.cells, width=width, reduction=reduction)
    raise ValueError("model vit_head needs a task of classes, or of values with cells=[ROWS,COLS]")
