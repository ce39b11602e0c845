import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.insar.bias import coherence_density, coherence_variance, expected_coherence, true_coherence

# Computed independently as a log-scaled hypergeometric series and checked by 200 000 draws.
TABLE = {
    4: [0.45714, 0.46323, 0.48139, 0.51134, 0.60454, 0.73751, 0.90447],
    9: [0.29954, 0.31080, 0.34357, 0.39504, 0.53851, 0.71251, 0.90139],
    25: [0.17813, 0.19852, 0.25376, 0.33101, 0.51202, 0.70396, 0.90043],
    100: [0.08873, 0.12786, 0.21210, 0.30707, 0.50286, 0.70094, 0.90010],
}


@pytest.mark.parametrize("looks", TABLE)
def test_expected_coherence_equals_the_table(looks):
    mean = expected_coherence([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9], looks=looks)
    np.testing.assert_allclose(mean, TABLE[looks], atol=6e-6)


@pytest.mark.parametrize(("looks", "true"), [(4, 0.0), (9, 0.5), (25, 0.9), (100, 0.2)])
def test_monte_carlo_agrees_within_four_standard_errors(looks, true):
    rng = np.random.default_rng(looks)
    draws = 40_000
    a, noise = (rng.standard_normal((2, draws, looks)) + 1j * rng.standard_normal((2, draws, looks))) / np.sqrt(2)
    b = true * a + np.sqrt(1 - true**2) * noise
    powers = np.sqrt((np.abs(a) ** 2).sum(1) * (np.abs(b) ** 2).sum(1))
    sample = np.abs((a * b.conj()).sum(1)) / powers
    error = np.sqrt(coherence_variance(true, looks=looks) / draws)
    assert abs(sample.mean() - expected_coherence(true, looks=looks)) < 4 * error
    assert sample.var() == pytest.approx(float(coherence_variance(true, looks=looks)), rel=0.05)


@pytest.mark.parametrize(("looks", "true"), [(4, 0.0), (9, 0.5), (25, 0.9)])
def test_density_integrates_to_one_and_to_the_mean(looks, true):
    x = np.linspace(0, 1, 20_001)
    density = coherence_density(x, true, looks=looks)
    assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-8)
    assert np.trapezoid(density * x, x) == pytest.approx(float(expected_coherence(true, looks=looks)), abs=1e-8)


@given(true=st.floats(0, 1), looks=st.floats(1.5, 400))
def test_inversion_undoes_the_bias(true, looks):
    back = true_coherence(expected_coherence(true, looks=looks), looks=looks)
    # Near zero the mean is flat in the truth, so the truth is known only to the square root of the rounding.
    assert float(back) == pytest.approx(true, abs=1e-6 if true > 1e-3 else 1e-3)


def test_below_the_floor_and_no_data():
    got = true_coherence([0.1, np.nan, 1.0], looks=25)
    np.testing.assert_array_equal(got[:2], [0.0, np.nan])
    assert got[2] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("looks", [1, 0, np.nan, np.inf])
def test_looks_out_of_range_are_refused(looks):
    with pytest.raises(ValueError, match="looks must be a finite number above 1"):
        expected_coherence(0.5, looks=looks)


def test_coherence_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"mean must lie in \[0, 1\], got 1.2"):
        true_coherence([0.3, 1.2], looks=9)
    with pytest.raises(ValueError, match="true must lie in"):
        expected_coherence(-0.1, looks=9)
