"""Datasets of osgeo.gdal are read as the same rasters on disk."""

import datetime
import logging

import numpy as np
import pytest
import rasterio

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.gdal_dataset import is_gdal, versions
from m3leo_sar.io.files.raster import open_raster, read_raster, read_window, write_geotiff
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack

BOX = GeoBox((7, 9), rasterio.Affine(10, 0, 500000, 0, -10, 5800000), "EPSG:32631")
MEMORY = "a dataset that lies in a file"


@pytest.fixture
def gdal():
    try:
        from osgeo import gdal
    except ImportError:
        pytest.skip("osgeo (python3-gdal) is not installed")
    gdal.UseExceptions()
    return gdal


@pytest.fixture
def path(tmp_path, rng):
    image = rng.normal(size=(2, *BOX.shape)) + 1j * rng.normal(size=(2, *BOX.shape))
    image[1, 3, 4] = np.nan
    write_geotiff(tmp_path / "a.tif", image.astype("complex64"), BOX, tags={"A": "b"}, names=("VV", "VH"))
    return tmp_path / "a.tif"


def is_same(one, other):
    np.testing.assert_array_equal(one.array, other.array)
    assert one.array.dtype == other.array.dtype
    assert (one.geobox, one.names, one.nodata) == (other.geobox, other.names, other.nodata)


@pytest.mark.parametrize("driver", ["GTiff", "MEM", "VRT"])
def test_a_dataset_is_its_file_in_memory_or_not(gdal, path, driver):
    dataset = gdal.Open(str(path))
    if driver != "GTiff":
        dataset = gdal.GetDriverByName(driver).CreateCopy("", dataset)
    expected = read_raster(path)
    is_same(read_raster(dataset), expected)
    assert read_raster(dataset).tags["A"] == "b"
    one = read_raster(dataset.GetRasterBand(2))
    np.testing.assert_array_equal(one.array, expected.array[1])
    assert one.names == ("VH",)
    part = read_window(dataset, 2, slice(2, 5), slice(1, 7))
    np.testing.assert_array_equal(part, expected.array[1, 2:5, 1:7])
    with open_raster(dataset) as source:
        assert (source.count, source.shape) == (2, BOX.shape)


def test_what_is_not_yet_written_is_read(gdal, path):
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(1).Fill(3, -2)
    np.testing.assert_array_equal(read_raster(dataset).array[0], np.full(BOX.shape, 3 - 2j))


def test_no_data_and_masks_of_a_dataset_in_memory_are_nan(gdal):
    dataset = gdal.GetDriverByName("MEM").Create("", 9, 7, 1, gdal.GDT_Float32)
    band = dataset.GetRasterBand(1)
    band.Fill(5)
    band.SetNoDataValue(5)
    assert np.isnan(read_raster(dataset).array).all()
    masked = gdal.GetDriverByName("MEM").Create("", 9, 7, 1, gdal.GDT_Float32)
    masked.CreateMaskBand(gdal.GMF_PER_DATASET)
    masked.GetRasterBand(1).GetMaskBand().WriteRaster(0, 0, 9, 1, b"\xff" * 9)
    got = read_raster(masked).array
    assert np.isfinite(got[0]).all()
    assert np.isnan(got[1:]).all()


def test_a_source_takes_a_dataset_in_a_file_and_one_of_its_bands(gdal, path):
    dataset = gdal.Open(str(path))
    assert [band.name for band in RasterSource(dataset).bands] == ["VV", "VH"]
    source = RasterSource(dataset.GetRasterBand(2))
    assert [band.name for band in source.bands] == ["VH"]
    np.testing.assert_array_equal(source.read(BOX)[0].array[0], read_raster(path).array[1])
    with pytest.raises(ValueError, match=MEMORY):
        RasterSource(gdal.GetDriverByName("MEM").CreateCopy("", dataset))
    # One that is only called as a file is.
    with pytest.raises(ValueError, match=MEMORY):
        RasterSource(gdal.GetDriverByName("MEM").CreateCopy(str(path), dataset))


def fake(description, driver="GTiff", band=None):
    """What a dataset, or a band, of osgeo.gdal answers, for machines without it."""
    parts = {
        "GetDescription": lambda self: str(description),
        "GetDriver": lambda self: type("Driver", (), {"ShortName": driver})(),
        "FlushCache": lambda self: None,
    }
    dataset = type("Dataset", (), {"__module__": "osgeo.gdal", **parts})()
    if band is None:
        return dataset
    return type(
        "Band", (), {"__module__": "osgeo.gdal", "GetBand": lambda self: band, "GetDataset": lambda self: dataset}
    )()


def test_a_stack_takes_datasets_that_lie_in_files(tmp_path, rng):
    images = rng.normal(size=(2, *BOX.shape, 2)).astype("float32").view("complex64")[..., 0]
    paths = [tmp_path / f"{day}_VV.tif" for day in ("20230301", "20230313")]
    for path, image in zip(paths, images, strict=True):
        write_geotiff(path, image, BOX)
    stack = read_raster_stack([fake(path) for path in paths])
    assert (stack.polarisation, len(stack.dates)) == ("VV", 2)
    np.testing.assert_array_equal(stack.window(), images)
    assert open_stack(fake(paths[0])).dates == stack.dates[:1]
    for wrong, message in ((fake(paths[0], driver="MEM"), MEMORY), (fake(paths[0], band=1), "datasets, got a band")):
        with pytest.raises(ValueError, match=message):
            read_raster_stack([wrong])


def test_a_stack_of_datasets_of_gdal_itself(gdal, path):
    stack = read_raster_stack(gdal.Open(str(path)), dates=[datetime.date(2023, 3, 1)], polarisation="VH")
    np.testing.assert_array_equal(stack.window()[0], read_raster(path).array[1])


def test_versions_name_the_gdal_that_reads():
    found = versions()
    assert found["GDAL of rasterio"] == rasterio.__gdal_version__
    assert set(found) - {"GDAL of osgeo"} == {"GDAL of rasterio", "PROJ of pyproj"}
    assert not is_gdal("a.tif")


def test_raw_files_apart_from_their_vrt_are_read_or_the_setting_is_named(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    (tmp_path / "below").mkdir()
    np.arange(12, dtype="<f4").tofile(tmp_path / "a.raw")
    vrt = tmp_path / "below" / "a.vrt"
    vrt.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3">'
        '<VRTRasterBand dataType="Float32" band="1" subClass="VRTRawRasterBand">'
        '<SourceFilename relativeToVRT="1">../a.raw</SourceFilename><ImageOffset>0</ImageOffset>'
        "<PixelOffset>4</PixelOffset><LineOffset>16</LineOffset><ByteOrder>LSB</ByteOrder>"
        "</VRTRasterBand></VRTDataset>"
    )
    if tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2]) < (3, 12):
        assert read_raster(vrt).array.sum() == 66
    else:
        with pytest.raises(ValueError, match="set GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE=ALL in the environment"):
            read_raster(vrt)
    with rasterio.Env(GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE="ALL"):
        assert read_raster(vrt).array.sum() == 66
