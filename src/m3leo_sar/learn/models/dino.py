"""Self-distillation without labels: a student learns to match, across views, the output of its own moving average."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.models.vit import VisionTransformer


class ProjectionHead(nn.Module):
    """Maps embeddings to cosine similarities with prototypes.

    Parameters
    ----------
    dim, hidden, bottleneck, prototypes : int
        Size of the embedding, of the two hidden layers and of the compared unit vector; number of prototypes.

    References
    ----------
    Caron et al., 2021, ICCV, arXiv 2104.14294, appendix C.
    """

    def __init__(self, dim: int, *, hidden: int = 2048, bottleneck: int = 256, prototypes: int = 65536) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, embedding: Tensor) -> Tensor:
        """Similarities (batch, prototypes), -1 to 1, of embeddings (batch, dim)."""
        unit = nn.functional.normalize(self.layers(embedding), dim=-1)
        return nn.functional.linear(unit, nn.functional.normalize(self.prototypes, dim=-1))


class SelfDistillation(nn.Module):
    """A student, a teacher that is its moving average, and the centre of the teacher's outputs.

    Parameters
    ----------
    encoder : VisionTransformer
        Encoder of the student; the teacher's is a copy.
    student_temperature, teacher_temperature : float
        Temperatures of the softmax over prototypes; the teacher's is the lower one, which sharpens its output.
    centre_momentum : float
        Momentum of the running mean that is subtracted from the teacher's outputs, so that no prototype dominates. With
        several processes the mean is that of the first process's batches.
    **head
        Sizes of :class:`ProjectionHead`.

    Raises
    ------
    ValueError
        If a temperature is not positive, or ``centre_momentum`` is not in [0, 1].

    References
    ----------
    Caron et al., 2021, ICCV, arXiv 2104.14294, equations 1 to 4.
    """

    centre: Tensor

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        centre_momentum: float = 0.9,
        **head: int,
    ) -> None:
        super().__init__()
        if min(student_temperature, teacher_temperature) <= 0 or not 0 <= centre_momentum <= 1:
            raise ValueError(
                f"temperatures must be above 0 and centre_momentum from 0 to 1, got "
                f"{student_temperature}, {teacher_temperature} and {centre_momentum}"
            )
        self.temperatures, self.centre_momentum = (student_temperature, teacher_temperature), centre_momentum
        projection = ProjectionHead(encoder.dim, **head)
        self.student = nn.ModuleDict({"encoder": encoder, "head": projection})
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(len(projection.prototypes)))

    def embed(self, image: Tensor) -> Tensor:
        """Teacher's class token (batch, dim) of images (batch, channels, rows, cols)."""
        return self.teacher["encoder"](image)[:, 0]

    def forward(self, views: Sequence[Tensor], present: Tensor, *, whole: int = 2) -> Tensor:
        """Mean cross-entropy between the student on each view and the teacher on every other whole view.

        In training mode, the centre is updated.

        Parameters
        ----------
        views : sequence of (batch, channels, rows, cols) float
            Views of the same images, the whole views first.
        present : (batch,) bool
            Images that have data; the others are ignored. If there are none, the loss is 0 with a gradient of 0.
        whole : int
            Number of views for the teacher.

        Raises
        ------
        ValueError
            If there are fewer than two views, or ``whole`` is not from 1 to their number.
        """
        if len(views) < 2 or not 1 <= whole <= len(views):
            raise ValueError(f"views must be at least 2 and whole 1 to their number, got {len(views)} and {whole}")
        said = [_say(self.student, view) / self.temperatures[0] for view in views]
        with torch.no_grad():
            taught = torch.stack([_say(self.teacher, view) for view in views[:whole]])
            wanted = ((taught - self.centre) / self.temperatures[1]).softmax(dim=-1)
            if self.training and present.any():
                mean = taught[:, present].mean(dim=(0, 1)).to(self.centre.dtype)
                self.centre.lerp_(mean, 1 - self.centre_momentum)
        pairs = [(t, s) for t in range(whole) for s in range(len(views)) if t != s]
        losses = [-(wanted[t] * said[s].log_softmax(dim=-1)).sum(dim=-1) for t, s in pairs]
        each = torch.stack(losses).mean(dim=0)
        return torch.where(present, each, 0 * each).sum() / present.sum().clamp(min=1)

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """Update the teacher's weights to ``momentum`` times themselves plus (1 - ``momentum``) times the student's."""
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            slow.lerp_(fast, 1 - momentum)


def build(
    request: ModelRequest,
    *,
    side: int = 448,
    patch: int = 16,
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    hidden: int = 2048,
    bottleneck: int = 256,
    prototypes: int = 65536,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
    centre_momentum: float = 0.9,
) -> SelfDistillation:
    """Model of the task ``distillation``."""
    if request.outputs:
        raise ValueError(
            "model dino uses no labels; train it with the task distillation, then vit_head from its encoder"
        )
    encoder = VisionTransformer(request.channels, side=side, patch=patch, dim=dim, depth=depth, heads=heads)
    return SelfDistillation(
        encoder,
        student_temperature=student_temperature,
        teacher_temperature=teacher_temperature,
        centre_momentum=centre_momentum,
        hidden=hidden,
        bottleneck=bottleneck,
        prototypes=prototypes,
    )


def random_views(image: Tensor, *, sides: Sequence[int], generator: torch.Generator | None = None) -> list[Tensor]:
    """Square crops of images (batch, channels, rows, cols) at random positions, one list entry per side.

    Crops keep their resolution: resizing would change the speckle, by which an encoder could distinguish views. They
    are not rotated or mirrored, which would change the look direction.

    Raises
    ------
    ValueError
        If a side exceeds the image.
    """
    rows, cols = image.shape[-2:]
    views = []
    for side in sides:
        if not 1 <= side <= min(rows, cols):
            raise ValueError(f"sides must be from 1 to the image's {min(rows, cols)} pixels, got {side}")
        tops = torch.randint(rows - side + 1, (len(image),), generator=generator).tolist()
        lefts = torch.randint(cols - side + 1, (len(image),), generator=generator).tolist()
        cuts = [one[:, top : top + side, left : left + side] for one, top, left in zip(image, tops, lefts, strict=True)]
        views.append(torch.stack(cuts))
    return views


def spread(embeddings: Tensor) -> float:
    """Spread of the directions of embeddings (samples, dim): 0 for a single direction (collapse), about 1 for all.

    It is the square root of the total variance of the unit vectors.
    """
    unit = nn.functional.normalize(embeddings.double(), dim=-1)
    return float((unit - unit.mean(dim=0)).square().sum(dim=-1).mean().sqrt())


def _say(network: nn.ModuleDict, view: Tensor) -> Tensor:
    return network["head"](network["encoder"](view)[:, 0]).float()
