"""Tiles of a stack over the 180th meridian: those on it, on both sides, and no others."""

import datetime

import numpy as np
import pyproj
import pytest

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.run.choices import choose_tiles, footprint
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.geometry import OrbitGeometry, RadarGeometry, StoredRadarGeometry, band_extents

DATES = (datetime.date(2024, 1, 1), datetime.date(2024, 1, 13))


def stack_on(geometry):
    read = lambda i, r, c: np.ones((r.stop - r.start, c.stop - c.start), "c8")  # noqa: E731
    return SlcStack(dates=DATES, read=read, geometry=geometry, polarisation="VV")


def places():
    """The same ground as a map grid, as positions given in two ways, and as positions on disk."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32760", always_xy=True).transform(180.0, -16.8)
    box = GeoBox.from_bounds((x - 11000, y - 9000, x + 11000, y + 9000), shape=(90, 110), crs="EPSG:32760")
    lon, lat = box.transformer_to("EPSG:4326").transform(*box.centres())
    eastern = RadarGeometry(lat, np.where(lon < 0, lon + 360, lon))
    western = RadarGeometry(lat, lon)
    extents = np.array([band_extents(western.crop(slice(row, row + 33), slice(None)), 32) for row in (0, 32, 64)])
    stored = StoredRadarGeometry(shape=lon.shape, read=western.crop, block=32, extents=extents)
    return {"map": box, "to 360": eastern, "to 180": western, "stored": stored}


@pytest.mark.parametrize("lattice", ["exact", "legacy"])
def test_every_geometry_over_the_meridian_gives_the_same_tiles(lattice):
    found = {}
    for name, geometry in places().items():
        stack = stack_on(geometry)
        outline = footprint(stack)
        assert outline.is_valid
        assert outline.area == pytest.approx(0.2075 * 0.1655, rel=0.05)
        grid = choose_tiles(stack, lattice=lattice)
        middles = grid.bounds[:, [0, 2]].mean(axis=1)
        # 22 by 18 km and their rim, on both sides.
        assert 16 <= len(grid) <= 60
        assert (np.abs(np.abs(middles) - 180) < 0.15).all()
        assert len(set(np.sign(middles))) == 2
        found[name] = set(grid.identifiers)
    if lattice == "exact":
        for name in ("to 180", "stored"):
            assert found[name] == found["to 360"], name
        assert len(found["map"] & found["to 180"]) > 0.8 * len(found["map"])


def test_an_area_over_the_meridian_is_cut_to_the_stack():
    stack = stack_on(places()["map"])
    ring = "179.99 -16.85, 180.01 -16.85, 180.01 -16.8, 179.99 -16.8, 179.99 -16.85"
    part = choose_tiles(stack, aoi=f"POLYGON (({ring}))", lattice="exact")
    assert 4 <= len(part) <= 12
    with pytest.raises(ValueError, match=r"does not touch .*, whose bounds are 179\.9|does not touch .* -180\.1"):
        choose_tiles(stack, aoi="POLYGON ((0 -16.85, 1 -16.85, 1 -16.8, 0 -16.85))", lattice="exact")


def test_terrain_over_the_meridian_bounds_an_image_there():
    grid = RadarGrid((300, 2000), -0.3, 0.002, 8.2e5, 2.33, 0.0555)
    geometry = OrbitGeometry(circular_orbit(), grid, np.zeros((90, 110)), places()["map"])
    west, south, east, north = geometry.bounds
    assert east - west < 0.3
    assert north - south < 0.3
