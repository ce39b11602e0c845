"""Bursts onto the grid of another date: the formula, blocks and bits, storage, and what is refused."""

import numpy as np
import pytest
from reference import coregister_reference

from m3leo_sar.grid.height_polynomial import HeightPolynomial
from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier
from m3leo_sar.insar.spectral_diversity import spectral_diversity
from m3leo_sar.stack.complex_int16 import from_complex_int16
from m3leo_sar.warp.burst_heights import BurstHeights
from m3leo_sar.warp.burst_offsets import BurstOffsets, OffsetError
from m3leo_sar.warp.coregister import coregister, int16_scale
from m3leo_sar.warp.kernel_table import kernel_table

ORIGIN, SCALE = (40.0, 60.0, 500.0), (40.0, 60.0, 600.0)
#: Radians, per column and per column of offset: 10^5 radians that nearly cancel.
PHASE = (-1.2e5 + 7.0, 0.002, 4.0e4)


def carrier(lines=96, samples=150):
    """A carrier as steep as that of a whole Sentinel-1 burst, in fewer lines."""
    rates = RangePolynomial(5.3e-3, (-2300.0, 4.0e5, -6.0e7)), RangePolynomial(5.35e-3, (-330.0, 2e4, 1e6))
    return TopsCarrier(lines, 0.0020555563, 5.34e-3, 1.55e-8 * 100, 5.4e-3, 6700.0 * 3, *rates)


def offsets(random, shape=(83, 131), *, azimuth=0.6, across=3.0):
    tables = [np.zeros((4, 7, 4)) for _ in range(2)]
    for table, mean in zip(tables, (azimuth, across), strict=True):
        table[:3, :4, :3] = 0.03 * random.normal(size=(3, 4, 3))
        table[0, 0, 0] = mean
    polynomials = [HeightPolynomial(table, origin=ORIGIN, scale=SCALE) for table in tables]
    return BurstOffsets(*polynomials, PHASE, OffsetError(0.0, 0.0, 0.0), shape)


