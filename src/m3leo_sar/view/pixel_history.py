"""Coherence of a pixel over all pairs, and the decay that fits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.decay import DecayModel, fit_decay
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.view.grid_part import RESAMPLING, GridPart
from m3leo_sar.view.held_samples import HeldSamples
from m3leo_sar.view.pair_matrix import pairs_of_dates
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.view.stored_chips import StoredChips
from m3leo_sar.warp.sample import sample

#: Shares of the spread about the median: those of one standard deviation of a normal distribution.
_SPREAD = (16.0, 50.0, 84.0)


class PixelHistory(NamedTuple):
    """Coherence of one pixel of a tile."""

    pairs: list[Pair]
    #: (pairs,) float32: days between the passings.
    days: NDArray[np.float32]
    #: (pairs,) float32 in [0, 1]; NaN where there is no data.
    coherence: NDArray[np.float32]
    #: Of all pairs: rho_inf, tau in days and rmse, each a float; NaN where too few pairs have data.
    decay: DecayModel
    #: (lags, 4) float32: days, and the 16th, 50th and 84th percentile of the coherence of its pairs.
    spread: NDArray[np.float32]
    #: Seconds of each step.
    seconds: Mapping[str, float]


def history_of(pairs: list[Pair], values: NDArray[np.float32], watch: Stopwatch) -> PixelHistory:
    """Fit of the coherence of some pairs."""
    days = np.array([pair.days for pair in pairs], np.float32)
    with watch.step("kernel"):
        model = DecayModel(np.nan, np.nan, np.nan)
        if len(pairs):
            fitted = fit_decay(values[:, None, None], days.tolist())
            model = DecayModel(*(float(plane[0, 0]) for plane in fitted))
    return PixelHistory(pairs, days, values, model, _spread(days, values), watch.seconds)


def computed_pixel(
    held: HeldSamples,
    parts: Sequence[GridPart],
    place: tuple[int, int],
    *,
    polarisation: str,
    window: Window,
    watch: Stopwatch,
) -> PixelHistory:
    """Coherence of a pixel (row, col) with the values of the chips, from the samples around it alone."""
    source = held.source
    pairs = pairs_of_dates(source.passings)
    values = np.full(len(pairs), np.nan, np.float32)
    around = next(((part, near) for part in parts if (near := part.around(*place, window)) is not None), None)
    if around is not None and pairs:
        part, (rows, cols, position) = around
        images = held.windows(part, polarisation, source.dates, (rows, cols), watch)
        indices = list(zip(*(axis.tolist() for axis in np.triu_indices(len(images), 1)), strict=True))
        with watch.step("kernel"):
            maps = coherence(images, pairs=indices, window=window)
            values = np.clip(sample(maps, position, resampling=RESAMPLING)[:, 0, 0], 0, 1)
    return history_of(pairs, values, watch)


def stored_pixel(
    chips: StoredChips, held: HeldSamples, tile: str, place: tuple[int, int], polarisation: str, watch: Stopwatch
) -> PixelHistory:
    """Coherence of a pixel (row, col) in the stored chips of a tile."""
    pairs = [pair for pair in sorted(chips.held[tile].get(polarisation, [])) if pair.days > 0]
    with watch.step("read"):
        found = [held.safely(chips.chip, tile, polarisation, pair, "coherence")[0][place] for pair in pairs]
    return history_of(pairs, np.array(found, np.float32), watch)


def _spread(days: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = ~np.isnan(values)
    lags = np.unique(days[known])
    rows = [(lag, *np.percentile(values[known & (days == lag)], _SPREAD)) for lag in lags]
    return np.array(rows, np.float32).reshape(-1, 4)
