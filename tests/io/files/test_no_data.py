"""No data by tag, mask band, sidecar and scale, of rasters and of what VRTs make of them."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Window, coherence
from m3leo_sar.io.files.no_data import is_no_data
from m3leo_sar.io.files.raster import files_of, read_raster, read_window, write_geotiff
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.run.catalogue import open_catalogue, reopen

BOX = GeoBox((200, 70), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
HOLE = (slice(40, 60), slice(11, 30))


@pytest.fixture
def pixels(rng):
    return (rng.standard_normal((200, 70)) + 1j * rng.standard_normal((200, 70))).astype(np.complex64)


def hole(array=None):
    found = np.zeros(BOX.shape, bool)
    found[HOLE] = True
    return found


def test_a_sidecar_names_no_data_and_belongs_to_the_files(tmp_path, pixels):
    path, sidecar = tmp_path / "a.tif", tmp_path / "a.tif.aux.xml"
    write_geotiff(path, np.where(hole(), np.complex64(7), pixels), BOX)
    assert not np.isnan(read_raster(path).array).any()
    sidecar.write_text('<PAMDataset><PAMRasterBand band="1"><Metadata/></PAMRasterBand></PAMDataset>')
    assert files_of(path) == (path,)
    sidecar.write_text('<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>')
    np.testing.assert_array_equal(np.isnan(read_raster(path).array), hole())
    assert files_of(path) == (path, sidecar)


@pytest.mark.parametrize("is_internal", [True, False])
def test_a_mask_band_hides_pixels(tmp_path, pixels, is_internal):
    write_geotiff(tmp_path / "a.tif", pixels, BOX)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=is_internal), rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.write_mask(~hole())
    np.testing.assert_array_equal(np.isnan(read_raster(tmp_path / "a.tif").array), hole())
    part = read_window(tmp_path / "a.tif", 1, slice(50, 70), slice(5, 20))
    np.testing.assert_array_equal(np.isnan(part), hole()[50:70, 5:20])
    assert len(files_of(tmp_path / "a.tif")) == (1 if is_internal else 2)


def test_a_scale_is_applied_after_no_data_was_looked_for(tmp_path, pixels):
    for date in ("20230301", "20230313"):
        write_geotiff(tmp_path / f"{date}.tif", np.where(hole(), np.complex64(-9), pixels), BOX, nodata=-9)
        with rasterio.open(tmp_path / f"{date}.tif", "r+") as file:
            file.scales = (0.5,)
    found = open_stack(tmp_path).window()
    np.testing.assert_array_equal(np.isnan(found[1]), hole())
    np.testing.assert_allclose(found[0][~hole()], pixels[~hole()] / 2, rtol=1e-6)


VRT = '<VRTDataset rasterXSize="70" rasterYSize="200">{}</VRTDataset>'
SOURCE = (
    '<SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename><SourceBand>1</SourceBand>{}</SimpleSource>'
)


@pytest.mark.parametrize("named", ["vrt", "sources", "mask"])
@pytest.mark.parametrize("function", ["polar", "complex"])
def test_what_a_function_of_a_vrt_makes_of_no_data_is_no_data(tmp_path, pixels, function, named):
    parts = (abs(pixels), np.angle(pixels)) if function == "polar" else (pixels.real, pixels.imag)
    for name, part in zip("ab", parts, strict=True):
        filled = np.where(hole(), np.float32(-9999), part)
        write_geotiff(tmp_path / f"{name}.tif", filled, BOX, nodata=-9999 if named == "sources" else -1e9)
        if named == "mask":
            with rasterio.open(tmp_path / f"{name}.tif", "r+") as file:
                file.nodata = None
                file.write_mask(~hole())
    value = "<NoDataValue>-9999</NoDataValue>" if named == "vrt" else ""
    band = (
        '<VRTRasterBand dataType="CFloat32" band="1" subClass="VRTDerivedRasterBand"><PixelFunctionType>'
        f"{function}</PixelFunctionType>{value}<SourceTransferType>Float32</SourceTransferType>"
    )
    text = VRT.format(band + SOURCE.format("a.tif", "") + SOURCE.format("b.tif", "") + "</VRTRasterBand>")
    (tmp_path / "20230301.vrt").write_text(text)
    found = read_window(tmp_path / "20230301.vrt", 1, slice(30, 90), slice(3, 60))
    np.testing.assert_array_equal(np.isnan(found), hole()[30:90, 3:60])
    np.testing.assert_allclose(found[~np.isnan(found)], pixels[30:90, 3:60][~hole()[30:90, 3:60]], rtol=1e-4, atol=1e-5)
    # Fill equals fill: its coherence would be 1.
    whole = read_raster(tmp_path / "20230301.vrt").array
    assert np.isnan(coherence(whole, whole, window=Window(rows=3, cols=3))[45:55, 16:25]).all()


def test_a_mosaic_is_no_data_where_no_source_is_valid(tmp_path, pixels):
    rectangle = '<{} xOff="0" yOff="{}" xSize="70" ySize="{}"/>'

    def placed(row, rows):
        return rectangle.format("SrcRect", 0, rows) + rectangle.format("DstRect", row, rows)

    write_geotiff(tmp_path / "a.tif", pixels[:70], BOX.crop(slice(0, 70), slice(0, 70)), nodata=0)
    low = np.where(hole()[30:110], np.complex64(-9), pixels[110:190])
    write_geotiff(tmp_path / "b.tif", low, BOX.crop(slice(110, 190), slice(0, 70)), nodata=-9)
    sources = SOURCE.format("a.tif", placed(0, 70)) + SOURCE.format("b.tif", placed(110, 80))
    band = f'<VRTRasterBand dataType="CFloat32" band="1">{sources}</VRTRasterBand>'
    (tmp_path / "m.vrt").write_text(VRT.format(band))
    expected = np.concatenate([pixels[:70], np.full((40, 70), np.nan), np.where(hole()[30:110], np.nan, low)])
    expected = np.concatenate([expected, np.full((10, 70), np.nan)])
    np.testing.assert_array_equal(np.isnan(read_raster(tmp_path / "m.vrt").array), np.isnan(expected))
    part = read_window(tmp_path / "m.vrt", 1, slice(60, 150), slice(5, 50))
    np.testing.assert_array_equal(np.isnan(part), np.isnan(expected[60:150, 5:50]))


def test_a_real_polar_vrt_has_no_coherence_in_its_fill(shared_data):
    folder = shared_data / "slc-layouts" / "biomass-sta"
    if not folder.is_dir():
        pytest.skip("the layouts of producers are not there")
    truth = np.load(shared_data / "slc-layouts" / "truth.npz")
    paths = sorted(folder.rglob("*_i.vrt"))
    images = [read_window(path, 1, slice(0, 96), slice(0, 110)) for path in paths]
    for image in images:
        np.testing.assert_array_equal(np.isnan(image), truth["invalid"])


@given(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32), st.sampled_from([0.0, -9999.0, float("nan")]))
def test_complex_no_data_is_a_number_not_a_line(real, imag, nodata):
    sample = np.array([complex(real, imag), complex(nodata, 0), complex(nodata, nodata)], np.complex64)
    found = is_no_data(sample, nodata)
    assert found[1:].all()
    assert bool(found[0]) == (real == nodata and imag in (0, nodata))


def test_zero_fill_is_warned_of_and_named_by_nodata(tmp_path, pixels, rng):
    other = (0.8 * pixels + 0.6 * pixels[::-1]).astype(np.complex64)
    other[100:] = 0
    write_geotiff(tmp_path / "20230301.tif", pixels, BOX)
    write_geotiff(tmp_path / "20230313.tif", other, BOX)
    with pytest.warns(UserWarning, match=r"20230313.tif: whole lines are exactly zero, such as line 100.*nodata=0"):
        zeros = open_stack(tmp_path).window()
    assert (zeros[1, 100:] == 0).all()
    window = Window(rows=9, cols=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = open_stack(tmp_path, nodata=0)
        named = stack.window()
        catalogue = open_catalogue(tmp_path, nodata=0)
        np.testing.assert_array_equal(reopen(catalogue.source)[0].window(), named)
    expected = np.array(other)
    expected[100:] = np.nan
    np.testing.assert_array_equal(coherence(*named, window=window), coherence(pixels, expected, window=window))
    assert abs(np.nanmean(coherence(*named, window=window)[98]) - 0.8) < 0.1
    # Chips of other values of the same files are other chips.
    files = catalogue.origin(["20230313"], lambda path, stop: ("", "x"))[0].checksums
    assert files != open_catalogue(tmp_path).origin(["20230313"], lambda path, stop: ("", "x"))[0].checksums


def test_zero_lines_are_reported_once_an_image_and_shadow_is_none(tmp_path, pixels):
    with_shadow = np.array(pixels)
    with_shadow[50, 3:40] = 0
    write_geotiff(tmp_path / "20230301.tif", with_shadow, BOX)
    stack = read_raster_stack([tmp_path / "20230301.tif"], dates=[datetime.date(2023, 3, 1)])
    stack.window()
    # A part of a line that is too short to judge.
    stack.window(slice(50, 51), slice(5, 20))
    with_shadow[50] = 0
    write_geotiff(tmp_path / "20230301.tif", with_shadow, BOX)
    with pytest.warns(UserWarning, match="line 50"):
        stack.window()
    # Once for each image.
    stack.window()
