"""No result depends on the unit of the amplitudes: sums of the second to the eighth order, in single numbers."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar import Looks, Window, coherence, interferogram, multilook
from m3leo_sar.insar.closure import closure_phase
from m3leo_sar.insar.equivalent_looks import equivalent_looks
from m3leo_sar.insar.fringe import fringe_coherence
from m3leo_sar.insar.goldstein import goldstein
from m3leo_sar.insar.homogeneous import homogeneous_coherence, homogeneous_pixels, neighbour_count
from m3leo_sar.insar.oversample import oversampled
from m3leo_sar.warp.doppler import azimuth_carrier, doppler_centroid
from m3leo_sar.warp.offsets import measure_offsets
from m3leo_sar.warp.resample import resample

WINDOW = Window(rows=5, cols=7)
FULL = Window.gaussian(rows=5, cols=7)
LOOKS = Looks(rows=3, cols=4)
CHIP = Window(rows=24, cols=32)
SIDES = ((0, 1), (1, 2), (0, 2))

#: Words by what they give of a stack of three images, and by which power of the amplitude that grows.
WORDS = {
    "coherence": (lambda s: coherence(s[0], s[1], window=WINDOW), 0),
    "weighted": (lambda s: coherence(s[0], s[1], window=FULL), 0),
    "pairs": (lambda s: coherence(s, pairs=[(0, 1), (1, 2), (0, 2)], window=WINDOW), 0),
    "complex": (lambda s: coherence(s[0], s[1], window=WINDOW, output="complex"), 0),
    "phase": (lambda s: np.exp(1j * coherence(s[0], s[1], window=WINDOW, output="all").phase), 0),
    "power": (lambda s: coherence(s[0], s[1], window=WINDOW, output="all").power_reference, 2),
    "fringe": (lambda s: fringe_coherence(s[0], s[1], window=WINDOW).coherence, 0),
    "frequency": (lambda s: fringe_coherence(s[0], s[1], window=WINDOW).frequency.cols, 0),
    "neighbours": (lambda s: neighbour_count(homogeneous_pixels(abs(s), window=WINDOW)), 0),
    "homogeneous": (
        lambda s: homogeneous_coherence(s[0], s[1], window=WINDOW, mask=homogeneous_pixels(abs(s), window=WINDOW)), 0
    ),
    "interferogram": (lambda s: interferogram(s[0], s[1], looks=LOOKS), 2),
    "multilook": (lambda s: multilook(abs(s[0]) ** 2, looks=LOOKS), 2),
    "goldstein": (lambda s: goldstein(interferogram(s[0], s[1]), alpha=0.7, size=16), 2),
    "closure": (lambda s: np.exp(1j * closure_phase(*(interferogram(s[i], s[j], looks=LOOKS) for i, j in SIDES))), 0),
    "looks": (lambda s: np.float64(equivalent_looks(s[0], window=WINDOW)), 0),
    "oversampled": (lambda s: oversampled(s[0], 2), 1),
    "doppler": (lambda s: np.float64(doppler_centroid(s[0])), 0),
    "carrier": (lambda s: azimuth_carrier(s[0])(np.arange(70.0)[:, None], np.arange(90.0)), 0),
    "offsets": (lambda s: measure_offsets(s[0], s[1], window=CHIP, grid=(2, 2)).azimuth, 0),
    "resample": (lambda s: resample(s[0], azimuth_offset=0.4, range_offset=-0.3), 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def stack():
    """Three dates that are alike, on a slope, squinted and oversampled, so that every word has something to find."""
    rng = np.random.default_rng(12)
    common, *own = (np.fft.fft2(rng.standard_normal((70, 90, 2)) @ [1, 1j]) for _ in range(4))
    band = (abs(np.fft.fftfreq(70)) < 0.36)[:, None] & (abs(np.fft.fftfreq(90)) < 0.4)
    row, col = np.indices((70, 90))
    dates = [np.fft.ifft2(band * (0.95 * common + 0.3 * noise)) for noise in own]
    dates = [image * np.exp(1j * (1.1 * row + 0.3 * index * col)) for index, image in enumerate(dates)]
    return np.stack(dates).astype(np.complex64)


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("amplitude", [1e-12, 1e-9, 1e-5, 1e5, 1e9, 1e12])
def test_the_unit_does_not_show(stack, name, amplitude):
    word, order = WORDS[name]
    got, expected = word((stack * amplitude).astype(np.complex64)), word(stack)
    assert np.isfinite(expected).mean() > 0.8
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    largest = np.nanmax(abs(expected))
    np.testing.assert_allclose(got / amplitude**order / largest, expected / largest, atol=3e-4)
