"""Spectral diversity on signals made here: known shifts, their sign, and little coherence."""

import numpy as np
import pytest

from m3leo_sar import Window
from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier
from m3leo_sar.insar.azimuth_network import azimuth_network
from m3leo_sar.insar.spectral_diversity import spectral_diversity

INTERVAL = 0.0020555563


def overlap(random, lines, *, coherence=0.5, shape=(60, 136), frequencies=(2420.0, -2375.0)):
    """Both bursts of an overlap whose secondary images the ground `lines` late: an echo at azimuth frequency f is then
    exp(j 2 pi f (t - delay))."""
    pairs = []
    for frequency in frequencies:
        common, own = random.normal(size=(2, *shape, 2)) @ [1, 1j]
        late = np.exp(-2j * np.pi * frequency * lines * INTERVAL)
        secondary = (coherence * common + np.sqrt(1 - coherence**2) * own) * late
        pairs.append((common.astype(np.complex64), secondary.astype(np.complex64)))
    return pairs


@pytest.mark.parametrize("lines", [0.0, 0.003, -0.003, 0.01, 0.04, -0.045])
def test_a_late_secondary_has_a_positive_shift(backend, rng, lines):
    pairs = [tuple(backend.array(image) for image in pair) for pair in overlap(rng, lines, coherence=0.9)]
    found = spectral_diversity(*pairs, separation=4795.0, azimuth_interval=INTERVAL)
    assert found.lines == pytest.approx(lines, abs=3.5e-4)
    assert found.spread < 2e-4
    assert found.limit == pytest.approx(1 / (2 * 4795 * INTERVAL))
    assert found.coherence == pytest.approx(0.9, abs=0.02)
    assert found.samples == 60 * 136


def test_a_separation_that_varies_over_the_overlap_and_holes(rng):
    shape = (40, 400)
    rate = np.broadcast_to(np.linspace(4500, 5100, 400), shape)
    pairs = overlap(rng, 0.04, coherence=0.8, shape=shape, frequencies=(rate / 2, -rate / 2))
    pairs[0][1][5:9, 30:60] = np.nan
    found = spectral_diversity(*pairs, separation=rate, azimuth_interval=INTERVAL)
    assert found.lines == pytest.approx(0.04, abs=4e-4)
    assert found.samples < 40 * 400
    mean = spectral_diversity(*pairs, separation=4800.0, azimuth_interval=INTERVAL)
    assert abs(mean.lines - 0.04) < 1e-3


def test_beyond_half_a_turn_a_shift_comes_out_elsewhere(rng):
    found = spectral_diversity(*overlap(rng, 0.06, coherence=0.9), separation=4795.0, azimuth_interval=INTERVAL)
    assert found.lines == pytest.approx(0.06 - 2 * found.limit, abs=3e-4)


def test_little_coherence_is_not_biased_and_none_says_so(rng):
    found = spectral_diversity(*overlap(rng, 0.01, shape=(109, 136)), separation=4795.0, azimuth_interval=INTERVAL)
    assert found.lines == pytest.approx(0.01, abs=4e-4)
    assert found.spread < 4e-4
    low = overlap(rng, 0.01, coherence=0.15, shape=(110, 900))
    found = spectral_diversity(*low, separation=4795.0, azimuth_interval=INTERVAL, min_coherence=0.0)
    assert abs(found.lines - 0.01) < 5 * found.spread + 1e-3
    nothing = overlap(rng, 0.01, coherence=0.0)
    found = spectral_diversity(*nothing, separation=4795.0, azimuth_interval=INTERVAL, min_coherence=0.5)
    assert (found.samples, np.isnan(found.lines), np.isnan(found.spread)) == (0, True, True)


