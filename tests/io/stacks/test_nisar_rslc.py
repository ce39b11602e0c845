"""NISAR RSLC: one date, dates of one radar grid, and all that shows that dates are not on one."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import rasterio
from range_server import RangeServer
from remote_setting import quick_transfers
from rslc_product import COLS, DATES, HEIGHT, LINE, RANGE, ROWS, place_of, product, speckle

from m3leo_sar import GeoBox
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.readers.rslc_grid import rslc_geometry
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.warp.geo2rdr import geo2rdr

FLAT = "ignore:.*positions are those at the mean height of the terrain"


def valid(pixels):
    keep = np.zeros(pixels.shape, bool)
    keep[1:, 2:30] = keep[1:, 33:57] = True
    return np.where(keep, pixels, np.complex64(complex(np.nan, np.nan)))


@pytest.mark.parametrize("kind", ["RSLC", "SLC"])
def test_one_date_has_its_pixels_and_positions(tmp_path, kind):
    path = product(tmp_path, kind=kind)
    if kind == "SLC":
        path = path.rename(tmp_path / "early.h5")
    with pytest.warns(UserWarning, match="positions are those at the mean height of the terrain of each line"):
        stack = open_stack(path, polarisation="HH")
    np.testing.assert_array_equal(stack.window()[0], valid(speckle(18)))
    inner = stack.window(slice(3, 9), slice(25, 59))[0]
    np.testing.assert_array_equal(inner, valid(speckle(18))[3:9, 25:59])
    longitude, latitude = place_of(np.arange(ROWS)[:, None], np.arange(COLS)[None], HEIGHT)
    np.testing.assert_allclose(stack.geometry.latitude, np.broadcast_to(latitude, (ROWS, COLS)), atol=1e-9)
    np.testing.assert_allclose(stack.geometry.longitude, np.broadcast_to(longitude, (ROWS, COLS)), atol=1e-9)
    assert (stack.track, stack.orbit, stack.platforms, stack.burst) == (113, "descending", ("NISAR",), "113-D-065")
    assert stack.wavelength == pytest.approx(0.24196, abs=1e-5)


@pytest.mark.filterwarnings(FLAT)
def test_dates_of_one_grid_are_a_stack(tmp_path):
    for date in DATES:
        product(tmp_path, date, half=date == DATES[0], frequencies="AB")
    stack = open_stack(tmp_path, polarisation="HV", frequency="B")
    assert (stack.dates, stack.flattened) == (DATES, False)
    np.testing.assert_array_equal(stack.window()[1], valid(speckle(30) * 2))
    halves = open_stack(tmp_path, polarisation="HH", frequency="A").window()[0]
    np.testing.assert_allclose(halves, valid(speckle(18)), atol=2e-3)
    with pytest.raises(ValueError, match="frequency must be given, as there are several: A, B"):
        open_stack(tmp_path, polarisation="HH")


@pytest.mark.filterwarnings(FLAT)
@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"shape": (ROWS - 1, COLS)}, r"its rows and columns are \(39, 60\), not \(40, 60\)"),
        ({"first": RANGE + 4}, "its first slant range is 850004.0, not 850000.0"),
        ({"line": LINE * 1.01}, "the step of its lines is 0.000505\\d*, not 0.0005\\d*"),
        ({"shift": 2e-4}, "the same pixel lies 15.8 m apart"),
    ],
    ids=["size", "range", "lines", "place"],
)
def test_dates_of_several_grids_are_refused(tmp_path, other, sentence):
    product(tmp_path)
    product(tmp_path, DATES[1], **other)
    with pytest.raises(ValueError, match=f"is not co-registered with .*{sentence}; .*use the GSLC of the frame"):
        open_stack(tmp_path, polarisation="HH")


@pytest.mark.filterwarnings(FLAT)
def test_dates_on_a_server(tmp_path):
    pytest.importorskip("aiohttp")
    paths = [product(tmp_path, date, frequencies="AB") for date in DATES]
    near = open_stack(tmp_path, polarisation="HH", frequency="A")
    with RangeServer(tmp_path) as server, quick_transfers():
        far = open_stack([f"{server.url}/{path.name}" for path in paths], polarisation="HH", frequency="A")
        np.testing.assert_array_equal(far.window(), near.window())
        np.testing.assert_array_equal(far.geometry.longitude, near.geometry.longitude)


@pytest.mark.filterwarnings(FLAT)
def test_of_a_date_that_was_processed_again_the_newer_counts(tmp_path):
    for date in DATES:
        product(tmp_path, date)
    older = product(tmp_path / "older", DATES[1], first=RANGE + 4)
    older.rename(tmp_path / older.name.replace("P05023", "P05022"))
    (tmp_path / "older").rmdir()
    with pytest.warns(UserWarning, match="P05022_N_F_J_001.h5 is left out: .* is a newer processing"):
        assert open_stack(tmp_path, polarisation="HH").dates == DATES


def test_a_product_without_positions(tmp_path):
    for date in DATES:
        product(tmp_path, date, cube=False)
    path = sorted(tmp_path.iterdir())[0]
    with pytest.raises(ValueError, match="states no position of its pixels: it has no .*geolocationGrid; pass geom"):
        open_stack(path, polarisation="HH")
    box = GeoBox.from_bounds((-3, -3, 3, 3), shape=(20, 30), crs="EPSG:4326")
    geometry = rslc_geometry(path, np.zeros((20, 30)), box)
    assert isinstance(geometry, OrbitGeometry)
    assert geometry.radar_grid.look == "left"
    assert (geometry.radar_grid.slant_range, geometry.radar_grid.azimuth_interval) == (RANGE, pytest.approx(LINE))
    assert open_stack(path, polarisation="HH", geometry=geometry).geometry is geometry
    with pytest.warns(UserWarning, match="is co-registered with .* cannot be seen, as one states no positions"):
        assert open_stack(tmp_path, polarisation="HH", geometry=geometry).dates == DATES


@pytest.mark.filterwarnings(FLAT)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.pop("science/LSAR/RSLC/swaths/zeroDopplerTime"), "zeroDopplerTime must hold two or more"),
        (lambda file: file["science/LSAR/RSLC/swaths/zeroDopplerTime"].attrs.modify("units", "days"),
         "zeroDopplerTime must count seconds since a time, got units 'days'"),
        (lambda file: file.pop("science/LSAR/RSLC/swaths"), "is not a complete NISAR RSLC"),
        (lambda file: file.pop("science/LSAR/RSLC/metadata/geolocationGrid/epsg"), "must hold epsg and coordinates of"),
        (lambda file: file["science/LSAR/RSLC/swaths/frequencyA"].move("slantRange", "x"), "slantRange must hold two"),
        (lambda file: file["science/LSAR/RSLC/swaths/frequencyA"].pop("processedCenterFrequency"), "has no data set"),
    ],
    ids=["times", "units", "swaths", "epsg", "ranges", "frequency"],
)  # fmt: skip
def test_damaged_products_are_named(tmp_path, change, sentence):
    path = product(tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=f"{path.name}.*{sentence}"):
        open_stack(path, polarisation="HH")


def test_a_real_image_has_the_positions_of_its_golden_layers(shared_data):
    """UAVSAR in the layout of before the first specification: no cube of positions, but orbit, times and ranges."""
    folder = shared_data / "isce3-uavsar-winnipeg"
    with rasterio.open(folder / "winnipeg_dem.tif") as source:
        dem, box = source.read(1), GeoBox(source.shape, source.transform, "EPSG:4326")
    geometry = rslc_geometry(folder / "winnipeg.h5", dem, box)
    stack = open_stack(folder / "winnipeg.h5", geometry=geometry)
    with h5py.File(folder / "winnipeg.h5") as file:
        # Cropped from an image whose valid samples begin at column 255, and its annotation was not.
        assert np.isnan(stack.window()).all()
        assert np.isfinite(file["science/LSAR/SLC/swaths/frequencyA/HH"][:]).all()
    longitude, latitude, height = (np.fromfile(folder / "topo" / f"{axis}.rdr").reshape(250, 250) for axis in "xyz")
    part = np.s_[5:245:40, 5:245:40]
    rows, cols = geo2rdr(
        latitude[part], longitude[part], height[part], orbit=geometry.orbit, radar_grid=geometry.radar_grid
    )
    assert np.abs(rows - np.arange(250.0)[part[0]][:, None]).max() < 0.01
    assert np.abs(cols - np.arange(250.0)[part[1]][None]).max() < 0.01
