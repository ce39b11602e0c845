import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import looks_reference

from m3leo_sar import Looks, interferogram, multilook


def speckle(rng, *shape, dtype="complex64"):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize(("shape", "size"), [((7, 31), (1, 1)), ((20, 33), (3, 5)), ((13, 8), (13, 2))])
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_equals_the_mean_of_valid_products(backend, rng, shape, size, dtype):
    a, b = speckle(rng, *shape, dtype=dtype), speckle(rng, *shape, dtype=dtype)
    a[rng.random(shape) < 0.2], b[rng.random(shape) < 0.2] = np.nan, np.nan
    looks = Looks(rows=size[0], cols=size[1])
    got = backend.numpy(interferogram(backend.array(a), backend.array(b), looks=looks))
    valid = np.isfinite(a) & np.isfinite(b)
    expected = looks_reference(a.astype("c16") * b.conj().astype("c16"), valid, looks)
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, rtol=2e-6 if dtype == "complex64" else 1e-13, atol=1e-7)


def test_with_itself_has_no_phase(backend, rng):
    image = backend.array(speckle(rng, 40, 52))
    for looks in (Looks(rows=1, cols=1), Looks(rows=13, cols=3)):
        assert np.abs(np.angle(backend.numpy(interferogram(image, image, looks=looks)))).max() < 1e-6


def test_swapped_dates_give_the_conjugate(backend, rng):
    a, b = backend.array(speckle(rng, 21, 34)), backend.array(speckle(rng, 21, 34))
    looks = Looks(rows=2, cols=3)
    there, back = interferogram(a, b, looks=looks), interferogram(b, a, looks=looks)
    np.testing.assert_array_equal(backend.numpy(there), backend.numpy(back).conj())


def test_known_phases_come_back(backend):
    columns = np.arange(50)
    a = np.tile(np.exp(1j * np.sin(10 * np.pi * columns / 50)), (100, 1))
    b = np.tile(np.exp(1j * np.sin(8 * np.pi * columns / 50)), (100, 1))
    got = np.angle(backend.numpy(interferogram(backend.array(a), backend.array(b))))
    expected = np.angle(np.exp(1j * (np.sin(10 * np.pi * columns / 50) - np.sin(8 * np.pi * columns / 50))))
    np.testing.assert_allclose(got, np.tile(expected, (100, 1)), atol=1e-6)


def test_pairs_of_a_stack(backend, rng):
    stack = speckle(rng, 3, 12, 17)
    maps = backend.numpy(interferogram(backend.array(stack), pairs=[(2, 1), (0, 2)], looks=Looks(rows=2, cols=4)))
    assert maps.shape == (2, 6, 4)
    single = interferogram(stack[2], stack[1], looks=Looks(rows=2, cols=4))
    np.testing.assert_allclose(maps[0], single, rtol=1e-6)


def test_rows_that_go_through_pairs_together_do_not_show(rng, monkeypatch):
    from m3leo_sar._backend import cpu_interferogram

    stack, pairs, phase = speckle(rng, 3, 37, 50), [(0, 1), (2, 1), (0, 2)], rng.normal(size=(37, 50))
    options = {"pairs": pairs, "reference_phase": phase}
    for looks in (Looks(rows=1, cols=1), Looks(rows=5, cols=3)):
        whole = interferogram(stack, looks=looks, **options)
        for limit in (1, 9000):
            monkeypatch.setattr(cpu_interferogram, "_CACHED", limit)
            np.testing.assert_array_equal(interferogram(stack, looks=looks, **options), whole)
        for plane, (first, second) in zip(whole, pairs, strict=True):
            single = interferogram(stack[first], stack[second], looks=looks, reference_phase=phase)
            np.testing.assert_array_equal(plane, single)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_multilook_is_the_mean_of_valid_samples(backend, rng, dtype):
    images = speckle(rng, 2, 17, 40, dtype="complex128")
    images = (images if dtype.startswith("c") else images.real).astype(dtype)
    images[rng.random(images.shape) < 0.3] = np.nan
    looks = Looks(rows=4, cols=7)
    got = backend.numpy(multilook(backend.array(images), looks=looks))
    assert got.dtype == dtype
    for image, result in zip(images, got, strict=True):
        expected = looks_reference(image.astype(np.result_type(dtype, np.float64)), np.isfinite(image), looks)
        np.testing.assert_allclose(result, expected, rtol=2e-6, atol=1e-7)


@given(rows=st.integers(1, 9), cols=st.integers(1, 11), high=st.integers(1, 20), wide=st.integers(1, 23))
def test_multilook_of_a_constant_is_the_constant(rows, cols, high, wide):
    looks = Looks(rows=min(rows, high), cols=min(cols, wide))
    got = multilook(np.full((high, wide), 2.5, np.float32), looks=looks)
    assert got.shape == looks.reduced((high, wide))
    assert (got == 2.5).all()


