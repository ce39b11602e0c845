"""Equivalent looks of white and of oversampled speckle."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.bias import expected_coherence
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.equivalent_looks import equivalent_looks


def oversampled(rng, shape, factor):
    """Speckle whose spectrum fills one part in `factor` of each axis."""
    noise = np.fft.fft2(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    for axis, size in enumerate(shape):
        keep = abs(np.fft.fftfreq(size)) < 0.5 / factor
        noise *= keep.reshape([-1 if axis == other else 1 for other in range(2)])
    return np.fft.ifft2(noise)


@pytest.mark.parametrize("window", [Window(rows=5, cols=9), Window.gaussian(rows=7, cols=9)])
def test_independent_samples_are_as_many_looks(rng, window):
    white = rng.standard_normal((300, 400)) + 1j * rng.standard_normal((300, 400))
    assert equivalent_looks(white, window=window) == pytest.approx(window.samples, rel=0.01)


@pytest.mark.parametrize("factor", [1.25, 2.0])
def test_oversampled_speckle_is_worth_fewer_looks(rng, factor):
    window = Window(rows=7, cols=11)
    a, b = (oversampled(rng, (360, 420), factor) for _ in range(2))
    looks = equivalent_looks(a, window=window)
    # More than the area alone says, as a window's edge borrows from what lies beyond it.
    assert 77 / factor**2 < looks < 1.4 * 77 / factor**2
    # The looks that were estimated tell the bias of a coherence of zero; those that were counted do not.
    mean = coherence(a, b, window=window).mean()
    assert mean == pytest.approx(float(expected_coherence(0.0, equivalent_looks=looks)), rel=0.03)
    assert mean > 1.1 * float(expected_coherence(0.0, equivalent_looks=77))


def test_looks_of_nothing_are_refused(rng):
    with pytest.raises(ValueError, match="slc must hold power"):
        equivalent_looks(np.zeros((20, 30), complex), window=Window(rows=3, cols=5))
    with pytest.raises(ValueError, match="2 x window rows .* got 11"):
        equivalent_looks(np.ones((20, 30), complex), window=Window(rows=11, cols=5))
