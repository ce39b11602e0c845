"""Every kind of stack: windows equal slices, damage is named."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.shutil

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.io.files.raster import read_raster, write_geotiff
from m3leo_sar.io.files.zarr_metadata import require_safe_store
from m3leo_sar.io.stacks.cslc import list_bursts, read_cslc_stack
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack, upgrade_stack, write_stack
from m3leo_sar.stack.geometry import RadarGeometry

DATES = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13), datetime.date(2023, 3, 25)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 680_370, 5_500_230), shape=(23, 37), crs="EPSG:32631")
ROWS, COLS = slice(3, 20), slice(11, 36)


@pytest.fixture
def pixels(rng):
    images = (rng.standard_normal((3, 23, 37)) + 1j * rng.standard_normal((3, 23, 37))).astype(np.complex64)
    images[1, 4, 12] = complex(np.nan, np.nan)
    return images


def in_memory(pixels, count=3, **options):
    options = {"geometry": BOX, "polarisation": "VV", **options}
    return SlcStack.from_arrays(pixels[:count], DATES[:count], **options)


def write_cslc(folder, pixels, date, *, burst="T087-185683-IW2", polarisation="VV", shift=0.0):
    path = folder / f"OPERA_L2_CSLC-S1_{burst}_{date:%Y%m%d}T161651Z_20240504T181714Z_S1A_{polarisation}_v1.1.h5"
    with h5py.File(path, "w") as file:
        file["data/x_coordinates"] = 157_322.5 + 5.0 * np.arange(pixels.shape[1]) + shift
        file["data/y_coordinates"] = 2_172_295.0 - 10.0 * np.arange(pixels.shape[0])
        file["data/projection"] = 32605
        file[f"data/{polarisation}"] = pixels
        file["metadata/orbit/orbit_direction"] = np.bytes_("Descending")
        file["metadata/processing_information/input_burst_metadata/wavelength"] = 0.05546576
    return path


def test_zarr_round_trip_and_growth(tmp_path, pixels):
    labels = {"landcover": (np.arange(20, dtype=np.uint8).reshape(4, 5), BOX.crop(slice(0, 4), slice(0, 5)))}
    stack = in_memory(pixels, orbit="descending", track=37, wavelength=0.055)
    assert write_stack(in_memory(pixels, 2, orbit="descending"), tmp_path / "s", labels=labels) == DATES[:2]
    assert write_stack(stack, tmp_path / "s") == DATES[2:]
    assert write_stack(stack, tmp_path / "s") == []
    back = open_stack(tmp_path / "s")
    assert (back.dates, back.geometry, back.orbit, back.dtype) == (tuple(DATES), BOX, "descending", "complex64")
    np.testing.assert_array_equal(back.window(ROWS, COLS), pixels[:, ROWS, COLS])
    array, geobox = read_labels(tmp_path / "s")["landcover"]
    np.testing.assert_array_equal(array, labels["landcover"][0])
    assert geobox == labels["landcover"][1]


def test_zarr_keeps_radar_geometry(tmp_path, pixels):
    latitude, longitude = np.meshgrid(np.linspace(50, 49, 23), np.linspace(5, 4, 37), indexing="ij")
    geometry = RadarGeometry(latitude, longitude, height=latitude * 2)
    write_stack(in_memory(pixels, geometry=geometry), tmp_path / "s")
    back = read_stack(tmp_path / "s").geometry
    np.testing.assert_array_equal(back.longitude, longitude)
    np.testing.assert_array_equal(back.height, latitude * 2)
    assert back.incidence is None


def test_zarr_damage_is_named(tmp_path, pixels):
    write_stack(in_memory(pixels), tmp_path / "s")
    chunk = next(path for path in (tmp_path / "s/20230313/VV/c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(ValueError, match="20230313 cannot be read"):
        read_stack(tmp_path / "s").window()
    shutil.rmtree(tmp_path / "s/20230313/VV")
    with pytest.raises(ValueError, match="20230313 cannot be read"):
        read_stack(tmp_path / "s").window()
    with pytest.raises(ValueError, match="has dtype complex64, the stack to add has complex128"):
        write_stack(in_memory(pixels.astype("complex128")), tmp_path / "s")


def test_a_second_polarisation_is_added_beside_the_first(tmp_path, pixels):
    first = in_memory(pixels, platforms=("S1A", None, "S1C"), burst="T037-000001-IW2")
    write_stack(first, tmp_path / "s")
    other = in_memory(2 * pixels[:2], 2, polarisation="VH")
    assert write_stack(other, tmp_path / "s") == DATES[:2]
    with pytest.warns(UserWarning, match="2023-03-25 left out, without VV and VH"):
        both = read_stack(tmp_path / "s")
    assert (both.polarisations, both.dates, both.platforms) == (("VV", "VH"), tuple(DATES[:2]), ("S1A", None))
    np.testing.assert_array_equal(both.window(ROWS, COLS, polarisation="VH"), 2 * pixels[:2, ROWS, COLS])
    alone = read_stack(tmp_path / "s", polarisation="VV")
    assert (alone.dates, alone.platforms, alone.burst) == (tuple(DATES), ("S1A", None, "S1C"), "T037-000001-IW2")
    np.testing.assert_array_equal(alone.window(), pixels)
    with pytest.raises(ValueError, match="its polarisations are VV, VH; it has no polarisation HH"):
        read_stack(tmp_path / "s", polarisation="HH")
    with pytest.raises(ValueError, match="has burst T037-000001-IW2, the stack to add has T037-000002-IW2"):
        write_stack(in_memory(pixels, burst="T037-000002-IW2"), tmp_path / "s")


def test_a_stack_of_version_1_is_read_and_brought_up(tmp_path, pixels):
    write_stack(in_memory(pixels, 2), tmp_path / "s")
    as_version_1(tmp_path / "s")
    np.testing.assert_array_equal(read_stack(tmp_path / "s").window(), pixels[:2])
    with pytest.raises(ValueError, match=r"version 1, .*can be read.*m3leo-sar upgrade .*s renames its arrays"):
        write_stack(in_memory(pixels), tmp_path / "s")
    assert (upgrade_stack(tmp_path / "s"), upgrade_stack(tmp_path / "s")) == (2, 0)
    assert write_stack(in_memory(pixels), tmp_path / "s") == DATES[2:]
    np.testing.assert_array_equal(read_stack(tmp_path / "s").window(), pixels)


def as_version_1(folder):
    """The layout of version 1: one array, "slc", in each date, and one polarisation in the root's attributes."""
    for array in folder.glob("*/VV"):
        array.rename(array.with_name("slc"))
    document = json.loads((folder / "zarr.json").read_text())
    facts = document["attributes"]
    facts |= {"version": 1, "polarisation": facts.pop("polarisations")[0]}
    (folder / "zarr.json").write_text(json.dumps(document))


