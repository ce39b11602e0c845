import datetime
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import TOUZI, coherence_maps_reference, coherence_reference, window_sums_reference

from m3leo_sar import GeoBox, Looks, Pair, SlcStack, Window, coherence
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


@pytest.mark.parametrize("window", [Window(rows=4, cols=5), Window.gaussian(rows=3, cols=6)])
def test_the_oracles_sums_are_those_of_each_window(rng, window):
    plane, (top, left) = rng.standard_normal((5, 7)), window.before
    taps = np.outer(window.row_weights or np.ones(window.rows), window.col_weights or np.ones(window.cols))
    expected = np.zeros(plane.shape)
    for row, col, i, j in np.ndindex(*plane.shape, *taps.shape):
        if 0 <= row - top + i < 5 and 0 <= col - left + j < 7:
            expected[row, col] += taps[i, j] * plane[row - top + i, col - left + j]
    np.testing.assert_allclose(window_sums_reference(plane, window), expected, atol=1e-14)


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
    holes=st.sampled_from([0.0, 0.3, 1.0]), seed=st.integers(0, 2**20), min_valid=st.sampled_from([0, 0.5, 0.8]),
    fill_gaps=st.booleans(),
)  # fmt: skip
def test_any_shape_window_and_holes(rows, cols, high, wide, holes, seed, min_valid, fill_gaps):
    rng = np.random.default_rng(seed)
    window = Window(rows=min(rows, 2 * high), cols=min(cols, 2 * wide))
    a, b = (with_holes(rng, speckle(rng, high, wide), holes) for _ in range(2))
    rules = {"min_valid": min_valid, "fill_gaps": fill_gaps}
    got = coherence(a, b, window=window, **rules)
    np.testing.assert_allclose(got, coherence_reference(a, b, window, **rules), atol=5e-7)
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
    filled = coherence(backend.array(a), backend.array(b), window=window, min_valid=0, fill_gaps=True)
    got = backend.numpy(filled)
    assert np.isfinite(got[:, :23]).all()
    assert np.isnan(got[:, 23:]).all()
    inside = on(backend, np.ascontiguousarray(a[:, :20]), np.ascontiguousarray(b[:, :20]), window)
    np.testing.assert_array_equal(got[:, :20], inside)


def test_a_pixel_without_a_sample_of_its_own_has_no_coherence(backend, rng):
    """Beyond a slanted edge windows hold one to three products, whose coherence is near 1 whatever the ground."""
    a, b = speckle(rng, 90, 181), speckle(rng, 90, 181)
    row, col = np.indices(a.shape)
    outside = row <= 30 + 0.2 * col
    a[outside] = b[outside] = np.nan
    window, arrays = Window(rows=5, cols=20), (backend.array(a), backend.array(b))
    got = on(backend, a, b, window)
    np.testing.assert_array_equal(np.isnan(got), outside | (np.isnan(got) & ~outside))
    assert np.isnan(got[outside]).all()
    # The few inside that are left out have less than half a window.
    maps = coherence(*arrays, window=window, output="all", fill_gaps=True, min_valid=0)
    looks, filled = backend.numpy(maps.looks), backend.numpy(maps.coherence)
    expected = coherence_maps_reference(a, b, window)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected["coherence"]))
    assert looks[np.isfinite(got)].min() == 25  # in a corner of the image, where a quarter of the window is on it
    assert np.nanmax(got) < 0.5 < 0.99 < np.nanmax(filled)
    # What is there is what it was, bit for bit, and the looks tell of the rest.
    np.testing.assert_array_equal(got[np.isfinite(got)], filled[np.isfinite(got)])
    strict = coherence(*arrays, window=window, output="all")
    for name, plane in zip(strict._fields, strict, strict=True):
        plane = backend.numpy(plane)
        gone = np.isnan(plane)
        np.testing.assert_array_equal(gone, np.zeros_like(gone) if name == "looks" else np.isnan(got), err_msg=name)
    np.testing.assert_array_equal(backend.numpy(strict.looks), looks)


