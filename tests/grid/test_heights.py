"""Heights above the geoid come to the ellipsoid, or are refused: never passed on unchanged."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.grid.heights import ellipsoidal_heights
from m3leo_sar.grid.projection import has_heights, horizontal_crs, transformer_between

BOUNDS = (8.0, 49.0, 10.0, 51.0)
#: In a process of its own, as PROJ finds its folders when it starts; the geoid is a plane: 40 m + longitude - latitude.
SCRIPT = """
import struct, sys
import numpy as np, pyproj
from m3leo_sar import GeoBox
from m3leo_sar.grid.heights import ellipsoidal_heights
longitude = np.arange(1440) * 0.25 - 180
latitude = np.arange(721) * 0.25 - 90
with open(sys.argv[1] + "/egm96_15.gtx", "wb") as file:
    file.write(struct.pack(">4d2i", -90, -180, 0.25, 0.25, 721, 1440))
    file.write((40 + longitude[None] - latitude[:, None]).astype(">f4").tobytes())
pyproj.datadir.append_data_dir(sys.argv[1])
box = GeoBox.from_bounds((8, 49, 10, 51), shape=(5, 7), crs="EPSG:4326")
lon, lat = box.centres()
dem = np.where(lon > 9.8, np.nan, 100.0).astype("float32")
expected = np.where(lon > 9.8, np.nan, 140 + lon - lat)
for crs, vertical in (("EPSG:4326+5773", None), ("EPSG:4326", "EPSG:5773")):
    found, flat = ellipsoidal_heights(dem, GeoBox(box.shape, box.affine, crs), vertical_crs=vertical)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.dtype == np.float32 and flat.crs == "EPSG:4326", flat.crs
print("right")
"""


def test_heights_above_a_geoid_come_to_the_ellipsoid(tmp_path):
    run = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True,
                         env={**os.environ, "PROJ_NETWORK": "OFF"})  # fmt: skip
    assert run.stdout.strip() == "right", run.stderr


@pytest.mark.parametrize("crs", ["EPSG:4326+5773", "EPSG:9518", "EPSG:32632+3855"])
def test_without_the_grid_of_the_geoid_heights_are_refused_and_the_grid_is_named(crs):
    bounds = BOUNDS if "32632" not in crs else (500000, 5500000, 504000, 5504000)
    box = GeoBox.from_bounds(bounds, shape=(5, 7), crs=crs)
    with pytest.raises(
        ValueError, match=r"cannot be taken to the ellipsoid: PROJ lacks the grid us_nga_egm\d+.* into /"
    ):
        ellipsoidal_heights(np.full(box.shape, 100.0), box)


def test_what_heights_are_above_is_read_or_stated_never_assumed():
    box = GeoBox.from_bounds(BOUNDS, shape=(5, 7), crs="EPSG:4326")
    dem = np.full(box.shape, 100.0)
    with pytest.raises(ValueError, match="crs must specify its vertical datum"):
        ellipsoidal_heights(dem, box)
    with pytest.raises(ValueError, match="vertical_crs must be a vertical CRS"):
        ellipsoidal_heights(dem, box, vertical_crs="EPSG:32632")
    three = GeoBox(box.shape, box.affine, "EPSG:4979")
    found, _ = ellipsoidal_heights(dem, three)
    np.testing.assert_array_equal(found, dem)
    with pytest.raises(ValueError, match="vertical_crs must be left out"):
        ellipsoidal_heights(dem, three, vertical_crs="EPSG:3855")
    assert has_heights("EPSG:4326+5773")
    assert not has_heights("EPSG:4326")
    assert horizontal_crs("EPSG:32632+3855") == "EPSG:32632"


def test_a_datum_that_is_taken_for_another_is_reported():
    sphere = "+proj=sinu +R=6371007.181 +units=m +no_defs +type=crs"
    with pytest.warns(UserWarning, match="PROJ has no transformation from the datum of"):
        transformer_between.__wrapped__(sphere, "EPSG:4326")
    transformer_between.__wrapped__("EPSG:3035", "EPSG:4326")


@pytest.mark.parametrize("crs", ["EPSG:4979", "EPSG:4937"])
def test_a_conversion_takes_no_more_memory_than_its_result(crs):
    """Coordinates of all heights at once took ten times their memory, in each worker of a co-registration."""
    box = GeoBox.from_bounds(BOUNDS, shape=(1900, 1500), crs=crs)
    dem = np.linspace(-100, 4000, 1900 * 1500, dtype=np.float32).reshape(1900, 1500)
    dem[7, 9] = np.nan
    ellipsoidal_heights(dem[:2], GeoBox((2, 1500), box.affine, crs))
    tracemalloc.start()
    try:
        found, _ = ellipsoidal_heights(dem, box)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < dem.nbytes + 100 * (1 << 18)
    np.testing.assert_allclose(found, dem, atol=1e-3)
