"""Contrastive alignment of the modalities of one place, with one encoder per modality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.models.vit import VisionTransformer

#: Initial and maximum scale of similarities.
FIRST_SCALE, MOST_SCALE = 1 / 0.07, 100.0


class ModalityAligner(nn.Module):
    """One encoder per modality, each projected to unit vectors in a common space.

    Parameters
    ----------
    encoders : mapping of str to VisionTransformer
        Such as ``"amplitude"``, ``"coherence"`` and ``"optical"``.
    dim : int
        Length of the unit vectors.

    Raises
    ------
    ValueError
        If there are fewer than two encoders.

    References
    ----------
    Radford et al., 2021, ICML, arXiv 2103.00020, figure 3.
    """

    def __init__(self, encoders: Mapping[str, VisionTransformer], *, dim: int = 256) -> None:
        super().__init__()
        if len(encoders) < 2:
            raise ValueError(f"encoders must be at least two, got {len(encoders)}")
        self.encoders = nn.ModuleDict(encoders)
        self.projections = nn.ModuleDict(
            {name: nn.Linear(encoder.dim, dim, bias=False) for name, encoder in encoders.items()}
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    @property
    def scale(self) -> Tensor:
        """Scale of the cosines, an inverse temperature."""
        return self.log_scale.clamp(max=math.log(MOST_SCALE)).exp()

    def forward(self, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unit vectors (batch, dim) of images (batch, channels, rows, cols), for the given modalities.

        Raises
        ------
        ValueError
            If a modality has no encoder.
        """
        unknown = images.keys() - self.encoders.keys()
        if unknown:
            raise ValueError(f"images must be of {', '.join(self.encoders)}, got {', '.join(sorted(unknown))}")
        embeddings = {name: self.projections[name](self.encoders[name](image)[:, 0]) for name, image in images.items()}
        return {name: nn.functional.normalize(vector, dim=-1) for name, vector in embeddings.items()}


def build(
    request: ModelRequest,
    *,
    side: int = 448,
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    embedding: int = 256,
) -> ModalityAligner:
    """Model of the task ``alignment``: one encoder per input data set."""
    if request.outputs:
        raise ValueError(
            "model contrastive uses no labels; train it with the task alignment, then vit_head from its encoder"
        )
    sizes = {"side": side, "patch": patch, "dim": dim, "depth": depth, "heads": heads}
    encoders = {name: VisionTransformer(len(part), **sizes) for name, part in request.modalities.items()}
    return ModalityAligner(encoders, dim=embedding)


def alignment_loss(embeddings: Mapping[str, Tensor], present: Mapping[str, Tensor], scale: Tensor) -> Tensor:
    """Mean symmetric cross-entropy over all pairs of modalities, each over the places with data in both.

    Parameters
    ----------
    embeddings : mapping of str to (batch, dim) float
        Unit vectors.
    present : mapping of str to (batch,) bool
        Places where the modality has data.
    scale : scalar
        Multiplies cosines.

    Returns
    -------
    scalar
        0, with a gradient of 0, if no pair of modalities shares two places: a single place offers no contrast.

    References
    ----------
    van den Oord et al., 2018, arXiv 1807.03748, equation 4; Radford et al., 2021, ICML, arXiv 2103.00020.
    """
    losses = []
    for one, other in combinations(embeddings, 2):
        both = present[one] & present[other]
        if int(both.sum()) >= 2:
            losses.append(_symmetric(scale * _cosines(embeddings[one][both], embeddings[other][both])))
    if losses:
        return torch.stack(losses).mean()
    return 0 * (scale + sum(vectors.sum() for vectors in embeddings.values()))


def retrieval(embeddings: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> float:
    """Share of places whose partner in another modality is the nearest one, over all ordered pairs of modalities.

    Returns
    -------
    float
        0 to 1; chance level is 1 over the number of places. NaN if no two modalities share a place.
    """
    shares = []
    for one, other in combinations(embeddings, 2):
        both = present[one] & present[other]
        if both.any():
            cosines = _cosines(embeddings[one][both], embeddings[other][both])
            partner = torch.arange(len(cosines), device=cosines.device)
            shares += [float((cosines.argmax(dim=axis) == partner).double().mean()) for axis in (0, 1)]
    return sum(shares) / len(shares) if shares else math.nan


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    # Mixed precision would round them to 8 bits, and they are multiplied by up to a hundred.
    with torch.autocast(first.device.type, enabled=False):
        return first.float() @ second.float().T


def _symmetric(logits: Tensor) -> Tensor:
    partner = torch.arange(len(logits), device=logits.device)
    cross_entropy = nn.functional.cross_entropy
    return (cross_entropy(logits, partner) + cross_entropy(logits.T, partner)) / 2
