import numpy as np
import pytest
from reference import fringe_coherence_reference, fringe_maps_reference

from m3leo_sar import Window, coherence
from m3leo_sar.insar.fringe import FringeFrequency, FringeMaps, fringe_coherence


def pair_on_a_slope(rng, shape, rho, down, along, dtype="complex64"):
    first, noise = ((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) for _ in range(2))
    row, col = np.indices(shape)
    second = rho * first + np.sqrt(1 - rho**2) * noise
    return (first * np.exp(1j * (down * row + along * col))).astype(dtype), second.astype(dtype)


def call(backend, a, b, window, frequency=None):
    given = None if frequency is None else FringeFrequency(*(backend.array(axis) for axis in frequency))
    value, found = fringe_coherence(backend.array(a), backend.array(b), window=window, frequency=given)
    return [backend.numpy(array) for array in (value, *found)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("complex64", 3e-5), ("complex128", 1e-11)])
@pytest.mark.parametrize("size", [(5, 9), (1, 6), (4, 1), (3, 12)])
def test_equals_the_direct_sum(backend, rng, dtype, tolerance, size):
    a, b = pair_on_a_slope(rng, (19, 37), 0.8, 0.7, -0.4, dtype)
    a[3:9, 5:21] = np.nan
    a[rng.random(a.shape) < 0.05] = np.nan
    window = Window(rows=size[0], cols=size[1])
    for rule in ({}, {"min_valid": 0.8}, {"min_valid": 0, "fill_gaps": True}):
        value, found = fringe_coherence(backend.array(a), backend.array(b), window=window, **rule)
        filled = fringe_coherence_reference(a, b, window, **rule)
        for ours, theirs in zip((value, *found), filled, strict=True):
            np.testing.assert_array_equal(np.isnan(backend.numpy(ours)), np.isnan(theirs))
    got, expected = call(backend, a, b, window), fringe_coherence_reference(a, b, window)
    assert got[0].dtype == a.real.dtype
    np.testing.assert_array_equal(np.isnan(got[0]), np.isnan(expected[0]))
    np.testing.assert_allclose(got[0], expected[0], atol=tolerance)
    for ours, theirs in zip(got[1:], expected[1:], strict=True):
        # Where the neighbours cancel, the angle is noise.
        error = abs(np.angle(np.exp(1j * (ours.astype(float) - theirs))))
        assert np.nanquantile(error, 0.99) < 100 * tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [("complex64", 3e-5), ("complex128", 1e-11)])
@pytest.mark.parametrize("size", [(3, 8), (4, 1)])
def test_all_maps_and_the_complex_value_are_those_of_the_direct_sum(backend, rng, dtype, tolerance, size):
    a, b = pair_on_a_slope(rng, (11, 23), 0.8, 0.7, -0.4, dtype)
    a[2:6, 5:14] = np.nan
    b[9:, 16:] = 0
    window = Window(rows=size[0], cols=size[1])
    arrays = backend.array(a), backend.array(b)
    maps = fringe_coherence(*arrays, window=window, output="all")
    assert isinstance(maps, FringeMaps)
    maps = FringeMaps(*(backend.numpy(plane) for plane in maps[:-1]), maps.frequency)
    expected = fringe_maps_reference(a, b, window)
    for name in ("looks", "power_reference", "power_secondary"):
        np.testing.assert_allclose(getattr(maps, name), expected[name], rtol=tolerance, err_msg=name)
    plain, given = (
        backend.numpy(fringe_coherence(*arrays, window=window, output=output).coherence)
        for output in ("magnitude", "complex")
    )
    assert given.dtype == a.dtype
    np.testing.assert_array_equal(maps.coherence, plain)
    np.testing.assert_allclose(abs(given), plain, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(given), np.isnan(expected["complex"]))
    np.testing.assert_allclose(maps.phase, np.angle(given), atol=1e-6)
    # Where the neighbours cancel, the frequency is noise, and so is the phase in the pixel.
    error = abs(given - expected["complex"])
    assert np.nanquantile(error, 0.98) < 10 * tolerance


