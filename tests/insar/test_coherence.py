import datetime
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import coherence_reference

from m3leo_sar import GeoBox, Pair, SlcStack, Window, coherence
from m3leo_sar._backend.choose import backend_of
from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar.insar.bias import coherence_variance, expected_coherence


def speckle(rng, *shape, dtype="complex64"):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def correlated(rng, rho, *shape):
    first, noise = speckle(rng, *shape), speckle(rng, *shape)
    return first, (rho * first + np.sqrt(1 - rho**2) * noise).astype(np.complex64)


def with_holes(rng, image, share):
    image = image.copy()
    image[rng.random(image.shape) < share] = np.nan
    return image


def on(backend, a, b, window):
    return backend.numpy(coherence(backend.array(a), backend.array(b), window=window))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((7, 3), (5, 4)),
        ((67, 131), (5, 20)),
        ((33, 29), (7, 11)),
        ((45, 40), (21, 31)),
        ((20, 530), (2, 6)),
        ((9, 70), (1, 1)),
    ],
)
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_equals_the_direct_sum(backend, rng, shape, size, holes):
    window = Window(rows=size[0], cols=size[1])
    a, b = (with_holes(rng, image, holes) for image in correlated(rng, 0.6, *shape))
    got, expected = on(backend, a, b, window), coherence_reference(a, b, window)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, atol=5e-7)


def test_complex128_gives_float64(backend, rng):
    window = Window(rows=3, cols=8)
    a, b = speckle(rng, 19, 23, dtype="complex128"), speckle(rng, 19, 23, dtype="complex128")
    got = on(backend, a, b, window)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, coherence_reference(a, b, window), atol=1e-14)


@given(
    rows=st.integers(1, 12), cols=st.integers(1, 40), high=st.integers(1, 15), wide=st.integers(1, 43),
    holes=st.sampled_from([0.0, 0.3, 1.0]), seed=st.integers(0, 2**20),
)  # fmt: skip
def test_any_shape_window_and_holes(rows, cols, high, wide, holes, seed):
    rng = np.random.default_rng(seed)
    window = Window(rows=min(rows, 2 * high), cols=min(cols, 2 * wide))
    a, b = (with_holes(rng, speckle(rng, high, wide), holes) for _ in range(2))
    got = coherence(a, b, window=window)
    np.testing.assert_allclose(got, coherence_reference(a, b, window), atol=5e-7)
    assert not (got > 1).any()
    assert not (got < 0).any()


def test_of_itself_is_one_and_the_excess_is_rounding(backend, rng):
    image = speckle(rng, 40, 50)
    np.testing.assert_allclose(on(backend, image, image, Window(rows=5, cols=20)), 1, atol=5e-7)
    array = backend.array(image)
    request = CoherenceRequest(window=(5, 20), clip=False)
    raw = backend_of(array).coherence_pairs([array, array], [(0, 1)], request)["magnitude"]
    assert backend.numpy(raw).max() < 1 + 4 * np.finfo(np.float32).eps


def test_constant_phase_and_gain_change_nothing(backend, rng):
    a, b = correlated(rng, 0.5, 31, 47)
    window = Window(rows=5, cols=9)
    plain = on(backend, a, b, window)
    np.testing.assert_allclose(on(backend, a, (b * 3 * np.exp(1.3j)).astype(np.complex64), window), plain, atol=5e-7)


@pytest.mark.parametrize("scale", [1e-12, 1e-5, 1e5, 1e12])
@pytest.mark.parametrize("both", [False, True])
def test_scale_of_the_images_does_not_matter(backend, rng, scale, both):
    a, b = correlated(rng, 0.5, 25, 35)
    scaled = [(image * scale).astype(np.complex64) for image in (a, b)]
    window = Window(rows=3, cols=7)
    got = on(backend, scaled[0], scaled[1] if both else b, window)
    np.testing.assert_allclose(got, on(backend, a, b, window), atol=5e-7)


def test_a_60_db_target_stays_in_its_window(backend, rng):
    a, b = correlated(rng, 0.5, 61, 83)
    for image in (a, b):
        image[30:33, 40:43] *= 1000
    window = Window(rows=5, cols=11)
    got, expected = on(backend, a, b, window), coherence_reference(a, b, window)
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_hole_in_one_date_of_identical_images_gives_one(backend, rng):
    image = speckle(rng, 30, 44)
    got = on(backend, with_holes(rng, image, 0.48), image, Window(rows=5, cols=5))
    np.testing.assert_allclose(got[np.isfinite(got)], 1, atol=5e-7)


