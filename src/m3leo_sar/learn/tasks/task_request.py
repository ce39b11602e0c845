"""Information about a run's data for its task."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """Information about a run's data for its task."""

    #: Mean and standard deviation of the training targets, in their unit.
    centre: float = 0.0
    scale: float = 1.0
    #: Names of the classes in order, if targets are classes.
    classes: tuple[str, ...] = ()
    #: Channels of each input data set.
    modalities: dict[str, list[int]] = field(default_factory=dict)
    seed: int = 0
