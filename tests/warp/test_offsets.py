import numpy as np
import pytest

from m3leo_sar import Window, coherence, resample
from m3leo_sar.grid.pixel_polynomial import PixelPolynomial
from m3leo_sar.warp.doppler import doppler_centroid
from m3leo_sar.warp.offset_fit import fit_offsets
from m3leo_sar.warp.offsets import Offsets, measure_offsets


def smooth_speckle(shape, random):
    """Speckle that fills seven tenths of the band."""
    spectrum = np.fft.fft2(random.normal(size=(*shape, 2)) @ [1, 1j])
    for axis, size in enumerate(shape):
        far = np.abs(np.fft.fftfreq(size)) > 0.35
        spectrum[far if axis == 0 else (slice(None), far)] = 0
    return np.fft.ifft2(spectrum)


def pair(shape, random, azimuth, across, *, agreement=0.85):
    """Reference, and secondary that holds the same ground at (row + azimuth, col + across)."""
    common, own = smooth_speckle(shape, random), smooth_speckle(shape, random)
    second = agreement * common + np.sqrt(1 - agreement**2) * own
    # Small smooth offsets: moving by the negative ones at nearly the same place.
    moved = resample(second, azimuth_offset=-azimuth, range_offset=-across)
    return common.astype(np.complex64), np.where(np.isnan(moved), 0, moved).astype(np.complex64)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.37, -2.61), (-3.02, 0.45)])
def test_a_whole_shift_is_found_to_a_twentieth_of_a_pixel(shift):
    random = np.random.default_rng(4)
    shape = (256, 320)
    reference, secondary = pair(shape, random, *(np.full(shape, part) for part in shift))
    found = measure_offsets(reference, secondary, window=Window(rows=64, cols=64), grid=(4, 5))
    assert len(found.rows) == 20
    assert abs(np.median(found.azimuth) - shift[0]) < 0.02
    assert abs(np.median(found.range) - shift[1]) < 0.02
    fitted = fit_offsets(found, shape=shape, degree=0)
    assert abs(fitted.azimuth(0, 0) - shift[0]) < 0.05
    assert abs(fitted.range(0, 0) - shift[1]) < 0.05
    assert 0.4 < np.median(found.quality) <= 1


@pytest.mark.parametrize(
    ("shift", "amplitude"),
    [((0.0, 0.0), 1.0), ((0.25, -0.37), 1e-12), ((0.25, -0.37), 1e12), ((2.6, -3.2), 1.0), ((-6.3, 9.45), 1.0)],
)
def test_the_mean_of_many_chips_is_not_pulled_towards_zero(shift, amplitude):
    """Each offset is judged by the samples that the chips share there: a 64th of a pixel, not a twentieth."""
    random, shape = np.random.default_rng(14), (200, 260)
    common, own = smooth_speckle(shape, random), smooth_speckle(shape, random)
    turn = np.exp(-2j * np.pi * (np.fft.fftfreq(200)[:, None] * shift[0] + np.fft.fftfreq(260) * shift[1]))
    moved = 0.9 * np.fft.ifft2(np.fft.fft2(common) * turn) + np.sqrt(0.19) * own
    images = [(image * amplitude).astype(np.complex64) for image in (common, moved)]
    found = measure_offsets(*images, window=Window(rows=48, cols=40), grid=(4, 5))
    # Chips within the reach of the image's edge have part of the shift off it.
    inner = (found.rows > 34) & (found.rows < 166) & (found.cols > 32) & (found.cols < 228)
    assert inner.sum() >= 6
    assert abs(found.azimuth[inner].mean() - shift[0]) < 1 / 64
    assert abs(found.range[inner].mean() - shift[1]) < 1 / 64
    assert np.median(found.quality) > 0.7


def test_gaps_are_left_out_of_both_images():
    random, shape = np.random.default_rng(3), (160, 170)
    common = smooth_speckle(shape, random).astype(np.complex64)
    other = np.roll(common, (2, -3), (0, 1))
    common[:70, :70], other[100:, 60:64] = np.nan, np.inf
    found = measure_offsets(
        common, other, window=Window(rows=32, cols=40), grid=(4, 4), search=Window(rows=12, cols=10)
    )
    assert 11 <= len(found.rows) < 16
    assert not ((found.rows < 50) & (found.cols < 40)).any()
    fitted = fit_offsets(found, shape=shape, degree=0)
    assert abs(fitted.azimuth(0, 0) - 2) < 0.05
    assert abs(fitted.range(0, 0) + 3) < 0.05


