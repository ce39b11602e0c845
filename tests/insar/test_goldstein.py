from itertools import pairwise

import numpy as np
import pytest

from m3leo_sar import Looks, interferogram
from m3leo_sar.insar.closure import closure_phase, triplets
from m3leo_sar.insar.displacement import line_of_sight_displacement
from m3leo_sar.insar.goldstein import goldstein
from m3leo_sar.stack.pairs import Pair


def fringes(shape, rng, *, noise=0.7, dtype="complex64"):
    row, col = np.indices(shape)
    truth = np.exp(1j * (0.15 * row - 0.22 * col + 1e-3 * row**2))
    size = rng.uniform(0.5, 2, shape)
    return truth, (size * truth * np.exp(1j * rng.normal(0, noise, shape))).astype(dtype)


@pytest.mark.parametrize("shape", [(96, 128), (61, 47), (9, 100)])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_alpha_of_zero_changes_nothing(rng, shape, dtype):
    # peers.md T18, tighter.
    _, noisy = fringes(shape, rng, dtype=dtype)
    noisy[3, 5:8] = np.nan
    noisy[5, 2] = 0
    got = goldstein(noisy, alpha=0.0)
    assert got.shape == shape
    assert got.dtype == dtype
    np.testing.assert_allclose(got, noisy, atol=2e-6 if dtype == "complex64" else 1e-12)


def test_noise_falls_with_alpha_and_the_magnitude_stays(rng):
    truth, noisy = fringes((120, 150), rng)
    spread = []
    for alpha in (0.0, 0.3, 0.6, 1.0):
        got = goldstein(noisy, alpha=alpha, size=16)
        np.testing.assert_allclose(abs(got), abs(noisy), rtol=1e-5)
        spread.append(np.angle(got * truth.conj()).std())
    assert all(later < 0.95 * earlier for earlier, later in pairwise(spread))
    assert spread[-1] < 0.4 * spread[0]


@pytest.mark.parametrize("shape", [(61, 47), (96, 128)])
def test_a_coherence_that_is_the_same_everywhere_is_one_alpha(rng, shape):
    """What lies beyond the image, or has no coherence, does not count as a coherence of zero."""
    _, noisy = fringes(shape, rng, dtype="complex128")
    noisy[20:26, 11:19] = np.nan
    one = np.full(shape, 0.9)
    one[20:26, 11:19] = one[:9, -8:] = np.nan
    np.testing.assert_allclose(goldstein(noisy, alpha=None, coherence=one), goldstein(noisy, alpha=0.1), atol=1e-12)
    # Where nothing is known, nothing is filtered.
    none = goldstein(noisy, alpha=None, coherence=np.full(shape, np.nan))
    np.testing.assert_allclose(none, noisy, atol=1e-12)


@pytest.mark.parametrize("amplitude", [1e-12, 1e12])
def test_the_unit_of_the_interferogram_does_not_matter(rng, amplitude):
    _, noisy = fringes((61, 47), rng)
    got = goldstein((noisy * amplitude).astype(np.complex64), alpha=0.6)
    np.testing.assert_allclose(got / amplitude, goldstein(noisy, alpha=0.6), rtol=1e-4, atol=1e-5)


def test_it_follows_the_formula_patch_by_patch(rng):
    _, noisy = fringes((24, 24), rng, dtype="complex128")
    got = goldstein(noisy, alpha=0.7, size=8)
    padded = np.zeros((32, 32), complex)
    padded[4:28, 4:28] = noisy
    total = np.zeros_like(padded)
    triangle = np.array([0.125, 0.375, 0.625, 0.875, 0.875, 0.625, 0.375, 0.125])
    for r in range(0, 25, 4):
        for c in range(0, 25, 4):
            spectrum = np.fft.fft2(padded[r : r + 8, c : c + 8])
            smooth = np.zeros((8, 8))
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    smooth += np.roll(abs(spectrum), (i, j), (0, 1)) / 9
            patch = np.fft.ifft2(spectrum * (smooth / max(smooth.max(), 1e-300)) ** 0.7)
            total[r : r + 8, c : c + 8] += patch * np.outer(triangle, triangle)
    np.testing.assert_allclose(np.angle(got), np.angle(total[4:28, 4:28]), atol=1e-12)


def test_alpha_from_coherence_is_that_alpha(rng):
    _, noisy = fringes((64, 80), rng)
    # Beyond the edge there is no coherence: only patches that lie inside have exactly this alpha.
    got = goldstein(noisy, alpha=None, coherence=np.full(noisy.shape, 0.25), size=16)
    inner = (slice(16, -16), slice(16, -16))
    np.testing.assert_allclose(got[inner], goldstein(noisy, alpha=0.75, size=16)[inner], atol=1e-5)
    np.testing.assert_allclose(goldstein(noisy, alpha=None, coherence=np.ones(noisy.shape))[32:-32, 32:-32],
                               noisy[32:-32, 32:-32], atol=1e-5)  # fmt: skip


def test_bad_requests_are_named(rng):
    _, noisy = fringes((20, 30), rng)
    for options, message in (
        ({"alpha": 1.5}, r"alpha must lie in \[0, 1\] or be None, got 1.5"),
        ({"size": 7}, "size must be an even number of at least 4, got 7"),
        ({"alpha": None}, "coherence must be given with alpha=None"),
        ({"coherence": np.ones((20, 30))}, "coherence must be given with alpha=None"),
        (
            {"alpha": None, "coherence": np.ones((20, 29))},
            r"coherence must have the shape of interferogram, \(20, 30\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            goldstein(noisy, **options)


def test_single_looks_close_and_averages_of_mixed_ground_do_not(rng):
    stack = (rng.normal(size=(3, 40, 60)) + 1j * rng.normal(size=(3, 40, 60))).astype("complex128")
    pairs = [(0, 1), (1, 2), (0, 2)]
    (found,) = triplets(pairs)
    single = interferogram(stack, pairs=pairs)
    assert abs(closure_phase(*(single[k] for k in found))).max() < 1e-9
    mixed = interferogram(stack, pairs=pairs, looks=Looks(rows=4, cols=5))
    assert abs(closure_phase(*mixed)).std() > 0.3
    # Scaled by 1e-30 the product of three is no number of single precision, its angle is.
    tiny = (single * 1e-15).astype("complex64")
    assert abs(closure_phase(*tiny)).max() < 1e-5
    with pytest.raises(ValueError, match="across must have the shape of first"):
        closure_phase(single[0], single[1], single[2][1:])


def test_triplets_of_dates():
    pairs = [
        Pair.parse(text)
        for text in ("20230101_20230113", "20230113_20230125", "20230101_20230125", "20230125_20230206")
    ]
    assert triplets(pairs) == [(0, 1, 2)]


def test_ground_that_rises_moves_towards_the_radar():
    wavelength, ranges = 0.0555, (800_000.0, 799_999.99)
    reference, secondary = (np.exp(-4j * np.pi * r / wavelength) for r in ranges)
    phase = np.angle(reference * np.conj(secondary))
    assert line_of_sight_displacement(phase, wavelength=wavelength) == pytest.approx(10.0, abs=1e-4)
    with pytest.raises(ValueError, match="wavelength must be finite metres above 0, got 0"):
        line_of_sight_displacement(phase, wavelength=0)