def test_bad_looks_and_arrays_are_named():
    ones = np.ones((6, 9), np.complex64)
    with pytest.raises(ValueError, match="looks cols must be at most the image's 9 cols, got 10"):
        interferogram(ones, ones, looks=Looks(rows=1, cols=10))
    with pytest.raises(TypeError, match=r"looks must be a Looks\(rows=, cols=\), got 3"):
        interferogram(ones, ones, looks=3)
    with pytest.raises(ValueError, match="looks rows must be at most the image's 6 rows, got 7"):
        multilook(ones, looks=Looks(rows=7, cols=1))
    with pytest.raises(TypeError, match=r"array must be an array of .* got int64"):
        multilook(np.ones((4, 4), int), looks=Looks(rows=2, cols=2))
    with pytest.raises(ValueError, match=r"array must be \(..., rows, cols\) and not empty"):
        multilook(np.ones(4), looks=Looks(rows=1, cols=1))


@pytest.mark.parametrize("looks", [Looks(rows=1, cols=1), Looks(rows=17, cols=3)])
def test_a_phase_is_taken_off_before_the_looks(backend, rng, looks):
    # peers.md T3: a different start of the range, a delay, and the phase of both, hundreds of thousands of radians.
    wavelength, spacing = 0.23, 7.0
    cols, rows = np.arange(50), np.arange(68)
    delay = 0.1 * np.sin(np.pi * cols / 50)
    ranges = 800_000 + spacing * cols, 800_020 + spacing * cols + delay
    a, b = (np.tile(np.exp(-4j * np.pi / wavelength * r), (68, 1)) for r in ranges)
    phase = np.tile(-4 * np.pi / wavelength * (ranges[0] - ranges[1]), (68, 1)) + 1e5 * (rows[:, None] % 3)
    a *= np.exp(1j * 1e5 * (rows[:, None] % 3))
    a[5, 7] = np.nan
    phase[20, 11] = np.nan
    got = backend.numpy(
        interferogram(backend.array(a), backend.array(b), looks=looks, reference_phase=backend.array(phase))
    )
    valid = ~np.isnan(a) & ~np.isnan(phase)
    np.testing.assert_array_equal(
        np.isnan(got), looks_reference(valid, valid, looks) != looks_reference(valid, valid, looks)
    )
    assert abs(np.angle(got[~np.isnan(got)])).max() < 1e-6
    stack = backend.array(np.stack([b, a]))
    same = backend.numpy(
        interferogram(
            stack, pairs=[(1, 0), (0, 1)], looks=looks, reference_phase=backend.array(np.stack([phase, -phase]))
        )
    )
    np.testing.assert_allclose(same[1], same[0].conj(), atol=1e-12)


@pytest.mark.parametrize(("largest", "bound"), [(4.0, 3e-7), (1e6, 3e-7), (1e9, 4e-7)])
def test_a_phase_of_many_turns_keeps_its_angle(backend, rng, largest, bound):
    """The product of ones leaves exp(-j phase), as near as the documentation of `interferogram` says."""
    ones = np.ones((23, 61), np.complex64)
    phase = rng.uniform(-largest, largest, ones.shape)
    phase[0] = np.arange(-30, 31) * np.pi / 4
    got = backend.numpy(interferogram(*[backend.array(ones)] * 2, reference_phase=backend.array(phase)))
    assert got.dtype == np.complex64
    assert abs(np.angle(got * np.exp(1j * phase))).max() < bound
    assert abs(abs(got) - 1).max() < 3e-7


def test_a_phase_that_is_no_number_takes_its_own_samples_out(backend, rng):
    a, b = speckle(rng, 9, 40), speckle(rng, 9, 40)
    phase = rng.uniform(-9, 9, a.shape)
    phase[2, 3], phase[4, 5], phase[8, 39] = np.nan, np.inf, -np.inf
    arrays = [backend.array(array) for array in (a, b)]
    single = backend.numpy(interferogram(*arrays, reference_phase=backend.array(phase)))
    np.testing.assert_array_equal(np.isnan(single), ~np.isfinite(phase))
    looks = Looks(rows=3, cols=4)
    got = backend.numpy(interferogram(*arrays, looks=looks, reference_phase=backend.array(phase)))
    valid = np.isfinite(phase)
    turned = np.where(valid, a * b.conj() * np.exp(-1j * np.where(valid, phase, 0)), 0)
    expected = looks_reference(turned, valid, looks)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_oversampling_keeps_the_phase_and_avoids_aliasing(backend):
    # peers.md T2.
    rows = np.arange(100)[:, None]
    a = np.tile(np.exp(1j * np.sin(10 * np.pi * rows / 50)), (1, 50))
    b = np.tile(np.exp(1j * np.sin(8 * np.pi * rows / 50)), (1, 50))
    got = np.angle(backend.numpy(interferogram(backend.array(a), backend.array(b), oversample=2)))
    expected = np.angle(np.exp(1j * (np.sin(10 * np.pi * rows / 50) - np.sin(8 * np.pi * rows / 50))))
    np.testing.assert_allclose(got, np.tile(expected, (1, 50)), atol=1e-6)
    # Two images at opposite ends of the band: their product lies beyond it and comes out as a slow fringe, or is gone.
    cols = np.arange(64)
    a, b = (np.tile(np.exp(sign * 2j * np.pi * 29 / 64 * cols), (10, 1)) for sign in (1, -1))
    plain, fine = (
        abs(
            backend.numpy(
                interferogram(backend.array(a), backend.array(b), looks=Looks(rows=2, cols=4), oversample=factor)
            )
        )
        for factor in (1, 2)
    )
    assert plain.min() > 0.5
    assert fine.max() < 0.3