def test_looks_of_blocks_have_no_centre_and_need_half_their_samples(backend, rng):
    a, b = correlated(rng, 0.5, 12, 23)
    a[2, 3] = a[5:8, 0:5] = np.nan  # the centre of the first block; 3 of 4 rows of the second below it
    arrays, window = (backend.array(a), backend.array(b)), Window(rows=4, cols=7)
    got = backend.numpy(coherence(*arrays, window=window, step=Looks(rows=4, cols=7)))
    assert got.shape == (3, 3)
    np.testing.assert_array_equal(np.isnan(got), [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    asked = coherence(*arrays, window=window, step=Looks(rows=4, cols=7), min_valid=0.4)
    assert np.isfinite(backend.numpy(asked)).all()
    # Windows that share samples have centres: the value is that of full resolution.
    half = backend.numpy(coherence(*arrays, window=window, step=Looks(rows=4, cols=6)))
    np.testing.assert_array_equal(half, on(backend, a, b, window)[2::4, 3::6][:3, :3])
    assert np.isnan(half[0, 0])


@pytest.mark.parametrize("cols", [9, 200, 500])
def test_holes_in_one_corner_leave_the_rest_of_a_wide_image(backend, rng, cols):
    """On a device the kernel that counts samples redoes only where the quick one has met a hole."""
    a, b = correlated(rng, 0.5, 70, 700)
    a[3, 640], b[66, 2:9] = np.nan, np.nan
    window = Window(rows=3, cols=cols)
    np.testing.assert_allclose(on(backend, a, b, window), coherence_reference(a, b, window), atol=5e-7)


def test_uncorrelated_images_do_not_rise_beside_an_edge(backend, rng):
    a, b = speckle(rng, 400, 60), speckle(rng, 400, 60)
    a[:, 30:] = np.nan
    got = on(backend, a, b, Window(rows=11, cols=11))
    # Half the window is left at the edge: 66 looks.
    assert abs(got[10:-10, 29].mean() - expected_coherence(0, equivalent_looks=66)) < 0.02


def test_zero_power_and_infinity_are_no_data(backend, rng):
    a, b = correlated(rng, 0.5, 20, 31)
    a[:8, :9] = 0
    b[15, 25] = np.inf
    window = Window(rows=3, cols=5)
    got = on(backend, a, b, window)
    assert np.isnan(got[:7, :7]).all()
    assert np.isnan(got[15, 25])
    assert np.isnan(got).sum() == 7 * 7 + 1
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


@pytest.mark.parametrize(("looks", "size"), [(4, (1, 4)), (9, (3, 3)), (25, (5, 5)), (100, (5, 20))])
@pytest.mark.parametrize("index", range(7))
def test_mean_follows_the_law_of_the_sample_coherence(looks, size, index):
    rho = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)[index]
    rng = np.random.default_rng(1000 * looks + index)
    a, b = correlated(rng, rho, 80 * size[0], 70 * size[1])
    # As many results as whole windows: none shares a sample with another.
    apart = coherence(a, b, window=Window(rows=size[0], cols=size[1]), step=Looks(rows=size[0], cols=size[1]))
    assert apart.shape == (80, 70)
    error = np.sqrt(coherence_variance(rho, equivalent_looks=looks) / apart.size)
    assert expected_coherence(rho, equivalent_looks=looks) == pytest.approx(TOUZI[looks][index], abs=6e-6)
    assert abs(apart.mean(dtype=float) - TOUZI[looks][index]) < 4 * error


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


WEIGHTED = Window(rows=4, cols=7, row_weights=(0.5, 1, 2, 0.25), col_weights=(1, 0, 3, 1, 0.5, 0.5, 2))
TELLING = ("coherence", "phase", "looks", "power_reference", "power_secondary")


@pytest.mark.parametrize(
    "window", [Window(rows=5, cols=20), Window(rows=21, cols=3), Window.gaussian(rows=7, cols=9), WEIGHTED]
)
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_all_maps_equal_the_direct_sum(backend, rng, window, holes):
    a, b = (with_holes(rng, image, holes) for image in correlated(rng, 0.7, 31, 43))
    a[12:, 30:] = np.nan
    maps = coherence(backend.array(a), backend.array(b), window=window, output="all")
    expected = coherence_maps_reference(a, b, window)
    for name, got in zip(maps._fields, maps, strict=True):
        got = backend.numpy(got)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected[name]), err_msg=name)
        error = np.angle(np.exp(1j * (got - expected[name]))) if name == "phase" else got - expected[name]
        # A phase is as good as the coherence is large.
        weight = expected["coherence"] if name == "phase" else 1 / np.fmax(expected[name], 1)
        assert np.nanmax(abs(error) * weight) < 2e-6, name
    np.testing.assert_array_equal(backend.numpy(maps.coherence), on(backend, a, b, window))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_the_complex_value_has_the_magnitude_and_phase_of_the_maps(backend, rng, dtype):
    a, b = (image.astype(dtype) for image in correlated(rng, 0.8, 23, 37))
    arrays, window = (backend.array(a), backend.array(b)), Window(rows=5, cols=4)
    value = backend.numpy(coherence(*arrays, window=window, output="complex"))
    maps = coherence(*arrays, window=window, output="all")
    assert value.dtype == dtype
    np.testing.assert_allclose(abs(value), backend.numpy(maps.coherence), atol=3e-7)
    np.testing.assert_allclose(np.angle(value), backend.numpy(maps.phase), atol=1e-6)
    swapped = backend.numpy(coherence(*arrays[::-1], window=window, output="complex"))
    np.testing.assert_array_equal(swapped, value.conj())


