"""A run over a stack on a server: chips of the local stack, nothing half written, and no secret anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from far_stacks import DATES, speckle, write_cslc
from range_server import Answer, RangeServer
from remote_setting import quick_transfers

from m3leo_sar import TileGrid, Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.remote import open_remote, piece_cache
from m3leo_sar.io.remote.chunk_index import INDEX, ChunkIndex
from m3leo_sar.products.recipe import UNKNOWN, Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.job import common_values, job_values, run_job
from m3leo_sar.run.plan import make_plan
from m3leo_sar.run.prepare import prepare
from m3leo_sar.run.run_options import RunOptions
from m3leo_sar.stack.pairs import all_pairs

pytest.importorskip("aiohttp")
TILES = TileGrid([(5.52, 49.61, 5.53, 49.617), (5.53, 49.61, 5.54, 49.617)], pixels=32)
CHOICES = {"tiles": TILES, "window": Window(rows=3, cols=9), "intensities": False}


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for pixels, date in zip(speckle((2, 450, 560)), DATES, strict=False):
        write_cslc(folder, pixels, date)
    with RangeServer(folder) as running, quick_transfers():
        names = sorted(path.name for path in folder.iterdir())
        lines = [f"{running.url.replace('//', '//anna:geheim@')}/{name}?token=geheim" for name in names]
        (folder / "list.csv").write_text("path\n" + "\n".join(lines))
        yield running


def chips_of(root):
    return {path.relative_to(root): rasterio.open(path).read() for path in root.rglob("*.tif")}


def forget():
    open_remote.forget_all()
    piece_cache.pieces.clear()


def test_chips_are_those_of_the_local_files_and_nothing_holds_a_secret(server, tmp_path):
    near = prepare(server.folder, tmp_path / "near", **CHOICES)
    options = RunOptions(log=tmp_path / "far" / "log.jsonl")
    (tmp_path / "far").mkdir()
    address = f"{server.url}/list.csv?token=geheim"
    far = prepare(address, tmp_path / "far" / "chips", **CHOICES, options=options)
    assert far.computed == near.computed == {"coherence": 2}
    first, second = chips_of(tmp_path / "near"), chips_of(tmp_path / "far" / "chips")
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    files = [path for path in (tmp_path / "far").rglob("*") if path.is_file()]
    assert {"ledger.sqlite", INDEX, "archive.json", "log.jsonl"} <= {path.name for path in files}
    assert not [path for path in files if re.search(b"geheim|anna", path.read_bytes())]
    assert prepare(address, tmp_path / "far" / "chips", **CHOICES).present == 2
    # A file that has changed gives other chips.
    write_cslc(server.folder, speckle((450, 560), seed=9), DATES[0])
    forget()
    assert prepare(address, tmp_path / "far" / "chips", **CHOICES).computed == {"coherence": 2}


def test_a_server_that_fails_fails_the_tile_and_the_next_run_makes_it(server, tmp_path):
    address, chips = f"{server.url}/list.csv", tmp_path / "chips"
    # Headers come in blocks of 64 KiB, chunks as they lie.
    server.instead = lambda asked: Answer(503) if (asked.first or 0) % 65536 else None
    found = prepare(address, chips, **CHOICES)
    assert len(found.failed) == 2
    assert all(re.search(r"v1.1.h5.* the server answers 503, after 3 attempts", why) for why in found.failed.values())
    assert "geheim" not in str(found)
    assert not list(chips.rglob("*.tif"))
    server.instead = lambda asked: None
    assert prepare(address, chips, **CHOICES).computed == {"coherence": 2}


def test_a_file_that_changes_during_a_run_fails_its_tiles(server, tmp_path):
    catalogue = open_catalogue(f"{server.url}/list.csv")
    origin, signatures = catalogue.origin(catalogue.inputs, lambda path, stop: (signature(path), checksum(path)))
    assert {text[:7] for text in origin.checksums.values()} == {"sha256:"}
    write_cslc(server.folder, speckle((450, 560), seed=9), DATES[1])
    found = run_here(catalogue, tmp_path, signatures)
    reasons = {tile["reason"] for tile in found["tiles"]}
    assert len(reasons) == 1
    assert re.search("20240413T161651Z.* was changed while the run was reading it; run again", reasons.pop())
    assert not re.search("geheim|anna", str(found))


def test_a_worker_opens_the_files_by_the_index(server, tmp_path):
    catalogue = open_catalogue(f"{server.url}/list.csv")
    index = Path(tmp_path / INDEX)
    with open_remote.index_at(index):
        catalogue.stack.window(slice(0, 1), slice(0, 1))
    # As another process would.
    forget()
    before = len(server.asked)
    found = run_here(catalogue, tmp_path, {}, remote_index=index)
    assert [tile["state"] for tile in found["tiles"]] == ["done", "done"]
    names = [file.name for files in catalogue.inputs.values() for file in files]
    with ChunkIndex(index) as held:
        chunks = [held.chunks(f"{server.url}/{name}", "/data/VV", range(99)) for name in names]
    stored = {chunk.start for found in chunks for chunk in found.values()}
    # Requests are for chunks alone: no header, no tree.
    assert all(asked.first in stored for asked in server.asked[before:])
    assert 0 < len(server.asked) - before <= 8


def run_here(catalogue, tmp_path, signatures, **more):
    recipe = Recipe(pairs=all_pairs(catalogue.stack.dates), window=Window(rows=3, cols=9), intensities=False)
    archive = ChipArchive.create(tmp_path / "archive", storage="geotiff", grid="legacy", stack="a")
    plan = make_plan(TILES, {"coherence/VV/20240401_20240413": {}})
    return run_job(common_values(catalogue, archive, recipe, UNKNOWN, signatures, **more), job_values(plan, [0, 1]))
