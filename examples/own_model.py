"""A model of your own: ``m3leo-sar train ARCHIVE model=examples/own_model.py model.width=24``."""

from __future__ import annotations

from torch import nn

from m3leo_sar.learn.models.model_request import ModelRequest


def build(request: ModelRequest, *, width: int = 16, dropout: float = 0.0) -> nn.Module:
    """Fully convolutional network (batch, channels, rows, cols) to (batch, outputs, rows, cols)."""
    return nn.Sequential(
        nn.Conv2d(request.channels, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Dropout2d(dropout),
        nn.Conv2d(width, request.outputs, 1),
    )
