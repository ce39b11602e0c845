"""STAC items and CSV tables as catalogues write them, and every command that takes a stack."""

from __future__ import annotations

import datetime
import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from m3leo_sar import GeoBox
from m3leo_sar.app.cli import app
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.run.catalogue import open_catalogue

BOX = GeoBox((13, 37), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
DATES = (datetime.date(2020, 1, 1), datetime.date(2020, 1, 13))


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(("a b", "c")):
        write_geotiff(tmp_path / f"{name}.tif", np.full(BOX.shape, index + 1j, np.complex64), BOX)
    return tmp_path


def items(folder, hrefs=("a b.tif", "c.tif"), times=("2020-01-01T05:00:00Z", "2020-01-13T05:00:00Z"), **properties):
    features = [
        {
            "type": "Feature",
            "id": href,
            "properties": {"datetime": time, "sar:polarizations": ["VV"], **properties},
            "assets": {"data": {"href": href}},
        }
        for href, time in zip(hrefs, times, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def stack_of(folder, document):
    (folder / "i.json").write_text(json.dumps(document))
    return open_catalogue(folder / "i.json").stack


def table(folder, text):
    (folder / "p.csv").write_text(text)
    return open_catalogue(folder / "p.csv").stack


def test_items_as_catalogues_write_them(folder):
    assert stack_of(folder, items(folder)).dates == DATES
    assert stack_of(folder, items(folder, hrefs=("./a%20b.tif", (folder / "c.tif").as_uri()))).dates == DATES
    quoted = (folder / "a b.tif").as_uri()
    assert "%20" in quoted
    assert stack_of(folder, items(folder, hrefs=(quoted, "c.tif"))).window()[:, 0, 0].real.tolist() == [0, 1]
    spans = items(folder)
    for feature in spans["features"]:
        moment = feature["properties"].pop("datetime")
        feature["properties"] |= {"datetime": None, "start_datetime": moment, "end_datetime": moment}
    assert stack_of(folder, spans).dates == DATES
    # Of the day in UTC, whatever the zone that it is written in.
    shifted = items(folder, times=("2019-12-31T23:30:00-05:00", "2020-01-13T01:00:00+00:00"))
    assert stack_of(folder, shifted).dates == DATES
    assert stack_of(folder, items(folder, **{"sat:orbit_state": "Descending"})).orbit == "descending"
    assert stack_of(folder, items(folder)["features"]).dates == DATES


def test_the_pages_of_a_saved_search_are_followed(folder):
    first, second = items(folder), items(folder)
    del first["features"][1], second["features"][0]
    (folder / "second.json").write_text(json.dumps(second))
    first["links"] = [{"rel": "self", "href": "x"}, {"rel": "next", "href": "second.json"}]
    assert stack_of(folder, first).dates == DATES
    (folder / "second.json").write_text(json.dumps(second | {"links": [{"rel": "next", "href": "i.json"}]}))
    with pytest.raises(ValueError, match=r"i.json has no last page: its links 'next' lead back to .*i.json"):
        stack_of(folder, first)
    with pytest.raises(ValueError, match="link 'next' must lead to a page on a web server, got 'ftp://h/2.json'"):
        stack_of(folder, items(folder) | {"links": [{"rel": "next", "href": "ftp://h/2.json"}]})


def test_an_item_without_any_time_is_named(folder):
    document = items(folder, times=("2020-01-01T05:00:00Z", None))
    with pytest.raises(ValueError, match="item c.tif must have a datetime or a start_datetime, it has none"):
        stack_of(folder, document)


@pytest.mark.parametrize(
    "dates",
    [
        ("2020-01-01T05:23:42Z", "2020-01-13T05:23:42Z"),
        ("2020_01_01", "20200113"),
        ("01Jan2020", "13JAN2020"),
        ("2020-01-01 05:23:42", "2020-01-13"),
    ],
)
def test_tables_as_people_write_them(folder, dates):
    text = f"path,date,track,orbit\na b.tif,{dates[0]},T087,ASCENDING\nc.tif,{dates[1]},87,Ascending\n"
    stack = table(folder, text)
    assert (stack.dates, stack.track, stack.orbit) == (DATES, 87, "ascending")
    assert table(folder, "\ufeffPath, Date\nc.tif,2020-01-13\na b.tif,2020-01-01\n").dates == DATES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,track\nc.tif,third\n", "line 2: track must be a relative orbit number"),
        ("path,orbit\nc.tif,up\n", "line 2: orbit must be ascending or descending, got 'up'"),
        ("path,date\nc.tif,2020-13-01\n", "line 2: a date must be a day of the calendar, got '2020-13-01'"),
        ("path,date\nc.tif,2020-01-01T99:00Z\n", "line 2: a time must read as 2023-03-01T16:16:51Z"),
        (
            "path,polarisation\nc.tif,XX\n",
            "line 2: polarisation must be one of VV, VH, HH, HV, RH, RV, LH, LV, got 'XX'",
        ),
        ("path\nother.h5\n", r"must name files of a stack \(.*\), got other.h5"),
        ("path\nnotes.txt\n", r"must name files of a stack \(.*\), got notes.txt"),
    ],
)
def test_a_wrong_line_is_named(folder, text, message):
    (folder / "notes.txt").write_text("hello")
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match=message):
        table(folder, text)


@pytest.mark.parametrize("command", ["pairs", "prepare", "slc-tiles"])
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_every_command_takes_lists(folder, command, kind):
    stack_of(folder, items(folder))
    table(folder, "path,date\na b.tif,2020-01-01\nc.tif,2020-01-13\n")
    stack = folder / {"csv": "p.csv", "json": "i.json"}[kind]
    more = {"pairs": [], "prepare": [folder / "chips", "--dry-run"], "slc-tiles": [folder / "tiles"]}[command]
    lattice = [] if command == "pairs" else ["--lattice", "exact", "--minimum-coverage", "0"]
    found = CliRunner().invoke(app, [command, str(stack), *map(str, more), *lattice])
    assert found.exit_code == 0, found.output
    assert "20200101_20200113" in found.output or command == "slc-tiles"
