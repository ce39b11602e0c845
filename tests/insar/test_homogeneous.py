import functools
import itertools
import math

import numpy as np
import pytest
from reference import coherence_maps_reference, homogeneous_maps_reference, homogeneous_reference
from scipy.stats import beta, binom

from m3leo_sar import Window, coherence
from m3leo_sar.insar.homogeneous import (
    _ks_limit,
    _share_limit,
    homogeneous_coherence,
    homogeneous_pixels,
    neighbour_count,
)

WINDOW = Window(rows=5, cols=7)


def unpacked(mask, window):
    bits = np.unpackbits(np.ascontiguousarray(mask).view(np.uint8), bitorder="little", axis=-1)
    return bits[..., : window.rows * window.cols].reshape(*mask.shape[:2], window.rows, window.cols).astype(bool)


def alike_ks(alpha):
    def alike(x, y):
        values = np.concatenate([x, y])
        counts = [np.searchsorted(np.sort(series), values, side="right") for series in (x, y)]
        return as_far_by_chance(len(x), abs(counts[0] - counts[1]).max()) > alpha

    return alike


@functools.cache
def as_far_by_chance(dates, distance):
    """Share of the orders of two series whose counts are ever `distance` apart, by walking all of them."""
    if distance == 0:
        return 1.0
    ways = {(0, 0): 1}
    for i, j in itertools.product(range(dates + 1), repeat=2):
        if (i, j) != (0, 0):
            near = abs(i - j) < distance
            ways[i, j] = near * (ways.get((i - 1, j), 0) + ways.get((i, j - 1), 0))
    return 1 - ways[dates, dates] / math.comb(2 * dates, dates)


def alike_glrt(alpha):
    def alike(x, y):
        limit = beta.ppf(alpha / 2, len(x), len(x))
        first, second = (x**2).mean(), (y**2).mean()
        return min(first, second) / (first + second) >= limit

    return alike


