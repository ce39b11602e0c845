"""Maps as bytes with a palette, which the browser colours and reads values from."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.pictures.colour_maps import cyclic_colours, sequential_colours

#: Codes 1 to 255 are values; code 0 is no data, which stays transparent.
NO_DATA = "#00000000"
_CODES = 255
#: Codes of a turn, an even number, so that 0 has one.
_TURN = 254
#: Ends and middle of the colours of a change: coherence gained, none, coherence lost.
_CHANGE = ((0.129, 0.400, 0.674), (0.968, 0.968, 0.968), (0.698, 0.094, 0.168))


class ColourCodes(NamedTuple):
    """A map as bytes: code c > 0 is the value ``low + (c - 1) * step``, code 0 is no data."""

    #: (rows, cols) uint8.
    codes: NDArray[np.uint8]
    low: float
    step: float

    def facts(self) -> dict[str, float]:
        """What the browser needs to read values: low, step and the share of pixels with data."""
        return {"low": self.low, "step": self.step, "valid": float(np.mean(self.codes > 0))}


def codes_of(values: ArrayLike, *, low: float, high: float) -> ColourCodes:
    """Codes of values between two limits, right to 1/508 of their distance; values beyond are clipped, NaN is 0.

    Examples
    --------
    >>> from m3leo_sar.view.panels.colour_codes import codes_of
    >>> codes_of([[0.0, 0.5, 1.0, float("nan"), 7.0]], low=0, high=1).codes.tolist()
    [[1, 128, 255, 0, 255]]
    """
    array = np.asarray(values)
    step = (high - low) / (_CODES - 1)
    # NaN passes through both limits, and then becomes 0.
    codes = np.clip((array - low) / step, 0, _CODES - 1) + 1.5
    return ColourCodes(np.nan_to_num(codes, nan=0.0, copy=False).astype(np.uint8), float(low), float(step))


def turn_codes(phase: ArrayLike) -> ColourCodes:
    """Codes of a phase in radians modulo 2 pi, right to 0.7 degrees; NaN is 0.

    Examples
    --------
    >>> import math
    >>> from m3leo_sar.view.panels.colour_codes import turn_codes
    >>> turn_codes([[-math.pi, 0.0, math.pi, float("nan")]]).codes.tolist()
    [[1, 128, 1, 0]]
    """
    array = np.asarray(phase)
    step = 2 * np.pi / _TURN
    codes = np.floor(array / step + (_TURN / 2 + 0.5)) % _TURN + 1
    return ColourCodes(np.nan_to_num(codes, nan=0.0, copy=False).astype(np.uint8), float(-np.pi), float(step))


@lru_cache(maxsize=4)
def palette(name: str) -> tuple[str, ...]:
    """256 colours ``#rrggbb``, of code 0 to 255, of ``"coherence"``, ``"phase"``, ``"intensity"`` or ``"change"``."""
    share = np.linspace(0, 1, _CODES)
    if name == "coherence":
        colours = sequential_colours(share)
    elif name == "phase":
        # From -pi to pi, as pictures colour a phase.
        colours = cyclic_colours(np.arange(_CODES) / _TURN - 0.5)
    elif name == "intensity":
        colours = np.repeat(share[:, None], 3, axis=1)
    else:
        bands = zip(*_CHANGE, strict=True)
        colours = np.stack([np.interp(share, (0, 0.5, 1), band) for band in bands], axis=1)
    return NO_DATA, *(f"#{row.tobytes().hex()}" for row in np.rint(255 * colours).astype(np.uint8))
