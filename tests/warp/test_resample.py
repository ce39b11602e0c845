"""SLCs by offsets: the oracle, known signals, and what must not change anything."""

import numpy as np
import pytest
from reference import resample_reference

from m3leo_sar import resample
from m3leo_sar.grid.pixel_polynomial import PixelPolynomial, bilinear_grid
from m3leo_sar.warp.doppler import azimuth_carrier
from m3leo_sar.warp.kernel_table import TAPS, kernel_table
from m3leo_sar.warp.resample import KERNELS


def noise(shape, dtype="complex64", *, seed=3):
    random = np.random.default_rng(seed)
    return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(dtype)


def band_limited(shape, random, *, bandwidth=0.8, doppler=0.0):
    """Speckle that fills a part of the band as a function: its value at any position, by its spectrum."""
    half = [int(bandwidth * size / 2) for size in shape]
    k = [np.arange(-h, h + 1) for h in half]
    spectrum = random.normal(size=(len(k[0]), len(k[1]), 2)) @ [1, 1j]

    def at(row, col):
        # Positions of a grid are those of one of its columns and one of its rows.
        row = row[:, :1] if (row == row[:, :1]).all() else row
        col = col[:1] if (col == col[:1]).all() else col
        down = np.exp(2j * np.pi * (k[0] / shape[0] + doppler) * row[..., None])
        along = np.exp(2j * np.pi * k[1] / shape[1] * col[..., None])
        return np.einsum("...i,ij,...j->...", down, spectrum, along, optimize=True) / np.sqrt(spectrum.size)

    return at


def correlation(a, b):
    return abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_follows_the_rule_with_holes_and_edges(backend, dtype, kernel):
    image = noise((19, 23), dtype)
    image[noise((19, 23)).real > 1.6] = np.nan
    random = np.random.default_rng(7)
    offsets = random.uniform(-3, 3, (2, 15, 29))
    index = np.indices((15, 29))
    expected = resample_reference(image, *(index + offsets), kernel_table(kernel))
    assert 0 < np.isnan(expected).sum() < expected.size
    got = resample(
        backend.array(image),
        azimuth_offset=backend.array(offsets[0]),
        range_offset=backend.array(offsets[1]),
        resampling=kernel,
    )
    got = backend.numpy(got)
    assert got.dtype == image.dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    inside = ~np.isnan(expected)
    tolerance = 2e-5 if dtype == "complex64" else 1e-11
    # Where little weight is left of either sign the quotient is large.
    np.testing.assert_allclose(got[inside], expected[inside], rtol=tolerance, atol=tolerance / 10)


def test_numbers_polynomials_grids_and_rasters_are_one(backend):
    image = backend.array(noise((40, 50), "complex128"))
    row, col = np.indices((40, 50)).astype(float)
    polynomial = PixelPolynomial([[0.5, -0.01], [0.02, 0.0003]], origin=(5, 7), scale=(2, 3))
    down = polynomial(row, col)
    along = np.full((40, 50), -1.3)
    expected = backend.numpy(resample(image, azimuth_offset=backend.array(down), range_offset=backend.array(along)))
    got = backend.numpy(resample(image, azimuth_offset=polynomial, range_offset=-1.3))
    np.testing.assert_allclose(got, expected, atol=1e-12)
    mixed = resample(image, azimuth_offset=polynomial, range_offset=backend.array(along.astype(np.float32)))
    np.testing.assert_allclose(backend.numpy(mixed), expected, atol=1e-6)
    grid = bilinear_grid(
        0.5 * row[::13, ::7] / 13 + col[::13, ::7], np.arange(0, 40, 13), np.arange(0, 50, 7), (40, 50)
    )
    np.testing.assert_allclose(grid, 0.5 * row / 13 + col, atol=1e-12)


def test_a_shift_that_is_the_same_everywhere_gives_the_bits_of_its_raster():
    """Summed along rows once for many pixels, or for each by itself: the same additions."""
    image = noise((60, 150))
    image[30, 40] = np.nan
    column = np.full((60, 150), -1.3)
    # The last digit of one pixel's offset makes its chunk go pixel by pixel.
    single = np.full((60, 150), 0.41)
    single[:, ::64] = np.nextafter(0.41, 1)
    for kernel in KERNELS:
        got = resample(image, azimuth_offset=0.41, range_offset=-1.3, resampling=kernel)
        other = resample(image, azimuth_offset=single, range_offset=column, resampling=kernel)
        keep = np.arange(150) % 64 > 0
        np.testing.assert_array_equal(got[:, keep], other[:, keep])


