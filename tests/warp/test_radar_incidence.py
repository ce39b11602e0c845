"""Local incidence in radar geometry: level ground, and the slopes of a tile's own angles."""

import numpy as np

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.geo2rdr import radar_view, rdr2geo
from m3leo_sar.warp.radar_incidence import radar_incidence

ORBIT = circular_orbit()
GRID = RadarGrid((300, 2000), -0.3, 0.002, 8.2e5, 2.33, 0.0555)
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")


def test_level_ground_has_the_angle_of_the_ellipsoid_and_hills_that_of_their_tile():
    options = {"orbit": ORBIT, "radar_grid": GRID}
    rows, cols = np.meshgrid(np.arange(0.0, 300, 29), np.arange(0.0, 2000, 170), indexing="ij")
    ground = rdr2geo(**options, dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=rows, cols=cols)
    lon, lat = float(ground.longitude[5, 6]), float(ground.latitude[5, 6])
    box = GeoBox.from_bounds((lon - 0.15, lat - 0.1, lon + 0.15, lat + 0.1), shape=(230, 310), crs="EPSG:4326")
    level = radar_incidence(**options, dem=np.zeros(box.shape), dem_geobox=box, rows=rows, cols=cols)
    np.testing.assert_allclose(level, ground.incidence, atol=1e-4)
    row, col = np.indices(box.shape)
    dem = 300 + 90 * np.sin(row / 15) * np.cos(col / 20)
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=81)
    view = radar_view(tile, **options, dem=dem, dem_geobox=box)
    places = {"rows": view.positions.rows, "cols": view.positions.cols}
    found = radar_incidence(**options, dem=dem, dem_geobox=box, **places)
    known = np.isfinite(found)
    assert known.mean() > 0.1
    assert np.ptp(view.incidence[known]) > 3
    assert np.median(abs(found - view.incidence)[known]) < 0.5
    dem[:, :150] = np.nan
    holes = radar_incidence(**options, dem=dem, dem_geobox=box, rows=rows, cols=cols)
    assert 0 < np.isnan(holes).sum() < holes.size
