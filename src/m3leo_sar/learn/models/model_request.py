"""What a task and its data ask of a model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What a task and its data ask of a model."""

    #: Channels of the input.
    channels: int
    #: Channels of the answer: one a class, 1 for a value, 0 where the task asks for none.
    outputs: int
    #: Rows and columns of the target where its grid is not the input's.
    cells: tuple[int, int] | None = None
    #: Channels of each data set among the inputs.
    modalities: dict[str, list[int]] = field(default_factory=dict)