def test_whole_offsets_are_slices_bit_for_bit(backend):
    image = noise((30, 40))
    image[4, 5] = np.nan
    got = backend.numpy(resample(backend.array(image), azimuth_offset=3, range_offset=-2.0))
    np.testing.assert_array_equal(got[:27, 2:], image[3:, :38])
    assert np.isnan(got[27:]).all()
    assert np.isnan(got[:, :2]).all()
    other = resample(backend.array(image), azimuth_offset=1, range_offset=2, shape=(7, 9))
    np.testing.assert_array_equal(backend.numpy(other), image[1:8, 2:11])


@pytest.mark.parametrize("kernel", ["sinc", "knab"])
def test_a_sinusoid_shifted_by_half_samples(kernel):
    # peers.md T5, tighter: 2048 x 2048, 2 / pi radians a sample, shift 5.5 and 5.5.
    row, col = np.ogrid[:2048, :2048]
    image = np.exp(2j / np.pi * (row + col)).astype(np.complex64)
    got = resample(image, azimuth_offset=5.5, range_offset=5.5, resampling=kernel)
    expected = np.exp(2j / np.pi * (row + col + 11.0))
    known = ~np.isnan(got)
    assert 1 - known.mean() < 0.009
    inside = np.zeros(known.shape, bool)
    inside[4:-10, 4:-10] = True
    ours, truth = got[inside].astype(complex), expected[inside]
    assert correlation(ours, truth) > 0.9999
    assert np.degrees(np.angle(ours * truth.conj())).std() < 0.001


@pytest.mark.parametrize("kernel", ["sinc", "knab"])
@pytest.mark.parametrize("doppler", [0.0, 0.5])
def test_distributed_targets_of_four_fifths_of_the_band(backend, kernel, doppler):
    # peers.md T6, tighter: a random shift within half a sample for every pixel.
    random = np.random.default_rng(11)
    shape = (100, 100)
    field = band_limited(shape, random, doppler=doppler)
    row, col = np.indices(shape).astype(float)
    offsets = random.uniform(-0.5, 0.5, (2, *shape))
    image = field(row, col).astype(np.complex64)
    got = backend.numpy(resample(
        backend.array(image), azimuth_offset=backend.array(offsets[0]), range_offset=backend.array(offsets[1]),
        resampling=kernel, doppler=doppler,
    ))  # fmt: skip
    truth = field(row + offsets[0], col + offsets[1])
    assert np.isnan(got).mean() < 0.16
    inner = (slice(4, -4), slice(4, -4))
    ours, truth = got[inner].astype(complex), truth[inner]
    assert correlation(ours, truth) > 0.9995
    # Where the image is dark its phase is noise to any interpolator; every pixel counts by its brightness.
    turn = np.angle(ours * truth.conj())
    weight = abs(truth) ** 2
    assert np.degrees(np.sqrt((weight * turn**2).sum() / weight.sum())) < 5
    assert np.degrees(turn.std()) < 5


def test_there_and_back_is_nearly_where_it_began():
    random = np.random.default_rng(2)
    row, col = np.indices((90, 110)).astype(float)
    image = band_limited((90, 110), random, bandwidth=0.6)(row, col).astype(np.complex64)
    back = resample(resample(image, azimuth_offset=0.37, range_offset=-0.21), azimuth_offset=-0.37, range_offset=0.21)
    inner = (slice(10, -10), slice(10, -10))
    assert correlation(back[inner], image[inner]) > 0.999


def tops(row, col):
    """Phase of a TOPS-like azimuth carrier, Doppler sweeping over the whole band and further within 300 rows."""
    return np.pi * 0.009 * (row - 140.3) ** 2 + 0.002 * (row - 140.3) * (col - 50)


