"""Whatever a chip is made from, another one makes it again, and nothing else takes its place."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from production import BOX, DATES, assert_same, recipe, run, tiles, write_dates

import m3leo_sar.run.update_run as running
from m3leo_sar import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning
from m3leo_sar.io.files.raster import files_of, write_geotiff
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import choose_pairs, choose_tiles
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.run.run_options import RunOptions
from m3leo_sar.run.update import bring_up_to_date, plan_only
from m3leo_sar.simulate.scene import simulate_scene

VRT = """<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}"><SRS>{crs}</SRS>
<GeoTransform>{transform}</GeoTransform><VRTRasterBand dataType="CFloat32" band="1"><SimpleSource>
<SourceFilename relativeToVRT="1">{source}</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture(scope="module")
def scene():
    return simulate_scene(BOX, dates=DATES, seed=4)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("stack") / "stack")


def pixels(scene, index):
    return scene.stack.window(dates=[DATES[index]])[0]


def write_vrt(path: Path, source: str) -> None:
    transform = ", ".join(str(number) for number in BOX.affine.to_gdal())
    path.write_text(VRT.format(cols=BOX.shape[1], rows=BOX.shape[0], crs=BOX.crs, transform=transform, source=source))


def rasters(folder: Path, scene) -> Path:
    """VRTs of VRTs, as processors chain them, and the pixels in a folder of their own."""
    (folder / "data").mkdir(parents=True)
    for index, date in enumerate(DATES[:3]):
        write_geotiff(folder / "data" / f"{index}.tif", pixels(scene, index), BOX)
        write_vrt(folder / "data" / f"{index}.vrt", f"{index}.tif")
        write_vrt(folder / f"{date:%Y%m%d}.vrt", f"data/{index}.vrt")
    return folder


def test_pixels_behind_a_vrt_are_part_of_it(tmp_path, scene):
    folder = rasters(tmp_path / "stack", scene)
    names = [path.name for path in files_of(folder / "20230301.vrt")]
    assert names == ["20230301.vrt", "0.tif", "0.vrt"]
    (folder / "data" / "0.tif.aux.xml").write_text("<PAMDataset/>")
    assert len(files_of(folder / "20230301.vrt")) == 3
    assert run(folder, tmp_path / "chips", count=3).computed == {"coherence": 18, "intensity": 18}
    assert not run(folder, tmp_path / "chips", count=3).computed
    write_geotiff(folder / "data" / "1.tif", 2 * pixels(scene, 2), BOX)
    # Two of the three pairs hold that date.
    assert run(folder, tmp_path / "chips", count=3).computed == {"coherence": 12, "intensity": 6}


def test_dates_are_those_of_the_links_names(tmp_path, scene):
    for index, date in enumerate(DATES):
        place = tmp_path / "acquisitions" / f"19990{index + 1}01" / "slc.tif"
        place.parent.mkdir(parents=True)
        write_geotiff(place, pixels(scene, index), BOX)
        (tmp_path / "stack").mkdir(exist_ok=True)
        (tmp_path / "stack" / f"{date:%Y%m%d}.tif").symlink_to(place)
    assert open_catalogue(tmp_path / "stack").stack.dates == tuple(DATES)
    assert run(tmp_path / "stack", tmp_path / "chips").computed == {"coherence": 36, "intensity": 24}


def test_a_raster_that_a_vrt_beside_it_describes_is_taken_once(tmp_path, scene):
    folder = tmp_path / "stack"
    folder.mkdir()
    for index, date in enumerate(DATES[:2]):
        write_geotiff(folder / f"{date:%Y%m%d}.slc", pixels(scene, index), BOX)
        write_vrt(folder / f"{date:%Y%m%d}.slc.vrt", f"{date:%Y%m%d}.slc")
    assert open_stack(folder).dates == tuple(DATES[:2])


def test_a_job_that_is_lost_after_writing_is_looked_at_again(stack, tmp_path, monkeypatch):
    archive, whole = tmp_path / "chips", tmp_path / "whole"
    run(stack, archive)
    run(stack, whole)
    real = running.run_job
    monkeypatch.setattr(running, "run_job", lambda common, job: real(common, job) and {"lost": "the worker is gone"})
    with pytest.warns(OtherSettingsWarning, match="this run has window 5 x 9"):
        assert len(run(stack, archive, asked=recipe(window=Window(rows=5, cols=9))).failed) == 6
    monkeypatch.undo()
    with pytest.warns(OtherSettingsWarning, match="this run has window 3 x 8"):
        assert run(stack, archive).computed == {"coherence": 36}
    assert_same(archive, whole)


def test_weights_of_a_window_go_with_the_job_and_tell_chips_apart(stack, tmp_path):
    weighted = recipe(window=Window.gaussian(rows=3, cols=9), intensities=False)
    plain = recipe(window=Window(rows=3, cols=9), intensities=False)
    run(stack, tmp_path / "chips", asked=weighted)
    here = ChipArchive.create(tmp_path / "here")
    make_chips(open_catalogue(stack).stack, here, list(tiles()), weighted)
    key = (tiles()[0].identifier, "coherence", "20230301_20230313")
    chip = ChipArchive(tmp_path / "chips").read(*key).array
    np.testing.assert_array_equal(chip, here.read(*key).array)
    with pytest.warns(OtherSettingsWarning, match="this run has no weights"):
        assert run(stack, tmp_path / "chips", asked=plain).computed == {"coherence": 36}
    assert np.nanmax(np.abs(ChipArchive(tmp_path / "chips").read(*key).array - chip)) > 0.01


