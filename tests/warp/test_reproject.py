import numpy as np
import pytest
from reference import bilinear_reference, kernel_reference

from m3leo_sar import GeoBox, reproject
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map
from m3leo_sar.warp.sample import margin_of, sample

SOURCE = GeoBox.from_bounds((500000, 5800000, 500700, 5800500), shape=(25, 35), crs="EPSG:32631")
KERNELS = ["bilinear", "cubic", "cubic_spline", "lanczos"]
DTYPES = ["float32", "float64", "complex64", "complex128"]


def noise(shape, dtype):
    random = np.random.default_rng(5)
    values = random.normal(size=shape) + (1j * random.normal(size=shape) if "complex" in dtype else 0)
    return values.astype(dtype)


def _infinity(dtype):
    return complex(1, -np.inf) if "complex" in dtype else np.inf


def on(backend, positions):
    """The map where the backend's arrays live."""
    return PixelMap(backend.array(positions.rows), backend.array(positions.cols))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "lanczos"])
def test_identity_and_crop_keep_the_bits(backend, dtype, resampling):
    source = noise((3, *SOURCE.shape), dtype)
    source[0, 2, 3], source[1, 4, 5], source[2, 6, 7] = np.nan, -0.0, np.inf
    same = backend.numpy(reproject(backend.array(source), SOURCE, SOURCE, resampling=resampling))
    assert same.dtype == source.dtype
    # A copy keeps an infinity; every other rule takes it for no data.
    expected = source if resampling == "nearest" else np.where(np.isfinite(source), source, np.nan)
    np.testing.assert_array_equal(same, expected)
    assert np.signbit(same[1, 4, 5].real)
    rows, cols = slice(3, 20), slice(5, 11)
    crop = reproject(backend.array(source), SOURCE, SOURCE.crop(rows, cols), resampling=resampling)
    np.testing.assert_array_equal(backend.numpy(crop), expected[:, rows, cols])


@pytest.mark.parametrize("dtype", DTYPES)
def test_bilinear_follows_the_rule_with_holes_and_edges(backend, dtype):
    source = noise((9, 11), dtype)
    source[noise((9, 11), "float64") > 0.8] = np.nan
    source[noise((9, 11), "float64") > 1.4] = _infinity(dtype)
    random = np.random.default_rng(7)
    positions = PixelMap(random.uniform(-1, 9.5, (13, 17)), random.uniform(-1, 11.5, (13, 17)))
    expected = bilinear_reference(source, positions.rows, positions.cols)
    assert 0 < np.isnan(expected).sum() < expected.size
    tolerance = 1e-6 if dtype in ("float32", "complex64") else 1e-13
    got = backend.numpy(sample(backend.array(source), on(backend, positions)))
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def test_half_of_the_weight_is_enough_and_less_is_not(backend):
    source = np.array([[1.0, np.nan, np.nan]])
    positions = PixelMap(np.zeros((1, 3)), np.array([[0.25, 0.5, 0.75]]))
    got = backend.numpy(sample(backend.array(source), on(backend, positions)))
    np.testing.assert_array_equal(got, [[1.0, 1.0, np.nan]])


def test_nearest_rounds_halves_up_and_stops_half_a_pixel_out(backend):
    source = np.array([[10, 20, 30]], np.uint8)
    positions = PixelMap(np.zeros((1, 6)), np.array([[-0.6, -0.5, 0.5, 0.49999999999999994, 2.5, 2.6]]))
    taken = sample(backend.array(source), on(backend, positions), resampling="nearest", nodata=255)
    taken = backend.numpy(taken)
    np.testing.assert_array_equal(taken, [[255, 10, 20, 10, 30, 255]])
    assert taken.dtype == np.uint8


