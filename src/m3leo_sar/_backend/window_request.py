"""Window parameters of a user-defined estimator."""

from __future__ import annotations

from typing import NamedTuple


class WindowRequest(NamedTuple):
    """Size of the window, and validity conditions for a result."""

    #: Rows and columns of the window; a window of n samples reaches n // 2 back from its centre.
    window: tuple[int, int]
    #: Share of the window's samples inside the image that must be valid, in [0, 1].
    min_valid: float
    #: Whether the sample at the centre must be valid.
    needs_centre: bool
