"""Dates and polarisations that names, tags and bands of rasters tell."""

from __future__ import annotations

import datetime
import shutil

import numpy as np
import pytest
import rasterio

from m3leo_sar import GeoBox
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.stacks.acquisition_name import date_in_name
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.run.catalogue import open_catalogue

BOX = GeoBox((13, 37), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
DATES = (datetime.date(2020, 1, 1), datetime.date(2020, 1, 13))


def image(number):
    return np.full(BOX.shape, number + 1j, np.complex64)


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("20230301.slc", "2023-03-01"),
        ("i_IW1_VV_01Mar2023.img", "2023-03-01"),
        ("slc_2023_03_01_vv.tif", "2023-03-01"),
        ("20230301.slc.full.vrt", "2023-03-01"),
        ("CAPELLA_C02_SM_SLC_HH_20201209213329_20201209213332.tif", "2020-12-09"),
        ("2023-01-01-12-30-11_UMBRA-05_SLC.tif", "2023-01-01"),
        ("orbit_10000101_20230319.tif", "2023-03-19"),
        ("S1A_IW_SLC__1SDV_20220918T235958_20220919T000024_045056.tif", "2022-09-18"),
        ("99999999_20230319.tif", "2023-03-19"),
    ],
)
def test_dates_as_producers_write_them(name, date):
    assert date_in_name(name) == datetime.date.fromisoformat(date)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("20230319_20230331.tif", "several dates in its name, 2023-03-19 and 2023-03-31, as an interferogram"),
        ("20230319T120000_20230331T120000.tif", "as an interferogram"),
        ("compressed_20230319_20230319_20230601.tif", "is a compressed SLC"),
        ("second.tif", "has no date in its name"),
        ("orbit_10000101.tif", "has no date in its name"),
        ("20231301.tif", "has no date in its name"),
    ],
)
def test_names_that_are_no_acquisition(name, message):
    with pytest.raises(ValueError, match=message):
        date_in_name(name)


def test_polarisations_side_by_side_are_distinguished(tmp_path):
    for index, date in enumerate(DATES):
        write_geotiff(tmp_path / f"{date:%Y%m%d}_vv.tif", image(index), BOX)
        write_geotiff(tmp_path / f"{date:%Y%m%d}_vh.tif", image(index + 10), BOX)
    for opened in (lambda **some: open_stack(tmp_path, **some), lambda **some: open_catalogue(tmp_path, **some).stack):
        with pytest.raises(ValueError, match="polarisation must be given, as there are several: VH, VV"):
            opened()
        with pytest.raises(ValueError, match="polarisation HH is not there; present: VH, VV"):
            opened(polarisation="HH")
        for polarisation, first in (("vv", 0), ("VH", 10)):
            stack = opened(polarisation=polarisation)
            assert (stack.dates, stack.polarisation) == (DATES, polarisation.upper())
            assert stack.window()[:, 0, 0].real.tolist() == [first, first + 1]


def test_a_name_says_its_polarisation(tmp_path):
    for index, date in enumerate(DATES):
        write_geotiff(tmp_path / f"{date:%Y%m%d}_HH.tif", image(index), BOX)
    assert open_stack(tmp_path).polarisation == "HH"
    assert open_catalogue(tmp_path).stack.polarisation == "HH"
    with pytest.raises(ValueError, match="polarisation VV is not there; present: HH"):
        open_stack(tmp_path, polarisation="VV")


@pytest.mark.parametrize("by", ["description", "tag"])
def test_bands_are_chosen_by_what_they_are_called(tmp_path, by):
    for index, date in enumerate(DATES):
        path = tmp_path / f"{date:%Y%m%d}.tif"
        names = ("VH", "VV") if by == "description" else ()
        write_geotiff(path, np.stack([image(index + 10), image(index)]), BOX, names=names)
        if by == "tag":
            with rasterio.open(path, "r+") as file:
                file.update_tags(1, POLARISATION="VH")
                file.update_tags(2, POLARISATION="VV")
    assert open_stack(tmp_path, polarisation="VV").window()[:, 0, 0].real.tolist() == [0, 1]
    found = open_catalogue(tmp_path, polarisation="VH").stack.window()
    assert found[:, 0, 0].real.tolist() == [10, 11]
    with pytest.raises(ValueError, match="several: VH, VV"):
        open_stack(tmp_path)


def test_bands_without_a_name_are_not_guessed(tmp_path):
    write_geotiff(tmp_path / "20200101.tif", np.stack([image(0), image(1)]), BOX)
    with pytest.raises(ValueError, match="20200101.tif has 2 complex bands that do not all name their polarisation"):
        open_stack(tmp_path, polarisation="VV")


def test_two_files_of_a_date_are_both_named(tmp_path):
    for name in ("20200101_a", "20200101_b"):
        write_geotiff(tmp_path / f"{name}.tif", image(0), BOX)
    with pytest.raises(ValueError, match="20200101_a.tif and 20200101_b.tif are of the same date"):
        open_stack(tmp_path)


def test_compressed_images_are_left_out_and_named(tmp_path):
    for index, date in enumerate(DATES):
        write_geotiff(tmp_path / f"{date:%Y%m%d}.slc.tif", image(index), BOX)
    write_geotiff(tmp_path / "compressed_20200101_20200101_20200301.tif", image(7), BOX)
    for opened in (open_stack, lambda path: open_catalogue(path).stack):
        with pytest.warns(UserWarning, match="1 compressed SLCs, .* are left out, such as compressed_2020"):
            assert opened(tmp_path).dates == DATES


def test_dates_belong_to_files_in_the_order_that_they_are_given(tmp_path):
    paths = [tmp_path / "b.tif", tmp_path / "a.tif"]
    for index, path in enumerate(paths):
        write_geotiff(path, image(index), BOX)
    assert read_raster_stack(paths, dates=DATES).window()[:, 0, 0].real.tolist() == [0, 1]
    assert read_raster_stack(paths, dates=DATES[::-1]).window()[:, 0, 0].real.tolist() == [1, 0]


def test_grids_a_micrometre_apart_are_one(tmp_path):
    write_geotiff(tmp_path / "20200101.tif", image(0), BOX)
    moved = GeoBox(BOX.shape, (10.0, 0.0, 500_000.000001, 0.0, -10.0, 5_500_000.0), BOX.crs)
    write_geotiff(tmp_path / "20200113.tif", image(1), moved)
    assert open_stack(tmp_path).geometry == BOX
    # Half a metre is a twentieth of a pixel.
    moved = GeoBox(BOX.shape, (10.0, 0.0, 500_000.5, 0.0, -10.0, 5_500_000.0), BOX.crs)
    write_geotiff(tmp_path / "20200113.tif", image(1), moved)
    with pytest.raises(ValueError, match=r"20200113.tif is complex64 of shape"):
        open_stack(tmp_path)


def test_real_layouts(shared_data, tmp_path):
    folder = shared_data / "slc-layouts"
    if not folder.is_dir():
        pytest.skip("the layouts of producers are not there")
    with pytest.raises(ValueError, match="as an interferogram"):
        open_stack(folder / "dolphin" / "interferograms")
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in (folder / "dolphin" / "linked_phase").glob("*.slc.tif"):
        shutil.copy(path, linked)
    assert len(open_stack(linked).dates) == 3
