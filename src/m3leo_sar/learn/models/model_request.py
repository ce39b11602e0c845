"""Requirements of a task and its data on a model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """Requirements of a task and its data on a model."""

    #: Channels of the input.
    channels: int
    #: Output channels: one per class, 1 for a value, 0 if the task needs none.
    outputs: int
    #: Rows and columns of the target if its grid differs from the input's.
    cells: tuple[int, int] | None = None
    #: Channels of each input data set.
    modalities: dict[str, list[int]] = field(default_factory=dict)
