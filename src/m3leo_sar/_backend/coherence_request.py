"""Parameters of a coherence kernel, the same for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Maps that a kernel can fill, in the order of its arguments.
MAPS = ("magnitude", "complex", "looks", "power_reference", "power_secondary", "phase")
_NONE = np.empty(0)


@dataclass(frozen=True, kw_only=True)
class CoherenceRequest:
    """Window, sampling and requested maps of one call."""

    #: Full size in samples, (rows, cols).
    window: tuple[int, int]
    #: Step between results in rows and columns.
    step: tuple[int, int] = (1, 1)
    #: float64 weights along rows and columns; empty for a boxcar.
    weights: tuple[np.ndarray, np.ndarray] = (_NONE, _NONE)
    #: (rows, cols) radians to subtract, one plane per pair; empty for none.
    phases: Sequence[Any] = ()
    #: Share of the window's weight inside the image that must be valid.
    min_valid: float = 0.0
    #: Whether a window with an invalid centre sample gives no data.
    centred: bool = False
    #: Whether rounding above one is clipped.
    clip: bool = True
    #: Names of the ``MAPS`` to fill.
    wanted: tuple[str, ...] = field(default=("magnitude",))

    @property
    def strict(self) -> bool:
        """Whether a sample without data affects more of the result than its own pixel."""
        return self.centred or self.min_valid > 0

    def out_shape(self, size: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of a result."""
        return size[0] // self.step[0], size[1] // self.step[1]

    def dtypes(self, real: np.dtype) -> Iterator[tuple[str, np.dtype]]:
        """Name and dtype of each requested map, for sums of dtype ``real``."""
        for name in MAPS:
            if name in self.wanted:
                yield name, np.result_type(real, np.complex64) if name == "complex" else real


def map_addresses(maps: Mapping[str, Any], address: Callable[[Any], int]) -> np.ndarray:
    """Address of each of ``MAPS``, 0 for one that is not wanted, uint64."""
    return np.array([address(maps[name]) if name in maps else 0 for name in MAPS], np.uint64)
