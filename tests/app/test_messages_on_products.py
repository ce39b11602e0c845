"""Sentences of commands on Sentinel-1 products, terrain, orbits, pictures and options."""

from __future__ import annotations

import datetime
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import call_here
from tiny_safe import FIRST, write_safe

from m3leo_sar import GeoBox
from m3leo_sar.app.command_result import reason_lines
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.slc import SlcStack

LATER = FIRST + datetime.timedelta(days=12)
NAMES = ["S1A_IW_SLC__1SDV_20230904T063732_20230904T063759_050174_0609E3_0001",
         "S1A_IW_SLC__1SDV_20230916T063732_20230916T063759_050349_0609E3_0002"]  # fmt: skip


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """Two dates of one burst."""
    for name, first in zip(NAMES, (FIRST, LATER), strict=True):
        write_safe(tmp_path / "products", swaths={"IW1": [110431]}, name=name, first=first)
    return tmp_path / "products"


def said(*arguments: object, cwd: Path, code: int) -> str:
    return " ".join(call_here(*arguments, cwd=cwd, code=code).split())


def cut_zip(product: Path) -> str:
    place = product.with_suffix(".zip")
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("a", bytes(9000))
    place.write_bytes(place.read_bytes()[:5000])
    shutil.rmtree(product)
    return "is a zip that is cut short: the list of its files, which ends a zip, is missing; download it again"


def cut_annotation(product: Path) -> str:
    note = next(product.glob("annotation/*.xml"))
    note.write_bytes(note.read_bytes()[:900])
    return f"{product.name}, {note.name}"


@pytest.mark.parametrize("damage", [cut_zip, cut_annotation])
def test_a_product_that_cannot_be_read_is_named_and_hides_no_other(products: Path, tmp_path: Path, damage) -> None:
    reason = damage(products / f"{NAMES[1]}.SAFE")
    text = said("describe", "products", cwd=tmp_path, code=1)
    assert "T052-110431-IW1" in text
    assert f"cannot be read: {NAMES[1]}" in text
    assert reason in text


def test_a_zip_is_said_to_be_one(products: Path, tmp_path: Path) -> None:
    place = write_safe(tmp_path / "z", swaths={"IW1": [110431]}, name=NAMES[0], has_pixels=False, as_zip=True)
    text = said("describe", place, cwd=tmp_path, code=0)
    assert "pixels │ zip; missing of IW1 VV" in text
    assert "pixels │ folder" in said("describe", products / f"{NAMES[0]}.SAFE", cwd=tmp_path, code=0)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    text = said("describe", "other.zip", cwd=tmp_path, code=1)
    assert "other.zip is a zip without a Sentinel-1 product (a .SAFE folder) or an orbit file in it" in text


def test_every_date_without_an_orbit_file_is_named_readably(products: Path, tmp_path: Path) -> None:
    (tmp_path / "orbits").mkdir()
    text = said("coregister", "products", "stacks", "--orbits", "orbits", "--dem", "dem.tif", cwd=tmp_path, code=1)
    assert "orbits must hold a POEORB or RESORB file of S1A that covers 2023-09-04 06:36:31 to 06:38:31 UTC" in text
    assert "nor is there one for 2023-09-16; --annotation-orbits takes the state vectors" in text
    assert not (tmp_path / "stacks").exists()


def test_the_orbit_of_the_navigation_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_safe(tmp_path / "products", swaths={"IW1": [110431]}, name=NAMES[0], orbit_source="Downlink")
    asked = ["coregister", "products", "stacks", "--annotation-orbits", "--dem", "dem.tif"]
    assert "orbitSource Downlink), which is up to 3 m off; give a folder" in said(*asked, cwd=tmp_path, code=1)
    assert not (tmp_path / "stacks").exists()


def terrain(folder: Path, crs: str = "EPSG:4326") -> None:
    box = GeoBox.from_bounds((-9, 31, -8.9, 31.1), shape=(20, 30), crs=crs)
    write_geotiff(folder / "dem.tif", np.ones(box.shape, np.float32), box)