def test_an_unfinished_date_is_not_read_and_is_written_again(tmp_path, pixels):
    write_stack(in_memory(pixels), tmp_path / "s")
    (tmp_path / "s/20230325").rename(tmp_path / "s/20230325.partial-999999999")
    assert read_stack(tmp_path / "s").dates == tuple(DATES[:2])
    assert write_stack(in_memory(pixels), tmp_path / "s") == DATES[2:]
    assert not list((tmp_path / "s").rglob("*.partial-*"))


def test_damage_in_an_unfinished_date_hinders_nobody(tmp_path, pixels):
    write_stack(in_memory(pixels, 2), tmp_path / "s")
    killed = tmp_path / "s/20230325.partial-999999999" / "VV"
    killed.mkdir(parents=True)
    (killed / "zarr.json").write_text("")
    assert read_stack(tmp_path / "s").dates == tuple(DATES[:2])
    assert read_labels(tmp_path / "s") == {}
    assert write_stack(in_memory(pixels), tmp_path / "s") == DATES[2:]
    assert not killed.exists()


def test_a_date_may_go_while_a_stack_is_looked_through(tmp_path, pixels, monkeypatch):
    write_stack(in_memory(pixels), tmp_path / "s")
    original = Path.iterdir

    def late(folder):
        if folder.name == "20230325":
            shutil.rmtree(folder)
        return original(folder)

    monkeypatch.setattr(Path, "iterdir", late)
    assert read_stack(tmp_path / "s").dates == tuple(DATES[:2])


