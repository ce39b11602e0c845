"""Statistics of many chips in one pass, or in a few passes if the range of their values is not known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._backend.choose import backend_of
from m3leo_sar._backend.kernel_sizes import BINS
from m3leo_sar.chips.exact_sum import ExactSum
from m3leo_sar.chips.normalise import normalise
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.doors.door import door

#: Default range of encoded values covered by a histogram; values outside are counted in the end bins.
RANGES = {
    "linear": (0.0, 1.0),
    "decibel": (-60.0, 40.0),
    "amplitude_decibel": (-60.0, 100.0),
    "fisher": (0.0, 5.0),
    "phase": (-1.0, 1.0),
    "phasor": (-1.0, 1.0),
    "weighted_phasor": (-1.0, 1.0),
    "ratio": (0.0, 10.0),
    "log_ratio": (-40.0, 40.0),
    "difference": (-40.0, 40.0),
    "deramped": (-60.0, 60.0),
}
#: Rules for clip, centre and scale; documented in :meth:`StatisticsAccumulator.finish`.
RULES = ("robust", "mean_std", "min_max", "percentiles", "m3leo")
#: Shares of the values below the quantiles of the robust rule.
_ROBUST = (0.001, 0.25, 0.5, 0.75, 0.999)
#: Minimum number of bins for the interquartile range: with fewer, centre and scale would depend on the bins.
_LEAST_BINS = 8
#: Maximum number of passes over all values; each narrows a range by up to the number of bins.
_PASSES = 5

Span = tuple[float, float]


class StatisticsAccumulator:
    """Accumulate chips in integer histograms and exact sums, independent of order and partition to the bit.

    Parameters
    ----------
    bands : sequence of BandStatistics
        Name, encoding and decoding of each band; its clip, centre and scale are to be determined.
    ranges : sequence of (float, float) or None, optional
        Range of encoded values covered by each band's histogram; None uses that of ``RANGES``.

    Raises
    ------
    ValueError
        If ``ranges`` does not have one range per band, or one is empty.

    Notes
    -----
    Each chip gives integer counts and sums in double precision. The sums are added as integers of unlimited length, so
    the addition is associative, unlike the merging formula of Chan et al. (1979) in floating point. Chips may therefore
    be counted by any number of workers and merged in any order.

    Examples
    --------
    >>> import numpy as np
    >>> seen = StatisticsAccumulator([BandStatistics("coherence")])
    >>> seen.update(np.linspace(0, 1, 1001, dtype="float32").reshape(1, 7, 143))
    >>> band = seen.finish().bands[0]
    >>> round(band.centre, 3)
    0.5
    """

    def __init__(
        self, bands: Sequence[BandStatistics], *, ranges: Sequence[tuple[float, float] | None] | None = None
    ) -> None:
        chosen = list(ranges) if ranges is not None else [None] * len(bands)
        if len(chosen) != len(bands):
            raise ValueError(f"ranges must hold one for each of the {len(bands)} bands, got {len(chosen)}")
        # The first pass maps the range of encoded values to [0, 1], which is a normalisation too.
        self._ranges = Statistics(tuple(map(_over_range, bands, chosen)))
        self.histograms: NDArray[np.int64] = np.zeros((self._ranges.channels, BINS), np.int64)
        self.chips, self.pixels = 0, 0
        channels = range(self._ranges.channels)
        self._sums = [(ExactSum(), ExactSum()) for _ in channels]
        # Valid values, below and above the range; then the smallest and largest.
        self._counts: NDArray[np.int64] = np.zeros((self._ranges.channels, 3), np.int64)
        self._ends = np.array([[math.inf, -math.inf] for _ in channels]).reshape(-1, 2)

    @door(arrays={"chip": "*rc"}, sequences=("chip",), eager=True, labels=False)
    def update(self, chip: Any) -> None:
        """Count the valid pixels of a chip, in the form accepted by :func:`m3leo_sar.normalise`."""
        values, mask = normalise(chip, self._ranges)
        backend = backend_of(values)
        counts, moments = (backend.to_host(part) for part in backend.histogram(values, mask))
        self.histograms += counts
        self.chips += 1
        self.pixels += values.shape[1] * values.shape[2]
        self._counts += moments[:, :, [0, 5, 6]].sum(axis=1).astype(np.int64)
        self._ends[:, 0] = np.minimum(self._ends[:, 0], moments[:, :, 3].min(axis=1))
        self._ends[:, 1] = np.maximum(self._ends[:, 1], moments[:, :, 4].max(axis=1))
        for (total, squares), parts in zip(self._sums, moments, strict=True):
            for part in parts:
                total.add(float(part[1]))
                squares.add(float(part[2]))

    def merge(self, other: StatisticsAccumulator) -> None:
        """Add the counts of another accumulator of the same bands.

        Raises
        ------
        ValueError
            If its bands, encodings or ranges differ.
        """
        if other._ranges != self._ranges:
            raise ValueError("only accumulators of the same bands, encodings and ranges can be merged")
        self.histograms += other.histograms
        self.chips += other.chips
        self.pixels += other.pixels
        self._counts += other._counts
        self._ends[:, 0] = np.minimum(self._ends[:, 0], other._ends[:, 0])
        self._ends[:, 1] = np.maximum(self._ends[:, 1], other._ends[:, 1])
        for own, others in zip(self._sums, other._sums, strict=True):
            for mine, theirs in zip(own, others, strict=True):
                mine.merge(theirs)

    def finish(self, rule: str = "robust", *, percentiles: tuple[float, float] = (1.0, 99.0)) -> Statistics:
        """Compute the statistics of the counted values.

        Parameters
        ----------
        rule : str
            ``"robust"``: clip at 0.1 and 99.9 per cent, centre at the median, scale by the interquartile range over
            1.349, so that the scale of a normal distribution is its standard deviation. ``"mean_std"``: no clip, mean
            and standard deviation. ``"min_max"``: the smallest value becomes 0 and the largest 1. ``"percentiles"``:
            the same with two percentiles, and clip there. ``"m3leo"``: the rule of M3LEO's own code, mean and standard
            deviation with pixels without data counted as zeros in both, and 1e-5 added to the standard deviation.
        percentiles : (float, float)
            For ``"percentiles"``.

        Raises
        ------
        ValueError
            If the rule is unknown, a band has no valid pixel, or too many values are outside a histogram's range to
            determine a quantile that the rule needs.

        Notes
        -----
        The resolution of quantiles is one of 4096 bins of the range; moments and extremes are exact.
        """
        if rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
        low, high = percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles must rise within 0 and 100, got {percentiles}")
        return Statistics(tuple(self._band(index, rule, percentiles) for index in range(len(self._ranges.bands))))

    def to_json(self) -> str:
        """Serialise all counts as text, to be merged elsewhere."""
        sums = [[part.to_text() for part in parts] for parts in self._sums]
        filled = [[[int(i), int(row[i])] for i in np.nonzero(row)[0]] for row in self.histograms]
        ends = [[float(end).hex() for end in pair] for pair in self._ends]
        counted = {"chips": self.chips, "pixels": self.pixels, "counts": self._counts.tolist(), "ends": ends}
        ranges = json.loads(self._ranges.to_json())
        return json.dumps({"ranges": ranges, **counted, "sums": sums, "histograms": filled})

    @classmethod
    def from_json(cls, text: str) -> StatisticsAccumulator:
        """Read :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is damaged.
        """
        try:
            document = json.loads(text)
            ranges = Statistics.from_json(json.dumps(document["ranges"]))
            seen = cls(ranges.bands, ranges=[(band.centre, band.centre + band.scale) for band in ranges.bands])
            seen._ranges = ranges
            seen.chips, seen.pixels = int(document["chips"]), int(document["pixels"])
            seen._counts[:] = document["counts"]
            seen._ends[:] = [[float.fromhex(end) for end in pair] for pair in document["ends"]]
            seen._sums = [tuple(map(ExactSum.from_text, parts)) for parts in document["sums"]]  # type: ignore[misc]
            for row, filled in zip(seen.histograms, document["histograms"], strict=True):
                for index, count in filled:
                    row[index] = count
        except (json.JSONDecodeError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
            raise ValueError(f"counts cannot be read: {type(error).__name__} {error}") from error
        return seen

    def _band(self, index: int, rule: str, percentiles: tuple[float, float]) -> BandStatistics:
        held = self._ranges.bands[index]
        band = replace(held, low=-math.inf, high=math.inf, centre=0.0, scale=1.0)
        if band.channels == 2:
            return band
        channel = sum(other.channels for other in self._ranges.bands[:index])
        valid = int(self._counts[channel, 0])
        if not valid:
            raise ValueError(f"band {band.name} has no valid pixel")
        start, width = held.centre, held.scale
        # A constant band has no spread; its bin width keeps the scale above zero.
        step = width / BINS
        if rule in ("mean_std", "m3leo"):
            mean, deviation = self._moments(channel, valid if rule == "mean_std" else self.pixels, start, width)
            scale = max(deviation, step) if rule == "mean_std" else deviation + 1e-5
            return replace(band, centre=mean, scale=scale)
        if rule == "min_max":
            low, high = (start + width * float(end) for end in self._ends[channel])
            return replace(band, low=low, high=max(high, low + step), centre=low, scale=max(high - low, step))
        shares = _ROBUST if rule == "robust" else tuple(p / 100 for p in percentiles)
        found = [start + width * self._quantile(channel, share, held) for share in shares]
        low, high = found[0], max(found[-1], found[0] + step)
        if rule == "percentiles":
            return replace(band, low=low, high=high, centre=low, scale=high - low)
        return replace(band, low=low, high=high, centre=found[2], scale=max((found[3] - found[1]) / 1.349, step))

    def _whole_range(self, index: int) -> Span | None:
        """Range from a band's smallest to its largest value, if its robust statistics need it; None if they do not."""
        ends = self._band(index, "min_max", (1.0, 99.0))
        try:
            self._band(index, "robust", (1.0, 99.0))
        except ValueError:
            return ends.low, ends.high
        return None

    def _narrower_range(self, index: int) -> Span | None:
        """Range of nearly all values of a band, if their interquartile range spans too few bins; None otherwise."""
        held = self._ranges.bands[index]
        channel = sum(other.channels for other in self._ranges.bands[:index])
        first, last = self._ends[channel]
        # A constant band has no spread to estimate.
        if first == last:
            return None
        try:
            low, start, _, end, high = (BINS * self._quantile(channel, share, held) for share in _ROBUST)
        except ValueError:
            # Rounding placed the smallest or largest value just outside a range that ends there.
            return _part_of(held, -1, BINS + 1)
        if end - start >= _LEAST_BINS:
            return None
        edges = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
        if edges[1] - edges[0] > BINS // 2:
            spread, (first, last) = held.scale * (end - start) / BINS, held.centre + held.scale * self._ends[channel]
            raise ValueError(
                f"band {held.name}: half of its values lie within {spread:.3g} of each other and others far off, from "
                f"{first:g} to {last:g}; mask the no-data pixels, choose another encoding, or give statistics"
            )
        # Slightly wider, so that rounding leaves no value of the end bins outside.
        return _part_of(held, edges[0] - 0.01, edges[1] + 0.01)

    def _moments(self, channel: int, count: int, start: float, width: float) -> tuple[float, float]:
        """Mean and standard deviation over ``count`` pixels, with pixels without data as zeros."""
        valid, (total, squares) = int(self._counts[channel, 0]), self._sums[channel]
        # In the original values: x = start + width v, summed over the valid ones.
        mean_v, mean_vv = total.over(count), squares.over(count)
        share = valid / count
        mean = start * share + width * mean_v
        square = start**2 * share + 2 * start * width * mean_v + width**2 * mean_vv
        if count == valid:
            return mean, width * math.sqrt(max(mean_vv - mean_v**2, 0.0))
        return mean, math.sqrt(max(square - mean**2, 0.0))

    def _quantile(self, channel: int, share: float, band: BandStatistics) -> float:
        """Position in [0, 1] below which ``share`` of the counts are, interpolated within its bin."""
        histogram = self.histograms[channel]
        total = np.cumsum(histogram)
        wanted = share * total[-1]
        _, below, above = self._counts[channel]
        if wanted < below or wanted > total[-1] - above:
            first, last = (band.centre + band.scale * float(end) for end in self._ends[channel])
            raise ValueError(
                f"band {band.name}: {(below + above) / total[-1]:.2%} of its values lie outside {band.centre:g} to "
                f"{band.centre + band.scale:g}; give a range that holds them, they go from {first:g} to {last:g}"
            )
        index = int(np.searchsorted(total, wanted))
        before = total[index - 1] if index else 0
        return float((index + (wanted - before) / max(histogram[index], 1)) / len(histogram))