def test_an_archive_made_anew_in_another_storage_gets_chips_of_that(stack, tmp_path):
    run(stack, tmp_path / "chips")
    shutil.rmtree(tmp_path / "chips")
    run(stack, tmp_path / "chips", storage="zarr")
    assert not list((tmp_path / "chips").rglob("*.tif"))
    assert len(list(ChipArchive(tmp_path / "chips").chips())) == 72


def test_chips_of_another_polarisation_lie_beside_these(stack, tmp_path, scene):
    other = tmp_path / "vh"
    write_stack(replace(simulate_scene(BOX, dates=DATES, seed=5).stack, polarisation="VH"), other)
    first = run(stack, tmp_path / "chips").computed
    assert run(other, tmp_path / "chips").computed == {name: first[name] for name in ("coherence", "intensity")}
    assert not run(stack, tmp_path / "chips").computed
    chips, tile = ChipArchive(tmp_path / "chips"), tiles().identifiers[0]
    assert chips.polarisations(tile, "coherence") == ["VH", "VV"]
    pair = f"{DATES[0]:%Y%m%d}_{DATES[1]:%Y%m%d}"
    both = [chips.read(tile, "coherence", f"{one}/{pair}") for one in ("VV", "VH")]
    assert [chip.metadata["polarisation"] for chip in both] == ["VV", "VH"]
    assert np.nanmax(np.abs(both[0].array - both[1].array)) > 0.01


def test_chips_of_another_track_do_not_take_the_place_of_these(stack, tmp_path, scene):
    other = tmp_path / "track"
    write_stack(replace(simulate_scene(BOX, dates=DATES, seed=5).stack, track=7), other)
    run(stack, tmp_path / "chips")
    message = r"holds chips of track \d+, .* is of 7: its chips would replace them; give another archive"
    with pytest.raises(ValueError, match=message):
        run(other, tmp_path / "chips")
    with pytest.raises(ValueError, match=message):
        plan_only(open_catalogue(other), tmp_path / "chips", tiles(), recipe())
    assert not run(stack, tmp_path / "chips").computed
    (tmp_path / "chips" / LEDGER).unlink()
    assert not run(stack, tmp_path / "chips").computed


def test_what_a_stack_does_not_have_is_not_passed_over(stack, tmp_path, scene):
    with pytest.raises(ValueError, match="is a container of one stack, VV; it has no polarisation VH"):
        open_catalogue(stack, polarisation="VH")
    with pytest.raises(ValueError, match="it has no burst T087-185683-IW2"):
        open_catalogue(stack, burst="T087-185683-IW2")
    assert open_catalogue(stack, polarisation="vv").stack.polarisation == "VV"
    folder = rasters(tmp_path / "rasters", scene)
    with pytest.raises(ValueError, match="a folder of rasters has no burst to choose, got burst"):
        open_catalogue(folder, burst="T087-185683-IW2")
    opened = open_catalogue(stack).stack
    with pytest.raises(ValueError, match="tiles must come from a tile file or an area, got both"):
        choose_tiles(opened, aoi="conus", tiles=Path("x.geojson"))
    with pytest.raises(ValueError, match="pairs must be named or chosen by a rule, .* got both"):
        choose_pairs(opened, named=["20230301_20230313"], max_days=12)
    with pytest.raises(ValueError, match="days apply to the rules all and days"):
        choose_pairs(opened, rule="sequential", days=[24])
    options = RunOptions(scheduler="tcp://127.0.0.1:1", timeout=5.0)
    with pytest.raises(ValueError, match="timeout applies to workers on this machine, got 5.0"):
        bring_up_to_date(open_catalogue(stack), ChipArchive.create(tmp_path / "x"), tiles(), recipe(), options=options)


def test_a_season_leaves_pairs_of_a_rule_out_and_changes_no_rule(stack):
    opened = open_catalogue(stack).stack
    sequential = [str(pair) for pair in choose_pairs(opened, rule="sequential")]
    spring = [str(pair) for pair in choose_pairs(opened, rule="sequential", season="spring")]
    assert spring == sequential
    every = choose_pairs(opened, season="spring")
    assert len(every) == 6
    with pytest.raises(ValueError, match="no pair of the 4 dates fits the rule"):
        choose_pairs(opened, season="fall")
    with pytest.raises(ValueError, match="season must be one of"):
        choose_pairs(opened, season="summmer")


def test_workers_import_nothing_from_the_folder_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    answers = list(WorkerPool("m3leo_sar.run.rehearsal.sleep", {}, workers=1).run([0.01]))
    assert answers == [(0.01, {"tiles": []})]


def test_labels_that_are_true_or_false_become_bytes(tmp_path, scene):
    archive = ChipArchive.create(tmp_path / "chips")
    water = (np.arange(BOX.shape[0])[:, None] + np.zeros(BOX.shape, int)) % 7 < 3
    done = make_chips(scene.stack, archive, list(tiles()), recipe(), labels={"water": (water, BOX)})
    assert done.computed["label"] == 6
    chip = archive.read(tiles()[0].identifier, "label", "water")
    assert chip.array.dtype == np.uint8
    assert set(np.unique(chip.array)) == {0, 1}


def test_what_cannot_be_written_is_named(stack, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    (archive.root / tiles()[0].identifier).write_text("in the way")
    with pytest.raises(OSError, match=tiles()[0].identifier):
        run(stack, archive.root)


def test_a_cluster_of_any_size_gets_small_blocks(stack, tmp_path):
    pytest.importorskip("distributed")
    from m3leo_sar.run.dask_pool import local_cluster

    with local_cluster(workers=1) as cluster:
        run(stack, tmp_path / "chips", scheduler=cluster, log=str(tmp_path / "log"))
    assert json.loads((tmp_path / "log").read_text().splitlines()[0])["blocks"] == 6