@pytest.mark.parametrize(("dtype", "bound"), [("complex128", 1e-9), ("complex64", 1e-6)])
def test_coordinates_carried_as_phase_come_back(dtype, bound):
    source_box = GeoBox.from_bounds((2.99, 52.33, 3.02, 52.36), shape=(150, 170), crs="EPSG:4326")
    tile = GeoBox.from_bounds((500000, 5798000, 501000, 5799100), shape=(55, 50), crs="EPSG:32631")
    longitude, latitude = np.deg2rad(source_box.centres())
    source = np.exp(1j * np.stack([longitude, latitude])).astype(dtype)
    x, y = tile.transformer_to("EPSG:4326").transform(*tile.centres())
    for resampling in KERNELS:
        for antialias in (False, True):
            found = np.angle(reproject(source, source_box, tile, resampling=resampling, antialias=antialias))
            # Lanczos that is not stretched does not keep a slope between pixels.
            loose = 1e-7 if resampling == "lanczos" else 0
            assert np.abs(found - np.deg2rad([x, y]))[:, 2:-2, 2:-2].max() < bound + loose


@pytest.mark.parametrize("resampling", ["nearest", *KERNELS])
@pytest.mark.parametrize("pixels", [(21, 19), (9, 8)])
def test_the_window_of_a_map_gives_the_same_bits(resampling, pixels):
    source = noise(SOURCE.shape, "complex64")
    source[10:12, 15:17] = np.nan
    tile = GeoBox.from_bounds((500133, 5800105, 500391, 5800333), shape=pixels, crs="EPSG:32631")
    positions = pixel_map(SOURCE, tile)
    rows, cols = positions.window(margin=margin_of(positions, resampling))
    part = sample(source[rows, cols], positions.relative_to(rows, cols), resampling=resampling)
    assert source[rows, cols].size < source.size
    np.testing.assert_array_equal(part, sample(source, positions, resampling=resampling))


def test_longitude_is_taken_modulo_a_turn():
    source_box = GeoBox.from_bounds((170, 0, 190, 10), shape=(10, 20), crs="EPSG:4326")
    tile = GeoBox.from_bounds((-180, 0, -175, 5), shape=(5, 5), crs="EPSG:4326")
    source = np.tile(np.arange(20.0), (10, 1))
    np.testing.assert_array_equal(reproject(source, source_box, tile), np.tile(np.arange(10.0, 15.0), (5, 1)))


def test_outside_is_no_data_and_its_window_is_refused():
    tile = GeoBox.from_bounds((600000, 5800000, 600100, 5800100), shape=(4, 5), crs="EPSG:32631")
    assert np.isnan(reproject(noise(SOURCE.shape, "float32"), SOURCE, tile)).all()
    with pytest.raises(ValueError, match="the tile lies outside the source"):
        pixel_map(SOURCE, tile).window()


def test_refusals_name_what_came():
    source = noise(SOURCE.shape, "float32")
    with pytest.raises(ValueError, match="cubic_spline, lanczos, average, sum, min, max, mode, got 'mean'"):
        reproject(source, SOURCE, SOURCE, resampling="mean")
    with pytest.raises(ValueError, match=r"\(25, 35\).*got \(24, 35\)"):
        reproject(source[1:], SOURCE, SOURCE)
    with pytest.raises(TypeError, match="got float16"):
        reproject(source.astype("float16"), SOURCE, SOURCE)
    labels = source.astype("int16")
    with pytest.raises(TypeError, match="int16 can be resampled with 'nearest' or 'mode' only"):
        reproject(labels, SOURCE, SOURCE)
    with pytest.raises(ValueError, match="nodata must be given for int16"):
        reproject(labels, SOURCE, SOURCE, resampling="nearest")
    with pytest.raises(ValueError, match="from -32768 to 32767 for int16, got 40000"):
        reproject(labels, SOURCE, SOURCE, resampling="nearest", nodata=40000)
    with pytest.raises(ValueError, match="crs must be known to PROJ"):
        reproject(source, SOURCE, GeoBox(SOURCE.shape, SOURCE.affine, "EPSG:1"))


