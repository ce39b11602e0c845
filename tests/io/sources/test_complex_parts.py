"""Real and imaginary parts of complex samples as bands, variables or files of their own are no amounts."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.components.component import read_component
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.xarray_source import XarraySource
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.run.catalogue import open_catalogue

rasterio = pytest.importorskip("rasterio")
BOX = GeoBox.from_bounds((500_000, 0, 500_700, 500), shape=(5, 7), crs="EPSG:32631")
PAIRS = [("i_VV", "q_VV"), ("Real", "Imaginary"), ("I", "Q")]


def write_parts(path, names, units=("", "", "")):
    shape = {"width": 7, "height": 5, "count": 3, "dtype": "float32"}
    with rasterio.open(path, "w", crs=BOX.crs, transform=BOX.affine, **shape) as sink:
        sink.write(np.ones((3, 5, 7), np.float32))
        sink.descriptions = (*names, "coherence")
        sink.units = units
    return path


@pytest.mark.parametrize("names", PAIRS)
def test_real_and_imaginary_parts_as_bands_are_refused(tmp_path, names):
    path = write_parts(tmp_path / "parts.tif", names)
    with pytest.raises(ValueError, match=f"complex samples in two real bands, '{names[0]}' and '{names[1]}'; write"):
        RasterSource(path)
    with pytest.raises(ValueError, match="complex samples in two real bands"):
        RasterSource(path, indexes=[2])
    assert len(RasterSource(path, indexes=[3]).bands) == 1
    assert len(RasterSource(path, quantity="number").bands) == 3


def test_parts_are_known_by_their_units_too(tmp_path):
    path = write_parts(tmp_path / "parts.tif", ("a", "b"), units=("real", "imaginary", "1"))
    with pytest.raises(ValueError, match="parts.tif has complex samples in two real bands, 'a' and 'b'"):
        RasterSource(path)
    alone = write_parts(tmp_path / "alone.tif", ("a", "b"), units=("1", "Imaginary", "1"))
    with pytest.raises(ValueError, match="alone.tif has complex samples of which 'b' is a part"):
        RasterSource(alone)


def test_parts_in_two_files_are_refused(tmp_path):
    plane = np.ones(BOX.shape, np.float32)
    write_geotiff(tmp_path / "i_IW1_VV_13Jan2020.tif", plane, BOX)
    RasterSource(tmp_path / "i_IW1_VV_13Jan2020.tif")
    write_geotiff(tmp_path / "q_IW1_VV_13Jan2020.tif", plane, BOX)
    with pytest.raises(ValueError, match="i_IW1.* is one part of complex samples, the other is q_IW1_VV_13Jan2020.tif"):
        RasterSource(tmp_path / "i_IW1_VV_13Jan2020.tif")


def test_a_stack_and_a_list_of_products_name_the_parts(tmp_path):
    path = write_parts(tmp_path / "20230301.tif", PAIRS[0])
    with pytest.raises(ValueError, match="20230301.tif has complex samples in two real bands, 'i_VV' and 'q_VV'"):
        read_raster_stack([path], dates=[datetime.date(2023, 3, 1)])
    (tmp_path / "list.csv").write_text("path\n20230301.tif\n")
    with pytest.raises(ValueError, match="complex samples in two real bands"):
        open_catalogue(tmp_path / "list.csv")


def test_a_component_names_the_parts(tmp_path):
    path = write_parts(tmp_path / "1a1e77399c5bd.tif", PAIRS[2])
    with pytest.raises(ValueError, match="complex samples in two real bands, 'I' and 'Q'"):
        read_component(path, component="s1grd")


@pytest.mark.parametrize("kind", ["names", "units", "axis"])
def test_parts_as_variables_are_refused(kind):
    xarray = pytest.importorskip("xarray")
    grid = {"y": 450 - 100.0 * np.arange(5), "x": 500_050 + 100.0 * np.arange(7)}
    plane, other = np.ones((5, 7), np.float32), np.zeros((5, 7), np.float32)
    if kind == "axis":
        names = ["i", "q"]
        data = xarray.DataArray(np.stack([plane, other]), {"band": names, **grid}, ("band", "y", "x"), name="slc")
        data = data.to_dataset()
    else:
        names = ["i_VV", "q_VV"] if kind == "names" else ["first", "second"]
        units = ["", ""] if kind == "names" else ["real", "imaginary"]
        arrays = zip(names, (plane, other), units, strict=True)
        data = xarray.Dataset({name: (("y", "x"), part, {"units": unit}) for name, part, unit in arrays}, grid)
        data["height"] = ("y", "x"), plane
    with pytest.raises(ValueError, match=f"box has complex samples in two real bands, '{names[0]}' and '{names[1]}'"):
        XarraySource(data, name="box", crs=BOX.crs)
    XarraySource(data, name="box", crs=BOX.crs, quantity="number")
    if kind != "axis":
        assert len(XarraySource(data, name="box", crs=BOX.crs, variables=["height"]).bands) == 1