@pytest.mark.parametrize("step", [Looks(rows=5, cols=20), Looks(rows=2, cols=3), Looks(rows=1, cols=7)])
@pytest.mark.parametrize("window", [Window(rows=5, cols=20), Window.gaussian(rows=4, cols=9)])
@pytest.mark.parametrize("output", ["magnitude", "complex"])
def test_a_step_picks_from_full_resolution(backend, rng, step, window, output):
    stack = speckle(rng, 3, 38, 71)
    stack[1, 20:23, 30:50] = np.nan
    options = {"pairs": [(0, 1), (2, 0), (0, 1)], "window": window, "output": output}
    # Plain looks have no centre.
    looks = step.rows >= window.rows and step.cols >= window.cols
    whole = backend.numpy(coherence(backend.array(stack), **options, fill_gaps=looks))
    got = backend.numpy(coherence(backend.array(stack), **options, step=step))
    rows, cols = step.reduced((38, 71))
    assert got.shape == (3, rows, cols)
    picked = whole[:, step.rows // 2 :: step.rows, step.cols // 2 :: step.cols][:, :rows, :cols]
    np.testing.assert_array_equal(got, picked)


def test_decimating_looks_equal_brute_force_on_a_stack(backend):
    rng = np.random.default_rng(13)
    stack = (rng.random((10, 60, 85)) + 1j * rng.random((10, 60, 85))).astype(np.complex64)
    stack[3] = 0
    pairs = [(0, 1), (4, 9), (3, 5), (7, 2)]
    options = {"window": Window(rows=5, cols=5), "step": Looks(rows=5, cols=5), "output": "complex"}
    maps = backend.numpy(coherence(backend.array(stack), pairs=pairs, **options))
    blocks = stack.reshape(10, 12, 5, 17, 5).astype(np.complex128)
    for (i, j), got in zip(pairs, maps, strict=True):
        if 3 in (i, j):
            assert np.isnan(got).all()
            continue
        power = [(abs(blocks[k]) ** 2).sum((1, 3)) for k in (i, j)]
        np.testing.assert_allclose(
            got, (blocks[i] * blocks[j].conj()).sum((1, 3)) / np.sqrt(power[0] * power[1]), atol=1e-6
        )


def test_a_reference_phase_is_taken_off(backend, rng):
    a, b = correlated(rng, 0.6, 29, 41)
    row, col = np.indices(a.shape)
    # Tens of thousands of radians, as topography has them; a tenth of a radian a sample.
    phase = 4e4 + 0.8 * row - 1.1 * col + 0.001 * col**2
    phase[5, 7] = np.nan
    window = Window(rows=5, cols=9)
    turned = (a * np.exp(1j * np.where(np.isnan(phase), 0, phase))).astype(np.complex64)
    arrays = backend.array(turned), backend.array(b)
    maps = coherence(*arrays, window=window, reference_phase=backend.array(phase), output="all")
    expected = coherence_maps_reference(turned, b, window, phase=phase)
    np.testing.assert_allclose(backend.numpy(maps.coherence), expected["coherence"], atol=1e-6)
    np.testing.assert_array_equal(backend.numpy(maps.looks), expected["looks"])
    plain = backend.numpy(coherence(*arrays, window=window))
    assert plain.mean() < 0.4 < 0.55 < np.nanmean(backend.numpy(maps.coherence))
    # One plane a pair, and one for all, as float32 where the angles are small.
    small = (phase - 4e4).astype(np.float32)
    stack = backend.array(np.stack([turned, b]))
    options = {"pairs": [(0, 1), (1, 0)], "window": window}
    both = coherence(stack, reference_phase=backend.array(np.stack([small, -small])), **options)
    one = coherence(stack, reference_phase=backend.array(small), **options)
    np.testing.assert_array_equal(backend.numpy(both)[0], backend.numpy(one)[0])
    np.testing.assert_allclose(backend.numpy(both)[0], backend.numpy(both)[1], atol=1e-6)


def test_flattening_a_known_geometry_leaves_no_phase(backend):
    """A range ramp of a 0.23 m radar whose swaths start 20 m apart, and a delay along columns."""
    wavelength, spacing = 0.23, 7.0
    delay = 0.1 * np.sin(np.pi * np.arange(52) / 50)
    ranges = 800_000.0 + spacing * np.arange(52)
    one = np.exp(-4j * np.pi * ranges / wavelength) * np.ones((37, 1))
    other = np.exp(-4j * np.pi * (ranges + 20.0 + delay) / wavelength) * np.ones((37, 1))
    phase = 4 * np.pi * (20.0 + delay) / wavelength * np.ones((37, 1))
    arrays = [backend.array(array) for array in (one, other, phase)]
    value = coherence(*arrays[:2], window=Window(rows=3, cols=5), reference_phase=arrays[2], output="complex")
    assert abs(np.angle(backend.numpy(value))).max() < 1e-6
    assert abs(abs(backend.numpy(value)) - 1).max() < 1e-9


def test_a_phase_reduces_to_double_precision():
    a = np.ones((40, 60), complex)
    phase = np.random.default_rng(3).uniform(-1e6, 1e6, a.shape)
    value = coherence(a, a, window=Window(rows=1, cols=1), reference_phase=phase, output="complex")
    assert abs(value - np.exp(-1j * phase)).max() < 1e-9


@pytest.mark.parametrize(
    ("window", "step"),
    [
        (Window(rows=5, cols=20), Looks(rows=1, cols=1)),
        (Window(rows=3, cols=7), Looks(rows=5, cols=2)),
        (Window(rows=12, cols=1), Looks(rows=4, cols=1)),
    ],
)
@pytest.mark.parametrize("output", ["magnitude", "complex", "all"])
def test_holes_are_counted_where_they_come_and_go(backend, rng, window, step, output):
    """Rows without a hole between rows with some, over several tiles of the CPU, at the edges and in the phase."""
    a, b = correlated(rng, 0.6, 157, 1043)
    phase = np.zeros(a.shape)
    a[0, :3], a[9, 500:531], a[63:66, 1020:], a[80:99, 40], b[120, ::11], b[-1, -1] = (np.nan,) * 6
    phase[41:46, 700:719], phase[140, 3] = np.nan, np.nan
    expected = coherence_maps_reference(a, b, window, phase=phase)
    options = {"window": window, "step": step, "output": output, "fill_gaps": False}
    got = coherence(backend.array(a), backend.array(b), reference_phase=backend.array(phase), **options)
    maps = got._asdict() if output == "all" else {"coherence": got}
    rows, cols = step.reduced(a.shape)
    for name in {"coherence", "looks", "power_reference"} & maps.keys():
        picked = expected[name][step.rows // 2 :: step.rows, step.cols // 2 :: step.cols][:rows, :cols]
        plane = abs(backend.numpy(maps[name]))
        np.testing.assert_array_equal(np.isnan(plane), np.isnan(picked), err_msg=name)
        np.testing.assert_allclose(plane, picked, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("window", [Window(rows=3, cols=10), Window.gaussian(rows=5, cols=7)])
@pytest.mark.parametrize("output", ["magnitude", "complex", "all"])
def test_neither_a_hole_elsewhere_nor_other_pairs_show_in_the_bits(backend, rng, window, output):
    """Sums that count samples, sums that need not, and powers kept for several pairs."""
    stack = np.stack([*correlated(rng, 0.6, 41, 90), speckle(rng, 41, 90)])
    phase = rng.uniform(-3e3, 3e3, (41, 90))
    holed, unknown = stack.copy(), phase.copy()
    holed[1, 0, 2], unknown[40, 88] = np.nan, np.nan

    def maps(images, angles, pairs):
        got = coherence(
            backend.array(images), pairs=pairs, window=window, output=output, reference_phase=backend.array(angles)
        )
        return [backend.numpy(plane)[0, 7:30, 13:70] for plane in (got if output == "all" else [got])]

    expected = maps(stack, phase, [(0, 1)])
    for images, angles, pairs in (
        (holed, phase, [(0, 1)]),
        (stack, unknown, [(0, 1)]),
        (stack, phase, [(0, 1), (1, 2)]),
    ):
        for plane, wanted in zip(maps(images, angles, pairs), expected, strict=True):
            np.testing.assert_array_equal(plane, wanted)


def test_phases_in_all_directions(backend):
    """Along the axes, the diagonals and beside them, in (-pi, pi]; complex64 within 4e-7."""
    angles = np.pi / 4 * np.arange(-8, 9) + np.array([[0], [-1e-3], [1e-3], [0.3]])
    values = (np.exp(1j * angles) * 10.0 ** np.arange(-8, 9)).astype(np.complex64)
    values[0, :4] = 2, 2j, -2, -2j
    ones = np.ones_like(values)
    for a, b in ((values, ones), (values.astype(complex), ones.astype(complex))):
        arrays = backend.array(a), backend.array(b)
        got = backend.numpy(coherence(*arrays, window=Window(rows=1, cols=1), output="all").phase)
        np.testing.assert_allclose(got, np.angle(a).astype(got.dtype), rtol=0, atol=4e-7)
        assert got[0, 2] > 3


@pytest.mark.parametrize("share", [0.3, 0.75, 1.0])
def test_fewer_valid_samples_than_asked_give_nan(backend, rng, share):
    a, b = (with_holes(rng, image, 0.15) for image in correlated(rng, 0.7, 27, 39))
    for window in (Window(rows=5, cols=6), Window.gaussian(rows=5, cols=7)):
        got = backend.numpy(coherence(backend.array(a), backend.array(b), window=window, min_valid=share))
        expected = coherence_maps_reference(a, b, window, min_valid=share)["coherence"]
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        np.testing.assert_allclose(got, expected, atol=1e-6)
    # An image without holes is cut at its edge and loses nothing.
    whole = [backend.array(np.nan_to_num(image)) for image in (a, b)]
    assert np.isfinite(backend.numpy(coherence(*whole, window=Window(rows=5, cols=6), min_valid=1.0))).all()


def test_complex_int16_is_taken_as_it_is(backend, rng):
    from m3leo_sar.stack.complex_int16 import to_complex_int16

    stack = speckle(rng, 3, 26, 33)
    stack[1, 3:6, 4] = np.nan
    stored = to_complex_int16(stack, scale=1e-3)
    options = {"pairs": [(0, 1), (2, 0), (1, 2)], "window": Window(rows=3, cols=8)}
    got = backend.numpy(coherence(backend.array(stored), **options))
    assert got.dtype == np.float32
    widened = np.where((stored == -32768).any(-1), np.nan, stored[..., 0] + 1j * stored[..., 1]).astype(np.complex64)
    np.testing.assert_array_equal(got, backend.numpy(coherence(backend.array(widened), **options)))
    np.testing.assert_allclose(got, backend.numpy(coherence(backend.array(stack), **options)), atol=2e-3)
    pair = coherence(backend.array(stored[0]), backend.array(stored[2]), window=options["window"], output="all")
    np.testing.assert_array_equal(backend.numpy(pair.looks).max(), 24)


def test_devices_agree_with_the_cpu_as_products_should(backend, rng):
    """Two products agree when under a thousandth of the pixels differ by 1e-5, and the same pixels are empty."""
    stack = speckle(rng, 3, 90, 140)
    stack[0, 40:60, 10:90] = np.nan
    options = {"pairs": [(0, 1), (1, 2)], "window": Window(rows=5, cols=20)}
    here, there = coherence(stack, **options), backend.numpy(coherence(backend.array(stack), **options))
    np.testing.assert_array_equal(np.isnan(here), np.isnan(there))
    valid = np.isfinite(here)
    assert (abs(here - there)[valid] > 1e-5).mean() < 1e-3
    # Stated: 4 units in the last place of one.
    assert abs(here - there)[valid].max() <= 4 * np.finfo(np.float32).eps


@given(seed=st.integers(0, 2**20), dates=st.integers(2, 6), data=st.data())
def test_a_pair_does_not_depend_on_the_list_it_is_in(seed, dates, data):
    rng = np.random.default_rng(seed)
    stack = speckle(rng, dates, 23, 70)
    for image in stack[:: 1 + seed % 3]:
        image[rng.random(image.shape) < 0.02] = np.nan
    one = st.tuples(st.integers(0, dates - 1), st.integers(0, dates - 1))
    pairs = data.draw(st.lists(one, min_size=1, max_size=12))
    window = Window(rows=data.draw(st.integers(1, 9)), cols=data.draw(st.integers(1, 40)))
    maps = coherence(stack, pairs=pairs, window=window)
    for pair, got in zip(pairs, maps, strict=True):
        np.testing.assert_array_equal(got, coherence(stack[pair[0]], stack[pair[1]], window=window))


def test_a_window_wider_than_a_block_of_threads_takes_the_direct_kernel(backend, rng):
    a, b = correlated(rng, 0.6, 9, 700)
    window = Window(rows=3, cols=600)
    np.testing.assert_allclose(on(backend, a, b, window), coherence_reference(a, b, window), atol=5e-7)


def test_a_tall_window_reads_its_rows_again(backend, rng):
    a, b = correlated(rng, 0.6, 90, 19)
    window = Window(rows=80, cols=3)
    np.testing.assert_allclose(on(backend, a, b, window), coherence_reference(a, b, window), atol=5e-7)


def test_of_a_real_image_with_itself_has_no_phase(shared_data):
    data = np.load(shared_data / "s1-snap-amsterdam" / "dev_half.npz")
    image = next(data[name] for name in data.files if data[name].dtype.kind == "c")
    for looks in (Looks(rows=1, cols=1), Looks(rows=13, cols=3)):
        window = Window(rows=looks.rows, cols=looks.cols)
        value = coherence(image, image, window=window, step=looks, output="complex")
        assert np.nanmax(abs(np.angle(value))) < 1e-6
        assert np.nanmax(abs(abs(value) - 1)) < 1e-6


def test_memory_stays_within_inputs_outputs_and_a_bound():
    code = (
        "import resource, numpy as np; from m3leo_sar import Window, coherence\n"
        "z = np.ones((8, 1300, 1500), 'c8')\n"
        "pairs = [(i, j) for i in range(8) for j in range(i)]\n"
        "window = Window(rows=5, cols=20)\n"
        "coherence(z[:2, :40, :40], pairs=[(0, 1)], window=window)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "maps = coherence(z, pairs=pairs, window=window)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - maps.nbytes / 2**20)"
    )
    for threads in ("2", "8"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        )
        assert float(done.stdout) < 64


@pytest.mark.parametrize("step", [None, Looks(rows=3, cols=2), Looks(rows=10, cols=7)])
@pytest.mark.parametrize("budget", [1, 40, 200])
@pytest.mark.parametrize("rows", [5, 8])
def test_a_stack_is_read_in_blocks_that_do_not_show(rng, monkeypatch, step, budget, rows):
    from m3leo_sar.doors import blocks

    pixels = speckle(rng, 4, 131, 29)
    pixels[1, 60:64, 10] = np.nan
    days = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * index) for index in range(4)]
    box, read = GeoBox.from_bounds((500_000, 0, 500_290, 1310), shape=(131, 29), crs="EPSG:32631"), []

    def reader(index, part, cols):
        read.append((index, part.stop - part.start))
        return pixels[index, part, cols]

    stack = SlcStack(dates=days, read=reader, geometry=box, polarisation="VV")
    # A budget of so many rows of the three dates that are needed.
    monkeypatch.setattr(blocks, "BUDGET", budget * 3 * 29 * 8)
    pairs, window = [Pair(days[0], days[1]), Pair(days[3], days[1])], Window(rows=rows, cols=6)
    phase = rng.uniform(-3, 3, (131, 29))
    options = {"window": window, "step": step, "output": "all", "reference_phase": phase}
    got, expected = coherence(stack, pairs=pairs, **options), coherence(pixels, pairs=[(0, 1), (3, 1)], **options)
    for name, plane, wanted in zip(got._fields, got, expected, strict=True):
        np.testing.assert_array_equal(plane, wanted, err_msg=name)
    assert {index for index, _ in read} == {0, 1, 3}
    assert max(count for _, count in read) <= max(budget, 4 * rows) + (2 * step.rows if step else 0)


