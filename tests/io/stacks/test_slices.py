"""Dates of several files: slices are one date, of two processings the newer is taken, and bursts are a set."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
import rasterio
import stack_layouts
from rasterio.windows import Window as Part
from stack_layouts import COLS, DATES, LATITUDE, LONGITUDE, ROWS
from stack_layouts import nisar_product as product

from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.run.catalogue import open_catalogue, reopen
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import RadarGeometry

PIXELS = stack_layouts.stack_pixels()
#: Rows of two slices, which overlap.
SLICES = (slice(0, 13), slice(10, ROWS))


def raster_slices(root, pixels):
    """Each GeoTIFF of a date in two, the second without its last date."""
    whole = root / "whole"
    whole.mkdir()
    stack_layouts.rasters(whole, pixels)
    for path in sorted(whole.glob("*.tif")):
        with rasterio.open(path) as file:
            for number, rows in enumerate(SLICES):
                if number == 1 and f"{DATES[2]:%Y%m%d}" in path.name:
                    continue
                window = Part(0, rows.start, COLS, rows.stop - rows.start)
                profile = file.profile | {"height": window.height, "transform": file.window_transform(window)}
                with rasterio.open(root / f"{path.stem}_slice{number}.tif", "w", **profile) as part:
                    part.write(file.read(window=window))
    shutil.rmtree(whole)
    return root


def hdf5_slices(root, pixels):
    for number, rows in enumerate(SLICES):
        folder = root / f"part{number}"
        folder.mkdir()
        stack_layouts.hdf5(folder, pixels)
        for path in sorted(folder.glob("*.h5")):
            with h5py.File(path, "r+") as file:
                for name in ("VV", "y_coordinates"):
                    values = file[f"data/{name}"][rows]
                    del file[f"data/{name}"]
                    file[f"data/{name}"] = values
            if number == 0 or f"{DATES[2]:%Y%m%d}" not in path.name:
                path.rename(root / f"{path.stem}_slice{number}.h5")
        shutil.rmtree(folder)
    return root


@pytest.mark.parametrize("write", [raster_slices, hdf5_slices])
def test_slices_of_a_date_are_one_date(tmp_path, write):
    pixels = stack_layouts.stack_pixels()
    catalogue = open_catalogue(write(tmp_path, pixels))
    stack = catalogue.stack
    assert (stack.dates, stack.shape) == (DATES, (3, ROWS, COLS))
    wanted = pixels.copy()
    wanted[2, 13:] = np.nan
    np.testing.assert_array_equal(stack.window(), wanted)
    np.testing.assert_array_equal(stack.window(slice(9, 15), slice(3, 7)), wanted[:, 9:15, 3:7])
    assert [len(catalogue.inputs[f"{date:%Y%m%d}"]) for date in DATES] == [2, 2, 1]
    again, _ = reopen(catalogue.source)
    np.testing.assert_array_equal(again.window(), wanted)


def test_two_rasters_of_the_same_pixels_are_asked_about(tmp_path):
    stack_layouts.rasters(tmp_path, stack_layouts.stack_pixels())
    first = sorted(tmp_path.glob("*.tif"))[0]
    shutil.copy(first, tmp_path / f"{first.stem}_again.tif")
    with pytest.raises(ValueError, match=r"slc_20230301_VV.tif and slc_20230301_VV_again.tif are of the same date"):
        open_stack(tmp_path)


def capella_twice(root, pixels):
    stack_layouts.capella(root, pixels)
    first = sorted(root.glob("*.tif"))[0]
    newer = root / first.name.replace(".tif", "_2.tif")
    shutil.copy(first, newer)
    for path, day in ((first, "2023-03-02"), (newer, "2024-01-05")):
        with rasterio.open(path, "r+") as file:
            text = json.loads(file.tags()["TIFFTAG_IMAGEDESCRIPTION"])
            file.update_tags(TIFFTAG_IMAGEDESCRIPTION=json.dumps({**text, "processing_time": f"{day}T00:00:00Z"}))
            file.write(file.read() * (2 if path == newer else 1))
    return {"geometry": RadarGeometry(LATITUDE, LONGITUDE)}, first.name, newer.name


def biomass_twice(root, pixels):
    stack_layouts.biomass(root, pixels)
    older = sorted(root.glob("BIO_*"))[0]
    newer = root / older.name.replace("DSQJ70", "DSQZ01")
    shutil.copytree(older, newer)
    for path in (newer / "measurement").glob("*_abs.tiff"):
        with rasterio.open(path, "r+") as file:
            amplitude = file.read()
            file.write(np.where(amplitude == -9999, amplitude, 2 * amplitude))
    return {"polarisation": "VV"}, older.name, newer.name


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("write", [capella_twice, biomass_twice])
def test_the_newer_processing_of_a_date_is_taken_and_the_other_named(tmp_path, write):
    pixels = stack_layouts.stack_pixels(is_integer=True)
    options, older, newer = write(tmp_path, pixels)
    with pytest.warns(UserWarning, match=f"{older} is left out: {newer} is a newer processing of the same date"):
        stack = open_stack(tmp_path, **options)
    assert stack.dates == DATES
    np.testing.assert_allclose(stack.window()[0], 2 * pixels[0], atol=4e-3)
    np.testing.assert_allclose(stack.window()[1], pixels[1], atol=4e-3)


def test_the_newer_sicd_of_a_date_is_taken(shared_data, tmp_path):
    sample = next((shared_data / "slc-layouts" / "sicd").glob("2026-06-18*.nitf"))
    content = sample.read_bytes()
    start = content.index(b"<DateTime>") + len(b"<DateTime>")
    year = content[start : start + 4]
    for name, value in (("first.nitf", year), ("second.nitf", b"2029")):
        (tmp_path / name).write_bytes(content[:start] + value + content[start + 4 :])
    with pytest.warns(UserWarning, match="first.nitf is left out: second.nitf is a newer processing"):
        open_catalogue(tmp_path, needs_positions=False)


def test_a_newer_processing_of_another_extent_replaces_the_older(tmp_path):
    product(tmp_path, PIXELS[0][:20], release="P05023", second=37)
    product(tmp_path, PIXELS[1][2:], row=2, release="P05024", second=38)
    with pytest.warns(UserWarning, match=r"P05023_N_F_J_001.h5 is left out: .*P05024_N_F_J_001.h5 is a newer"):
        stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack.window()[0], PIXELS[1][2:])
    for path in tmp_path.glob("*P05024*"):
        path.unlink()
    product(tmp_path, PIXELS[1][2:], row=2, release="P05023", second=38)
    with pytest.raises(ValueError, match="are of the same date and cover the same ground; keep one"):
        open_stack(tmp_path)


def test_frames_in_two_zones_are_a_set_of_bursts(tmp_path):
    for date, image in zip(DATES[:2], PIXELS, strict=False):
        product(tmp_path, image, date=date)
        product(tmp_path, image, date=date, frame=66, crs=32616)
    catalogue = open_catalogue(tmp_path)
    assert isinstance(catalogue.stack, BurstSet)
    assert [burst.geometry.crs for burst in catalogue.stack.bursts] == ["EPSG:32615", "EPSG:32616"]
    assert [len(paths) for paths in catalogue.inputs.values()] == [2, 2]
    again, _ = reopen(catalogue.source)
    assert again.burst == catalogue.stack.burst == "113-D-065+113-D-066"
    assert open_catalogue(tmp_path, burst="113-D-066").stack.burst == "113-D-066"