def test_a_smooth_field_is_found_to_a_twentieth_of_a_pixel_and_coherence_comes_back():
    random = np.random.default_rng(8)
    shape = (288, 384)
    row, col = np.indices(shape)
    truth = (
        PixelPolynomial([[0.6, 0.4], [-0.5, 0]], origin=(143.5, 191.5), scale=(143.5, 191.5)),
        PixelPolynomial([[-1.3, 0.3], [0.4, 0]], origin=(143.5, 191.5), scale=(143.5, 191.5)),
    )
    fields = [polynomial(row, col) for polynomial in truth]
    reference, secondary = pair(shape, random, *fields)
    found = measure_offsets(reference, secondary, window=Window(rows=64, cols=64), grid=(8, 10))
    fitted = fit_offsets(found, shape=shape, degree=1)
    # What the fields are at the secondary's pixels differs by their slope times themselves, a few hundredths.
    for polynomial, field in zip((fitted.azimuth, fitted.range), fields, strict=True):
        assert abs(polynomial(row, col) - field)[20:-20, 20:-20].max() < 0.05
    window = Window(rows=5, cols=7)
    aligned = resample(secondary, azimuth_offset=fitted.azimuth, range_offset=fitted.range)
    inner = (slice(12, -12), slice(12, -12))
    assert np.nanmean(coherence(reference, aligned, window=window)[inner]) > 0.8
    assert np.nanmean(coherence(reference, secondary, window=window)[inner]) < 0.5


def test_what_stands_apart_is_left_out():
    random = np.random.default_rng(1)
    rows, cols = random.uniform(0, 100, (2, 40))
    truth = PixelPolynomial([[0.5, 0.01], [0.02, 0]])
    values = truth(rows, cols) + random.normal(0, 0.01, 40)
    values[[3, 17, 30]] += [4.0, -2.0, 9.0]
    quality = np.ones(40)
    quality[5], values[5] = 0.01, -50
    fitted = fit_offsets(Offsets(rows, cols, values, 0 * values, quality), shape=(100, 100))
    assert not fitted.kept[[3, 5, 17, 30]].any()
    assert fitted.kept.sum() >= 34
    np.testing.assert_allclose(fitted.azimuth(rows, cols), truth(rows, cols), atol=0.02)
    with pytest.raises(ValueError, match="at least 3 good measurements for degree 1, 2 are left"):
        fit_offsets(Offsets(*(axis[:2] for axis in (rows, cols, values, values, quality))), shape=(100, 100))


def test_a_real_pair_moved_by_parts_of_a_pixel_gets_its_coherence_back(shared_data):
    data = np.load(shared_data / "s1-snap-amsterdam" / "dev_half.npz")
    slcs = [data[name] for name in data.files if data[name].dtype.kind == "c"]
    reference, secondary = (np.ascontiguousarray(slc) for slc in slcs[:2])
    window = Window(rows=3, cols=9)
    inner = (slice(8, -8), slice(10, -10))
    before = np.nanmean(coherence(reference, secondary, window=window)[inner])
    centroid = doppler_centroid(secondary)
    moved = resample(secondary, azimuth_offset=0.4, range_offset=-0.7, doppler=centroid)
    moved = np.where(np.isnan(moved), 0, moved).astype(np.complex64)
    spoiled = np.nanmean(coherence(reference, moved, window=window)[inner])
    found = measure_offsets(
        reference, moved, window=Window(rows=32, cols=64), grid=(4, 5), search=Window(rows=8, cols=8)
    )
    fitted = fit_offsets(found, shape=reference.shape, degree=0)
    assert abs(fitted.azimuth(0, 0) + 0.4) < 0.1
    assert abs(fitted.range(0, 0) - 0.7) < 0.1
    back = resample(moved, azimuth_offset=fitted.azimuth, range_offset=fitted.range, doppler=centroid)
    after = np.nanmean(coherence(reference, back, window=window)[inner])
    assert spoiled < 0.9 * before
    assert after >= 0.97 * before


def test_bad_requests_are_named():
    image = np.ones((40, 50), np.complex64)
    for options, error, message in (
        ({"window": Window(rows=7, cols=8)}, ValueError, "window must be even and at least 8 by 8, got 7 by 8"),
        ({"window": Window(rows=64, cols=8)}, ValueError, "window rows must be at most the image's 40 rows"),
        ({"window": 16}, TypeError, r"window must be a Window\(rows=, cols=\), got 16"),
        ({"grid": (0, 3)}, ValueError, r"grid must be at least 1 by 1, got \(0, 3\)"),
        ({}, ValueError, "must have amplitudes that vary somewhere, no chip is left"),
    ):
        with pytest.raises(error, match=message):
            measure_offsets(image, image, **({"window": Window(rows=16, cols=16), "grid": (2, 2)} | options))
    with pytest.raises(ValueError, match="slc must have valid samples below each other, got none"):
        doppler_centroid(image * np.nan)
    with pytest.raises(ValueError, match="slc must have at least two rows, got 1"):
        doppler_centroid(image[:1])