ONE = np.ones((6, 9), np.complex64)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((ONE, ONE[:5]), {}, ValueError, r"secondary must have the shape of reference, \(6, 9\), got \(5, 9\)"),
        ((ONE.real, ONE), {}, TypeError, "reference must be complex64, complex128, or int16 with .*, got float32"),
        ((ONE, ONE.astype(np.complex128)), {}, TypeError, "secondary must have the dtype of reference, complex64"),
        ((ONE, [1, 2]), {}, TypeError, "secondary must be a NumPy, CuPy, torch, dask or xarray array, got list"),
        ((ONE[0], ONE[0]), {}, ValueError, r"reference must be \(rows, cols\), got 1 axes"),
        ((ONE[:0], ONE[:0]), {}, ValueError, "reference must not be empty"),
        ((ONE, ONE), {"window": (3, 3)}, TypeError, r"window must be a Window\(rows=, cols=\), got \(3, 3\)"),
        ((ONE, ONE), {"window": Window(rows=13, cols=3)}, ValueError, "window rows .* at most 2 x .* 6 rows, got 13"),
        ((ONE,), {}, TypeError, "give a second image .* got neither"),
        ((ONE, ONE), {"pairs": [(0, 1)]}, TypeError, "got both"),
        ((ONE[None],), {"pairs": []}, ValueError, "pairs must hold at least one pair, got none"),
        ((ONE[None],), {"pairs": [(0, 1)]}, ValueError, "pairs must index the 1 dates, 0 to 0, got 1"),
        ((ONE[None],), {"pairs": ["2023-1"]}, ValueError, "pairs must be a Pair"),
        ((ONE,), {"pairs": [(0, 0)]}, ValueError, r"reference must be \(dates, rows, cols\)"),
        ((ONE, ONE), {"step": (2, 2)}, TypeError, r"step must be Looks\(rows=, cols=\), got \(2, 2\)"),
        ((ONE, ONE), {"step": Looks(rows=7, cols=1)}, ValueError, "step rows .* at most the image's 6 rows, got 7"),
        ((ONE, ONE), {"output": "phase"}, ValueError, "output must be one of magnitude, complex, all, got 'phase'"),
        ((ONE, ONE), {"min_valid": 1.5}, ValueError, r"min_valid must lie in \[0, 1\], got 1.5"),
        ((ONE, ONE), {"min_valid": float("nan")}, ValueError, "min_valid must lie"),
        ((ONE, ONE), {"reference_phase": ONE}, TypeError, "reference_phase must be float32 or float64, got complex64"),
        ((ONE, ONE), {"reference_phase": ONE.real[:5]}, ValueError, r"must have shape \(6, 9\) or \(1, 6, 9\)"),
        ((np.ones((6, 9, 2), "i2"), ONE), {}, TypeError, "secondary must have the dtype of reference, int16"),
        ((ONE.real.astype("i2"),) * 2, {}, ValueError, r"int16 must be \(rows, cols, 2\), the parts last"),
    ],
)  # fmt: skip
def test_bad_input_is_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        coherence(*arguments, **{"window": Window(rows=3, cols=3), **options})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": (3, 3)}, TypeError, r"window must be a Window\(rows=, cols=\), got \(3, 3\)"),
        ({"window": Window(rows=13, cols=3)}, ValueError, "window rows .* got 13"),
        ({"step": 2}, TypeError, "step must be Looks"),
        ({"step": Looks(rows=7, cols=1)}, ValueError, "step rows .* got 7"),
        (
            {"reference_phase": [1.0]},
            TypeError,
            "reference_phase must be a NumPy.* array, got list",
        ),
        ({"reference_phase": np.zeros((5, 9))}, ValueError, r"rows and cols of reference, \(6, 9\), got \(5, 9\)"),
    ],
)
def test_bad_input_with_a_stack_on_disk_is_named_before_it_is_read(options, error, message):
    def reader(*_):
        raise AssertionError("read before it was checked")

    days = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]
    box = GeoBox.from_bounds((500_000, 0, 500_090, 60), shape=(6, 9), crs="EPSG:32631")
    stack = SlcStack(dates=days, read=reader, geometry=box, polarisation="VV")
    with pytest.raises(error, match=message):
        coherence(stack, pairs=[Pair(*days)], **{"window": Window(rows=3, cols=3), **options})


def test_arrays_of_two_libraries_are_refused():
    from m3leo_sar._backend.simt import as_simt

    with pytest.raises(TypeError, match="arrays must all be NumPy or all be CuPy, got a mix"):
        coherence(ONE, as_simt(ONE), window=Window(rows=3, cols=3))


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError)])
def test_a_window_of_no_size_is_refused(size, error):
    with pytest.raises(error, match="Window rows must be"):
        Window(rows=size, cols=3)