def test_oversampling_leaves_holes_where_they_are(backend, rng):
    a, b = speckle(rng, 23, 40, dtype="complex128"), speckle(rng, 23, 40, dtype="complex128")
    a[3, 5:9], b[7, 0] = np.nan, np.nan
    phase = 0.1 * np.indices(a.shape)[1]
    got = backend.numpy(
        interferogram(backend.array(a), backend.array(b), oversample=3, reference_phase=backend.array(phase))
    )
    np.testing.assert_array_equal(np.isnan(got), np.isnan(a) | np.isnan(b))
    with pytest.raises(ValueError, match="oversample must be a whole number of at least 1, got 0"):
        interferogram(a, b, oversample=0)
    with pytest.raises(ValueError, match=r"reference_phase must have shape \(23, 40\) or \(1, 23, 40\), got \(40,\)"):
        interferogram(a, b, reference_phase=phase[0])


@pytest.mark.parametrize("min_valid", [0, 0.25, 0.8, 1])
def test_a_look_needs_a_share_of_its_samples(backend, rng, min_valid):
    a, b = ((rng.standard_normal((18, 29)) + 1j * rng.standard_normal((18, 29))).astype(np.complex64) for _ in range(2))
    a[rng.random(a.shape) < 0.4] = np.nan
    b[:5, :9] = np.nan
    looks, valid = Looks(rows=2, cols=5), np.isfinite(a) & np.isfinite(b)
    got = backend.numpy(interferogram(backend.array(a), backend.array(b), looks=looks, min_valid=min_valid))
    expected = looks_reference(np.where(valid, a * b.conj(), 0), valid, looks, min_valid)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    power = abs(a) ** 2
    got = backend.numpy(multilook(backend.array(power), looks=looks, min_valid=min_valid))
    expected = looks_reference(power, np.isfinite(power), looks, min_valid)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    fine = backend.numpy(
        interferogram(backend.array(a), backend.array(b), looks=looks, min_valid=min_valid, oversample=2)
    )
    np.testing.assert_array_equal(np.isnan(fine), np.isnan(looks_reference(power, valid, looks, min_valid)))
    for word in (lambda share: multilook(power, looks=looks, min_valid=share),
                 lambda share: interferogram(a, b, looks=looks, min_valid=share)):  # fmt: skip
        with pytest.raises(ValueError, match=r"min_valid must lie in \[0, 1\], got 2"):
            word(2)


@pytest.mark.parametrize("oversample", [1, 2])
def test_outputs_are_forms_of_one_result(backend, rng, oversample):
    a, b = speckle(rng, 11, 26), speckle(rng, 11, 26)
    a[2:5, 3:9] = np.nan
    phase = 0.2 * np.indices(a.shape)[0]
    phase[9, 20] = np.nan
    options = {
        "looks": Looks(rows=2, cols=4),
        "reference_phase": backend.array(phase),
        "oversample": oversample,
        "min_valid": 0.6,
    }
    arrays = backend.array(a), backend.array(b)
    value, magnitude = (
        backend.numpy(interferogram(*arrays, output=name, **options)) for name in ("complex", "magnitude")
    )
    np.testing.assert_array_equal(magnitude, abs(value))
    maps = interferogram(*arrays, output="all", **options)
    np.testing.assert_array_equal(backend.numpy(maps.interferogram), value)
    np.testing.assert_allclose(backend.numpy(maps.phase), np.angle(value), atol=1e-6)
    valid = np.isfinite(a) & np.isfinite(b) & np.isfinite(phase)
    counts = valid[:10, :24].reshape(5, 2, 6, 4).sum((1, 3))
    np.testing.assert_array_equal(backend.numpy(maps.looks), counts)
    assert {plane.dtype for plane in (maps.phase, maps.looks, magnitude)} == {np.dtype("float32")}
    with pytest.raises(ValueError, match="output must be one of complex, magnitude, all, got 'phase'"):
        interferogram(*arrays, output="phase")


def test_a_result_larger_than_the_caches_is_that_of_its_rows(rng):
    lines = rng.standard_normal((2, 70, 2003, 2), np.float32).view(np.complex64)[..., 0]
    lines[0, 3, 1000] = np.nan
    a, b = (np.tile(image, (30, 1)) for image in lines)
    whole = interferogram(a, b)
    assert whole.nbytes > 32 << 20
    np.testing.assert_array_equal(whole[1400:1470], interferogram(*lines))
    phase = np.linspace(0, 900, a.size).reshape(a.shape)
    whole = interferogram(a, b, reference_phase=phase)
    np.testing.assert_array_equal(whole[1400:1470], interferogram(*lines, reference_phase=phase[1400:1470]))
