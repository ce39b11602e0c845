"""The command describe, and the sentences of commands that open a stack."""

from __future__ import annotations

import shutil
import sys
import warnings

import numpy as np
import pytest
from production import write_dates
from remote_setting import quick_transfers

from m3leo_sar import GeoBox, Window
from m3leo_sar.app import command
from m3leo_sar.app.options import polarisation_of
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, StackFacts

BOX = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(40, 50), crs="EPSG:4326")


@pytest.fixture
def call(monkeypatch, capfd, columns):
    """Runs the command; its exit code, output and errors, in lines of 80 columns, without breaks."""
    columns(80)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["m3leo-sar", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command.main()
        out, errors = capfd.readouterr()
        return ended.value.code, out, errors

    return run


@pytest.mark.parametrize("name", ["isce2", "snap-mst", "biomass-sta"])
@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation")
def test_a_polarisation_is_chosen_for_every_kind(shared_data, call, name):
    wanted = "VV"
    code, out, errors = call("describe", shared_data / "slc-layouts" / name, "--polarisation", wanted)
    assert (code, polarisation_of([wanted])) == (0, "VV"), errors
    assert "polarisation" in out


def test_an_archive_and_a_store_are_described(tmp_path, call, rng):
    archive = ChipArchive.create(tmp_path / "chips")
    for day in (13, 25):
        key = f"VV/20230301_202303{day}"
        plane = rng.random((40, 50)).astype("f4")
        facts = {"product": "coherence", "key": key, "polarisation": "VV", "unit": "1", "orbit": "ascending"}
        archive.write("1a1e77399c5bd", "coherence", key, plane, BOX, metadata=facts)
    code, out, errors = call("describe", tmp_path / "chips")
    assert code == 0, errors
    assert "chip archive" in out
    assert "2 per tile, such as VV/20230301_20230313" in out
    SlcTileStore.create(tmp_path / "tiles", StackFacts(window=Window(rows=3, cols=7), polarisation="HH"))
    code, out, errors = call("describe", tmp_path / "tiles")
    assert code == 0, errors
    assert "store of SLC tiles" in out
    assert "3 x 7" in out


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_a_chip_has_its_polarisation_and_dates_apart_at_80_columns(tmp_path, call, storage):
    archive = ChipArchive.create(tmp_path / "chips", storage=storage)
    key = "HH/20260618_20260630"
    facts = {"product": "coherence", "key": key, "unit": "1", "orbit": "ascending"}
    archive.write("1a1e77399c5bd", "coherence", key, np.full((40, 50), 0.25, "f4"), BOX, metadata=facts)
    code, out, errors = call("describe", archive.path("1a1e77399c5bd", "coherence", key))
    assert code == 0, errors
    rows = dict([part.strip() for part in line.split("│")[1:3]] for line in out.splitlines() if "│" in line)
    assert rows["dates"] == "20260618_20260630"
    assert rows["polarisation"] == "HH"
    assert rows["quantity"] == "coherence"


def test_an_unknown_folder_is_not_damaged(tmp_path, call):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dev_half.npz").write_bytes(b"")
    _, _, errors = call("describe", tmp_path / "other")
    assert "it holds dev_half.npz" in errors
    assert "damaged" not in errors
    (tmp_path / "empty").mkdir()
    for name in ("describe", "pairs"):
        code, _, errors = call(name, tmp_path / "empty")
        assert code == 1
        assert f"{tmp_path / 'empty'} is empty" in errors


def test_one_date(tmp_path, call, shared_data):
    one = next((shared_data / "slc-layouts" / "opera-cslc").glob("*_CSLC-S1_*_20260618*"))
    code, out, errors = call("describe", shutil.copy(one, tmp_path))
    assert code == 0, errors
    assert "1, 2026-06-18" in out
    for words in (["pairs"], ["prepare"]):
        _, _, errors = call(*words, tmp_path, *([tmp_path / "chips"] if words == ["prepare"] else []))
        assert "holds one date (2026-06-18); a pair needs two" in errors


def test_compressed_products_are_named(shared_data, call):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, out, errors = call("pairs", shared_data / "slc-layouts" / "opera-cslc")
    assert (code, "3 pairs of 3 dates" in out) == (0, True)
    lines = errors.splitlines()
    assert [line[:6] for line in lines] == ["m3leo-", "next: "]
    assert lines[0].startswith("m3leo-sar: warning: ")
    assert "2 compressed SLCs, which are not acquisitions, are left out" in lines[0]


def test_a_warning_is_a_sentence_and_said_once(monkeypatch, capfd):
    def warn_twice():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            for _ in range(2):
                warnings.warn("lines 1 to 3\nare zero", stacklevel=1)
        return 0

    monkeypatch.setattr(command, "_run", warn_twice)
    before = warnings.showwarning
    with pytest.raises(SystemExit):
        command.main()
    assert capfd.readouterr().err == "m3leo-sar: warning: lines 1 to 3 are zero\n"
    assert warnings.showwarning is before


def test_a_wrong_reader_lists_the_kinds(tmp_path, call):
    write_dates(tmp_path / "stack", 2)
    code, _, errors = call("pairs", tmp_path / "stack", "--reader", "csl")
    assert code == 1
    assert "--reader must be one of container, cslc, nisar-gslc, " in errors
    assert "did you mean 'cslc'?" in errors


@pytest.mark.parametrize("words", [["pairs", "URL"], ["describe", "URL"], ["tiles", "a.geojson", "--stack", "URL"]])
def test_an_address_keeps_its_slashes(call, words):
    url = "http://127.0.0.1:9/stack.zarr"
    with quick_transfers(tries=1):
        _, _, errors = call(*(url if word == "URL" else word for word in words))
    assert f"{url}/zarr.json cannot be read: the connection failed, after 1 attempt" in errors


def test_the_columns_of_a_list_are_named(tmp_path, call):
    (tmp_path / "list.csv").write_text("file,day\na.tif,2\n")
    _, _, errors = call("pairs", tmp_path / "list.csv")
    assert errors.rstrip().endswith("got file, day")


@pytest.mark.parametrize("name", ["gamma", "isce2-virtual", "capella", "sicd"])
def test_positions_are_given_beside_the_images_and_pairs_need_none(shared_data, call, name):
    _, _, errors = call("describe", shared_data / "slc-layouts" / name)
    assert "put geometry/latitude.tif and geometry/longitude.tif beside the images, or pass geometry=" in errors
    code, out, errors = call("pairs", shared_data / "slc-layouts" / name)
    assert code == 0, errors
    assert "20260618_20260630" in out
