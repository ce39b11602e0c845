"""Positions of pixels in range and azimuth: layers on disk, meshes, look-up tables, control points, poles."""

from __future__ import annotations

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import rasterio
import stack_layouts
from rasterio.control import GroundControlPoint
from stack_layouts import COLS, LATITUDE, LONGITUDE, ROWS

from m3leo_sar.io.stacks import lookup_geometry as lookup
from m3leo_sar.io.stacks import pixel_positions, scattered_geometry
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.pixel_positions import layered_geometry, mesh_geometry, mesh_of_points
from m3leo_sar.stack.geometry import StoredRadarGeometry


def part_of(array, rows, cols):
    return array[rows, cols]


def around_all(geometry):
    west, south, east, north = geometry.bounds
    return geometry.around((west, south, east, north))


@pytest.mark.parametrize("name", ["isce2", "gamma", "gmtsar", "snap ties", "miaplpy"])
def test_positions_of_a_large_image_are_read_around_a_tile(tmp_path, monkeypatch, name):
    layout = stack_layouts.LAYOUTS[name]
    place = layout.write(tmp_path, stack_layouts.stack_pixels(is_integer=layout.is_integer))
    monkeypatch.setattr(pixel_positions, "_HELD_BYTES", 0)
    for module in (pixel_positions, scattered_geometry, lookup):
        monkeypatch.setattr(module, "_BLOCK", 8)
    geometry = open_stack(place).geometry
    assert isinstance(geometry, StoredRadarGeometry)
    assert geometry.shape == (ROWS, COLS)
    part = slice(5, 14), slice(9, 30)
    for one in (geometry, pickle.loads(pickle.dumps(geometry))):
        np.testing.assert_allclose(one.crop(*part).latitude, LATITUDE[part], atol=2e-7)
        np.testing.assert_allclose(one.read(*part).longitude, LONGITUDE[part], atol=2e-7)
    # Every pixel lies in the blocks that its own bounds find.
    for row, col in ((0, 0), (11, 20), (22, 36), (7, 8), (8, 7)):
        at = LATITUDE[row, col], LONGITUDE[row, col]
        rows, cols = geometry.around((at[1] - 1e-9, at[0] - 1e-9, at[1] + 1e-9, at[0] + 1e-9))
        assert rows.start <= row < rows.stop
        assert cols.start <= col < cols.stop
    assert geometry.around((0, 0, 1, 1)) is None
    west, _, _, north = geometry.bounds
    assert west == pytest.approx(LONGITUDE.min(), abs=1e-3)
    assert north == pytest.approx(LATITUDE.max(), abs=1e-3)


def test_a_mesh_over_180_degrees_is_continuous():
    rows, cols = np.array([0, 10, 22]), np.array([0, 12, 24, 36])
    longitude = 179.9 + 0.01 * cols[None] + 0 * rows[:, None]
    wrapped = np.where(longitude > 180, longitude - 360, longitude)
    latitude = 60 - 0.01 * rows[:, None] + 0 * cols[None]
    found = mesh_geometry((ROWS, COLS), rows, cols, {"latitude": latitude, "longitude": wrapped})
    np.testing.assert_allclose(found.longitude[3], 179.9 + 0.01 * np.arange(COLS), atol=1e-9)
    west, south, east, north = found.bounds
    assert (west % 360, south, east % 360, north) == pytest.approx((179.9, 59.78, 180.26, 60.0))


@pytest.mark.parametrize(
    ("rows", "cols", "message"),
    [
        ([0, 22], [0], "positions must be known at 2 x 2 nodes or more, got 2 x 1"),
        ([0, 5], [0, 36], "positions are known from 0 to 5 only, of 0 to 22"),
        ([22, 0], [0, 36], "nodes must lie at increasing rows and columns, got 22, 0"),
    ],
)
def test_a_mesh_that_does_not_cover_the_image_is_refused(rows, cols, message):
    layers = {"latitude": np.zeros((len(rows), len(cols))), "longitude": np.ones((len(rows), len(cols)))}
    with pytest.raises(ValueError, match=message):
        mesh_geometry((ROWS, COLS), rows, cols, layers)
    layers["latitude"] = np.full((2, 2), np.nan)
    with pytest.raises(ValueError, match="latitude must have a finite value at each of 2 x 2 nodes"):
        mesh_geometry((ROWS, COLS), [0, 22], [0, 36], layers)


def test_control_points_place_a_raster(tmp_path):
    pixels = stack_layouts.stack_pixels()
    points = [
        GroundControlPoint(row, col, LONGITUDE[row, col], LATITUDE[row, col], 0.0)
        for row in (0, 11, 22)
        for col in (0, 18, 36)
    ]
    for image, date in zip(pixels[:2], stack_layouts.DATES, strict=False):
        profile = {"driver": "GTiff", "width": COLS, "height": ROWS, "count": 1, "dtype": "complex64"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(tmp_path / f"{date:%Y%m%d}.tif", "w", **profile, gcps=points, crs="EPSG:4326") as file:
                file.write(image, 1)
    stack = open_stack(tmp_path)
    np.testing.assert_allclose(stack.geometry.latitude, LATITUDE, atol=1e-9)
    with pytest.raises(ValueError, match="expected a map grid, or ground control points on a mesh, got 8 points"):
        mesh_of_points((ROWS, COLS), [(point.row, point.col, point.y, point.x) for point in points[1:]], "a.tif")


@pytest.mark.parametrize("code", [3031, 3413, 32601])
def test_frames_at_the_poles_and_over_180_degrees_open(tmp_path, code):
    import h5py

    stack_layouts.nisar(tmp_path, stack_layouts.stack_pixels())
    for path in tmp_path.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            group = file["science/LSAR/GSLC/grids/frequencyA"]
            group["projection"][...] = code
            if code == 32601:
                # Zone 1 begins at 180 degrees.
                group["xCoordinates"][...] -= 500_000 - 263_873
    stack = open_stack(tmp_path)
    assert stack.geometry.crs == f"EPSG:{code}"
    west, south, east, north = stack.geometry.bounds_in("EPSG:4326")
    assert west < east
    assert south < north
    if code == 32601:
        assert (west < 180 < east) or (west < -180 < east)


def test_a_layer_is_read_in_bands(monkeypatch):
    monkeypatch.setattr(pixel_positions, "_HELD_BYTES", 0)
    monkeypatch.setattr(pixel_positions, "_BLOCK", 6)
    layers = {"latitude": partial(part_of, LATITUDE), "longitude": partial(part_of, LONGITUDE)}
    found = layered_geometry((ROWS, COLS), layers)
    assert found.extents.shape == (4, 7, 4)
    assert around_all(found) == (slice(0, ROWS), slice(0, COLS))