def _over_range(band: BandStatistics, chosen: tuple[float, float] | None) -> BandStatistics:
    low, high = chosen or RANGES[band.encoding]
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"range of band {band.name} must be two rising finite numbers, got {low} and {high}")
    return replace(band, low=-math.inf, high=math.inf, centre=low, scale=high - low)


def _part_of(band: BandStatistics, first: float, last: float) -> Span:
    """Range between two edges of bins."""
    return band.centre + band.scale * first / BINS, band.centre + band.scale * last / BINS


def fitted(
    count: Callable[[Sequence[Span | None]], StatisticsAccumulator],
    ranges: Sequence[Span | None],
    *,
    rule: str = "robust",
) -> Statistics:
    """Compute statistics of bands whose range may be unknown, such as decibels of digital numbers.

    One pass suffices if the first ranges cover the values. Otherwise a band's range becomes that of its values, and is
    narrowed to nearly all of them while a few outliers leave the others too few bins.

    Parameters
    ----------
    count : callable
        Returns an accumulator with all chips counted, from ranges in the form of :class:`StatisticsAccumulator`.
    ranges : sequence of (float, float) or None
        Ranges of the first pass.
    rule : str
        As in :meth:`StatisticsAccumulator.finish`; only ``"robust"`` counts more than once.

    Raises
    ------
    ValueError
        If a band has no valid pixel, or some of its values are such outliers that no scale fits the others.
    """
    spans = list(ranges)
    for _ in range(_PASSES):
        seen = count(spans)
        if rule != "robust":
            return seen.finish(rule)
        # A band whose first range sufficed is kept, so that its statistics remain those of one pass.
        better = [
            seen._whole_range(index) if span is first else seen._narrower_range(index)
            for index, (span, first) in enumerate(zip(spans, ranges, strict=True))
        ]
        if not any(better):
            return seen.finish(rule)
        spans = [new or old for new, old in zip(better, spans, strict=True)]
    name = next(band.name for band, new in zip(seen._ranges.bands, better, strict=True) if new)
    raise ValueError(
        f"band {name}: {_PASSES} passes did not find the range of most of its values, as a few lie too far out; mask "
        "the no-data pixels, or give statistics"
    )
