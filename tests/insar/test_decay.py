import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import robust_decay
from scipy.optimize import least_squares

from m3leo_sar.insar.decay import GLOBAL_LAGS, DecayModel, fit_decay, median_by_lag


def decayed(days, rho_inf, tau):
    days = np.asarray(days, float).reshape(-1, *(1,) * np.ndim(rho_inf))
    return rho_inf + (1 - rho_inf) * np.exp(-days / tau)


def lags_of(dates):
    return [12 * (j - i) for i in range(dates) for j in range(i + 1, dates)]


def fitted(backend, coherence, days, **options):
    model = fit_decay(backend.array(coherence), days, **options)
    return DecayModel(*(backend.numpy(plane) for plane in model))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_data_give_the_model_back(backend, rng, dtype):
    rho_inf, tau = rng.uniform(0, 0.7, (7, 11)), np.exp(rng.uniform(np.log(8), np.log(150), (7, 11)))
    days = lags_of(10)
    model = fitted(backend, decayed(days, rho_inf, tau).astype(dtype), days)
    assert model.tau.dtype == dtype
    np.testing.assert_allclose(model.tau, tau, rtol=5e-3)
    np.testing.assert_allclose(model.rho_inf, rho_inf, atol=2e-3)
    assert model.rmse.max() < 1e-3
    np.testing.assert_allclose(model.at(30.0), decayed([30.0], rho_inf, tau)[0], atol=1e-3)


@pytest.mark.parametrize("robust_scale", [None, 0.1])
def test_as_good_as_a_general_solver(backend, rng, robust_scale):
    days = lags_of(8)
    truth = decayed(days, rng.uniform(0.1, 0.5, (3, 5)), rng.uniform(15, 60, (3, 5)))
    noisy = np.clip(truth + 0.04 * rng.standard_normal(truth.shape), 0, 1)
    noisy[rng.random(noisy.shape) < 0.1] = np.nan
    model = fitted(backend, noisy, days, robust_scale=robust_scale)
    options = {"loss": "soft_l1", "f_scale": robust_scale} if robust_scale else {}
    for at in np.ndindex(3, 5):
        rho = noisy[:, *at]
        valid = np.isfinite(rho)

        lags = np.array(days)[valid]

        def residual(p, rho=rho[valid], lags=lags):
            return decayed(lags, p[0], p[1]) - rho

        best = least_squares(residual, [0.3, 30.0], bounds=([0, 1], [1, 1000]), xtol=1e-14, ftol=1e-14, **options)
        ours = [model.rho_inf[at], model.tau[at]]
        scale = robust_scale or 1e6
        costs = [2 * scale**2 * (np.sqrt(1 + (residual(p) / scale) ** 2) - 1).sum() for p in (ours, best.x)]
        assert costs[0] <= costs[1] * 1.002 + 1e-12
        assert model.rmse[at] == pytest.approx(np.sqrt((residual(ours) ** 2).mean()), rel=1e-6)


def test_no_row_of_the_search_costs_less(backend, rng):
    """All 257 rows in double, and the parabola through the best three."""
    days = np.array(lags_of(7))
    noisy = np.clip(decayed(days, rng.uniform(0.1, 0.5, (9, 15)), rng.uniform(10, 90, (9, 15))), 0, 1)
    noisy = np.clip(noisy + 0.05 * rng.standard_normal(noisy.shape), 0, 1)
    taus = 1000 ** (np.arange(257) / 256)
    share = 1 - np.exp(-days / taus[:, None])
    lost = (1 - noisy).reshape(len(days), -1)
    best = np.clip(share @ lost / (share**2).sum(axis=1)[:, None], 0, 1)
    cost = ((lost - best[:, None] * share[:, :, None]) ** 2).sum(axis=1)
    row, pixel = cost.argmin(axis=0), np.arange(lost.shape[1])
    inside = (row > 0) & (row < 256)
    left, least, right = (cost[np.clip(row + step, 0, 256), pixel] for step in (-1, 0, 1))
    place = row + np.where(inside, 0.5 * (left - right) / (left - 2 * least + right), 0)
    for dtype in (np.float32, np.float64):
        model = fitted(backend, noisy.astype(dtype), days, robust_scale=None)
        np.testing.assert_allclose(model.tau.ravel(), 1000 ** (place / 256), rtol=1e-5)


def test_a_part_has_the_fit_of_the_whole(backend, rng):
    days = lags_of(6)
    noisy = np.clip(decayed(days, 0.3, 30.0)[:, None, None] + 0.1 * rng.standard_normal((15, 9, 23)), 0, 1)
    noisy[rng.random(noisy.shape) < 0.2] = np.nan
    whole, part = fitted(backend, noisy, days), fitted(backend, noisy[:, 2:8, 3:14].copy(), days)
    for ours, theirs in zip(part, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs[2:8, 3:14])


def test_outliers_count_less_when_robust(backend, rng):
    days = lags_of(9)
    noisy = np.broadcast_to(decayed(days, 0.3, 25.0)[:, None, None], (36, 4, 6)).copy()
    noisy[rng.choice(36, 4, replace=False)] = 0.02
    plain, robust = (fitted(backend, noisy, days, robust_scale=scale) for scale in (None, 0.05))
    assert abs(robust.rho_inf - 0.3).max() < 0.4 * abs(plain.rho_inf - 0.3).max()
    assert abs(robust.rho_inf - 0.3).max() < 0.03