def test_a_store_of_others_is_looked_through_whatever_its_names(tmp_path):
    (tmp_path / "a.partial-1").mkdir()
    document = {"node_type": "array", "codecs": [{"name": "pickle"}]}
    (tmp_path / "a.partial-1" / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="packed with pickle"):
        require_safe_store(tmp_path)


def test_a_reader_that_fails_leaves_no_date(tmp_path, pixels):
    def read(index, rows, cols):
        if index == 1:
            raise OSError("the disk went away")
        return pixels[index, rows, cols]

    stack = SlcStack(dates=DATES, read=read, geometry=BOX, polarisation="VV")
    with pytest.raises(OSError, match="the disk went away"):
        write_stack(stack, tmp_path / "s")
    assert read_stack(tmp_path / "s").dates == tuple(DATES[:1])
    assert not list((tmp_path / "s").rglob("*.partial-*"))


def test_cslc_folder(tmp_path, pixels):
    for image, date in zip(pixels, DATES, strict=True):
        write_cslc(tmp_path, image, date)
    stack = open_stack(tmp_path)
    assert stack.dates == tuple(DATES)
    assert stack.geometry == GeoBox((23, 37), (5.0, 0.0, 157_320.0, 0.0, -10.0, 2_172_300.0), "EPSG:32605")
    assert (stack.orbit, stack.track, stack.wavelength) == ("descending", 87, 0.05546576)
    np.testing.assert_array_equal(stack.window(ROWS, COLS), pixels[:, ROWS, COLS])


def test_cslc_choices_and_faults_are_named(tmp_path, pixels):
    write_cslc(tmp_path, pixels[0], DATES[0])
    other = write_cslc(tmp_path, pixels[1], DATES[1], burst="T042-088905-IW1")
    assert list(list_bursts(tmp_path)) == ["T042-088905-IW1", "T087-185683-IW2"]
    with pytest.raises(ValueError, match="burst must be given, as there are several: T042-088905-IW1, T087"):
        open_stack(tmp_path)
    with pytest.raises(ValueError, match="burst T001-000001-IW1 is not there; present: T042"):
        read_cslc_stack(tmp_path, burst="t001_000001_iw1")
    other.unlink()
    shifted = write_cslc(tmp_path, pixels[1], DATES[1], shift=2.5)
    with pytest.raises(ValueError, match="20230313.* lies on another grid than .*20230301"):
        open_stack(tmp_path)
    shifted.unlink()
    both = write_cslc(tmp_path, pixels[1], DATES[1], polarisation="VH")
    with pytest.raises(ValueError, match="polarisation must be given, as there are several: VH, VV"):
        open_stack(tmp_path)
    assert open_stack(tmp_path, polarisation="vh").dates == (DATES[1],)
    both.unlink()
    path = write_cslc(tmp_path, pixels[1], DATES[1])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"20230313.*\.h5 is not a readable HDF5 file"):
        open_stack(tmp_path)
    with h5py.File(path, "w") as file:
        file["data/x_coordinates"] = np.arange(3.0)
    with pytest.raises(ValueError, match="20230313.* has no data set data/y_coordinates"):
        open_stack(tmp_path)


def test_true_cslc_layout(shared_data):
    stack = read_cslc_stack(shared_data / "opera-cslc-skeleton", burst="T087-185683-IW2")
    assert stack.shape == (1, 4917, 20622)
    assert stack.dates == (datetime.date(2022, 12, 28),)
    assert (stack.geometry.crs, stack.geometry.resolution) == ("EPSG:32605", (5.0, -10.0))
    assert stack.window(slice(5, 9), slice(20_000, 20_007)).shape == (1, 4, 7)
    with pytest.raises(ValueError, match="T042-088905-IW1.* has no data set data/VV"):
        read_cslc_stack(shared_data / "opera-cslc-skeleton", burst="T042-088905-IW1")