def test_no_data_reaches_no_further_than_its_window(backend, rng):
    a, b = correlated(rng, 0.5, 41, 53)
    a[:, 20:] = np.nan
    window = Window(rows=3, cols=7)
    got = on(backend, a, b, window)
    assert np.isfinite(got[:, :23]).all()
    assert np.isnan(got[:, 23:]).all()
    inside = on(backend, np.ascontiguousarray(a[:, :20]), np.ascontiguousarray(b[:, :20]), window)
    np.testing.assert_array_equal(got[:, :20], inside)


def test_uncorrelated_images_do_not_rise_beside_an_edge(backend, rng):
    a, b = speckle(rng, 400, 60), speckle(rng, 400, 60)
    a[:, 30:] = np.nan
    got = on(backend, a, b, Window(rows=11, cols=11))
    # Half the window is left at the edge: 66 looks.
    assert abs(got[10:-10, 29].mean() - expected_coherence(0, looks=66)) < 0.02


def test_zero_power_and_infinity_are_no_data(backend, rng):
    a, b = correlated(rng, 0.5, 20, 31)
    a[:8, :9] = 0
    b[15, 25] = np.inf
    window = Window(rows=3, cols=5)
    got = on(backend, a, b, window)
    assert np.isnan(got[:7, :7]).all()
    assert np.isnan(got).sum() == 7 * 7
    np.testing.assert_allclose(got, coherence_reference(a, b, window), atol=5e-7)


@given(top=st.integers(0, 60), left=st.integers(0, 400), high=st.integers(1, 60), wide=st.integers(1, 200))
def test_a_tile_with_its_halo_is_the_crop_of_the_whole(top, left, high, wide):
    rng = np.random.default_rng(1)
    a, b = (with_holes(rng, image, 0.02) for image in correlated(rng, 0.5, 130, 700))
    window = Window(rows=6, cols=21)
    whole = coherence(a, b, window=window)
    bottom, right = min(130, top + high), min(700, left + wide)
    rows = slice(max(0, top - window.before[0]), bottom + window.after[0])
    cols = slice(max(0, left - window.before[1]), right + window.after[1])
    part = coherence(a[rows, cols], b[rows, cols], window=window)
    crop = part[top - rows.start : bottom - rows.start, left - cols.start : right - cols.start]
    np.testing.assert_array_equal(crop, whole[top:bottom, left:right])


def test_a_tile_on_a_device_is_the_crop_of_the_whole(backend, rng):
    a, b = correlated(rng, 0.5, 61, 95)
    window = Window(rows=4, cols=9)
    part = on(backend, a[10:50, 20:80], b[10:50, 20:80], window)
    np.testing.assert_array_equal(part[2:-1, 4:-4], on(backend, a, b, window)[12:49, 24:76])


def test_thread_count_does_not_show_in_the_bits():
    code = (
        "import hashlib, numpy as np; from m3leo_sar import Window, coherence\n"
        "r = np.random.default_rng(0); z = r.standard_normal((3, 150, 1100, 2)).astype('f4').view('c8')[..., 0]\n"
        "m = coherence(z, pairs=[(0, 1), (1, 2)], window=Window(rows=5, cols=20))\n"
        "print(hashlib.sha256(m.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "5")
    }
    assert len(digests) == 1


def test_pairs_of_a_stack_in_any_order_equal_single_pairs(backend, rng):
    stack = speckle(rng, 4, 37, 51)
    stack[2, 5:9, 7] = np.nan
    window = Window(rows=5, cols=8)
    pairs = [(2, 0), (0, 1), (3, 2), (0, 1), (1, 0)]
    maps = backend.numpy(coherence(backend.array(stack), pairs=pairs, window=window))
    assert maps.shape == (5, 37, 51)
    for pair, got in zip(pairs, maps, strict=True):
        np.testing.assert_array_equal(got, on(backend, stack[pair[0]], stack[pair[1]], window))
    np.testing.assert_array_equal(maps[1], maps[4])


def test_a_stack_reads_only_the_dates_of_its_pairs(rng):
    days = [datetime.date(2023, 1, 1 + 12 * index) for index in range(3)]
    box = GeoBox.from_bounds((500_000, 0, 500_290, 310), shape=(31, 29), crs="EPSG:32631")
    pixels, read = speckle(rng, 3, 31, 29), []

    def reader(index, rows, cols):
        read.append(index)
        return pixels[index, rows, cols]

    stack = SlcStack(dates=days, read=reader, geometry=box, polarisation="VV")
    window = Window(rows=3, cols=5)
    maps = coherence(stack, pairs=[Pair(days[2], days[0])], window=window)
    np.testing.assert_array_equal(maps[0], coherence(pixels[2], pixels[0], window=window))
    assert sorted(read) == [0, 2]
    with pytest.raises(ValueError, match="date 2023-02-01 is not in the stack of 3 dates; nearest: 2023-01-01"):
        coherence(stack, pairs=[Pair(days[0], datetime.date(2023, 2, 1))], window=window)


