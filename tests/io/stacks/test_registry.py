"""The table of stack readers: how a folder is recognised, what is asked, and what the table of dates states."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pytest
import stack_layouts

from m3leo_sar import GeoBox
from m3leo_sar.grid.joint_grid import joint_grid
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.registry import reader_named, readers, recognise
from m3leo_sar.run.catalogue import open_catalogue, reopen

BOX = GeoBox((7, 9), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
DATES = (datetime.date(2020, 1, 1), datetime.date(2020, 1, 13))


def tifs(folder, names=("first.tif", "second.tif")):
    for number, name in enumerate(names):
        write_geotiff(folder / name, np.full(BOX.shape, number + 1j, np.complex64), BOX)
    return folder


def test_names_are_unique_and_find_their_entries():
    names = [entry.name for entry in readers()]
    assert len(set(names)) == len(names)
    assert all(reader_named(name).name == name for name in names)
    with pytest.raises(ValueError, match=r"reader must be one of container, cslc, .*; got 'other'"):
        reader_named("other")


def test_a_table_of_dates_states_what_names_do_not(tmp_path):
    tifs(tmp_path, ("first.tif", "second.tif", "notes.tif"))
    (tmp_path / "dates.csv").write_text("file,date,polarisation\nsecond.tif,20200101,hv\nfirst.tif,2020-01-13,HV\n")
    stack = open_stack(tmp_path)
    assert (stack.dates, stack.polarisation) == (DATES, "HV")
    assert stack.window()[:, 0, 0].real.tolist() == [1, 0]
    catalogue = open_catalogue(tmp_path)
    assert catalogue.inputs["20200101"][0].name == "second.tif"
    (tmp_path / "dates.csv").unlink()
    again, _ = reopen(catalogue.source)
    np.testing.assert_array_equal(again.window(), stack.window())
    assert again.polarisation == "HV"
    pickle.loads(pickle.dumps(again)).window()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,date\n", "dates.csv must have the columns file and date, and may have polarisation, got"),
        ("file,date\n", "dates.csv names no file"),
        ("file,date\nthird.tif,20200101\n", "dates.csv, line 2: file must be an image of this folder, got 'third.tif'"),
        ("file,date\n../first.tif,20200101\n", "line 2: file must be an image of this folder"),
        ("file,date\nfirst.tif,20201301\n", "line 2: a date must be a day of the calendar"),
        ("file,date\nfirst.tif,20200101\nfirst.tif,20200102\n", "line 3: first.tif is named twice"),
        ("file,date,polarisation\nfirst.tif,20200101,XX\n", "line 2: polarisation must be one of VV, VH, HH, HV"),
        ("file,date\n\0\n", "dates.csv"),
    ],
)
def test_a_wrong_table_of_dates_is_named(tmp_path, text, message):
    tifs(tmp_path)
    (tmp_path / "dates.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_stack(tmp_path)


def test_several_polarisations_of_a_table_are_asked_for(tmp_path):
    tifs(tmp_path)
    (tmp_path / "dates.csv").write_text("file,date,polarisation\nfirst.tif,20200101,VV\nsecond.tif,20200101,VH\n")
    with pytest.raises(ValueError, match="polarisation must be given, as there are several: VH, VV"):
        open_stack(tmp_path)
    assert open_stack(tmp_path, polarisation="vh").window()[0, 0, 0] == 1 + 1j


def test_where_two_kinds_are_possible_it_asks(tmp_path):
    tifs(tmp_path, ("20200101.tif",))
    (tmp_path / "20200101.rslc").write_bytes(np.ones((7, 9), ">c8").tobytes())
    (tmp_path / "20200101.rslc.par").write_text(
        "date: 2020 01 01\nrange_samples: 9\nazimuth_lines: 7\nimage_format: FCOMPLEX\n"
    )
    with pytest.raises(
        ValueError, match=r"both GAMMA stack \(20200101.rslc\) and rasters .* reader='gamma' or reader='"
    ):
        open_stack(tmp_path)
    assert open_stack(tmp_path, reader="rasters").window()[0, 0, 0] == 1j
    assert open_stack(tmp_path, reader="gamma", geometry=BOX).window()[0, 0, 0] == 1
    assert open_catalogue(tmp_path, reader="rasters").stack.geometry == BOX
    with pytest.raises(ValueError, match="holds no NISAR GSLC: expected a folder of NISAR_L2_"):
        recognise(tmp_path, reader="nisar-gslc")


def test_a_choice_that_a_kind_does_not_have_is_refused(tmp_path):
    tifs(tmp_path, ("20200101.tif",))
    with pytest.raises(ValueError, match="a folder of rasters has no frequency to choose, got frequency 'A'"):
        open_stack(tmp_path, frequency="A")


def test_a_single_file_of_a_date_is_a_stack(tmp_path):
    assert open_stack(tifs(tmp_path, ("20200101.tif",)) / "20200101.tif").dates == DATES[:1]


def test_grids_that_do_not_share_their_pixels_have_no_joint_grid():
    other = GeoBox((7, 9), (10.0, 0.0, 500_005.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
    zone = GeoBox((7, 9), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32632")
    assert joint_grid([BOX, other]) is joint_grid([BOX, zone]) is joint_grid([BOX, None]) is None


def test_positions_beside_images_serve_those_that_state_none(tmp_path):
    pixels = stack_layouts.stack_pixels(is_integer=True)
    place = tmp_path / "slcs"
    place.mkdir()
    stack_layouts.gamma(place, pixels, table=False)
    with pytest.raises(ValueError, match="states no position of its pixels: expected a look-up table"):
        open_stack(place)
    (place / "geometry").mkdir()
    for name, layer in (("latitude", stack_layouts.LATITUDE), ("longitude", stack_layouts.LONGITUDE)):
        stack_layouts.plain_tif(place / "geometry" / f"{name}.tif", layer)
    stack = open_stack(place)
    np.testing.assert_array_equal(stack.geometry.longitude, stack_layouts.LONGITUDE)
    catalogue = open_catalogue(place)
    assert [path.name for path in catalogue.inputs["geometry"]] == ["latitude.tif", "longitude.tif"]
    again, _ = reopen(catalogue.source)
    np.testing.assert_array_equal(again.geometry.latitude, stack_layouts.LATITUDE)
    # Beside the folders of the dates too.
    folder = tmp_path / "capella"
    folder.mkdir()
    stack_layouts.capella(folder, pixels)
    (place / "geometry").rename(tmp_path / "geometry")
    assert open_stack(folder).geometry.shape == pixels.shape[1:]
    stack_layouts.plain_tif(tmp_path / "geometry" / "longitude.tif", stack_layouts.LONGITUDE[1:])
    with pytest.raises(ValueError, match=r"latitude.tif and longitude.tif must have one shape, got \(23, 37\)"):
        open_stack(folder)