@pytest.mark.parametrize("suffix", ["tif", "vrt", "img"])
def test_raster_stack(tmp_path, pixels, suffix):
    for image, date in zip(pixels, DATES, strict=True):
        name = tmp_path / f"slc_{date:%Y%m%d}_vv"
        if suffix == "img":
            profile = {"driver": "ENVI", "width": 37, "height": 23, "count": 1, "dtype": "complex64"}
            with rasterio.open(f"{name}.img", "w", **profile, crs=BOX.crs, transform=BOX.affine) as file:
                file.write(image, 1)
            continue
        folder = tmp_path if suffix == "tif" else tmp_path / "data"
        write_geotiff(folder / f"slc_{date:%Y%m%d}_vv.tif", image, BOX)
        if suffix == "vrt":
            rasterio.shutil.copy(folder / f"slc_{date:%Y%m%d}_vv.tif", f"{name}.vrt", driver="VRT")
    stack = open_stack(tmp_path, polarisation="VV")
    assert (stack.dates, stack.geometry) == (tuple(DATES), BOX)
    np.testing.assert_array_equal(stack.window(ROWS, COLS), pixels[:, ROWS, COLS])


def test_raster_stack_faults_are_named(tmp_path, pixels):
    write_geotiff(tmp_path / "20230301.tif", pixels[0], BOX)
    write_geotiff(tmp_path / "20230313.tif", pixels[1][:20], BOX.crop(slice(0, 20), slice(0, 37)))
    with pytest.raises(ValueError, match=r"20230313.tif is complex64 of shape \(20, 37\)"):
        open_stack(tmp_path)
    write_geotiff(tmp_path / "20230313.tif", pixels[1].real, BOX)
    with pytest.raises(ValueError, match="20230313.tif must be a complex raster, got float32"):
        open_stack(tmp_path)
    (tmp_path / "20230313.tif").write_bytes((tmp_path / "20230301.tif").read_bytes()[:700])
    with pytest.raises(ValueError, match="20230313.tif cannot be read as a raster"):
        open_stack(tmp_path).window()
    (tmp_path / "20230313.tif").unlink()
    write_geotiff(tmp_path / "second.tif", pixels[1], BOX)
    with pytest.raises(ValueError, match="second.tif has no date in its name"):
        open_stack(tmp_path)


def test_complex_int16_in_radar_geometry(shared_data):
    path = next((shared_data / "s1-iw3-crop").glob("*.tiff"))
    day = [datetime.date(2022, 9, 18)]
    with pytest.raises(ValueError, match=r"has no map grid; put geometry/latitude.tif .*, or pass geometry="):
        read_raster_stack([path], polarisation="VV", dates=day)
    positions = np.zeros((601, 1401))
    stack = read_raster_stack([path], polarisation="VV", dates=day, geometry=RadarGeometry(positions, positions))
    part = stack.window(slice(100, 200), slice(300, 350))
    assert part.dtype == np.complex64
    assert 20 < np.abs(part).mean() < 400


def test_nodata_becomes_nan(shared_data):
    phase = read_raster(shared_data / "eotools-morocco" / "phi_vv.tif")
    assert phase.geobox.crs == "EPSG:4326"
    assert np.isnan(phase.array).mean() == pytest.approx(0.17, abs=0.02)
    assert np.nanmin(phase.array) >= -np.pi - 1e-3


def test_what_is_no_stack_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        open_stack(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match="is not a stack: expected our Zarr container.* found 1 other files"):
        open_stack(tmp_path)
    with pytest.raises(ValueError, match="is a file; a stack is a folder"):
        open_stack(tmp_path / "notes.txt")


def test_xarray_opens_every_group_of_a_stack(tmp_path):
    xarray = pytest.importorskip("xarray")
    import valid_files

    path = valid_files.stack(tmp_path)
    date = xarray.open_zarr(path / "20230301", chunks=None, consolidated=False)
    np.testing.assert_array_equal(date["VV"].values, valid_files._stack().window()[0])
    assert date["VV"].dims == ("y", "x")
    assert xarray.open_zarr(path / "label-cover", chunks=None, consolidated=False)["label"].shape == (4, 5)
    tree = xarray.open_datatree(path, engine="zarr", chunks=None, consolidated=False)
    assert set(tree.children) == {"20230301", "20230313", "label-cover"}
