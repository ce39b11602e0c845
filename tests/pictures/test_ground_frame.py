"""Scale, north and coordinates by geodesy of their own."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from m3leo_sar import GeoBox
from m3leo_sar.pictures.array_pictures import coherence_picture
from m3leo_sar.pictures.ground_frame import map_frame, radar_frame, round_length
from m3leo_sar.pictures.panel_grid import plot_panels

pytest.importorskip("matplotlib")
GEOD = Geod(ellps="WGS84")


def rotated(angle, *, crs="EPSG:32631", place=(680_000, 5_500_000), size=10.0, shape=(31, 47)):
    """A grid whose rows run ``angle`` degrees counter-clockwise from the x axis."""
    return GeoBox(shape, Affine.translation(*place) @ Affine.rotation(angle) @ Affine.scale(size, -size), crs)


def panel(figure, number=0):
    return [axis for axis in figure.axes if axis.get_gid() == "panel"][number]


@settings(deadline=None, max_examples=20)
@given(
    angle=st.floats(-180, 180),
    zone=st.integers(1, 60),
    is_south=st.booleans(),
    northing=st.floats(1_200_000, 8_000_000),
    easting=st.floats(300_000, 700_000),
)
def test_north_is_where_latitude_rises(angle, zone, is_south, northing, easting):
    box = rotated(angle, crs=f"EPSG:{(32700 if is_south else 32600) + zone}", place=(easting, northing))
    right, up = map_frame(box).north
    assert np.hypot(right, up) == pytest.approx(1)
    # A step of 100 m along the arrow leads due north.
    middle = box.shape[0] / 2, box.shape[1] / 2
    to = Transformer.from_crs(box.crs, "EPSG:4326", always_xy=True)
    here = to.transform(*(box.affine @ (middle[1], middle[0])))
    there = to.transform(*(box.affine @ (middle[1] + 10 * right, middle[0] - 10 * up)))
    azimuth, _, length = GEOD.inv(*here, *there)
    assert abs(azimuth) < 0.2
    assert length == pytest.approx(100, rel=0.01)


def test_north_of_plain_grids():
    assert map_frame(rotated(0, place=(500_000, 4_000_000))).north == pytest.approx((0, 1), abs=1e-3)
    np.testing.assert_allclose(map_frame(rotated(90)).north, (1, 0), atol=0.04)
    # A grid whose first row is the southern one.
    south_up = GeoBox((31, 47), Affine(10, 0, 500_000, 0, 10, 4_000_000), "EPSG:32731")
    assert map_frame(south_up).north == pytest.approx((0, -1), abs=1e-3)
    # Degrees, whose pixels are narrow near the pole.
    degrees = map_frame(GeoBox.from_bounds((10, 69.9, 10.2, 70.1), shape=(20, 20), crs="EPSG:4326"))
    assert degrees.north == pytest.approx((0, 1), abs=1e-6)
    assert degrees.aspect == pytest.approx(1 / np.cos(np.radians(70)), rel=0.01)


@settings(deadline=None, max_examples=8)
@given(
    angle=st.floats(0, 360), size=st.floats(0.7, 900), rows=st.integers(2, 60), cols=st.integers(2, 60),
    northing=st.floats(1e5, 8e6),
)  # fmt: skip
def test_a_scale_bar_is_as_long_as_it_says(angle, size, rows, cols, northing):
    box = rotated(angle, size=size, shape=(rows, cols), place=(500_000, northing))
    figure = plot_panels([coherence_picture(np.full((rows, cols), 0.5), ground=box)])
    axis = panel(figure)
    bar = next(line for line in axis.lines if line.get_gid() == "scale-bar")
    ends = axis.transData.inverted().transform(axis.transAxes.transform(bar.get_xydata()))
    to = Transformer.from_crs(box.crs, "EPSG:4326", always_xy=True)
    places = [to.transform(*(box.affine @ (x, rows / 2))) for x in ends[:, 0]]
    number, unit = next(text.get_text() for text in axis.texts if text.get_text().endswith("m")).split()
    metres = float(number) * {"m": 1, "km": 1000}[unit]
    assert GEOD.inv(*places[0], *places[1])[2] == pytest.approx(metres, rel=0.01)
    assert 0.1 < (ends[1, 0] - ends[0, 0]) / cols <= 0.33
    # Pixels of a map are square.
    assert axis.get_aspect() == pytest.approx(1, rel=0.01)


def test_lengths_are_round():
    assert [round_length(value) for value in (1.0, 4999, 5000, 0.3)] == [1, 2000, 5000, 0.2]


@settings(deadline=None, max_examples=20)
@given(longitude=st.floats(-180, 180), latitude=st.floats(-75, 75), size=st.floats(1e-3, 4))
def test_coordinates_stand_where_they_are(longitude, latitude, size):
    box = GeoBox.from_bounds((longitude - size, latitude - size, longitude + size, latitude + size), shape=(30, 50),
                             crs="EPSG:4326")  # fmt: skip
    frame = map_frame(box)
    for ticks, letters, length, start, step in (
        (frame.bottom, "EW", 50, longitude - size, 2 * size / 50),
        (frame.left, "NS", 30, latitude + size, -2 * size / 30),
    ):
        assert 2 <= len(ticks.places) <= 5
        for place, label in zip(ticks.places, ticks.labels, strict=True):
            assert 0.08 * length < place < 0.92 * length
            value = float(label.rstrip(letters).rstrip("°")) * (-1 if label[-1] == letters[1] else 1)
            assert (value - start - step * place + 180) % 360 - 180 == pytest.approx(0, abs=1e-4 * size + 1e-9)
        assert len(set(ticks.labels)) == len(ticks.labels)


def test_the_first_panel_of_each_row_has_coordinates_and_the_first_the_scale():
    pictures = [coherence_picture(np.full((31, 47), 0.5), ground=rotated(0)) for _ in range(6)]
    figure = plot_panels(pictures, across=3)
    labelled = [bool([label for label in panel(figure, number).get_xticklabels() if label.get_text()])
                for number in range(6)]  # fmt: skip
    assert labelled == [True, False, False, True, False, False]
    marked = [[item.get_gid() for item in (*panel(figure, number).lines, *panel(figure, number).patches)
               if item.get_gid()] for number in range(6)]  # fmt: skip
    assert marked == [["scale-bar", "north"], *[[]] * 5]
    wider = coherence_picture(np.full((31, 47), 0.5), ground=rotated(0, size=20.0))
    both = plot_panels([pictures[0], wider])
    assert all(any(line.get_gid() == "scale-bar" for line in panel(both, number).lines) for number in range(2))


@pytest.mark.parametrize("look", ["right", "left"])
def test_radar_geometry_has_north_look_and_the_shape_of_the_ground(look):
    # Ascending: lines go to the north by 14 m each, columns to the east by 4 m each, at 60 degrees south.
    rows, cols = np.mgrid[0:60, 0:210].astype(float)
    latitude = -60 + 14 * rows / 111_412
    longitude = 179.999 + 4 * cols / 55_800
    longitude = (longitude + 180) % 360 - 180
    frame = radar_frame(latitude, longitude, look=look)
    assert frame.metres == pytest.approx((14, 4), rel=0.01)
    # The first line is the southern one: north is down.
    assert frame.north == pytest.approx((0, -1), abs=1e-3)
    assert frame.grid == "radar geometry, pixels of 14 m × 4 m"
    axis = panel(plot_panels([coherence_picture(np.full((60, 210), 0.5), ground=frame)]))
    arrows = {patch.get_gid(): patch for patch in axis.patches if patch.get_gid()}
    assert set(arrows) == {"north", "look"}
    (left, _), (right, _) = arrows["look"]._posA_posB
    assert bool(right > left) == (look == "right")
    assert axis.get_aspect() == pytest.approx(3.5, rel=0.01)
    assert all(label.endswith(("°E", "°W", "°")) for label in frame.bottom.labels)


def test_bad_positions_are_refused():
    grid = np.zeros((4, 5))
    with pytest.raises(ValueError, match=r"latitude and longitude must be \(rows, cols\) of one shape"):
        radar_frame(grid, grid[1:])
    with pytest.raises(ValueError, match="look must be 'right' or 'left', got 'up'"):
        radar_frame(grid, grid, look="up")
    with pytest.raises(ValueError, match="positions must be known at the middle of every side"):
        radar_frame(grid + np.nan, grid)
