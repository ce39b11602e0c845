"""One plan, however it is run: here, in worker processes, on dask; only what depends on a change is made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from production import DATES, assert_same, recipe, run, tiles, write_dates

from m3leo_sar import TileGrid, Window
from m3leo_sar._machine import available_cpus
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack
from m3leo_sar.products.recipe import UNKNOWN, wanted_chips
from m3leo_sar.run import threads
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.job import common_values, job_values, run_job
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.plan import make_plan
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.run.threads import WORKER_BYTES, environment, limit_openmp, shares

#: 6 tiles: 6 pairs, 4 dates, 2 labels each.
ALL = {"coherence": 36, "intensity": 24, "label": 12}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("stack") / "stack")


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory):
    """What an undisturbed run makes."""
    folder = tmp_path_factory.mktemp("whole") / "chips"
    assert run(stack, folder).computed == ALL
    return folder


def test_a_block_read_once_gives_what_each_tile_gives_by_itself(stack, whole, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    make_chips(read_stack(stack), archive, list(tiles()), recipe(), labels=read_labels(stack))
    one = ChipArchive(whole)
    for tile in one.identifiers:
        for dataset in one.datasets(tile):
            for key in one.keys(tile, dataset):
                chip, twin = one.read(tile, dataset, key), archive.read(tile, dataset, key)
                np.testing.assert_array_equal(chip.array, twin.array)
                assert set(chip.metadata["parameters"]) - set(twin.metadata["parameters"]) == {"inputs"}


def test_each_date_of_a_block_is_read_once_for_all_its_tiles_and_pairs(stack, tmp_path, monkeypatch):
    import m3leo_sar.io.stacks.zarr_stack as container

    reads = []
    read = container._read_slc

    def counted(*args, **options):
        reads.append(args[1][args[3]])
        return read(*args, **options)

    monkeypatch.setattr(container, "_read_slc", counted)
    catalogue, grid = open_catalogue(stack), tiles()
    archive = ChipArchive.create(tmp_path / "chips")
    wanted = wanted_chips(recipe(), polarisation="VV", shape=(16, 16))
    plan = make_plan(grid, wanted)
    common = common_values(catalogue, archive, recipe(), UNKNOWN, {})
    answer = run_job(common, job_values(plan, range(len(grid))))
    assert [entry["state"] for entry in answer["tiles"]] == ["done"] * 6
    assert sorted(reads) == DATES


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_worker_processes_make_the_same_archive(stack, whole, tmp_path, storage):
    done = run(stack, tmp_path / "chips", storage=storage, workers=2, threads=1)
    assert done.computed == ALL
    if storage == "geotiff":
        assert_same(tmp_path / "chips", whole)
    again = run(stack, tmp_path / "chips", workers=2)
    assert (again.computed, again.present) == ({}, 72)


def test_dask_makes_the_same_archive_and_is_seen_from_this_machine_only(stack, whole, tmp_path):
    pytest.importorskip("distributed")
    from m3leo_sar.run.dask_pool import local_cluster

    with local_cluster(workers=2) as cluster:
        listening = {socket.getsockname()[0] for socket in cluster.scheduler.http_server._sockets.values()}
        assert listening == {"127.0.0.1"}
        assert run(stack, tmp_path / "chips", scheduler=cluster.scheduler_address).computed == ALL
        assert run(stack, tmp_path / "again", scheduler=cluster).computed == ALL
    assert_same(tmp_path / "chips", whole)
    assert_same(tmp_path / "again", whole)


def test_a_scheduler_that_is_not_there_is_reported(stack, tmp_path):
    pytest.importorskip("distributed")
    from m3leo_sar.run.dask_pool import connected

    with (
        pytest.raises(OSError, match="scheduler tcp://127.0.0.1:9 does not answer"),
        connected("tcp://127.0.0.1:9", timeout=0.5),
    ):
        pass


def test_new_dates_bring_their_pairs_only(tmp_path):
    stack = write_dates(tmp_path / "stack", 3)
    assert run(stack, tmp_path / "chips", count=3).computed == {"coherence": 18, "intensity": 18, "label": 12}
    write_dates(tmp_path / "stack", 4)
    grown = run(stack, tmp_path / "chips")
    assert (grown.computed, grown.present) == ({"coherence": 18, "intensity": 6}, 48)
    run(stack, tmp_path / "fresh")
    assert_same(tmp_path / "chips", tmp_path / "fresh")


def test_a_replaced_input_or_parameter_makes_again_what_depends_on_it(tmp_path):
    stack, chips = write_dates(tmp_path / "stack"), tmp_path / "chips"
    run(stack, chips)
    date = stack / "20230313"
    other = write_dates(tmp_path / "other", seed=5) / "20230313"
    # The same bytes under another time are the same input.
    os.utime(date / "VV" / "c" / "0" / "0", (1, 1))
    assert run(stack, chips).computed == {}
    date.rename(tmp_path / "old")
    other.rename(date)
    assert run(stack, chips).computed == {"coherence": 3 * 6, "intensity": 6}
    assert run(stack, chips).computed == {}
    wider = recipe(window=Window(rows=5, cols=8))
    with pytest.warns(OtherSettingsWarning, match="holds coherence of window 3 x 8, and this run has window 5 x 8"):
        assert run(stack, chips, asked=wider).computed == {"coherence": 36}
    run(stack, tmp_path / "fresh", asked=wider)
    assert_same(chips, tmp_path / "fresh")


def test_every_chip_tells_what_it_was_made_from(stack, whole):
    from m3leo_sar.io.files.fingerprint import checksum

    archive = ChipArchive(whole)
    facts = archive.read(archive.identifiers[0], "coherence", "20230301_20230325").metadata
    sums = facts["parameters"]["inputs"]
    assert set(sums) == {"20230301", "20230325", "geometry"}
    assert sums["20230325"] == f"sha256:{checksum(stack / '20230325' / 'VV')}"
    assert facts["sources"] == {"20230301": "20230301/VV", "20230325": "20230325/VV"}
    assert facts["software"].startswith("m3leo-sar ")
    assert facts["versions"]["numpy"] == np.__version__
    label = archive.read(archive.identifiers[0], "label", "landcover").metadata
    assert set(label["parameters"]["inputs"]) == {"label-landcover"}


def test_the_log_has_a_line_of_json_for_every_tile(stack, tmp_path):
    run(stack, tmp_path / "chips", log=tmp_path / "log.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", *["tile"] * 6, "end"]
    assert lines[0]["lacking"] == ALL
    assert lines[-1]["computed"] == ALL
    assert [line["elapsed"] for line in lines] == sorted(line["elapsed"] for line in lines)


def test_tiles_off_the_stack_are_remembered_until_they_may_be_on_it(stack, tmp_path):
    away = TileGrid([*tiles().bounds, [8.0, 49.0, 8.01, 49.01]], pixels=16)
    for _ in range(2):
        done = run(stack, tmp_path / "chips", grid=away)
        assert list(done.skipped) == [away[6].identifier]
        assert done.skipped[away[6].identifier].startswith("0% of it lies on the stack")
    with pytest.raises(ValueError, match="none of the 1 tiles can be made from .*stack: 0% of it"):
        run(stack, tmp_path / "none", grid=away.take(slice(6, 7)))


def test_threads_are_said_outright(monkeypatch):
    cpus = available_cpus()
    assert shares(workers=None, threads=None, blocks=100) == (cpus, 1)
    assert shares(workers=None, threads=None, blocks=3) == (1, cpus)
    assert shares(workers=1, threads=None, blocks=100) == (1, cpus)
    assert shares(workers=3, threads=5, blocks=1) == (3, 5)
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        shares(workers=0, threads=None, blocks=1)
    monkeypatch.setattr(threads, "available_cpus", lambda: 12)
    monkeypatch.setattr(threads, "memory_limit", lambda: 5 * WORKER_BYTES + 1)
    assert shares(workers=None, threads=None, blocks=100) == (5, 2)
    assert shares(workers=9, threads=None, blocks=100) == (9, 1)
    monkeypatch.setattr(threads, "memory_limit", lambda: 1)
    assert shares(workers=None, threads=None, blocks=100) == (1, 12)
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert environment(2)["OMP_NUM_THREADS"] == "2"


def test_openmp_in_a_worker_has_the_threads_it_was_given(tmp_path):
    code = (
        "import ctypes, m3leo_sar.insar.coherence, m3leo_sar._backend.cpu\n"
        "from m3leo_sar.run import threads\n"
        "get = ctypes.CDLL(threads._loaded()[0]).omp_get_max_threads\n"
        "before = get(); reported = threads.limit_openmp(5); print(before, reported > 0, get())"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(3), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "True", "5"]
    assert limit_openmp(1) >= 0


def test_a_worker_runs_nothing_from_elsewhere():
    pool = WorkerPool("os.system", {}, workers=1)
    with pytest.raises(OSError, match="workers end before they answer; the last one ended with code 1"):
        list(pool.run(["true"] * 20))


def test_two_runs_at_once_are_refused_by_name(stack, tmp_path):
    grids = tiles()
    refusals = []

    def second(entry):
        if not refusals:
            with pytest.raises(BlockingIOError, match=f"is in use by process {os.getpid()} on "):
                run(stack, tmp_path / "chips", grid=grids)
            refusals.append(entry)

    run(stack, tmp_path / "chips", grid=grids, settled=second)
    assert refusals


def test_a_job_says_which_tile_needs_too_much(stack, tmp_path, monkeypatch):
    import m3leo_sar.products.placement as placement

    monkeypatch.setattr(placement, "LARGEST_READ", 1000)
    failed = run(stack, tmp_path / "chips", asked=replace(recipe(), intensities=False)).failed
    assert len(failed) == 6
    assert "must need at most 0.0 GiB of" in next(iter(failed.values()))


def test_chips_computed_where_the_samples_are_moved_to_come_back(stack, tmp_path, monkeypatch):
    """The emulation stands for the GPU of a worker."""
    from m3leo_sar._backend.simt import as_simt
    from m3leo_sar.run import job

    moved = []
    monkeypatch.setattr(job, "to_gpu", lambda array: moved.append(array.shape) or as_simt(array))
    catalogue, grid, made = open_catalogue(stack), tiles(), {}
    plan = make_plan(grid, wanted_chips(recipe(), polarisation="VV", shape=(16, 16)))
    for device in ("cpu", "gpu"):
        made[device] = ChipArchive.create(tmp_path / device)
        common = common_values(catalogue, made[device], recipe(), UNKNOWN, {}, device=device)
        answer = run_job(common, job_values(plan, range(len(grid))))
        assert not answer["fatal"]
        assert bool(moved) == (device == "gpu")
    chips = list(made["cpu"].chips())
    assert chips == list(made["gpu"].chips())
    for chip in chips:
        np.testing.assert_allclose(made["gpu"].read(*chip).array, made["cpu"].read(*chip).array, atol=2e-5)


def test_a_device_that_is_none_and_a_gpu_that_is_not_there_are_reported(stack, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="device must be cpu or gpu, got 'tpu'"):
        run(stack, tmp_path / "chips", device="tpu")
    from m3leo_sar.run import job

    def none(array):
        raise RuntimeError("there is no GPU to compute on")

    monkeypatch.setattr(job, "to_gpu", none)
    catalogue, grid = open_catalogue(stack), tiles()
    plan = make_plan(grid, wanted_chips(recipe(), polarisation="VV", shape=(16, 16)))
    common = common_values(catalogue, ChipArchive.create(tmp_path / "none"), recipe(), UNKNOWN, {}, device="gpu")
    assert "there is no GPU" in run_job(common, job_values(plan, range(len(grid))))["fatal"]
