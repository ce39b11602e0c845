"""Land-cover classes with a radar signature, and a map of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.field import RandomField


@dataclass(frozen=True, kw_only=True)
class LandCover:
    """One class of ground: its ESA WorldCover code, brightness and decay of coherence.

    Parameters
    ----------
    name : str
    code : int
        ESA WorldCover code, 1 to 255.
    backscatter : float
        Mean intensity in dB.
    rho_inf : float
        Long-term coherence, in [0, 1].
    tau : float
        Days after which the rest has fallen to 1/e.
    phase_step : float
        Radians by which the interferometric phase grows from each date to the next.
    cross : float
        Mean intensity of the cross-polarised channel less that of the co-polarised one, in dB.
    cross_coherence : float
        Coherence of the two channels' echoes at one date, in [0, 1].

    Raises
    ------
    ValueError
        If a value lies outside its range.
    """

    name: str
    code: int
    backscatter: float
    rho_inf: float
    tau: float
    phase_step: float = 0.0
    cross: float = -7.0
    cross_coherence: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.code < 256:
            raise ValueError(f"code must be 1 to 255, got {self.code}")
        if not 0 <= self.rho_inf <= 1:
            raise ValueError(f"rho_inf must lie in [0, 1], got {self.rho_inf}")
        if not self.tau > 0:
            raise ValueError(f"tau must be above 0 days, got {self.tau}")
        if not 0 <= self.cross_coherence <= 1:
            raise ValueError(f"cross_coherence must lie in [0, 1], got {self.cross_coherence}")


#: Pixels of the windows whose classes are kept, one byte each.
_KEPT_PIXELS = 1 << 20
#: Forest and town are equally bright, as are crops, grass and bare ground: only coherence separates them.
CLASSES = (
    LandCover(name="tree cover", code=10, backscatter=-8.0, rho_inf=0.05, tau=6.0),
    LandCover(name="grassland", code=30, backscatter=-12.0, rho_inf=0.25, tau=25.0),
    LandCover(name="cropland", code=40, backscatter=-12.0, rho_inf=0.10, tau=12.0),
    LandCover(name="built-up", code=50, backscatter=-8.0, rho_inf=0.75, tau=200.0),
    LandCover(name="bare", code=60, backscatter=-12.0, rho_inf=0.35, tau=40.0),
    LandCover(name="water", code=80, backscatter=-20.0, rho_inf=0.0, tau=1.0),
)


def class_indices(
    classes: Sequence[LandCover], rows: slice, cols: slice, *, patch: float, seed: int
) -> NDArray[np.intp]:
    """Index of the class at each pixel of a window, in patches of about ``patch`` pixels.

    Each class has a random field and the largest wins, so all classes cover about the same share.
    """
    if (rows.stop - rows.start) * (cols.stop - cols.start) > _KEPT_PIXELS:
        return _largest(tuple(classes), rows, cols, patch, seed)
    return _kept(tuple(classes), (rows.start, rows.stop), (cols.start, cols.stop), patch, seed).astype(np.intp)


# The ground is that of every date: without memory a stack would be given its classes once per date.
@lru_cache(maxsize=16)
def _kept(
    classes: tuple[LandCover, ...], rows: tuple[int, int], cols: tuple[int, int], patch: float, seed: int
) -> NDArray[np.uint8]:
    return _largest(classes, slice(*rows), slice(*cols), patch, seed).astype(np.uint8)


def _largest(classes: tuple[LandCover, ...], rows: slice, cols: slice, patch: float, seed: int) -> NDArray[np.intp]:
    largest = RandomField((seed, 1, 0), patch).window(rows, cols)
    found = np.zeros(largest.shape, np.intp)
    for index in range(1, len(classes)):
        field = RandomField((seed, 1, index), patch).window(rows, cols)
        found[field > largest] = index
        np.maximum(field, largest, out=largest)
    return found
