"""Pixel spacing on the ground, against distances between ground points, and windows in metres from it."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from m3leo_sar import GeoBox, RadarGrid, SlcStack, Window
from m3leo_sar.app.options import window_of, window_text
from m3leo_sar.grid.orbit import earth_fixed
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.ground_spacing import ground_spacing
from m3leo_sar.warp.geo2rdr import rdr2geo


def radar(slant_range: float) -> OrbitGeometry:
    grid = RadarGrid((40, 50), azimuth_time=0.0, azimuth_interval=0.0020555563, slant_range=slant_range,
                     range_spacing=2.3296, wavelength=0.0555)  # fmt: skip
    box = GeoBox.from_bounds((-200, -90, 200, 90), shape=(2, 2), crs="EPSG:4326")
    return OrbitGeometry(circular_orbit(), grid, np.zeros(box.shape), box)


@pytest.mark.parametrize("slant_range", [8.0e5, 9.6e5])
def test_it_is_the_distance_between_ground_points(slant_range):
    place = radar(slant_range)
    found = rdr2geo(orbit=place.orbit, radar_grid=place.radar_grid, dem=place.dem, dem_geobox=place.dem_geobox,
                    rows=[19.0, 20.0, 19.0], cols=[24.0, 24.0, 25.0])  # fmt: skip
    points = earth_fixed(found.longitude, found.latitude, found.height)
    true = [float(np.linalg.norm(points[index] - points[0])) for index in (1, 2)]
    assert ground_spacing(place) == pytest.approx(true, rel=0.012)


def stack_on(geometry) -> SlcStack:
    pixels = np.ones((1, *geometry.shape), "complex64")
    return SlcStack.from_arrays(pixels, [datetime.date(2023, 3, 1)], geometry=geometry, polarisation="VV")


def test_a_window_in_metres_has_the_rows_and_columns_that_cover_them():
    stack = stack_on(radar(8.6e5))
    rows, cols = ground_spacing(stack.geometry)
    window = window_of("90m", stack)
    assert (window.rows, window.cols) == (7, 2 * int(90 / cols / 2) + 1)
    assert window_of("30.5mx90m", stack).cols == window.cols
    assert window_of("30.5mx90m", stack).rows == 3
    box = GeoBox.from_bounds((0, 0, 600, 400), shape=(40, 30), crs="EPSG:32631")
    assert window_of("90m", stack_on(box)) == Window(rows=9, cols=5)
    assert window_of("5X20") == Window(rows=5, cols=20)
    expected = f"7 x {window.cols} pixels of {rows:.1f} m x {cols:.1f} m on level ground, {7 * rows:.0f} m x "
    assert expected in window_text("90m", window, stack)


@pytest.mark.parametrize("text", ["5", "5x", "90mx5", "5.5x20", "x20", "axb", "-5x20", "90km", "1x2x3", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="--window must read ROWSxCOLS in pixels, such as 5x20, or metres"):
        window_of(text, stack_on(radar(8.6e5)))
    with pytest.raises(ValueError, match="--window must be in pixels here"):
        window_of("90m")
