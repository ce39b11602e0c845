import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.warp.interpolated import interpolated
from m3leo_sar.warp.pixel_map import pixel_map

TILE = GeoBox.from_bounds((6.001, 49.601, 6.062, 49.641), shape=(448, 441), crs="EPSG:4326")


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:32632", "EPSG:3035", "EPSG:3857", "EPSG:32661"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
def test_positions_are_those_of_every_centre_by_itself(crs, tolerance):
    x, y = TILE.transformer_to(crs).transform([6.001, 6.062], [49.601, 49.641])
    source = GeoBox.from_bounds((min(x) - 500, min(y) - 700, max(x) + 900, max(y) + 400), shape=(600, 570), crs=crs)
    exact, found = pixel_map(source, TILE, tolerance=0), pixel_map(source, TILE, tolerance=tolerance)
    assert exact.error == 0
    assert 0 < found.error <= tolerance
    worst = max(abs(exact.rows - found.rows).max(), abs(exact.cols - found.cols).max())
    assert worst <= max(tolerance, 2e-7)
    assert worst <= 4 * found.error + 2e-7


@pytest.mark.parametrize(
    ("bounds", "crs"), [((179.9, 10, 180.1, 10.1), "EPSG:32601"), ((-10, 89.5, 300, 90), "EPSG:3413")]
)
def test_across_the_antimeridian_and_at_the_pole(bounds, crs):
    source = GeoBox.from_bounds((0, 0, 1000, 1000), shape=(50, 60), crs=crs)
    tile = GeoBox.from_bounds(bounds, shape=(90, 80), crs="EPSG:4326")
    exact, found = pixel_map(source, tile, tolerance=0), pixel_map(source, tile)
    np.testing.assert_allclose(found.rows, exact.rows, atol=1e-4)
    np.testing.assert_allclose(found.cols, exact.cols, atol=1e-4)
    back = GeoBox.from_bounds((-170, 60, 190, 80), shape=(40, 300), crs="EPSG:4326")
    polar = GeoBox.from_bounds((-3e5, -2e5, 3e5, 2e5), shape=(70, 90), crs="EPSG:3413")
    exact, found = pixel_map(back, polar, tolerance=0), pixel_map(back, polar)
    # A pole is no place for a polynomial.
    assert found.error == 0
    np.testing.assert_array_equal(found.cols, exact.cols)


def test_a_polynomial_comes_back_and_a_step_is_refused():
    found = interpolated(lambda r, c: (r * c**3 - c, r**4 + 0.5), (60, 75), 1e-3)
    (rows, cols), error = found.rows @ found.cols, found.error
    i, j = np.indices((60, 75)).astype(float)
    np.testing.assert_allclose(rows, i * j**3 - j, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(cols, i**4 + 0.5, rtol=1e-12, atol=1e-6)
    assert error < 1e-3
    assert interpolated(lambda r, c: (np.where(c > 31, 1.0, 0.0), r), (60, 75), 1e-3) is None
    assert interpolated(lambda r, c: (np.where(c > 31, np.nan, 0.0), r), (60, 75), 1e-3) is None
    assert interpolated(lambda r, c: (r, c), (6, 7), 1e-3) is None


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="tolerance must be at least 0 pixels, got -1"):
        pixel_map(TILE, TILE, tolerance=-1)
