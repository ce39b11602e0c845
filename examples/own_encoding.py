"""An encoding of your own: ``m3leo-sar train ARCHIVE input=[coherence:20230301_20230313:examples/own_encoding.py]``.

The phase standard deviation that a coherence implies for 100 looks is close to normal where coherence itself is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOOKS = 100


def encode(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cramer-Rao phase deviation in radians of a coherence plane (rows, cols); NaN stays NaN."""
    coherence = np.clip(plane, 0.05, 0.999)
    deviation: NDArray[np.float32] = np.sqrt((1 - coherence**2) / (2 * LOOKS * coherence**2))
    return deviation
