"""Land-cover codes as classes of a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: ESA WorldCover codes in order, with their names; the position is the class.
WORLDCOVER = {
    10: "tree cover",
    20: "shrubland",
    30: "grassland",
    40: "cropland",
    50: "built-up",
    60: "bare",
    70: "snow and ice",
    80: "water",
    90: "wetland",
    95: "mangroves",
    100: "moss and lichen",
}
#: Class of a pixel that has no label; losses and metrics leave it out.
IGNORE = 255


def worldcover_classes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Classes 0 to 10 of WorldCover codes; 0 and unknown codes become :data:`IGNORE`, never a class.

    Examples
    --------
    >>> worldcover_classes(np.array([10, 95, 0, 33]))
    array([  0,   9, 255, 255])
    """
    table = np.full(256, IGNORE, np.int64)
    table[list(WORLDCOVER)] = np.arange(len(WORLDCOVER))
    known = (codes >= 0) & (codes < 256)
    return np.where(known, table[np.where(known, codes, 0).astype(np.intp)], IGNORE)
