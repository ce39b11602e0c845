import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reference import TOUZI, touzi_moment_reference

from m3leo_sar.insar.bias import (
    coherence_density,
    coherence_variance,
    expected_coherence,
    true_coherence,
)


@pytest.mark.parametrize("looks", TOUZI)
def test_expected_coherence_equals_the_table(looks):
    mean = expected_coherence([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9], equivalent_looks=looks)
    np.testing.assert_allclose(mean, TOUZI[looks], atol=6e-6)


@pytest.mark.parametrize(("looks", "true"), [(4, 0.0), (9, 0.5), (25, 0.9), (100, 0.2)])
def test_monte_carlo_agrees_within_four_standard_errors(looks, true):
    rng = np.random.default_rng(looks)
    draws = 40_000
    a, noise = (rng.standard_normal((2, draws, looks)) + 1j * rng.standard_normal((2, draws, looks))) / np.sqrt(2)
    b = true * a + np.sqrt(1 - true**2) * noise
    powers = np.sqrt((np.abs(a) ** 2).sum(1) * (np.abs(b) ** 2).sum(1))
    sample = np.abs((a * b.conj()).sum(1)) / powers
    error = np.sqrt(coherence_variance(true, equivalent_looks=looks) / draws)
    assert abs(sample.mean() - expected_coherence(true, equivalent_looks=looks)) < 4 * error
    assert sample.var() == pytest.approx(float(coherence_variance(true, equivalent_looks=looks)), rel=0.05)


@pytest.mark.parametrize(("looks", "true"), [(4, 0.0), (9, 0.5), (25, 0.9)])
def test_density_integrates_to_one_and_to_the_mean(looks, true):
    x = np.linspace(0, 1, 20_001)
    density = coherence_density(x, true, equivalent_looks=looks)
    assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-8)
    assert np.trapezoid(density * x, x) == pytest.approx(
        float(expected_coherence(true, equivalent_looks=looks)), abs=1e-8
    )


@pytest.mark.parametrize("looks", [1.2, 4, 25, 90])
def test_moments_follow_the_closed_form(looks):
    true = np.array([0.0, 1e-4, 0.004, 0.02, 0.11, 0.37, 0.62, 0.9, 0.97])
    mean, square = (np.array([touzi_moment_reference(value, looks, order) for value in true]) for order in (1, 2))
    np.testing.assert_allclose(expected_coherence(true, equivalent_looks=looks), mean, atol=5e-8)
    np.testing.assert_allclose(coherence_variance(true, equivalent_looks=looks), square - mean**2, rtol=2e-4)
    # Where the mean is flat, rounding of the mean alone moves the truth.
    error = abs(true_coherence(mean, equivalent_looks=looks) - true)
    assert (error <= np.where(true > 0.001, 1e-7, 1e-4)).all()


def test_a_map_gives_what_its_pixels_give(rng):
    mean = rng.uniform(size=(23, 31))
    mean[4, 7] = np.nan
    got = true_coherence(mean, equivalent_looks=37.5)
    assert got.shape == mean.shape
    np.testing.assert_array_equal(got[2:6, 5:9], true_coherence(mean[2:6, 5:9], equivalent_looks=37.5))
    assert got[9, 11] == true_coherence(mean[9, 11], equivalent_looks=37.5)


@given(true=st.floats(0, 1), looks=st.sampled_from([1.5, 2, 4.4, 25, 130.7, 400]))
@example(true=1.0, looks=3.0)
@example(true=0.9996, looks=2.0)
def test_inversion_undoes_the_bias(true, looks):
    back = true_coherence(expected_coherence(true, equivalent_looks=looks), equivalent_looks=looks)
    # Near zero the mean is flat in the truth, so the truth is known only to the square root of the rounding.
    assert float(back) == pytest.approx(true, abs=1e-6 if true > 1e-3 else 1e-3)


def test_below_the_floor_and_no_data():
    got = true_coherence([0.1, np.nan, 1.0], equivalent_looks=25)
    np.testing.assert_array_equal(got[:2], [0.0, np.nan])
    assert got[2] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("looks", [1, 0, np.nan, np.inf])
def test_looks_out_of_range_are_refused(looks):
    with pytest.raises(ValueError, match="looks must be a finite number above 1"):
        expected_coherence(0.5, equivalent_looks=looks)


def test_coherence_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"observed must lie in \[0, 1\], got 1.2"):
        true_coherence([0.3, 1.2], equivalent_looks=9)
    with pytest.raises(ValueError, match="true must lie in"):
        expected_coherence(-0.1, equivalent_looks=9)


@pytest.mark.parametrize("looks", [2, 4, 9, 25])
@pytest.mark.parametrize("true", [0.1, 0.3, 0.6, 0.9])
def test_a_median_has_an_inversion_of_its_own(looks, true):
    """Half of the law lies below its median, which at few looks is not its mean."""
    sample = np.linspace(0, 1, 2001)
    density = coherence_density(sample, true, equivalent_looks=looks)
    share = np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(sample))
    median = float(np.interp(0.5, share, sample[1:]))
    # Near zero the median is flat in the truth.
    near = 1e-3 if true > 0.2 else 2e-2
    assert true_coherence(median, equivalent_looks=looks, statistic="median") == pytest.approx(true, abs=near)
    if looks == 4 and true in (0.6, 0.9):
        assert abs(true_coherence(median, equivalent_looks=looks) - true) > 0.02


@pytest.mark.parametrize("looks", [4, 25])
def test_the_inversion_of_a_median_has_no_step_near_one(looks):
    found = true_coherence([0.9, 0.99, 0.9995, 0.99965, 1.0], equivalent_looks=looks, statistic="median")
    assert (np.diff(found) > 0).all()
    assert found[-1] == 1


def test_a_median_of_draws_is_corrected(rng):
    looks, true = 4, 0.6
    first, noise = (rng.standard_normal((20_000, looks, 2)) @ [1, 1j] for _ in range(2))
    second = true * first + 0.8 * noise
    power = (abs(first) ** 2).sum(1) * (abs(second) ** 2).sum(1)
    median = np.median(abs((first * second.conj()).sum(1)) / np.sqrt(power))
    assert true_coherence(median, equivalent_looks=looks, statistic="median") == pytest.approx(true, abs=0.01)
    got = true_coherence([[np.nan, 0.2]], equivalent_looks=looks, statistic="median")
    np.testing.assert_array_equal(got, [[np.nan, 0.0]])
    with pytest.raises(ValueError, match="statistic must be mean or median, got 'mode'"):
        true_coherence(0.5, equivalent_looks=4, statistic="mode")