def test_weights_are_renewed_three_times(backend, rng):
    """Outliers far from the fit, so that each round still moves it by more than the search is off."""
    days = lags_of(8)
    noisy = np.broadcast_to(decayed(days, 0.35, 30.0)[:, None, None], (28, 1, 5)).copy()
    for col in range(5):
        noisy[rng.choice(28, 5, replace=False), 0, col] = 0.1
    model = fitted(backend, noisy, days, robust_scale=0.03)
    found = np.stack([model.rho_inf[0], model.tau[0] / 100])
    off = []
    for rounds in (2, 3, 4):
        expected = [robust_decay(noisy[:, 0, col], days, scale=0.03, rounds=rounds) for col in range(5)]
        off.append(np.abs(found - np.transpose(expected) / [[1], [100]]).sum())
    assert off[1] < 0.2 * min(off[0], off[2])


@given(rho=st.floats(0, 1), seed=st.integers(0, 1000))
def test_results_stay_in_their_ranges(rho, seed):
    rng = np.random.default_rng(seed)
    days = lags_of(5)
    noisy = np.clip(rho + 0.5 * rng.standard_normal((10, 2, 3)), 0, 1)
    model = fit_decay(noisy, days, tau_range=(3.0, 400.0))
    assert ((model.rho_inf >= 0) & (model.rho_inf <= 1)).all()
    assert ((model.tau >= 2.99) & (model.tau <= 400.1)).all()
    assert (model.rmse >= 0).all()


@pytest.mark.parametrize("days", [[12, 24], [12, 12], [12, 12, 12]])
def test_what_has_two_unknowns_is_not_fitted_to_two_pairs_or_one_lag(backend, days):
    """Two pairs of two lags have a fit without a residual, whatever the noise: three are asked for."""
    coherence = np.full((len(days), 2, 3), 0.6) - 0.01 * np.array(days)[:, None, None]
    for plane in fit_decay(backend.array(coherence), days):
        assert np.isnan(backend.numpy(plane)).all()
    # The same within a longer list, of which no more is valid.
    more = np.concatenate([coherence, np.full((2, 2, 3), np.nan)])
    assert np.isnan(backend.numpy(fit_decay(backend.array(more), [*days, 36, 48]).tau)).all()
    third = np.concatenate([coherence, np.full((1, 2, 3), 0.2)])
    assert np.isfinite(backend.numpy(fit_decay(backend.array(third), [*days, 36]).tau)).all() == (len(third) >= 3)


def test_too_few_pairs_or_lags_give_nan(backend):
    coherence = np.full((4, 1, 4), 0.5)
    coherence[1:, 0, 0] = np.nan  # one pair
    coherence[2:, 0, 1] = np.nan  # two pairs
    coherence[3, 0, 2] = np.nan  # three pairs of one lag
    model = fitted(backend, coherence, [12, 12, 12, 24])
    np.testing.assert_array_equal(np.isnan(model.tau[0]), [True, True, True, False])
    np.testing.assert_array_equal(np.isnan(model.rho_inf), np.isnan(model.rmse))


def test_units_of_the_global_data_set():
    model = DecayModel(np.array([0.1234, np.nan]), np.array([17.4, 1e9]), np.array([0.0456, 0.1]))
    numbers = model.digital_numbers()
    assert [plane.tolist() for plane in numbers] == [[123, 0], [17400, 65535], [46, 100]]
    assert {plane.dtype for plane in numbers} == {np.dtype("uint16")}
    assert GLOBAL_LAGS == (6, 12, 18, 24, 36, 48)


def test_medians_leave_nan_out(backend, rng):
    coherence = rng.random((9, 5, 8)).astype(np.float32)
    coherence[rng.random(coherence.shape) < 0.3] = np.nan
    coherence[:4, 0, 0] = np.nan
    days = [12, 12, 12, 12, 24, 24, 24, 48, 60]
    maps = median_by_lag(backend.array(coherence), days)
    assert list(maps) == [12, 24, 48]
    for lag, got in maps.items():
        chosen = coherence[[index for index, value in enumerate(days) if value == lag]].astype(float)
        valid = np.isfinite(chosen).any(0)
        expected = np.full(valid.shape, np.nan)
        expected[valid] = np.nanmedian(chosen[:, valid], axis=0)
        np.testing.assert_allclose(backend.numpy(got), expected, atol=1e-7)


STACK = np.full((3, 2, 4), 0.5)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((STACK.astype(int), [12, 24, 36]), {}, TypeError, "coherence must be float32 or float64, got int64"),
        ((STACK[0], [12, 24]), {}, ValueError, r"coherence must be \(pairs, rows, cols\)"),
        ((STACK, [12, 24]), {}, ValueError, "days must be 3 numbers above 0"),
        ((STACK, [12, 24, 0]), {}, ValueError, "days must be 3 numbers above 0"),
        ((STACK, [12, 24, 36]), {"tau_range": (5, 5)}, ValueError, "tau_range must be two finite numbers"),
        ((STACK, [12, 24, 36]), {"robust_scale": 0.0}, ValueError, "robust_scale must be a finite number above 0"),
    ],
)
def test_bad_input_is_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        fit_decay(*arguments, **options)
    with pytest.raises(ValueError, match="days must hold 3 numbers"):
        median_by_lag(STACK, [12])
