"""What a run states to a task about its data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What a run tells a task of its data."""

    #: Mean and spread of the training targets, in their unit.
    centre: float = 0.0
    scale: float = 1.0
    #: Names of the classes in order, if targets are classes.
    classes: tuple[str, ...] = ()
    #: Channels of each data set among the inputs.
    modalities: dict[str, list[int]] = field(default_factory=dict)
    seed: int = 0