@pytest.mark.parametrize(("test", "oracle"), [("ks", alike_ks), ("glrt", alike_glrt)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_are_those_of_the_test(backend, rng, test, oracle, dtype):
    amplitude = rng.rayleigh(np.where(np.arange(13) < 6, 1.0, 1.7), (14, 9, 13)).astype(dtype)
    amplitude[4, 3, 8], amplitude[2, 7, 4] = np.nan, np.inf
    mask = backend.numpy(homogeneous_pixels(backend.array(amplitude), window=WINDOW, test=test, alpha=0.05))
    np.testing.assert_array_equal(unpacked(mask, WINDOW), homogeneous_reference(amplitude, WINDOW, oracle(0.05)))


def test_equal_amplitudes_are_alike(backend):
    amplitude = np.round(np.random.default_rng(2).random((20, 6, 8)) * 3)
    mask = backend.numpy(homogeneous_pixels(backend.array(amplitude), window=WINDOW, test="ks", alpha=0.05))
    expected = homogeneous_reference(amplitude, WINDOW, alike_ks(0.05))
    np.testing.assert_array_equal(unpacked(mask, WINDOW), expected)


@pytest.mark.parametrize("dates", [2, 3, 7, 12, 33])
def test_any_number_of_dates_is_compared(backend, rng, dates):
    amplitude = np.round(rng.rayleigh(np.where(np.arange(6) < 3, 1.0, 2.5), (dates, 4, 6)), 1)
    mask = backend.numpy(homogeneous_pixels(backend.array(amplitude), window=WINDOW, test="ks", alpha=0.3))
    expected = homogeneous_reference(amplitude, WINDOW, alike_ks(0.3))
    np.testing.assert_array_equal(unpacked(mask, WINDOW), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_without_a_number_on_one_date_is_nobodys_neighbour(backend, rng, value):
    amplitude = rng.rayleigh(1.0, (5, 6, 8))
    amplitude[1, 3, 4] = value
    mask = unpacked(backend.numpy(homogeneous_pixels(backend.array(amplitude), window=WINDOW, test="ks")), WINDOW)
    assert not mask[3, 4].any()
    assert not any(mask[r, c, 3 - r + 2, 4 - c + 3] for r in range(1, 6) for c in range(1, 8))


def test_blocks_of_the_test_share_their_edges(rng):
    """Larger than the rows and the columns that one thread takes, and more than one word per pixel."""
    amplitude = rng.rayleigh(np.where(np.arange(530) % 7 < 3, 1.0, 1.6), (6, 40, 530)).astype(np.float32)
    window = Window(rows=7, cols=12)
    options = {"window": window, "test": "ks", "alpha": 0.2}
    whole = homogeneous_pixels(amplitude, **options)
    part = homogeneous_pixels(np.ascontiguousarray(amplitude[:, 25:40, 495:530]), **options)
    np.testing.assert_array_equal(part[3:, 6:], whole[28:, 501:])


@pytest.mark.parametrize("alpha", [0.001, 0.005, 0.05])
@pytest.mark.parametrize("test", ["ks", "glrt"])
def test_the_share_kept_is_the_one_asked_for(test, alpha):
    rng = np.random.default_rng(15)
    window = Window(rows=11, cols=11)
    kept = []
    for _ in range(12):
        amplitude = rng.rayleigh(1.0, (30, 31, 33))
        count = neighbour_count(homogeneous_pixels(amplitude, window=window, test=test, alpha=alpha))
        kept.append((count[5:-5, 5:-5] - 1).mean() / 120)
    # The discrete test refuses less than asked, never more.
    assert np.mean(kept) == pytest.approx(1 - alpha, abs=0.03)
    assert np.mean(kept) > 1 - alpha - 0.004


@pytest.mark.parametrize("dates", [5, 30, 47])
def test_limits_are_exact(dates):
    for alpha in (0.001, 0.01, 0.2):
        # Beta(n, n) below x is a binomial of 2 n - 1 trials at n or above.
        assert binom.sf(dates - 1, 2 * dates - 1, _share_limit(dates, alpha)) == pytest.approx(alpha / 2, rel=1e-9)
        limit = _ks_limit(dates, alpha)
        assert as_far_by_chance(dates, limit) > alpha or limit == 0
        assert limit == dates or as_far_by_chance(dates, limit + 1) <= alpha


def test_two_kinds_of_ground_are_kept_apart(rng):
    """Adaptive windows keep the coherence of a small stable target out of its noisy surroundings."""
    stable = np.zeros((40, 50), bool)
    stable[15:25, 20:26] = True
    first, noise = ((rng.standard_normal((30, 40, 50)) + 1j * rng.standard_normal((30, 40, 50))) for _ in range(2))
    base = rng.standard_normal((40, 50)) + 1j * rng.standard_normal((40, 50))
    stack = np.where(stable, 6 * (0.95 * base + 0.3 * first), noise).astype(np.complex64)
    window = Window(rows=9, cols=9)
    mask = homogeneous_pixels(abs(stack), window=window)
    adaptive = homogeneous_coherence(stack[0], stack[1], window=window, mask=mask)
    plain = coherence(stack[0], stack[1], window=window)
    beside = np.zeros_like(stable)
    beside[17:23, 27:29] = True
    assert np.median(plain[beside]) > 0.6
    assert np.median(adaptive[beside]) < 0.35
    assert np.nanmedian(adaptive[stable]) > 0.8


def test_a_full_mask_is_a_plain_window(backend, rng):
    a, b = ((rng.standard_normal((17, 23)) + 1j * rng.standard_normal((17, 23))).astype(np.complex64) for _ in range(2))
    a[4:6, 7] = np.nan
    full = np.full((17, 23, 1), np.uint64(2**35 - 1))
    b[11:, :9] = 0
    options = {"window": WINDOW, "mask": backend.array(full)}
    arrays = backend.array(a), backend.array(b)
    got, expected = homogeneous_coherence(*arrays, output="all", **options), coherence_maps_reference(a, b, WINDOW)
    for name, plane in zip(got._fields, got, strict=True):
        np.testing.assert_allclose(backend.numpy(plane), expected[name], rtol=2e-6, atol=2e-6, err_msg=name)
    magnitude = backend.numpy(homogeneous_coherence(*arrays, **options))
    np.testing.assert_array_equal(magnitude, backend.numpy(got.coherence))
    value = backend.numpy(homogeneous_coherence(*arrays, output="complex", **options))
    assert value.dtype == a.dtype
    np.testing.assert_allclose(value, expected["coherence"] * np.exp(1j * expected["phase"]), atol=2e-6)


def test_a_pixel_needs_its_own_sample_and_enough_neighbours(backend, rng):
    a, b = ((rng.standard_normal((9, 13)) + 1j * rng.standard_normal((9, 13))).astype(np.complex64) for _ in range(2))
    a[2, 3] = b[7, :] = np.nan
    full = np.full((9, 13, 1), np.uint64(2**35 - 1))
    centre = np.uint64(2 * 7 + 3)
    full[4, 6] = np.uint64(1) << centre  # alone
    full[4, 9] = (np.uint64(1) << centre) | np.uint64(0b111)  # with three more
    full[5, 2] = (np.uint64(1) << centre) | np.uint64(0b111 << 28)  # whose three others lie in the line without data
    options = {"window": WINDOW, "mask": backend.array(full)}
    arrays = backend.array(a), backend.array(b)
    got = backend.numpy(homogeneous_coherence(*arrays, **options))
    empty = np.zeros((9, 13), bool)
    empty[2, 3] = empty[7, :] = empty[4, 6] = empty[5, 2] = True
    np.testing.assert_array_equal(np.isnan(got), empty)
    filled = homogeneous_coherence(*arrays, **options, fill_gaps=True, min_valid=0, min_neighbours=1)
    filled = backend.numpy(filled)
    assert np.isfinite(filled).all()
    assert filled[4, 6] == pytest.approx(1) == filled[5, 2]
    np.testing.assert_array_equal(filled[~empty], got[~empty])
    with pytest.raises(ValueError, match="min_neighbours must be at least 1, got 0"):
        homogeneous_coherence(*arrays, **options, min_neighbours=0)
    with pytest.raises(ValueError, match=r"min_valid must lie in \[0, 1\], got -1"):
        homogeneous_coherence(*arrays, **options, min_valid=-1)


@pytest.mark.parametrize("amplitude", [1e-12, 1e12])
def test_the_unit_of_the_amplitude_does_not_matter(backend, rng, amplitude):
    stack = (rng.standard_normal((12, 11, 15)) + 1j * rng.standard_normal((12, 11, 15))).astype(np.complex64)
    scaled = (stack * amplitude).astype(np.complex64)
    for test in ("glrt", "ks"):
        masks = [homogeneous_pixels(backend.array(abs(images)), window=WINDOW, test=test) for images in (stack, scaled)]
        np.testing.assert_array_equal(backend.numpy(masks[0]), backend.numpy(masks[1]))
    values = [
        homogeneous_coherence(backend.array(images[0]), backend.array(images[1]), window=WINDOW, mask=masks[0])
        for images in (stack, scaled)
    ]
    np.testing.assert_allclose(backend.numpy(values[1]), backend.numpy(values[0]), atol=1e-6)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_coherence_over_a_mask(backend, rng, dtype):
    window = Window(rows=9, cols=11)
    a, b = ((rng.standard_normal((13, 19)) + 1j * rng.standard_normal((13, 19))).astype(dtype) for _ in range(2))
    bits = rng.random((13, 19, 9, 11)) < 0.4
    packed = np.zeros((13, 19, 16), np.uint8)
    packed[..., :13] = np.packbits(bits.reshape(13, 19, -1), axis=-1, bitorder="little")
    mask = packed.view(np.uint64)
    a[3:5, 7:12] = np.nan
    options = {"window": window, "mask": backend.array(mask)}
    arrays = backend.array(a), backend.array(b)
    expected = homogeneous_maps_reference(a, b, bits, window)
    value = homogeneous_coherence(*arrays, output="complex", **options)
    np.testing.assert_allclose(backend.numpy(value), expected["complex"], atol=1e-6)
    maps = homogeneous_coherence(*arrays, output="all", **options)
    for name in ("looks", "power_reference", "power_secondary"):
        np.testing.assert_allclose(backend.numpy(getattr(maps, name)), expected[name], rtol=1e-6, err_msg=name)


AMPLITUDE = np.ones((4, 6, 9))
ONE = np.ones((6, 9), np.complex64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: homogeneous_pixels(AMPLITUDE > 0, window=WINDOW), TypeError, "amplitude must be float32 or float64"),
        (lambda: homogeneous_pixels(AMPLITUDE[:1], window=WINDOW), ValueError, "at least 2 dates"),
        (lambda: homogeneous_pixels(AMPLITUDE, window=WINDOW, test="t"), ValueError, "test must be one of ks, glrt"),
        (lambda: homogeneous_pixels(AMPLITUDE, window=WINDOW, alpha=0), ValueError, r"alpha must lie in \(0, 0.5\]"),
        (lambda: homogeneous_pixels(AMPLITUDE, window=5), TypeError, "window must be a Window"),
        (
            lambda: homogeneous_coherence(ONE, ONE, window=WINDOW, mask=np.zeros((6, 9, 1), np.uint64), output="phase"),
            ValueError,
            "output must be one of magnitude, complex, all, got 'phase'",
        ),
        (
            lambda: homogeneous_coherence(ONE, ONE, window=WINDOW, mask=np.zeros((6, 9, 2), np.uint64)),
            ValueError,
            r"mask must be uint64 of shape \(6, 9, 1\)",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