def test_a_chirp_is_taken_off_and_put_on_again(backend):
    random = np.random.default_rng(5)
    shape = (300, 100)
    field = band_limited(shape, random, bandwidth=0.6)
    row, col = np.indices(shape).astype(float)
    offsets = 0.4 * np.sin(row / 30), -0.6 + 0.3 * np.cos(col / 20)
    image = (field(row, col) * np.exp(1j * tops(row, col))).astype(np.complex64)
    truth = field(row + offsets[0], col + offsets[1]) * np.exp(1j * tops(row + offsets[0], col + offsets[1]))
    inner = (slice(6, -6), slice(6, -6))
    rasters = {"azimuth_offset": backend.array(offsets[0]), "range_offset": backend.array(offsets[1])}
    got = backend.numpy(resample(backend.array(image), **rasters, carrier=tops))
    assert correlation(got[inner], truth[inner]) > 0.9998
    assert abs(np.angle(np.vdot(truth[inner], got[inner]))) < 1e-4
    # Left on, it is lost beyond half the band; not given, it is measured.
    ignored = backend.numpy(resample(backend.array(image), **rasters, doppler=0.0))
    assert correlation(ignored[inner], truth[inner]) < 0.9
    measured = backend.numpy(resample(backend.array(image), **rasters))
    assert correlation(measured[inner], truth[inner]) > 0.9995
    assert abs(np.angle(np.vdot(truth[inner], measured[inner]))) < 0.01


def there_and_back(image, **options):
    moved = resample(image, azimuth_offset=0.5, **options)
    return resample(moved, azimuth_offset=-0.5, **options)[10:-10, 10:-10]


@pytest.mark.parametrize("doppler", [0.0, 0.19, -0.35, 0.5])
def test_a_squint_that_nobody_tells_of_is_measured(doppler):
    shape = (220, 150)
    row, col = np.indices(shape).astype(float)
    image = band_limited(shape, np.random.default_rng(8), bandwidth=0.75, doppler=doppler)(row, col).astype("c8")
    assert correlation(there_and_back(image), image[10:-10, 10:-10]) > 0.995
    if abs(doppler) > 0.15:
        assert correlation(there_and_back(image, doppler=0.0), image[10:-10, 10:-10]) < 0.98
    carrier = azimuth_carrier(image)
    slope = 0.0 if carrier is None else np.diff(carrier(row, col), axis=0).mean() / (2 * np.pi)
    assert abs((slope - doppler + 0.5) % 1 - 0.5) < 0.02


def test_white_noise_and_small_images_tell_no_carrier():
    for shape in ((200, 150), (40, 9), (2, 3), (1, 5)):
        assert azimuth_carrier(noise(shape)) is None
    assert azimuth_carrier(np.full((40, 30), np.nan, "c8")) is None
    assert azimuth_carrier(np.zeros((40, 30), "c8")) is None


def test_a_carrier_of_merged_bursts_is_noticed():
    shape = (600, 200)
    row, col = np.indices(shape).astype(float)
    image = band_limited(shape, np.random.default_rng(9), bandwidth=0.7)(row, col)
    merged = (image * np.exp(1j * np.pi * 0.0075 * (row % 200 - 100) ** 2)).astype("c8")
    with pytest.raises(ValueError, match="slc has a carrier along azimuth that is not smooth: .* give carrier="):
        resample(merged, azimuth_offset=0.3)
    assert np.isfinite(resample(merged, azimuth_offset=0.3, doppler=0.0)[5:-5, 5:-5]).all()
    # Nothing is interpolated, so nothing can be lost.
    np.testing.assert_array_equal(resample(merged, azimuth_offset=2)[:-2], merged[2:])


@pytest.mark.parametrize("kernel", ["sinc", "knab"])
@pytest.mark.parametrize("place", [0.125, 0.3, 0.5])
def test_speckle_is_as_bright_between_samples_as_on_them(backend, kernel, place):
    shape = (110, 120)
    row, col = np.indices(shape).astype(float)
    field = band_limited(shape, np.random.default_rng(4), bandwidth=0.8)
    image, truth = field(row, col).astype("c8"), field(row + place, col + place)[8:-8, 8:-8]
    moved = resample(backend.array(image), azimuth_offset=place, range_offset=place, resampling=kernel, doppler=0.0)
    inner = backend.numpy(moved)[8:-8, 8:-8]
    # The same ground in both, as a margin of a few samples alone makes hundredths of a decibel.
    assert abs(10 * np.log10((abs(inner) ** 2).mean() / (abs(truth) ** 2).mean())) < 0.03


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_infinity_is_no_data_like_nan(backend, kernel):
    image = noise((30, 40))
    with_nan, with_infinity = image.copy(), image.copy()
    with_nan[12, 17] = np.nan
    with_infinity[12, 17] = complex(np.inf, 3)
    options = {"azimuth_offset": 0.3, "range_offset": -0.4, "resampling": kernel}
    got, expected, plain = (
        backend.numpy(resample(backend.array(each), **options)) for each in (with_infinity, with_nan, image)
    )
    np.testing.assert_array_equal(got, expected)
    taps = TAPS[kernel]
    assert (got != plain)[np.isfinite(plain)].sum() <= taps**2
    assert np.isnan(got).sum() <= np.isnan(plain).sum() + 1


