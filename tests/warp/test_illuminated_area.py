"""Illuminated area: slopes whose answer is known, what layover adds up, and ground that is not seen."""

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.geo2rdr import geo2rdr, radar_view, rdr2geo
from m3leo_sar.warp.illuminated_area import flattened_gamma, illuminated_area

ORBIT = circular_orbit()
#: Looks of 20 m by 20 m or so.
GRID = RadarGrid((70, 90), -0.3, 0.003, 8.2e5, 12.0, 0.0555)
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")


@pytest.fixture(scope="module")
def ground():
    """A terrain grid around the image, and each post's column and row at sea level."""
    middle = rdr2geo(orbit=ORBIT, radar_grid=GRID, dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=[35], cols=[45])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=100)
    box = tile.geobox.pad(20, 20)
    longitude, latitude = box.transformer_to("EPSG:4326").transform(*box.centres())
    rows, cols = geo2rdr(latitude, longitude, 0.0, orbit=ORBIT, radar_grid=GRID)
    return box, rows, cols, float(middle.incidence[0])


@pytest.mark.parametrize("degrees", [10.0, -20.0])
def test_a_slope_across_the_track_has_its_known_area(ground, degrees):
    """Area per pixel of the slant plane is one over the tangent of the local incidence."""
    box, _, cols, incidence = ground
    metres = (cols - 45) * GRID.range_spacing / np.sin(np.radians(incidence))
    # Ground that rises away from the radar faces it.
    dem = 500 + np.tan(np.radians(degrees)) * metres
    area = illuminated_area(orbit=ORBIT, radar_grid=GRID, dem=dem, dem_geobox=box)
    gamma = flattened_gamma(np.ones(GRID.shape), area, orbit=ORBIT, radar_grid=GRID)
    view = radar_view(box, orbit=ORBIT, radar_grid=GRID, dem=dem, dem_geobox=box)
    seen = (abs(view.positions.rows - 35) < 12) & (abs(view.positions.cols - 45) < 15)
    local = float(np.radians(view.incidence[seen].mean()))
    assert np.degrees(local) == pytest.approx(incidence - degrees, abs=1.5)
    inner = gamma[23:47, 30:60]
    assert inner.mean() == pytest.approx(np.tan(local), rel=0.003)
    assert inner.std() / inner.mean() < 0.03


def test_no_area_is_lost_where_slopes_lie_over_each_other(ground):
    box, rows, cols, _ = ground
    ridge = 900.0 * np.exp(-(((cols - 45) / 9) ** 2) - ((rows - 35) / 12) ** 2)
    area = illuminated_area(orbit=ORBIT, radar_grid=GRID, dem=ridge, dem_geobox=box)
    finer = illuminated_area(orbit=ORBIT, radar_grid=GRID.reduced(2, 3), dem=ridge, dem_geobox=box)
    blocks = area.reshape(35, 2, 30, 3).sum(axis=(1, 3))
    assert blocks[3:-3, 3:-3].sum() == pytest.approx(finer[3:-3, 3:-3].sum(), rel=0.02)
    flat = illuminated_area(orbit=ORBIT, radar_grid=GRID, dem=np.zeros(box.shape), dem_geobox=box)
    assert area.max() > 2.5 * flat.max()


def test_hidden_and_unknown_ground_does_not_count(ground):
    box, _, cols, _ = ground
    hidden = cols > 45
    options = {"orbit": ORBIT, "radar_grid": GRID, "dem": np.zeros(box.shape), "dem_geobox": box}
    area = illuminated_area(**options, shadow=hidden)
    assert (area[:, :42] > 0).all()
    assert (area[:, 50:] == 0).all()
    beta = np.ones(GRID.shape, np.float32)
    gamma = flattened_gamma(beta, area, orbit=ORBIT, radar_grid=GRID)
    assert gamma.dtype == np.float32
    assert np.isnan(gamma[:, 50:]).all()
    unknown = options | {"dem": np.where(hidden, np.nan, 0.0)}
    np.testing.assert_array_equal(illuminated_area(**unknown), area)
    with pytest.raises(ValueError, match="shadow must have the shape of dem"):
        illuminated_area(**options, shadow=hidden[1:])
    with pytest.raises(ValueError, match="beta and area must have the shape of radar_grid"):
        flattened_gamma(beta[1:], area, orbit=ORBIT, radar_grid=GRID)
