"""From physical values to what a network sees."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar.chips.statistics import ENCODINGS, Statistics

_CODES = {name: code for code, name in enumerate(ENCODINGS)}


class NormalisedChip(NamedTuple):
    """A chip as a network sees it."""

    #: (channels, rows, cols) float32; 0 where there is no data.
    values: Any
    #: (channels, rows, cols) bool; True where there is data.
    mask: Any


def normalise(chip: Any, statistics: Statistics) -> NormalisedChip:
    """Encode, clip and scale a chip in one pass, with its mask.

    Parameters
    ----------
    chip : (bands, rows, cols) float32, float64, complex64 or complex128
        Physical values. No data is NaN; infinities, a power that is not above zero under a logarithm and a phasor of
        zero are no data too. Complex chips take the encoding ``"phasor"`` in every band, real ones any other.
    statistics : Statistics
        One entry for each band, in order.

    Returns
    -------
    NormalisedChip
        values and mask; a band with the encoding ``"phase"`` or ``"phasor"`` gives two channels.

    Raises
    ------
    TypeError
        If the dtype is another, or ``statistics`` are none.
    ValueError
        If the chip has another number of bands, or an encoding does not fit its dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import normalise
    >>> from m3leo_sar.chips.statistics import BandStatistics, Statistics
    >>> statistics = Statistics((BandStatistics("intensity", "decibel", low=-30, high=0, centre=-10, scale=5),))
    >>> values, mask = normalise(np.array([[[1.0, 0.1, 0.0, np.nan]]]), statistics)
    >>> values.tolist(), mask.tolist()
    ([[[2.0, 0.0, 0.0, 0.0]]], [[[True, True, False, False]]])
    """
    _check.image_array(chip, "chip")
    if not isinstance(statistics, Statistics):
        raise TypeError(f"statistics must be Statistics, got {type(statistics).__name__}")
    bands = statistics.bands
    if chip.ndim != 3 or len(chip) != len(bands):
        raise ValueError(f"chip must be ({len(bands)}, rows, cols) for these statistics, got shape {tuple(chip.shape)}")
    for band in bands:
        if (band.encoding == "phasor") != (chip.dtype.kind == "c"):
            raise ValueError(f"band {band.name}: encoding {band.encoding!r} does not fit a chip of {chip.dtype}")
    encodings = np.array([_CODES[band.encoding] for band in bands], np.int32)
    channels = np.cumsum([0, *(band.channels for band in bands[:-1])]).astype(np.int32)
    scalings = np.array([(band.low, band.high, band.centre, band.scale) for band in bands], np.float64)
    return NormalisedChip(*backend_of(chip).normalise(chip, encodings, channels, scalings, statistics.channels))