@pytest.mark.filterwarnings("ignore:2023-09-04, 2023-09-16. annotation orbit")
@pytest.mark.parametrize(
    ("crs", "options", "sentence"),
    [
        ("EPSG:4326", [], "--dem-datum must state what the heights of dem.tif are above, as its CRS does not: egm2008"),
        ("EPSG:4326", ["--dem-datum", "egm08"], "--dem-datum must be one of egm2008, egm96, ellipsoid or the code of"),
        ("EPSG:4979", ["--dem-datum", "egm96"], "--dem-datum must be that of the CRS of dem.tif, ellipsoid, or left"),
    ],
)
def test_a_datum_is_asked_for_by_its_option(products, tmp_path, crs, options, sentence) -> None:  # type: ignore[no-untyped-def]
    terrain(tmp_path, crs)
    asked = ["coregister", "products", "stacks", "--annotation-orbits", "--dem", "dem.tif", *options]
    assert sentence in said(*asked, cwd=tmp_path, code=1)
    assert not (tmp_path / "stacks").exists()


def test_terrain_is_described(tmp_path: Path) -> None:
    terrain(tmp_path)
    text = said("describe", "dem.tif", cwd=tmp_path, code=0)
    assert "raster of GTiff, no chip" in text
    assert "vertical datum │ not stated; coregister takes it from --dem-datum" in text
    assert "20 rows x 30 columns" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["pairs", "x", "--polarisation", "VX"],
            "--polarisation must be one of VV, VH, HH, HV, RH, RV, LH, LV, got 'V",
        ),
        (["simulate", "--safe", "x", "--swath", "IW9"], "--swath must be of IW1, IW2 and IW3 in this order, got IW9"),
        (["plot", "chips", "picture"], "output must end in .png, .svg or .pdf (or .jpg, .jpeg"),
    ],
)
def test_what_came_is_repeated_as_it_was_typed(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    box = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(40, 50), crs="EPSG:4326")
    facts = {"product": "coherence", "key": "VV/20230301_20230313", "unit": "1"}
    archive = ChipArchive.create(tmp_path / "chips")
    archive.write("1a1e77399c5bd", "coherence", facts["key"], np.ones(box.shape, np.float32), box, metadata=facts)
    assert sentence in said(*arguments, cwd=tmp_path, code=1)
    assert not (tmp_path / "picture").exists()


@pytest.mark.parametrize(
    ("wrong", "right"), [("--polarization", "--polarisation"), ("--minimum-covrage", "--minimum-coverage")]
)
def test_the_nearest_option_is_suggested(tmp_path: Path, wrong: str, right: str) -> None:
    assert right in said("prepare", "stack", "chips", wrong, "1", cwd=tmp_path, code=2)


@pytest.mark.parametrize(
    ("words", "missing"), [(["coregister"], "PRODUCTS"), (["prepare", "stack"], "ARCHIVE"), (["report"], "ARCHIVE")]
)
def test_an_argument_that_is_missing_is_named_as_the_guides_write_it(tmp_path: Path, words, missing) -> None:  # type: ignore[no-untyped-def]
    assert f"Missing argument '{missing}'" in said(*words, cwd=tmp_path, code=2)


def test_failures_are_listed_by_reason_and_the_others_are_counted() -> None:
    failed = {"a": "cut", "b": "cut", "c": "no orbit", "d": "no terrain", "e": "noise", "f": "noise"}
    assert reason_lines("failed", failed, Path("s/coregister.sqlite")) == [
        "failed: a and 1 more: cut",
        "failed: c: no orbit",
        "failed: d: no terrain",
        "failed: and 2 more, see s/coregister.sqlite",
    ]
    assert reason_lines("failed", {}, Path("s")) == []


def test_tiles_that_are_left_out_say_the_share_that_is_asked_for(tmp_path: Path) -> None:
    call_here("simulate", "stack", "--rows", 460, "--cols", 470, "--dates", 2, cwd=tmp_path, code=0)
    text = said("prepare", "stack", "chips", "--lattice", "exact", "--minimum-coverage", "0.9", cwd=tmp_path, code=1)
    assert "% of it lies on the stack, less than --minimum-coverage 0.9;" in text


def test_a_stack_is_described_without_names_of_classes_and_empty_lines(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    latitude, longitude = np.meshgrid(np.linspace(50.1, 50, 40), np.linspace(9, 9.1, 50), indexing="ij")
    dates = [datetime.date(2023, 3, day) for day in (1, 13)]
    pixels = np.ones((2, 40, 50), np.complex64)
    stack = SlcStack.from_arrays(pixels, dates, geometry=RadarGeometry(latitude, longitude), polarisation="VV")
    write_stack(stack, tmp_path / "stack")
    text = call_here("describe", "stack", cwd=tmp_path, code=0)
    assert "Geometry" not in text
    assert not [line for line in text.splitlines() if re.search(r"│\s+│$", line)]
    assert text.count("polarisation") == 1
    assert "20230301 20230313" in text