def test_frequencies_are_the_slope_of_the_carrier():
    polynomials = RangePolynomial(5.3e-3, (-2300.0, 4e5, -6e7)), RangePolynomial(5.35e-3, (-30.0, 2e4, 1e6))
    carrier = TopsCarrier(1500, INTERVAL, 5.34e-3, 1.55e-8, 5.5e-3, 6700.0, *polynomials)
    row, col = np.array([[0.0], [700.0], [1499.0]]), np.array([0.0, 9000.0, 20000.0])
    slope = (carrier(row + 0.01, col) - carrier(row - 0.01, col)) / 0.02 / INTERVAL / (2 * np.pi)
    np.testing.assert_allclose(carrier.frequency(row, col), slope, rtol=1e-6, atol=1e-3)
    # The end of a burst minus the start of the next, a cycle of 2.7586 s later.
    separation = carrier.frequency(1420, 9000) - carrier.frequency(1420 - 2.7586 / INTERVAL, 9000)
    assert 4500 < separation < 5000


def test_refusals_name_what_came(rng):
    pairs = overlap(rng, 0.0, shape=(20, 30))
    options = {"separation": 4800.0, "azimuth_interval": INTERVAL}
    with pytest.raises(ValueError, match="earlier and later must be images .* of one shape"):
        spectral_diversity(pairs[0], tuple(image[1:] for image in pairs[1]), **options)
    with pytest.raises(ValueError, match="separation must be a frequency in Hz, finite and not zero"):
        spectral_diversity(*pairs, separation=0.0, azimuth_interval=INTERVAL)
    with pytest.raises(ValueError, match="separation must be a number or have the images' shape, got"):
        spectral_diversity(*pairs, separation=np.ones((3, 4)), azimuth_interval=INTERVAL)
    with pytest.raises(ValueError, match="azimuth_interval must be seconds above 0, got -1"):
        spectral_diversity(*pairs, separation=4800.0, azimuth_interval=-1)
    with pytest.raises(ValueError, match="min_coherence must be in"):
        spectral_diversity(*pairs, **options, min_coherence=2, window=Window(rows=3, cols=5))


def test_dates_follow_from_pairs(rng):
    truth = np.array([0.003, 0.0, -0.004, 0.011, 0.02])
    pairs = [(0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (2, 4)]
    lines = np.array([truth[second] - truth[first] for first, second in pairs])
    found = azimuth_network(pairs, lines, dates=6, reference=1)
    np.testing.assert_allclose(found.lines[:5], truth, atol=1e-12)
    assert np.isnan(found.lines[5])
    assert found.residual < 1e-12
    # A pair of no coherence, and one that is off but counts little.
    lines[0], lines[3] = np.nan, lines[3] + 0.01
    found = azimuth_network(pairs, lines, dates=5, reference=1, weights=[1, 1, 1, 1e-6, 1, 1])
    assert np.isnan(found.lines[0])
    np.testing.assert_allclose(found.lines[1:], truth[1:], atol=1e-6)
    assert found.residual > 1e-3
    alone = azimuth_network([], [], dates=2, reference=0)
    assert (alone.lines[0], np.isnan(alone.lines[1]), alone.residual) == (0.0, True, 0.0)
    with pytest.raises(ValueError, match="lines and weights must have one entry per pair, 1, got"):
        azimuth_network([(0, 1)], [0.1, 0.2], dates=2, reference=0)
    with pytest.raises(ValueError, match="pairs and reference must be indices of 2 dates, got 2"):
        azimuth_network([(0, 2)], [0.1], dates=2, reference=0)


def test_the_spread_is_that_of_repeated_measurements():
    random = np.random.default_rng(8)
    found = []
    for _ in range(14):
        ground = random.normal(size=(2, 3, 30, 254, 2)).view(complex)[..., 0]
        pairs = [(first, 0.6 * first + 0.8 * other) for first, other, _ in ground]
        found.append(spectral_diversity(*pairs, separation=4400.0, azimuth_interval=0.002))
    scatter = np.std([one.lines for one in found])
    assert np.sqrt(np.mean([one.spread**2 for one in found])) == pytest.approx(scatter, rel=0.35)
