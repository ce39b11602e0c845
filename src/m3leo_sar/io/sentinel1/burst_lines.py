"""Lines of a burst that are read when they are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.sentinel1.burst_pixels import burst_int16, open_measurement
from m3leo_sar.io.sentinel1.safe_burst import SafeBurst


class BurstLines:
    """Samples of a burst as stored, of which only those of a slice are in memory.

    Each slice opens the measurement, which costs a millisecond in a folder; a zip is unpacked from its beginning each
    time.

    Parameters
    ----------
    burst : SafeBurst

    Raises
    ------
    ValueError
        If the product has no pixels of the burst.
    """

    dtype = np.dtype(np.int16)

    def __init__(self, burst: SafeBurst) -> None:
        burst.require_pixels()
        self._burst = burst

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lines, samples, and 2 for both parts."""
        return (*self._burst.shape, 2)

    @property
    def ndim(self) -> int:
        """3."""
        return len(self.shape)

    def __getitem__(self, lines: slice) -> NDArray[np.int16]:
        """Lines of a slice, (lines, samples, 2) with -32768 where they are annotated as invalid.

        Raises
        ------
        ValueError
            If they cannot be read.
        """
        burst = self._burst
        with open_measurement(burst.measurement, burst.annotation) as source:
            return burst_int16(source, burst.annotation, burst.index, lines)
