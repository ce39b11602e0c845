"""Windows and looks of metres, on the map and in longitude and latitude."""

import numpy as np
import pytest
from pyproj import Geod

from m3leo_sar import GeoBox, Looks, TileGrid, Window
from m3leo_sar.grid.pixel_spacing import pixel_spacing


@pytest.mark.parametrize("latitude", [0.0, 47.3, 78.0])
def test_spacing_in_degrees_is_that_on_the_ellipsoid(latitude):
    box = GeoBox.from_bounds((5.0, latitude - 0.005, 5.02, latitude + 0.005), shape=(40, 50), crs="EPSG:4326")
    north = Geod(ellps="WGS84").inv(5.0, latitude - 0.005, 5.0, latitude + 0.005)[2] / 40
    east = Geod(ellps="WGS84").inv(5.0, latitude, 5.02, latitude)[2] / 50
    np.testing.assert_allclose(pixel_spacing(box), (north, east), rtol=1e-6)


def test_extents_of_metres():
    box = GeoBox.from_bounds((500_000, 0, 500_400, 200), shape=(10, 40), crs="EPSG:32631")
    assert Window.of_metres(rows=100, cols=100, grid=box) == Window(rows=5, cols=11)
    assert Looks.of_metres(rows=100, cols=100, grid=box) == Looks(rows=5, cols=10)
    assert Looks.of_metres(rows=1, cols=1, grid=box) == Looks(rows=1, cols=1)
    tile = TileGrid.exact((5.0, 52.0, 5.02, 52.01))[0]
    assert Window.of_metres(rows=50, cols=90, grid=tile) == Window(rows=5, cols=9)
    feet = GeoBox.from_bounds((0, 0, 1000, 500), shape=(50, 100), crs="EPSG:2263")
    np.testing.assert_allclose(pixel_spacing(feet), (3.048, 3.048), rtol=1e-5)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(TypeError, match="give grid, a GeoBox or Tile, or spacing"):
        Window.of_metres(rows=50, cols=50)
    with pytest.raises(TypeError, match="grid must be a Tile or a GeoBox, got int"):
        Window.of_metres(rows=50, cols=50, grid=5)
    with pytest.raises(ValueError, match="cols and its spacing must be metres above 0, got 0 and 2.3"):
        Looks.of_metres(rows=50, cols=0, spacing=(14.0, 2.3))
