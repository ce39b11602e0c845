"""Statistics of many chips in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.normalise import normalise
from m3leo_sar.chips.statistics import BandStatistics, Statistics

#: Bins of a histogram, and the range of encoded values it covers; what lies outside counts in the end bins.
BINS = 4096
RANGES = {
    "linear": (0.0, 1.0),
    "decibel": (-60.0, 40.0),
    "amplitude_decibel": (-60.0, 100.0),
    "fisher": (0.0, 5.0),
    "phase": (-1.0, 1.0),
    "phasor": (-1.0, 1.0),
}


class StatisticsAccumulator:
    """Streams chips into integer histograms, so that neither order nor partition changes a bit of the result.

    Parameters
    ----------
    names, encodings : sequence of str
        Name and encoding of each band.

    Raises
    ------
    ValueError
        If they differ in length or an encoding is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> seen = StatisticsAccumulator(["coherence"], ["linear"])
    >>> seen.update(np.linspace(0, 1, 1001, dtype="float32").reshape(1, 7, 143))
    >>> round(seen.finish().bands[0].centre, 3)
    0.5
    """

    def __init__(self, names: Sequence[str], encodings: Sequence[str]) -> None:
        if len(names) != len(encodings):
            raise ValueError(f"encodings must hold one for each of the {len(names)} bands, got {len(encodings)}")
        # A first pass maps each encoded value's range to [0, 1]; that is a normalisation too.
        bands = []
        for name, encoding in zip(names, encodings, strict=True):
            low, high = RANGES.get(encoding, (0.0, 1.0))
            bands.append(BandStatistics(name, encoding, low, high, low, high - low))
        self._ranges = Statistics(tuple(bands))
        self.histograms: NDArray[np.int64] = np.zeros((self._ranges.channels, BINS), np.int64)

    def update(self, chip: NDArray[np.floating]) -> None:
        """Count the valid pixels of a chip (bands, rows, cols)."""
        values, mask = normalise(chip, self._ranges)
        for histogram, channel, valid in zip(self.histograms, values, mask, strict=True):
            bins = np.minimum((channel[valid] * BINS).astype(np.int64), BINS - 1)
            histogram += np.bincount(np.maximum(bins, 0), minlength=BINS)

    def merge(self, other: StatisticsAccumulator) -> None:
        """Add what another accumulator of the same bands has counted."""
        if other._ranges != self._ranges:
            raise ValueError("only accumulators of the same bands and encodings can be merged")
        self.histograms += other.histograms

    def finish(self) -> Statistics:
        """Robust statistics: clip at 0.1 and 99.9 per cent, centre at the median, scale by the interquartile range.

        The range is divided by 1.349, so a normal distribution gets its standard deviation.

        Raises
        ------
        ValueError
            If a band has no valid pixel.
        """
        return Statistics(tuple(self._band(index) for index in range(len(self._ranges.bands))))

    def _band(self, index: int) -> BandStatistics:
        band = self._ranges.bands[index]
        if band.channels == 2:
            return BandStatistics(band.name, band.encoding)
        channel = sum(other.channels for other in self._ranges.bands[:index])
        if not self.histograms[channel].any():
            raise ValueError(f"band {band.name} has no valid pixel")
        low, first, centre, third, high = (
            band.low + band.scale * _quantile(self.histograms[channel], share)
            for share in (0.001, 0.25, 0.5, 0.75, 0.999)
        )
        # A constant band has no spread; its own bin width keeps the scale above zero.
        step = band.scale / BINS
        return BandStatistics(
            band.name, band.encoding, low, max(high, low + step), centre, max((third - first) / 1.349, step)
        )


def _quantile(histogram: NDArray[np.int64], share: float) -> float:
    """Position in [0, 1] below which ``share`` of the counts lie, interpolated in its bin."""
    total = np.cumsum(histogram)
    wanted = share * total[-1]
    index = int(np.searchsorted(total, wanted))
    before = total[index - 1] if index else 0
    return float((index + (wanted - before) / max(histogram[index], 1)) / len(histogram))