def test_flattening_in_the_same_pass_and_phases_of_many_turns(backend):
    image = noise((30, 40), "complex128")
    flat = 1e5 * np.random.default_rng(1).normal(size=(30, 40))
    plain = resample(image, azimuth_offset=0.3)
    got = backend.numpy(resample(backend.array(image), azimuth_offset=0.3, flatten=backend.array(flat)))
    known = ~np.isnan(plain)
    np.testing.assert_allclose(got[known], (plain * np.exp(-1j * flat))[known], atol=1e-9)
    with_carrier = resample(backend.array(image), azimuth_offset=0.3, flatten=backend.array(flat), doppler=1e-12)
    np.testing.assert_allclose(backend.numpy(with_carrier)[known], got[known], atol=1e-8)


def test_blocks_do_not_show(monkeypatch):
    from m3leo_sar.warp import resample as module

    image, row = noise((120, 37)), np.indices((120, 37))[0]
    smooth = PixelPolynomial([[0.31, 0.002], [-0.003, 1e-5]])
    options = [
        {"azimuth_offset": 2.5 * np.sin(row / 9), "range_offset": 0.4, "carrier": tops},
        {"azimuth_offset": smooth, "range_offset": smooth, "carrier": tops},
    ]
    wholes = [resample(image, **each) for each in options]
    monkeypatch.setattr(module, "_BLOCK", 17)
    for each, whole in zip(options, wholes, strict=True):
        np.testing.assert_array_equal(resample(image, **each), whole)
    # A part of the image with its margin gives the part of the result.
    plain = {"azimuth_offset": 0.3, "range_offset": -0.7}
    part = resample(image[20:80], **plain)
    np.testing.assert_array_equal(part[4:-5], resample(image, **plain)[24:75])


def test_a_fitted_polynomial_comes_back():
    truth = PixelPolynomial([[0.5, 0.02, 0.01], [0.3, -0.05, 0], [0.04, 0, 0]], origin=(59.5, 79.5), scale=(59.5, 79.5))
    rows, cols = np.random.default_rng(1).uniform(0, 100, (2, 60))
    found = PixelPolynomial.fit(rows, cols, truth(rows, cols), degree=2, shape=(120, 160))
    np.testing.assert_allclose(found.coefficients, truth.coefficients, atol=1e-12)
    with pytest.raises(ValueError, match="values must be at least 10 for degree 3, got 4"):
        PixelPolynomial.fit(rows[:4], cols[:4], rows[:4], degree=3, shape=(3, 4))


def test_refusals_name_what_came():
    image, raster = noise((20, 30)), np.zeros((20, 30))
    holed = raster.copy()
    holed[3, 4:7] = np.nan
    for options, error, message in (
        ({"azimuth_offset": holed}, ValueError, "azimuth_offset must be finite, got 3 of 600 that are not"),
        ({"azimuth_offset": np.inf}, ValueError, "azimuth_offset must be finite, got inf"),
        ({"azimuth_offset": raster, "range_offset": raster[1:]}, ValueError, r"range_offset must be .* got \(19, 30\)"),
        ({"range_offset": raster[0]}, ValueError, r"range_offset must be a number.*got \(30,\)"),
        ({"range_offset": raster.astype(int)}, TypeError, "range_offset must be an array of float32 .* got int64"),
        ({"range_offset": 400.0}, ValueError, r"must leave pixels on the image of .* columns to 400 ... 429"),
        ({"resampling": "linear"}, ValueError, "resampling must be one of sinc, knab, cubic, got 'linear'"),
        ({"carrier": 3.0}, TypeError, "carrier must be callable, such as a PixelPolynomial, got float"),
        ({"carrier": lambda r, c: r * np.nan}, ValueError, "carrier and doppler must give finite phases"),
        ({"flatten": raster[1:]}, ValueError, r"flatten must have the shape of the result, \(20, 30\), got \(19, 30\)"),
        ({"shape": (0, 3)}, ValueError, r"shape must be \(rows, cols\)"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            resample(image, **options)
    with pytest.raises(TypeError, match="slc must be complex64 or complex128, got float64"):
        resample(raster)
    with pytest.raises(ValueError, match="coefficients must be a table of finite numbers"):
        PixelPolynomial([1.0, 2.0])
    with pytest.raises(ValueError, match="rows and cols must rise"):
        bilinear_grid([[1, 2]], [0], [3, 3], (4, 5))
