"""What is missing is found, in whatever form a stack is named, and nothing else is touched."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from production import BOX, DATES, recipe, run, tiles, write_dates

from m3leo_sar import TileGrid
from m3leo_sar.app.run_display import plan_result
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER, ChipLedger, TileState
from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.products.recipe import Origin, wanted_chips
from m3leo_sar.run import job
from m3leo_sar.run.catalogue import open_catalogue, reopen
from m3leo_sar.run.plan import Plan, folder_stamp, make_plan
from m3leo_sar.run.update import plan_only
from m3leo_sar.run.update_run import block_size
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import all_pairs

WANTED = wanted_chips(recipe(), polarisation="VV", shape=(16, 16))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("stack") / "stack")


@pytest.fixture(scope="module")
def rasters(tmp_path_factory):
    """The same dates as complex rasters."""
    folder = tmp_path_factory.mktemp("rasters")
    scene = simulate_scene(BOX, dates=DATES, seed=4)
    for date in DATES:
        write_geotiff(folder / f"slc_{date:%Y%m%d}.tif", scene.stack.window(dates=[date])[0], BOX)
    return folder


def test_a_dry_run_tells_everything_and_writes_nothing(stack, tmp_path):
    catalogue = open_catalogue(stack)
    plan, rate = plan_only(catalogue, tmp_path / "chips", tiles(), recipe())
    assert rate is None
    assert plan.chips == {"coherence": 36, "intensity": 24, "label": 12}
    assert plan.bytes == 36 * 16 * 16 * 4 + 24 * 16 * 16 * 4 + 12 * 16 * 16
    text = "\n".join(plan_result(plan, rate, workers=3).sentences)
    assert "tiles: 6 of 6 are incomplete" in text
    assert "pairs: 6 to bring up to date, 20230301_20230313 to 20230325_20230406" in text
    assert "on 3 workers" in text
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_a_plan_counts_the_terrain_of_each_tile():
    grid, sizes = tiles(pixels=448), {"polarisation": "VV", "shape": (448, 448)}
    plain, slopes, masked = (
        make_plan(grid, wanted_chips(recipe(**options), **sizes))
        for options in ({}, {"gamma0": True}, {"mask": "layover"})
    )
    chips = 6 * 10 * 0.03
    assert plain.seconds(workers=2) == pytest.approx(chips / 2)
    assert slopes.seconds(workers=2) == pytest.approx((chips + 6 * 4 * 0.03 + 6 * 2.0) / 2)
    assert masked.seconds(workers=2) == pytest.approx((chips + 6 * 0.5) / 2)
    # As fast as a run without a mask it cannot be.
    assert masked.seconds(workers=2, rate=1e-12) == pytest.approx(6 * 0.5 / 2)


def test_a_dry_run_of_an_archive_leaves_it_as_it_was(stack, tmp_path):
    run(stack, tmp_path / "chips", count=3)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "chips").rglob("*.tif")}
    plan, rate = plan_only(open_catalogue(stack), tmp_path / "chips", tiles(), recipe())
    assert plan.chips == {"coherence": 18, "intensity": 6}
    assert rate > 0
    assert plan.seconds(workers=2, rate=rate) == pytest.approx(24 * 256 * rate / 2)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "chips").rglob("*.tif")}
    (tmp_path / "chips" / LEDGER).unlink()
    for rest in (tmp_path / "chips").glob(f"{LEDGER}-*"):
        rest.unlink()
    plan, _ = plan_only(open_catalogue(stack), tmp_path / "chips", tiles(), recipe())
    assert plan.chips == {"coherence": 18, "intensity": 6}
    assert not (tmp_path / "chips" / LEDGER).exists()


def test_a_chip_that_someone_took_away_is_missed_though_the_ledger_knew_it(stack, tmp_path):
    run(stack, tmp_path / "chips")
    archive, grid = ChipArchive(tmp_path / "chips"), tiles()
    archive.path(grid[2].identifier, "coherence", "20230301_20230325").unlink()
    assert run(stack, tmp_path / "chips").computed == {"coherence": 1}
    # A copy of an archive has other times, which are looked at once and then known.
    shutil.copytree(tmp_path / "chips", tmp_path / "copy")
    for _ in range(2):
        assert run(stack, tmp_path / "copy").computed == {}
    shutil.rmtree(tmp_path / "copy" / grid[0].identifier)
    assert sum(run(stack, tmp_path / "copy").computed.values()) == 12


def test_settled_tiles_are_not_opened(stack, tmp_path, monkeypatch):
    run(stack, tmp_path / "chips")
    archive = ChipArchive(tmp_path / "chips")
    monkeypatch.setattr(ChipArchive, "has", lambda *_, **__: pytest.fail("a chip was opened"))
    with ChipLedger(tmp_path / "chips" / LEDGER) as ledger:
        held = ledger.holding(next(iter(ledger.tiles().values())).holding)
        wanted = {name: WANTED.get(name, {}) for name in held}
        plan = make_plan(tiles(), wanted, archive=archive, ledger=ledger)
    # Made from inputs with checksums, which these are not.
    assert (len(plan.lacking), plan.present) == (6, 0)


def test_a_ledger_shares_one_list_among_tiles_that_hold_the_same(tmp_path):
    with ChipLedger(tmp_path / LEDGER) as ledger:
        digest = ledger.keep({"coherence/a": "1", "coherence/b": "2"})
        assert ledger.keep({"coherence/b": "2", "coherence/a": "1"}) == digest
        ledger.record_tiles({f"t{index}": TileState("done", "", digest, "5") for index in range(40)})
        assert len(ledger.tiles()) == 40
        assert ledger.tiles()["t7"].holding == digest
        assert ledger.holding(digest) == {"coherence/a": "1", "coherence/b": "2"}
        assert ledger.holding("none") == {}
        ledger.record("retile/x", "done", digest="1")
        assert ledger.counts()["done"] == 1


def test_a_plan_of_many_tiles_shares_what_they_lack(tmp_path):
    grid = TileGrid.exact((5.0, 49.0, 5.5, 49.5), pixels=448)
    plan = make_plan(grid, WANTED)
    assert len({id(names) for names in plan.lacking.values()}) == 1
    assert plan.chips == {"coherence": 6 * len(grid), "intensity": 4 * len(grid)}


@pytest.mark.parametrize("size", [1, 4, 7, 16])
def test_blocks_hold_every_tile_once_and_neighbours_together(size):
    grid = TileGrid.exact((5.0, 49.0, 5.7, 49.4), pixels=448)
    plan = make_plan(grid, WANTED)
    blocks = plan.blocks(size)
    assert sorted(position for block in blocks for position in block) == list(range(len(grid)))
    assert max(map(len, blocks)) <= size
    assert len(blocks) <= 3 * len(grid) / size + 10
    for block in blocks:
        west, south, east, north = grid.bounds[block].T
        side = max(1, int(size**0.5)) + 1
        assert east.max() - west.min() < side * 0.07
        assert north.max() - south.min() < side * 0.05
    assert Plan(grid, {}, "").blocks(3) == []


def test_a_block_is_as_large_as_memory_and_workers_allow(stack, monkeypatch):
    import m3leo_sar.run.update_run as running

    opened = open_catalogue(stack).stack
    plan = make_plan(tiles(4, 8), WANTED)
    assert block_size(plan, opened, workers=1) == 8
    assert block_size(plan, opened, workers=4) == 2
    monkeypatch.setattr(running, "BLOCK_BYTES", 1)
    assert block_size(plan, opened, workers=1) == 1


def test_a_signature_tells_changes_and_no_order_of_times(tmp_path):
    file = tmp_path / "a" / "b.bin"
    file.parent.mkdir()
    file.write_bytes(b"123")
    first, digest = signature(tmp_path / "a"), checksum(tmp_path / "a")
    assert (signature(tmp_path / "a"), checksum(tmp_path / "a")) == (first, digest)
    os.utime(file, (5, 5))
    assert signature(tmp_path / "a") != first
    assert checksum(tmp_path / "a") == digest
    # Another file of the same size and time in its place, as a copy that keeps times leaves it.
    before = signature(tmp_path / "a")
    (tmp_path / "other").write_bytes(b"456")
    os.utime(tmp_path / "other", (5, 5))
    os.replace(tmp_path / "other", file)
    assert signature(tmp_path / "a") != before
    file.write_bytes(b"123")
    (tmp_path / "a" / "c.partial-7").write_bytes(b"x")
    assert checksum(tmp_path / "a") == digest
    file.rename(tmp_path / "a" / "d.bin")
    assert checksum(tmp_path / "a") != digest
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        signature(tmp_path / "none")
    assert folder_stamp(tmp_path, "none", ["coherence/x"]) == ""


def test_a_folders_checksum_is_of_names_sizes_and_bytes_files_before_folders(tmp_path):
    for name in ("b/x.bin", "b/a/y.bin", "a.bin", "c/z.bin"):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_bytes(name.encode() * 3)
    (tmp_path / "f" / "loop").symlink_to(tmp_path / "f")
    whole = b"".join(
        f"{name}\0{3 * len(name)}\0".encode() + name.encode() * 3
        for name in ("a.bin", "b/x.bin", "b/a/y.bin", "c/z.bin")
    )
    assert checksum(tmp_path / "f") == hashlib.sha256(whole).hexdigest()


def test_taking_checksums_ends_when_asked_and_gives_them_in_any_number_of_threads(tmp_path):
    stop = threading.Event()
    (tmp_path / "a.bin").write_bytes(b"x" * 10)
    assert checksum(tmp_path / "a.bin", stop=stop) == hashlib.sha256(b"x" * 10).hexdigest()
    stop.set()
    with pytest.raises(InterruptedError, match=r"reading .*a\.bin was stopped"):
        checksum(tmp_path / "a.bin", stop=stop)
    catalogue = open_catalogue(write_dates(tmp_path / "stack"))
    names = [*catalogue.inputs, "unknown"]

    def slow(path, stop):
        time.sleep(0.05 * (path.parent.name == "20230301"))
        return "signature", checksum(path)

    origin, signatures = catalogue.origin(names, slow)
    assert list(origin.checksums) == list(catalogue.inputs)
    assert all(origin.checksums[name] == f"sha256:{checksum(*paths)}" for name, paths in catalogue.inputs.items())
    assert set(signatures.values()) == {"signature"}

    reported = []

    def failing(path, stop):
        if path.parent.name == "20230301":
            raise OSError("gone")
        reported.append(stop.wait(60))
        raise InterruptedError

    with pytest.raises(OSError, match="gone"):
        catalogue.origin(names, failing)
    assert all(reported)


def test_a_block_that_is_read_at_once_is_checked_once(tmp_path, monkeypatch):
    stack = write_dates(tmp_path / "stack")
    asked = []
    monkeypatch.setattr(job, "signature", lambda path: asked.append(Path(path).name) or signature(path))
    run(stack, tmp_path / "chips", grid=tiles(4, 4), log=str(tmp_path / "log"))
    blocks = json.loads((tmp_path / "log").read_text().splitlines()[0])["blocks"]
    assert 1 < blocks < 8
    dates = [name for name in asked if not name.startswith("label")]
    # Four dates and the geometry a block; labels are read by each tile for itself.
    assert len(dates) == 5 * blocks
    assert len(asked) - len(dates) == 2 * 16


def test_checksums_are_taken_once_as_long_as_the_signature_stays(tmp_path, monkeypatch):
    import m3leo_sar.io.chips.chip_ledger as chip_ledger

    file = tmp_path / "slc.tif"
    file.write_bytes(b"first")
    taken = []
    monkeypatch.setattr(chip_ledger, "checksum", lambda path, **rest: taken.append(path) or checksum(path, **rest))
    with ChipLedger(tmp_path / LEDGER) as ledger:
        one = ledger.checksum(file)
        assert ledger.checksum(file) == one
        assert len(taken) == 1
        file.write_bytes(b"other")
        assert ledger.checksum(file)[1] != one[1]
        assert len(taken) == 2


def test_a_folder_of_rasters_a_csv_and_stac_items_give_one_stack(rasters, tmp_path):
    names = [f"slc_{date:%Y%m%d}.tif" for date in DATES]
    with (tmp_path / "products.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "date", "polarisation", "orbit", "track"])
        for name, date in zip(reversed(names), reversed(DATES), strict=True):
            writer.writerow([rasters / name, date.isoformat(), "VH", "ascending", 88])
    items = [
        {
            "id": name,
            "properties": {"datetime": f"{date.isoformat()}T05:00:00Z", "sat:orbit_state": "ascending"},
            "assets": {"vh": {"href": str(rasters / name)}, "thumbnail": {"href": "x.png"}},
        }
        for name, date in zip(names, DATES, strict=True)
    ]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    found = [open_catalogue(path) for path in (rasters, tmp_path / "products.csv", tmp_path / "items.json")]
    for catalogue in found:
        assert list(catalogue.stack.dates) == DATES
        assert catalogue.inputs["20230313"] == (rasters / "slc_20230313.tif",)
        np.testing.assert_array_equal(catalogue.stack.window(), found[0].stack.window())
        again, labels = reopen(json.loads(json.dumps(catalogue.source)))
        np.testing.assert_array_equal(again.window(), catalogue.stack.window())
        assert labels == {}
    assert [catalogue.stack.polarisation for catalogue in found] == ["VV", "VH", "VH"]
    assert (found[1].stack.orbit, found[1].stack.track) == ("ascending", 88)
    assert found[2].stack.orbit == "ascending"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "file,date\n", "must have the columns path and any of date"),
        ("a.csv", "path\n", "names no product"),
        (
            "a.csv",
            "path,track\nx.tif,third\n",
            "line 2: track must be a relative orbit number, .* got 'third'",
        ),
        ("a.csv", "path\nnone.tif\n", "there is no file .*none.tif, which .*a.csv names"),
        ("a.json", "{}", "holds no STAC items: KeyError 'properties'"),
        ("a.json", "[]", "holds no STAC items"),
        ("a.json", "{", "holds no STAC items: JSONDecodeError"),
        (
            "a.json",
            '{"id": "s", "properties": {"datetime": "2023-03-01"}, '
            '"assets": {"vv": {"href": "a.tif"}, "vh": {"href": "b.tif"}}}',
            "item s must have one asset that is an SLC, got vv, vh; name the polarisation",
        ),
    ],
)
def test_a_wrong_catalogue_is_reported(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_catalogue(tmp_path / name)


def test_an_absurd_header_is_refused_before_anything_is_read(tmp_path):
    rows = 1 << 21
    vrt = (
        f'<VRTDataset rasterXSize="100" rasterYSize="{rows}"><SRS>EPSG:32631</SRS>'
        "<GeoTransform>0,10,0,0,0,-10</GeoTransform>"
        '<VRTRasterBand dataType="CFloat32" band="1"/></VRTDataset>'
    )
    (tmp_path / "slc_20230301.vrt").write_text(vrt)
    with pytest.raises(ValueError, match="must have at most 1048576 rows and columns, got 2097152 x 100"):
        open_catalogue(tmp_path)


def test_a_catalogue_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        open_catalogue(tmp_path / "none")


def test_parameters_name_all_inputs_of_a_chip():
    sums = {f"{date:%Y%m%d}": f"sha256:{index}" for index, date in enumerate(DATES)} | {"geometry": "g"}
    wanted = wanted_chips(
        recipe(interferograms=True), polarisation="VV", shape=(5, 7), labels=["cover"], origin=Origin(sums, {})
    )
    assert len(wanted) == 6 + 6 + 4 + 1
    pair = all_pairs(DATES)[1]
    assert wanted[f"coherence/VV/{pair}"]["inputs"] == {"20230301": "sha256:0", "20230325": "sha256:2", "geometry": "g"}
    assert len({parameter_digest(parameters) for parameters in wanted.values()}) == len(wanted)