@pytest.mark.parametrize(("looks", "size"), [(9, (3, 3)), (25, (5, 5)), (36, (4, 9))])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_mean_follows_the_law_of_the_sample_coherence(rng, looks, size, rho):
    a, b = correlated(rng, rho, 60 * size[0], 60 * size[1])
    whole = coherence(a, b, window=Window(rows=size[0], cols=size[1]))
    # Centres one window apart share no sample.
    apart = whole[size[0] // 2 :: size[0], size[1] // 2 :: size[1]].astype(float)
    error = np.sqrt(coherence_variance(rho, looks=looks) / apart.size)
    assert abs(apart.mean() - expected_coherence(rho, looks=looks)) < 4 * error


def test_real_pair_over_amsterdam(shared_data):
    data = np.load(shared_data / "s1-snap-amsterdam" / "dev_half.npz")
    a, b = (data[name] for name in data.files if data[name].dtype.kind == "c")
    whole = abs((a * b.conj()).sum(dtype="c16")) / np.sqrt(
        (abs(a) ** 2).sum(dtype="f8") * (abs(b) ** 2).sum(dtype="f8")
    )
    assert whole == pytest.approx(0.715, abs=0.005)
    window = Window(rows=3, cols=11)
    np.testing.assert_allclose(coherence(a, b, window=window), coherence_reference(a, b, window), atol=1e-5)


def test_inputs_are_not_written_to_and_need_not_be_contiguous(rng):
    stack = speckle(rng, 31, 40, 2)
    stack.flags.writeable = False
    got = coherence(stack[..., 0], stack[..., 1], window=Window(rows=3, cols=5))
    expected = coherence(stack[..., 0].copy(), stack[..., 1].copy(), window=Window(rows=3, cols=5))
    np.testing.assert_array_equal(got, expected)


ONE = np.ones((6, 9), np.complex64)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((ONE, ONE[:5]), {}, ValueError, r"secondary must have the shape of reference, \(6, 9\), got \(5, 9\)"),
        ((ONE.real, ONE), {}, TypeError, "reference must be complex64 or complex128, got float32"),
        ((ONE, ONE.astype(np.complex128)), {}, TypeError, "secondary must have the dtype of reference, complex64"),
        ((ONE, [1, 2]), {}, TypeError, "secondary must be a complex array, got list"),
        ((ONE[0], ONE[0]), {}, ValueError, r"reference must be \(rows, cols\), got 1 axes"),
        ((ONE[:0], ONE[:0]), {}, ValueError, "reference must not be empty"),
        ((ONE, ONE), {"window": (3, 3)}, TypeError, r"window must be a Window\(rows=, cols=\), got \(3, 3\)"),
        ((ONE, ONE), {"window": Window(rows=13, cols=3)}, ValueError, "window rows .* at most 2 x .* 6 rows, got 13"),
        ((ONE,), {}, TypeError, "give a second image .* got neither"),
        ((ONE, ONE), {"pairs": [(0, 1)]}, TypeError, "got both"),
        ((ONE[None],), {"pairs": []}, ValueError, "pairs must hold at least one pair, got none"),
        ((ONE[None],), {"pairs": [(0, 1)]}, ValueError, "pairs must index the 1 dates, 0 to 0, got 1"),
        ((ONE[None],), {"pairs": ["0_1"]}, TypeError, "pairs of an array must be"),
        ((ONE,), {"pairs": [(0, 0)]}, ValueError, r"reference must be \(dates, rows, cols\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        coherence(*arguments, **{"window": Window(rows=3, cols=3), **options})


def test_arrays_of_two_libraries_are_refused():
    from m3leo_sar._backend.simt import as_simt

    with pytest.raises(TypeError, match="arrays must all be NumPy or all be CuPy, got a mix"):
        coherence(ONE, as_simt(ONE), window=Window(rows=3, cols=3))


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError)])
def test_a_window_of_no_size_is_refused(size, error):
    with pytest.raises(error, match="Window rows must be"):
        Window(rows=size, cols=3)