@pytest.mark.parametrize(
    ("resampling", "scale", "dtype"),
    [
        # Every kernel with and without a stretch, and each with two dtypes; the arithmetic of a dtype is one template.
        (kernel, scale, DTYPES[(number + 2 * stretched + number // 2) % 4])
        for number, kernel in enumerate(KERNELS)
        for stretched, scale in enumerate([None, (1.0, 2.3)])
    ],
)
def test_kernels_follow_the_rule_with_holes_and_edges(backend, dtype, resampling, scale):
    source = noise((13, 17), dtype)
    source[noise((13, 17), "float64") > 1.0] = np.nan
    source[noise((13, 17), "float64") > 1.5] = _infinity(dtype)
    random = np.random.default_rng(7)
    rows, cols = random.uniform(-1, 13.5, (7, 9)), random.uniform(-1, 17.5, (7, 9))
    positions = PixelMap(backend.array(rows), backend.array(cols), scale=scale)
    expected = kernel_reference(source, rows, cols, resampling, scale or (1.0, 1.0))
    assert 0 < np.isnan(expected).sum() < expected.size
    tolerance = 2e-6 if dtype in ("float32", "complex64") else 1e-12
    got = backend.numpy(sample(backend.array(source), positions, resampling=resampling))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    # Where little weight is left of either sign the quotient is large.
    np.testing.assert_allclose(got, expected, rtol=50 * tolerance, atol=tolerance)


@pytest.mark.parametrize("shared", [True, False], ids=["shared axes", "turned"])
@pytest.mark.parametrize(
    ("resampling", "scale", "dtype"),
    [
        ("bilinear", (1.0, 2.0), "float32"),
        ("bilinear", (3.9, 1.3), "complex128"),
        ("cubic", (1.0, 1.9), "complex128"),
        ("cubic_spline", (2.0, 1.0), "float32"),
        ("lanczos", (1.3, 1.0), "complex128"),
        ("bilinear", (1.0, 4.2), "float32"),
    ],
)
def test_stretched_kernels_over_many_pixels_follow_the_rule_and_a_crop_keeps_the_bits(
    backend, resampling, scale, dtype, shared
):
    """Chunks of pixels in one row of the raster or not, whole positions, holes, edges, several bands."""
    rows, cols = 5 * scale[0], 70 * scale[1]
    source = noise((3, int(rows) + 17, int(cols) + 19), dtype)
    source[1, 3:5, 40:44] = np.nan
    source[2, 4, 52] = _infinity(dtype)
    row, col = np.indices((5, 70), dtype=np.float64)
    row, col = (
        2.25 + row * scale[0] + (0 if shared else 0.01 * col),
        -0.4 + col * scale[1] + (0 if shared else 0.2 * row),
    )
    # In steps that a crop's shift does not round.
    row, col = np.round(row * 256) / 256, np.round(col * 256) / 256
    positions = PixelMap(row, col, source.shape[1:], scale=scale)
    got = backend.numpy(sample(backend.array(source), _moved(backend, positions), resampling=resampling))
    tolerance = 2e-6 if dtype == "float32" else 1e-12
    for band in range(3):
        expected = kernel_reference(source[band], row, col, resampling, scale)
        np.testing.assert_array_equal(np.isnan(got[band]), np.isnan(expected))
        np.testing.assert_allclose(got[band], expected, rtol=50 * tolerance, atol=tolerance)
    inner = PixelMap(row[1:4, 13:59], col[1:4, 13:59], source.shape[1:], scale=scale)
    _assert_crop_keeps_bits(backend, source, inner, resampling)


@pytest.mark.parametrize("edge", ["first row", "last row", "first column", "last column"])
@pytest.mark.parametrize(
    ("resampling", "scale"), [("bilinear", (1.5, 1.5)), ("bilinear", (1.0, 2.0)), ("cubic", (1.5, 1.0))]
)
def test_a_crop_of_the_few_pixels_at_an_edge_keeps_the_bits(backend, resampling, scale, edge):
    source = noise((2, 31, 90), "float64")
    row, col = np.indices((5, 70), dtype=np.float64)
    row, col = 2.25 + row * scale[0], 3.375 + col * 1.125
    row += {"first row": 0.625 - row.max(), "last row": 30 - 0.625 - row.min()}.get(edge, 0)
    col += {"first column": 0.625 - col.max(), "last column": 89 - 0.625 - col.min()}.get(edge, 0)
    positions = PixelMap(row, col, source.shape[1:], scale=scale)
    assert np.isfinite(backend.numpy(sample(backend.array(source), _moved(backend, positions)))).any()
    _assert_crop_keeps_bits(backend, source, positions, resampling)


def _assert_crop_keeps_bits(backend, source, positions, resampling):
    rows, cols = positions.window(margin=margin_of(positions, resampling))
    part = backend.array(np.ascontiguousarray(source[:, rows, cols]))
    crop = sample(part, _moved(backend, positions.relative_to(rows, cols)), resampling=resampling)
    whole = sample(backend.array(source), _moved(backend, positions), resampling=resampling)
    np.testing.assert_array_equal(backend.numpy(crop), backend.numpy(whole))


def _moved(backend, positions):
    rows, cols = backend.array(positions.rows), backend.array(positions.cols)
    return PixelMap(rows, cols, positions.source_shape, scale=positions.scale)


@pytest.mark.parametrize("resampling", KERNELS)
@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:32632", "EPSG:4326"])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_kernels_agree_with_gdal(resampling, crs, dtype):
    warp = pytest.importorskip("rasterio.warp")
    row, col = np.indices((200, 230))
    source = (np.sin(row / 9) + np.cos(col / 7 + row / 30)).astype(dtype)
    if dtype == "complex64":
        source *= np.exp(1j * col / 15).astype(dtype)
    box = GeoBox.from_bounds((500000, 5800000, 504600, 5804000), shape=(200, 230), crs="EPSG:32631")
    x, y = box.transformer_to(crs).transform([501000, 503400], [5801000, 5803000])
    tile = GeoBox.from_bounds((min(x), min(y), max(x), max(y)), shape=(151, 163), crs=crs)
    expected = np.full(tile.shape, np.nan, dtype)
    warp.reproject(source, expected, src_transform=box.affine, src_crs=box.crs, dst_transform=tile.affine,
                   dst_crs=tile.crs, resampling=warp.Resampling[resampling], tolerance=0)  # fmt: skip
    got = reproject(source, box, tile, resampling=resampling, antialias=False)
    # In another CRS GDAL takes the transform for linear along a row, whatever the tolerance it is given.
    bound = 1e-5 if crs == box.crs else 4e-4
    assert abs(got - expected).max() < bound * np.ptp(source.real)


def test_downsampling_passes_no_pixel_over(backend):
    """A checkerboard of one pixel vanishes; without the stretch it would alias."""
    source = (np.indices((120, 160)).sum(0) % 2).astype(np.float32)
    box = GeoBox.from_bounds((0, 0, 1600, 1200), shape=(120, 160), crs="EPSG:32631")
    tile = GeoBox.from_bounds((200, 200, 1190, 970), shape=(35, 45), crs="EPSG:32631")
    for resampling in KERNELS:
        smooth = backend.numpy(reproject(backend.array(source), box, tile, resampling=resampling))
        assert abs(smooth - 0.5).max() < 0.03, resampling
        aliased = backend.numpy(reproject(backend.array(source), box, tile, resampling=resampling, antialias=False))
        assert np.ptp(aliased) > (0.05 if resampling == "cubic_spline" else 0.3), resampling
    far = GeoBox.from_bounds((0, 0, 1600, 1200), shape=(12, 16), crs="EPSG:32631")
    with pytest.raises(ValueError, match="a step of 10.0 source pixels takes 61; multilook the source first"):
        reproject(source, box, far, resampling="lanczos")


def test_bilinear_agrees_with_gdal():
    warp = pytest.importorskip("rasterio.warp")
    source = np.add.outer(np.sin(np.arange(25) / 4), np.cos(np.arange(35) / 5))
    tile = GeoBox.from_bounds((500133, 5800105, 500391, 5800333), shape=(21, 19), crs="EPSG:32631")
    expected = np.full(tile.shape, np.nan)
    warp.reproject(source, expected, src_transform=SOURCE.affine, src_crs=SOURCE.crs, dst_transform=tile.affine,
                   dst_crs=tile.crs, resampling=warp.Resampling.bilinear, tolerance=0)  # fmt: skip
    np.testing.assert_allclose(reproject(source, SOURCE, tile), expected, atol=1e-6)