@pytest.mark.parametrize("size", [(5, 9), (4, 6), (1, 8), (25, 3)])
def test_the_phase_of_a_plane_fringe_is_that_of_the_pair_in_the_pixel(backend, size):
    row, col = np.indices((13, 19))
    a = np.exp(1j * (0.6 * row - 0.9 * col + 0.4)).astype(np.complex64)
    b = np.full(a.shape, 2 - 1j, np.complex64)
    window = Window(rows=size[0], cols=size[1])
    found = fringe_coherence(backend.array(a), backend.array(b), window=window, output="complex")
    pair = a * b.conj()
    # Along one sample no frequency shows, and none is needed.
    np.testing.assert_allclose(backend.numpy(found.coherence), pair / abs(pair), atol=2e-5)
    steep = FringeFrequency(*(backend.array(np.full(a.shape, slope, np.float32)) for slope in (0.6, -0.9)))
    given = fringe_coherence(backend.array(a), backend.array(b), window=window, frequency=steep, output="complex")
    np.testing.assert_allclose(backend.numpy(given.coherence), pair / abs(pair), atol=2e-5)


def test_without_a_fringe_the_complex_value_is_that_of_coherence(backend, rng):
    a, b = pair_on_a_slope(rng, (9, 17), 0.7, 0.5, 1.2)
    zero = FringeFrequency(*(backend.array(np.zeros(a.shape, np.float32)) for _ in range(2)))
    arrays, window = (backend.array(a), backend.array(b)), Window(rows=5, cols=6)
    got = fringe_coherence(*arrays, window=window, frequency=zero, output="complex").coherence
    plain = coherence(*arrays, window=window, output="complex")
    np.testing.assert_allclose(backend.numpy(got), backend.numpy(plain), atol=2e-6)


