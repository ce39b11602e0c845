"""Stand-in for the geometry of images whose positions are not known, where only their dates are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from m3leo_sar.stack.geometry import Geometry


@dataclass(frozen=True, slots=True)
class _UnknownPositions:
    shape: tuple[int, int]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """NaN, as of a geometry without a known pixel."""
        return (float("nan"),) * 4  # type: ignore[return-value]


def unknown_positions(shape: tuple[int, int]) -> Geometry:
    """Geometry of a shape without any position; a stack with it has dates and pixels, and no tile lies on it."""
    return cast(Geometry, _UnknownPositions(shape))