def plane(shape=(83, 131), *, steps=(2, 8)):
    """Posts of a plane of heights, and the heights of all pixels."""
    size = [-(-(extent - 1) // step) + 1 for extent, step in zip(shape, steps, strict=True)]
    post = np.indices(size)
    height = 100.0 + 5.0 * steps[0] * post[0] + 4.0 * steps[1] * post[1]
    row, col = np.indices(shape)
    return BurstHeights(height.astype(np.float32), *steps), 100.0 + 5.0 * row + 4.0 * col


def burst(random, shape=(96, 150)):
    """Speckle of 80 % of the band with the carrier on, as a burst is stored."""
    spectrum = np.zeros(shape, complex)
    half = [int(0.4 * size) for size in shape]
    for down in (slice(0, half[0]), slice(-half[0], None)):
        for along in (slice(0, half[1]), slice(-half[1], None)):
            size = (half[0], half[1])
            spectrum[down, along] = random.normal(size=size) + 1j * random.normal(size=size)
    image = np.fft.ifft2(spectrum) * np.sqrt(spectrum.size) * 40
    lines, samples = np.indices(shape)
    return (image * np.exp(1j * carrier(*shape)(lines, samples))).astype(np.complex64)


@pytest.mark.parametrize("kernel", ["sinc", "sinc12"])
def test_follows_the_formula(backend, rng, kernel):
    shape, out = (46, 92), (37, 71)
    image, found, (posts, height) = burst(rng, shape), offsets(rng, out), plane(out)
    image[20:23, 30] = np.nan
    valid = np.tile([2, shape[1] - 6], (shape[0], 1)).astype(np.int64)
    valid[:3] = -1
    valid[9] = 11, 30
    tables = [(table.coefficients, ORIGIN, SCALE) for table in found[:2]]
    expected = coregister_reference(
        image, valid, tables, PHASE, carrier(*shape), height, (kernel_table("sinc"), kernel_table(kernel)), shift=0.07
    )
    got = coregister(
        backend.array(image),
        offsets=found,
        heights=posts,
        carrier=carrier(*shape),
        valid=valid,
        azimuth_shift=0.07,
        resampling=kernel,
    )
    pixels = backend.numpy(got.pixels)
    assert pixels.dtype == np.complex64
    assert pixels.shape == out
    np.testing.assert_array_equal(np.isnan(pixels), np.isnan(expected))
    known = ~np.isnan(expected)
    assert 0.5 < known.mean() < 1
    # Beside holes the quotient by little weight is large.
    near = abs(pixels - expected)[known] / (1 + abs(expected[known]) / 40)
    assert np.median(near) < 2e-3
    assert near.max() < 0.05
    assert (got.scale, got.saturated) == (1.0, 0)


def test_the_carrier_comes_off_at_samples_and_on_at_positions(backend, rng):
    """A burst of nothing but its carrier is its carrier at the position; flattening adds the range phase."""
    shape, out = (96, 60), (83, 37)
    lines, samples = np.indices(shape)
    ramp = carrier(*shape)
    image = np.exp(1j * ramp(lines, samples)).astype(np.complex64)
    found, (posts, height) = offsets(rng, out, azimuth=3.3, across=4.6), plane(out)
    row, col = np.indices(out).astype(float)
    at = found.at(row, col, height)
    moved = ramp(row + at.azimuth, col + at.range)
    inner = (slice(8, -8), slice(8, -8))
    for flatten, phase in ((True, moved + at.phase), (False, moved)):
        result = coregister(
            backend.array(image), offsets=found, heights=posts, carrier=ramp, flatten=flatten, resampling="sinc12"
        )
        left = np.angle(backend.numpy(result.pixels) * np.exp(-1j * phase))[inner]
        assert abs(left).max() < 1e-3
    wrong = coregister(backend.array(image), offsets=found, heights=posts, flatten=False)
    assert abs(np.angle(backend.numpy(wrong.pixels) * np.exp(-1j * moved))[inner]).max() > 0.5


@pytest.mark.parametrize("output", ["complex64", "int16"])
def test_a_block_of_rows_has_the_bits_of_the_whole(rng, output):
    shape, out = (700, 150), (690, 131)
    image = burst(rng, shape)
    image[300:303, 40:44] = np.nan
    found, (posts, _) = offsets(rng, out, azimuth=-7.4), plane(out)
    # The slopes of the small scene would run off over this many rows.
    options = {
        "offsets": found._replace(**{name: _calm(getattr(found, name), out) for name in ("azimuth", "range")}),
        "heights": posts._replace(height=np.minimum(posts.height, 1000)),
        "carrier": carrier(*shape),
        "output": output,
        "resampling": "sinc12",
    }
    whole = coregister(image, **options)
    assert np.isfinite(whole.pixels.astype(np.complex64)).mean() > 0.9
    for rows in (slice(0, 1), slice(5, 70), slice(63, 65), slice(201, 690), slice(255, 258)):
        part = coregister(image, **options, rows=rows)
        np.testing.assert_array_equal(part.pixels, whole.pixels[rows])
    assert coregister(image, **options, rows=slice(4, 4)).pixels.shape[0] == 0


class Lines:
    """A burst that is read as it is needed."""

    def __init__(self, image):
        self.image, self.shape, self.dtype, self.ndim, self.most = image, image.shape, image.dtype, image.ndim, 0

    def __getitem__(self, lines):
        found = self.image[lines].copy()
        self.most = max(self.most, len(found))
        return found


@pytest.mark.parametrize("stored", [False, True])
def test_lines_that_are_read_as_needed_have_the_bits_of_the_whole_burst(backend, rng, stored):
    shape, out = (700, 50), (690, 31)
    image = burst(rng, shape)
    image = np.rint(image.view(np.float32)).reshape(*shape, 2).astype(np.int16) if stored else image
    found, (posts, _) = offsets(rng, out, azimuth=-7.4), plane(out)
    valid = np.stack([np.arange(shape[0]) % 5, 40 + np.arange(shape[0]) % 7], axis=1)
    valid[[0, 300, 699]] = -1
    options = {
        "offsets": found._replace(**{name: _calm(getattr(found, name), out) for name in ("azimuth", "range")}),
        "heights": posts._replace(height=np.minimum(posts.height, 1000)),
        "carrier": carrier(*shape),
        "valid": valid,
        "output": "int16",
    }
    whole = coregister(backend.array(image), **options)
    lines = Lines(backend.array(image))
    part = coregister(lines, **options)
    np.testing.assert_array_equal(backend.numpy(part.pixels), backend.numpy(whole.pixels))
    assert part[1:] == whole[1:]
    # A block, what its kernel needs, and the lines since the carrier began anew.
    assert lines.most < 128 + 100


def _calm(polynomial, shape):
    origin = tuple((size - 1) / 2 for size in shape) + ORIGIN[2:]
    return HeightPolynomial(polynomial.coefficients, origin=origin, scale=(*origin[:2], SCALE[2]))


def test_int16_in_and_out(backend, rng):
    shape, out = (71, 49), (66, 37)
    image = burst(rng, shape)
    parts = np.rint(image.view(np.float32)).reshape(*shape, 2).astype(np.int16)
    parts[30, 20] = -32768
    as_complex = np.where((parts == -32768).all(axis=-1), np.nan, parts[..., 0] + 1j * parts[..., 1])
    found, (posts, _) = offsets(rng, out), plane(out)
    options = {"offsets": found, "heights": posts, "carrier": carrier(*shape)}
    expected = backend.numpy(coregister(backend.array(as_complex.astype(np.complex64)), **options).pixels)
    np.testing.assert_array_equal(backend.numpy(coregister(backend.array(parts), **options).pixels), expected)
    stored = coregister(backend.array(parts), **options, output="int16")
    assert stored.scale == 0.5 ** round(-np.log2(stored.scale))
    assert stored.scale == int16_scale(backend.array(parts))
    back = from_complex_int16(backend.numpy(stored.pixels), scale=stored.scale)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(expected))
    assert np.nanmax(abs(back.real - expected.real)) <= stored.scale / 2
    assert stored.saturated == 0
    # What does not fit is clipped and counted.
    coarse = coregister(backend.array(parts), **options, output="int16", scale=2.0**-10)
    clipped = backend.numpy(coarse.pixels)
    assert clipped[~np.isnan(expected)].min() == -32767
    fits = (abs(expected.real) < 32767.4 / 1024) & (abs(expected.imag) < 32767.4 / 1024)
    assert abs(coarse.saturated - (~fits & ~np.isnan(expected)).sum()) <= 1
    assert coarse.saturated > 0


def test_pixels_without_height_or_off_the_burst_are_no_data(backend, rng):
    shape, out = (71, 49), (66, 37)
    image = backend.array(burst(rng, shape))
    posts, _ = plane(out)
    posts.height[10, 2] = np.nan
    got = backend.numpy(coregister(image, offsets=offsets(rng, out), heights=posts).pixels)
    assert np.isnan(got[19:22, 9:24]).all()
    assert np.isfinite(got[17, 9:24]).all()
    far = coregister(image, offsets=offsets(rng, out, azimuth=300.0), heights=posts)
    assert np.isnan(backend.numpy(far.pixels)).all()
    unknown = posts._replace(height=posts.height * np.nan)
    assert np.isnan(backend.numpy(coregister(image, offsets=offsets(rng, out), heights=unknown).pixels)).all()


def test_a_late_burst_is_found_by_spectral_diversity_and_taken_back(rng):
    """The resampler moves the overlap of two bursts by a hundredth of a line; what it measures takes it back."""
    shape, interval = (70, 160), 0.0020555563
    rates = RangePolynomial(5.3e-3, (-2300.0, 4.0e5, -6.0e7)), RangePolynomial(5.35e-3, (-30.0, 2e4, 1e6))
    whole = TopsCarrier(1500, interval, 5.34e-3, 1.55e-8, 5.5e-3, 6700.0, *rates)
    firsts = 1400, 1400 - 2.7586 / interval
    flat = BurstHeights(np.zeros((2, 2), np.float32), 70, 160)
    still = [HeightPolynomial(np.zeros((1, 1, 1)))] * 2
    same = BurstOffsets(*still, (0.0, 0.0, 0.0), OffsetError(0.0, 0.0, 0.0), shape)
    pairs: dict[float, list] = {0.0: [], 0.01: []}
    for first in firsts:
        ramp = lambda row, col, first=first: whole(row + first, col)  # noqa: E731
        options = {"offsets": same, "heights": flat, "carrier": ramp}
        lines, samples = np.indices(shape)
        speckle = burst(rng, shape) * np.exp(-1j * carrier(*shape)(lines, samples))
        reference = (speckle * np.exp(1j * ramp(lines, samples))).astype(np.complex64)
        late = coregister(reference, **options, azimuth_shift=-0.01).pixels
        for taken, both in pairs.items():
            both.append((reference, coregister(late, **options, azimuth_shift=taken).pixels))
    row, col = np.mgrid[: shape[0], : shape[1]].astype(float)
    separation = whole.frequency(row + firsts[0], col) - whole.frequency(row + firsts[1], col)
    assert 4500 < separation.mean() < 5000
    for taken, both in pairs.items():
        found = spectral_diversity(*both, separation=separation, azimuth_interval=interval)
        assert found.lines == pytest.approx(0.01 - taken, abs=5e-5)


def test_units_of_storage():
    quiet = np.full((30, 40), 5 - 5j, np.complex64)
    assert 32 <= 5 / int16_scale(quiet) < 64
    quiet[:, :20] = 0
    valid = np.tile([20, 39], (30, 1))
    assert 32 <= 5 / int16_scale(quiet, valid=valid) < 64
    assert int16_scale(quiet * 0) == 1.0
    assert int16_scale(quiet * np.nan) == 1.0


def test_refusals_name_what_came(rng):
    image, found, (posts, _) = burst(rng), offsets(rng), plane()
    options = {"offsets": found, "heights": posts}
    with pytest.raises(TypeError, match="slc must be .* complex64 or .* int16, got complex128 of shape"):
        coregister(image.astype(complex), **options)
    with pytest.raises(ValueError, match=r"valid must be \(lines, 2\), .* of 96 lines, got \(90, 2\)"):
        coregister(image, **options, valid=np.zeros((90, 2), np.int64))
    with pytest.raises(ValueError, match="resampling must be one of sinc, sinc12, got 'cubic'"):
        coregister(image, **options, resampling="cubic")
    with pytest.raises(ValueError, match="output must be complex64 or int16, got 'int8'"):
        coregister(image, **options, output="int8")
    with pytest.raises(ValueError, match="azimuth_shift must be finite, got nan"):
        coregister(image, **options, azimuth_shift=np.nan)
    with pytest.raises(ValueError, match="scale must be finite and above 0, got 0"):
        coregister(image, **options, output="int16", scale=0)
    with pytest.raises(ValueError, match="carrier must be finite, of degree 2 in rows"):
        coregister(image, **options, carrier=lambda row, col: 1e-4 * row**3 + 0 * col)
    with pytest.raises(ValueError, match="heights must lie within those of offsets, -100 to 1100 m, got 900 to 9"):
        coregister(image, offsets=found, heights=posts._replace(height=posts.height * 9))