@pytest.mark.parametrize("amplitude", [1e-12, 1e-9, 1e-5, 1e5, 1e9, 1e12])
@pytest.mark.parametrize("one", [False, True])
def test_the_unit_of_the_amplitude_does_not_matter(backend, rng, amplitude, one):
    """Sums of neighbour products are of the fourth order, their squares of the eighth."""
    a, b = pair_on_a_slope(rng, (21, 34), 0.9, 0.7, -0.4)
    window = Window(rows=5, cols=9)
    scaled = [(image * amplitude).astype(np.complex64) for image in (a, b)]
    got = call(backend, scaled[0], b if one else scaled[1], window)
    for ours, theirs in zip(got, call(backend, a, b, window), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert np.median(got[0]) == pytest.approx(0.9, abs=0.02)


def test_a_100_db_target_does_not_hide_the_fringe_beside_it(backend, rng):
    a, b = pair_on_a_slope(rng, (15, 80), 0.9, 0.3, -0.4)
    bright = [image.copy() for image in (a, b)]
    for image in bright:
        image[7, 70] *= 1e5
    window = Window(rows=5, cols=9)
    for ours, theirs in zip(call(backend, *bright, window), call(backend, a, b, window), strict=True):
        np.testing.assert_allclose(ours[:, :60], theirs[:, :60], atol=2e-5)


def test_wider_than_a_block_of_columns(backend, rng):
    a, b = pair_on_a_slope(rng, (6, 1100 if backend.name == "cpu" else 130), 0.8, 0.2, 0.3)
    window = Window(rows=3, cols=8)
    np.testing.assert_allclose(call(backend, a, b, window)[0], fringe_coherence_reference(a, b, window)[0], atol=3e-5)


def test_a_slope_does_not_look_decorrelated(backend, rng):
    a, b = pair_on_a_slope(rng, (60, 90), 0.8, 0.9, -0.6)
    window = Window(rows=7, cols=11)
    plain = backend.numpy(coherence(backend.array(a), backend.array(b), window=window))
    along, down, across = call(backend, a, b, window)
    assert np.median(plain) < 0.3
    assert np.median(along) == pytest.approx(0.8, abs=0.02)
    assert np.median(down) == pytest.approx(0.9, abs=0.02)
    assert np.median(across) == pytest.approx(-0.6, abs=0.02)


def test_a_given_frequency_is_used_and_zero_is_plain_coherence(backend, rng):
    a, b = pair_on_a_slope(rng, (23, 31), 0.7, 0.5, 1.2)
    window = Window(rows=5, cols=6)
    zero = np.zeros(a.shape, np.float32)
    plain = backend.numpy(coherence(backend.array(a), backend.array(b), window=window))
    np.testing.assert_allclose(call(backend, a, b, window, (zero, zero))[0], plain, atol=2e-6)
    row, col = np.indices(a.shape)
    given = np.full(a.shape, 0.5, np.float32), np.full(a.shape, 1.2, np.float32)
    got, *back = call(backend, a, b, window, given)
    flat = (a * np.exp(-1j * (0.5 * row + 1.2 * col))).astype(np.complex64)
    expected = backend.numpy(coherence(backend.array(flat), backend.array(b), window=window))
    np.testing.assert_allclose(got, expected, atol=2e-5)
    for ours, theirs in zip(back, given, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_larger_window_finds_the_fringe_of_a_low_coherence(backend, rng):
    a, b = pair_on_a_slope(rng, (44, 62), 0.5, 0.5, -0.3)
    small, large = Window(rows=5, cols=9), Window(rows=15, cols=31)
    _, *frequency = call(backend, a, b, large)
    found = call(backend, a, b, small, frequency)[0]
    flat = (a * np.exp(-1j * (0.5 * np.indices(a.shape)[0] - 0.3 * np.indices(a.shape)[1]))).astype(np.complex64)
    truth = backend.numpy(coherence(backend.array(flat), backend.array(b), window=small))
    inside = np.s_[8:-8, 16:-16]
    plain = backend.numpy(coherence(backend.array(a), backend.array(b), window=small))
    assert np.median(found[inside]) == pytest.approx(np.median(truth[inside]), abs=0.04)
    assert np.median(plain[inside]) < 0.7 * np.median(truth[inside])


def test_never_below_the_plain_coherence(backend, rng):
    a, b = pair_on_a_slope(rng, (30, 50), 0.2, 0.4, 0.1)
    window = Window(rows=5, cols=12)
    plain = backend.numpy(coherence(backend.array(a), backend.array(b), window=window))
    assert (call(backend, a, b, window)[0] - plain).min() > -2e-6


def test_no_data_reaches_no_further_than_its_window(backend, rng):
    a, b = pair_on_a_slope(rng, (20, 44), 0.8, 0.3, 0.4)
    a[:, 22:] = np.nan
    window = Window(rows=3, cols=7)
    got = call(backend, a, b, window)[0]
    inside = call(backend, np.ascontiguousarray(a[:, :22]), np.ascontiguousarray(b[:, :22]), window)[0]
    np.testing.assert_array_equal(got[:, :22], inside)
    assert np.isnan(got[:, 25:]).all()


ONE = np.ones((6, 9), np.complex64)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": (3, 3)}, TypeError, "window must be a Window"),
        ({"window": Window.gaussian(rows=3, cols=3)}, ValueError, "window must have no weights here"),
        ({"window": Window(rows=13, cols=1)}, ValueError, "window rows .* got 13"),
        ({"output": "phase"}, ValueError, "output must be one of magnitude, complex, all, got 'phase'"),
        (
            {"frequency": FringeFrequency(ONE.real, ONE.real[:5])},
            ValueError,
            r"frequency cols must be float32 of shape",
        ),
        (
            {"frequency": FringeFrequency(ONE.real.astype(float), ONE.real)},
            ValueError,
            "frequency rows must be float32",
        ),
    ],
)
def test_bad_input_is_named(options, error, message):
    with pytest.raises(error, match=message):
        fringe_coherence(ONE, ONE, **{"window": Window(rows=3, cols=3), **options})
