"""From simulated Sentinel-1 products to stacks: what is written, again and again, and what is refused."""

from __future__ import annotations

import datetime
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
import weakref
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import zarr
from command_line import COMMAND, call_here

from m3leo_sar import GeoBox, Window, coherence, coregister_products
from m3leo_sar.app.cli import app
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.io.files.raster import read_raster, write_geotiff
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.sentinel1.orbit_file import find_orbit_files
from m3leo_sar.io.sentinel1.passes import passes
from m3leo_sar.io.sentinel1.product import find_products
from m3leo_sar.io.sources.terrain import open_terrain
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.products.flattening import flat_stack
from m3leo_sar.products.placement import positions_on
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.coregistration import burst_date, coregistration_run
from m3leo_sar.run.coregistration import coregister_products as home
from m3leo_sar.run.coregistration.burst_ground import Extent, outline_on_ground
from m3leo_sar.run.coregistration.coregister_products import plan_coregistration
from m3leo_sar.run.coregistration.coregistration_plan import existing_coverage, make_plan
from m3leo_sar.run.coregistration.pass_orbits import orbit_of
from m3leo_sar.run.coregistration.plan_check import faults_of
from m3leo_sar.run.coregistration.plan_cost import plan_cost
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.sentinel1_pass import PassOptions
from m3leo_sar.stack.burst_set import BurstSet

DATES = [datetime.date(2023, 9, 4) + datetime.timedelta(days=12 * index) for index in range(3)]
BASELINES, SHIFTS = (0.0, 160.0, -70.0), (0.0, 0.003, -0.004)
REFERENCE = str(DATES[0])
#: Longitude, latitude and amplitude of one bright point in the overlap.
TARGET = (-8.3, 31.5465, 60.0)


@pytest.fixture(scope="module")
def scene() -> SafeScene:
    passes = tuple(
        PassOptions(date=date, baseline=baseline, azimuth_shift=shift, burst_lines=lines)
        for date, baseline, shift, lines in zip(DATES, BASELINES, SHIFTS, (0.0, 1.0, -2.0), strict=True)
    )
    return SafeScene(passes=passes, lines=140, columns=320, coherence=0.8, noise=None, density=1.2)


@pytest.fixture(scope="module")
def files(scene, tmp_path_factory):
    return write_safe_scene(scene, tmp_path_factory.mktemp("scene"))


def made(files, folder: Path, *, products=None, **options):
    wanted = {"orbits": files.orbits, "dem": files.terrain, "reference": REFERENCE, "workers": 1, **options}
    return coregister_products(products or files.products, folder, **wanted)


@pytest.fixture(scope="module")
def stacks(files, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "stacks"
    done = made(files, folder)
    assert (done.summary.computed, done.summary.failed, done.plan.reference) == ({"VV": 6}, {}, DATES[0])
    return folder


def bits(folder: Path) -> dict[str, bytes]:
    """Files of the dates of all stacks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(part.isdigit() and len(part) == 8 for part in path.relative_to(folder).parts)
    }


def copied(stacks: Path, folder: Path, *, without: tuple[datetime.date, ...]) -> Path:
    """The stacks as a run of fewer dates leaves them."""
    shutil.copytree(stacks, folder)
    for date in without:
        for place in folder.glob(f"T*/{date:%Y%m%d}"):
            shutil.rmtree(place)
    return folder


def test_every_burst_is_a_stack_with_its_origin(stacks, files):
    names = sorted(path.name for path in stacks.iterdir() if path.is_dir())
    assert len(names) == 2
    assert all(name.startswith("T052-") and name.endswith("-IW1-VV") for name in names)
    stack = read_stack(stacks / names[0])
    assert (stack.dates, stack.flattened, stack.track, stack.orbit) == (tuple(DATES), True, 52, "descending")
    assert stack.platforms == ("S1A",) * 3
    assert len(stack.acquisitions) == 3
    held = BurstStack(stacks / names[0])
    assert held.reference == DATES[0]
    facts = held.dates()[DATES[1]]
    assert facts["orbit_kind"] == "POEORB"
    assert facts["processor"] == "003.61"
    assert facts["inputs"]["product"] in {path.stem for path in files.products}
    assert facts["saturated"] == 0
    opened = open_catalogue(stacks).stack
    assert isinstance(opened, BurstSet)
    assert opened.dates == tuple(DATES)


def test_describe_shows_bursts_and_the_origin_of_each_date(stacks, capsys, columns):
    columns(160)
    assert app(["describe", str(stacks)], standalone_mode=False) in (None, 0)
    assert app(["describe", str(sorted(stacks.glob("T*"))[0])], standalone_mode=False) in (None, 0)
    said = " ".join(capsys.readouterr().out.split())
    assert "stacks of our Zarr container" in said
    assert "2023-09-16 │ S1A │ 003.61 │ POEORB │ +0.00" in said
    assert "in azimuth x 4." in said
    assert "m in slant range)" in said
    assert "OrbitGeometry" not in said
    assert said.count("polarisation │ VV") == 1
    assert "2023-09-04 │ S1A │ 003.61 │ POEORB │ reference" in said
    columns(80)
    assert app(["describe", str(sorted(stacks.glob("T*"))[0])], standalone_mode=False) in (None, 0)
    said = capsys.readouterr().out
    assert all(f"│ {date} │" in said for date in DATES)


def test_any_pair_is_flat_and_as_coherent_as_the_ground(stacks):
    """160 m and -70 m of baseline: without flattening, 5 x 20 samples would lose a third."""
    for stack in open_catalogue(stacks).stack.bursts:
        edges = [row for row, _ in stack.outline]
        rows = slice(int(min(edges)) + 12, int(max(edges)) - 12)
        pixels = stack.window(rows, slice(30, 290))
        for first, second in ((0, 1), (0, 2), (1, 2)):
            found = coherence(pixels[first], pixels[second], window=Window(rows=5, cols=20), output="complex")
            # The geometric decorrelation of 160 m is a tenth at this incidence.
            assert 0.68 < np.nanmean(np.abs(found)) < 0.86
            inner = found[8:-8, 15:-15]
            assert abs(np.angle(inner.sum())) < 0.05
            assert abs(inner.mean()) > 0.95 * np.abs(inner).mean()


def test_a_tile_shows_the_ground_where_it_is(tmp_path):
    """Bistatic delay, troposphere and Doppler move images by a fifth of a line and more than a column."""
    passes = (PassOptions(date=DATES[0], timing=True),)
    scene = SafeScene(passes=passes, lines=140, columns=320, noise=None, density=0.5, targets=(TARGET,))
    stacks = tmp_path / "stacks"
    made(write_safe_scene(scene, tmp_path / "scene"), stacks)
    box = GeoBox.from_bounds((TARGET[0] - 0.0055, TARGET[1] - 0.0055, TARGET[0] + 0.0055, TARGET[1] + 0.0055),
                             shape=(11, 11), crs="EPSG:4326")  # fmt: skip
    for stack in open_catalogue(stacks).stack.bursts:
        image = np.nan_to_num(np.abs(stack.window(dates=DATES[:1])[0]))
        row, col = np.unravel_index(image.argmax(), image.shape)
        peak = [
            place + 0.5 * (low - high) / (low - 2 * top + high)
            for place, (low, top, high) in (
                (row, np.log(image[row - 1 : row + 2, col])), (col, np.log(image[row, col - 1 : col + 2]))
            )
        ]  # fmt: skip
        found = positions_on(stack, box)
        assert found.rows[5, 5] == pytest.approx(peak[0], abs=0.05)
        assert found.cols[5, 5] == pytest.approx(peak[1], abs=0.1)
        plain = positions_on(replace(stack, geometry=replace(stack.geometry, timing=None)), box)
        assert abs(plain.rows[5, 5] - peak[0]) > 0.15
        assert abs(plain.cols[5, 5] - peak[1]) > 0.9


def test_the_azimuth_shift_of_each_date_is_found_and_taken_off(stacks):
    held = BurstStack(next(path for path in sorted(stacks.iterdir()) if path.is_dir()))
    facts = held.dates()
    assert "azimuth_shift" not in facts[DATES[0]]
    for date, shift in zip(DATES[1:], SHIFTS[1:], strict=True):
        assert facts[date]["azimuth_shift"] == pytest.approx(shift, abs=3e-4)
        assert len(facts[date]["azimuth_shift_overlaps"]) == 1
    assert facts[DATES[2]]["azimuth_shift_to"] == str(DATES[1])


def test_dates_that_are_added_change_nothing_and_equal_those_made_at_once(files, stacks, tmp_path):
    folder = copied(stacks, tmp_path / "s", without=(DATES[2],))
    first = bits(folder)
    again = made(files, folder, dem=None)
    assert (again.summary.computed, again.summary.present) == ({"VV": 2}, 4)
    after = bits(folder)
    assert {name: after[name] for name in first} == first
    assert after == bits(stacks)
    assert made(files, folder).summary.computed == {}


def test_a_date_in_between_keeps_the_bits_of_the_others(files, stacks, tmp_path):
    folder = copied(stacks, tmp_path / "s", without=(DATES[1],))
    assert made(files, folder).summary.computed == {"VV": 2}
    assert bits(folder) == bits(stacks)


def test_a_run_that_is_stopped_leaves_whole_dates_and_the_next_one_equals_one_run(files, stacks, tmp_path, monkeypatch):
    calls = iter(range(1000))
    coregister = burst_date.coregister

    def stopped(*arguments, **options):
        # In the second burst of the second date, after blocks of its first rows.
        if next(calls) == 6:
            raise KeyboardInterrupt
        return coregister(*arguments, **options)

    monkeypatch.setattr(burst_date, "coregister", stopped)
    with pytest.raises(KeyboardInterrupt):
        made(files, tmp_path / "s", products=files.products[:2])
    monkeypatch.undo()
    assert not list((tmp_path / "s").rglob("*.partial-*"))
    before = bits(tmp_path / "s")
    assert {name.split("/")[1] for name in before} >= {f"{date:%Y%m%d}" for date in DATES[:2]}
    made(files, tmp_path / "s", products=files.products[:2])
    after = bits(tmp_path / "s")
    assert {name: after[name] for name in before} == before
    assert len(before) < len(after)
    assert after == {name: value for name, value in bits(stacks).items() if f"{DATES[2]:%Y%m%d}" not in name}


def test_zips_and_several_workers_give_the_same_bits(files, stacks, tmp_path):
    for product in files.products[:2]:
        with zipfile.ZipFile(tmp_path / f"{product.stem}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted(product.rglob("*")):
                archive.write(path, f"{product.name}/{path.relative_to(product)}")
    done = made(files, tmp_path / "s", products=[tmp_path], workers=3)
    assert (done.summary.computed, done.summary.failed) == ({"VV": 4}, {})
    expected = {name: value for name, value in bits(stacks).items() if f"{DATES[2]:%Y%m%d}" not in name}
    assert bits(tmp_path / "s") == expected
    assert not list((tmp_path / "s").glob("*partial*"))


def test_the_plan_says_what_a_run_would_do_and_writes_nothing(files, stacks, tmp_path):
    plan = plan_coregistration(files.products, tmp_path / "s", orbits=files.orbits)
    assert not (tmp_path / "s").exists()
    rows = list(plan.table())
    assert len(rows) == 6
    assert {row["state"] for row in rows} == {"new"}
    assert {row["orbit"] for row in rows} == {"POEORB"}
    # In the middle of all in time and baseline.
    assert plan.reference == DATES[0]
    terrain = open_terrain(files.terrain)
    cost = plan_cost(plan, terrain)
    written = sum(path.stat().st_size for path in stacks.rglob("*") if path.is_file() and "sqlite" not in path.name)
    # Heights and terrain are counted as they are before compression; the products are no zips.
    assert 0.7 * cost.bytes < written < 1.05 * cost.bytes
    assert cost.spare_bytes == 0
    samples = plan.images[0].image.shape[0] * plan.images[0].image.shape[1]
    assert cost.seconds == pytest.approx(samples / 1e6 * (2 * 0.06 + 2 * 0.015 + 4 * 0.13))
    assert list(faults_of(plan, terrain)) == []
    assert [fault[:59] for fault in faults_of(plan)] == ["dem must be given for bursts that have no stack yet: T052-1"]
    there = plan_coregistration(files.products, stacks, orbits=files.orbits)
    assert (there.reference, there.lacking) == (DATES[0], [])
    assert [round(there.baselines[date]) for date in DATES] == pytest.approx(BASELINES, abs=5)
    assert (plan_cost(there), list(faults_of(there))) == ((0, 0, 0), [])
    assert set(there.coverage()[str(there.images[0].identifier)].values()) == {"reference", "present"}
    assert existing_coverage(stacks) == there.coverage()


def test_the_command_plans_once_and_says_what_it_draws(files, stacks, tmp_path, monkeypatch, capsys):
    plans = []

    def counted(*arguments, **options):
        plans.append(plan_coregistration(*arguments, **options))
        return plans[-1]

    monkeypatch.setattr(home, "plan_coregistration", counted)
    words = ["coregister", *map(str, files.products), str(stacks), "--orbits", str(files.orbits)]
    assert app([*words, "--figure", str(tmp_path / "after.png")], standalone_mode=False) in (None, 0)
    assert (len(plans), (tmp_path / "after.png").stat().st_size > 1000) == (1, True)
    said = capsys.readouterr().out.replace("\n", "")
    assert "wrote nothing; 6 images already existed" in said
    assert f"wrote {tmp_path / 'after.png'}" in said


def test_a_dry_run_says_what_could_not_be_made(files, tmp_path, capsys):
    """Pixels that are missing or cut, and terrain beside the bursts, are found before a run."""
    products = [shutil.copytree(path, tmp_path / "p" / path.name) for path in files.products]
    next(products[1].glob("measurement/*")).unlink()
    with rasterio.open(next(products[2].glob("measurement/*")), "w", driver="GTiff", count=1, height=9, width=7,
                       dtype="int16", transform=rasterio.Affine(2, 0, 0, 0, -2, 0)):  # fmt: skip
        pass
    heights, box = read_raster(files.terrain)[:2]
    cols = slice(0, box.shape[1] // 2)
    part = replace(box.crop(slice(None), cols), crs="EPSG:4979")
    write_geotiff(tmp_path / "part.tif", np.asarray(heights, np.float32)[:, cols], part)
    words = ["coregister", str(tmp_path / "p"), str(tmp_path / "s"), "--orbits", str(files.orbits), "--dry-run"]
    assert app([*words, "--dem", str(tmp_path / "part.tif"), "--reference", REFERENCE], standalone_mode=False) == 1
    said = capsys.readouterr().out
    assert re.search(rf"cannot be made: {DATES[1]}: .* has no measurement of IW1 VV, only its annotation", said)
    assert re.search(rf"cannot be made: {DATES[2]}: .* must have the \(3014, 320\) pixels that its annotation", said)
    ground = re.findall(r"cannot be made: T052-\d+-IW1: --dem must cover the bursts, it has heights for \d+%", said)
    assert len(ground) == 2
    assert not (tmp_path / "s").exists()


def test_a_dry_run_with_a_product_that_cannot_be_read_ends_with_1(files, tmp_path, capsys):
    products = [shutil.copytree(path, tmp_path / "p" / path.name) for path in files.products[:2]]
    words = ["coregister", str(tmp_path / "p"), str(tmp_path / "s"), "--orbits", str(files.orbits), "--dry-run"]
    words += ["--dem", str(files.terrain), "--reference", str(DATES[0])]
    assert not app(words, standalone_mode=False)
    note = next(products[1].glob("annotation/*.xml"))
    note.write_text(note.read_text()[:900])
    assert app(words, standalone_mode=False) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_a_run_without_flattening_is_flattened_by_prepare(files, stacks, tmp_path):
    made(files, tmp_path / "s", flatten=False, products=files.products[:2])
    plain = open_catalogue(tmp_path / "s").stack
    assert plain.flattened is False
    flat, expected = flat_stack(plain).bursts[0], read_stack(next(iter(sorted(stacks.glob("T*")))))
    first = int(min(row for row, _ in expected.outline)) + 20
    rows, cols = slice(first, first + 70), slice(40, 200)
    turned, wanted = flat.window(rows, cols), expected.window(rows, cols, dates=DATES[:2])
    np.testing.assert_allclose(turned[0], wanted[0], atol=1e-4)
    assert np.nanmax(np.abs(turned[1] - wanted[1])) < 0.02 * np.nanstd(wanted[1])
    assert np.nanmax(np.abs(plain.bursts[0].window(rows, cols)[1] - wanted[1])) > 2 * np.nanstd(wanted[1])


# What is refused, with what is left on disk.


def test_another_reference_of_a_written_folder_is_refused(files, stacks):
    before = bits(stacks)
    with pytest.raises(ValueError, match="reference must be 2023-09-04, to which the stacks in .* are co-registered"):
        made(files, stacks, reference=str(DATES[1]))
    assert bits(stacks) == before
    with pytest.raises(ValueError, match="reference must be a date of the products, .*, got 2020-01-01"):
        made(files, stacks.parent / "none", reference="2020-01-01")
    assert not (stacks.parent / "none").exists()


def test_another_terrain_than_that_of_a_stack_is_refused(files, stacks, tmp_path):
    folder = copied(stacks, tmp_path / "s", without=(DATES[2],))
    before = bits(folder)
    heights, box = read_raster(files.terrain)[:2]
    write_geotiff(tmp_path / "other.tif", np.asarray(heights, np.float32) + 10, replace(box, crs="EPSG:4979"))
    done = made(files, folder, dem=tmp_path / "other.tif", spectral_diversity=False)
    assert all("was flattened with another terrain than dem" in reason for reason in done.summary.failed.values())
    assert len(done.summary.failed) == 2
    assert bits(folder) == before


def test_missing_orbits_terrain_and_disk_are_named_before_anything_is_written(files, tmp_path, monkeypatch):
    (tmp_path / "orbits").mkdir()
    with pytest.raises(ValueError, match="orbits must hold a POEORB or RESORB file of S1A that covers"):
        made(files, tmp_path / "s", orbits=tmp_path / "orbits")
    with pytest.raises(ValueError, match="orbits must name a folder of orbit files"):
        made(files, tmp_path / "s", orbits=None)
    with pytest.raises(ValueError, match="dem must be given for bursts that have no stack yet: T"):
        made(files, tmp_path / "t", dem=None)
    assert not (tmp_path / "t").exists()
    monkeypatch.setattr(home.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(OSError, match=r"has 0\.0 GB free, the 6 images need 0\.\d GB; choose fewer by aoi="):
        made(files, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_terrain_that_does_not_cover_a_burst_is_refused_with_its_share(files, tmp_path):
    heights, box = read_raster(files.terrain)[:2]
    rows = slice(0, box.shape[0] // 2)
    part = replace(box.crop(rows, slice(None)), crs="EPSG:4979")
    write_geotiff(tmp_path / "part.tif", np.asarray(heights, np.float32)[rows], part)
    done = made(files, tmp_path / "s", products=files.products[:1], dem=tmp_path / "part.tif")
    assert len(done.summary.failed) >= 1
    reason = next(iter(done.summary.failed.values()))
    assert re.search(r"dem must cover the bursts, it has (heights for \d+% of this one|no height).* within", reason)
    assert not any((tmp_path / "s" / name.split("/")[0]).exists() for name in done.summary.failed)


def test_an_area_takes_the_bursts_that_touch_it(files, tmp_path):
    whole = plan_coregistration(files.products, tmp_path / "s", orbits=files.orbits)
    first = min(one.identifier for one in whole.images)
    # The first burst of a descending pass lies in the north.
    north = float(outline_on_ground(whole.orbits[DATES[0]].acquisition(whole.images[0].image),
                                    Extent.of(whole.images[0].image.valid))[:, 1].max())  # fmt: skip
    plan = plan_coregistration(
        files.products, tmp_path / "s", orbits=files.orbits, aoi=f"-9,{north - 1e-4},-7,{north + 1}"
    )
    assert {one.identifier for one in plan.images} == {first}
    with pytest.raises(ValueError, match="aoi must touch a burst of the products, T052-"):
        plan_coregistration(files.products, tmp_path / "s", orbits=files.orbits, aoi="20,10,21,11")


def test_a_reference_without_a_burst_is_refused(files, tmp_path):
    kept = passes(find_products(files.products[:2]))
    orbits = {date: orbit_of(bursts, find_orbit_files(files.orbits)) for date, bursts in kept.items()}
    lost = min(kept[DATES[1]])
    del kept[DATES[1]][lost]
    with pytest.raises(ValueError, match=f"reference must have every burst, 2023-09-16 lacks {lost}"):
        make_plan(kept, orbits, tmp_path, reference=DATES[1])
    plan = make_plan(kept, orbits, tmp_path, reference=DATES[0])
    assert plan.coverage()[str(lost)] == {DATES[0]: "reference", DATES[1]: "absent"}


def test_a_second_run_at_the_same_time_is_refused(files, stacks):
    with RunLock(stacks), pytest.raises(BlockingIOError, match="is in use by process"):
        made(files, stacks)


def test_annotated_orbits_are_taken_when_asked_for_and_said(files, tmp_path):
    with pytest.warns(UserWarning, match="annotation orbit, some centimetres less precise"):
        done = made(files, tmp_path / "s", orbits=None, annotation_orbits=True, products=files.products[:1])
    assert done.summary.computed == {"VV": 2}


def test_pixels_that_are_missing_fail_their_burst_and_no_other(files, stacks, tmp_path):
    folder = copied(stacks, tmp_path / "s", without=(DATES[1], DATES[2]))
    products = [files.products[0], shutil.copytree(files.products[1], tmp_path / "p" / files.products[1].name)]
    next(products[1].glob("measurement/*")).unlink()
    done = made(files, folder, products=products)
    assert (done.summary.computed, done.summary.present) == ({}, 2)
    assert all("has no measurement of IW1 VV" in reason for reason in done.summary.failed.values())
    assert len(done.summary.failed) == 2
    assert {path.parent.name for path in folder.rglob("VV")} == {f"{DATES[0]:%Y%m%d}"}


@pytest.mark.parametrize("is_zip", [False, True])
def test_pixels_that_are_damaged_fail_their_date_and_no_other(files, stacks, tmp_path, is_zip):
    folder = copied(stacks, tmp_path / "s", without=DATES[1:])
    broken = shutil.copytree(files.products[1], tmp_path / "p" / files.products[1].name)
    pixels = next(broken.glob("measurement/*"))
    pixels.write_bytes(pixels.read_bytes()[: pixels.stat().st_size // 2])
    told = r"is cut short or damaged, lines .* of burst \d cannot be read"
    if is_zip:
        archive = Path(shutil.make_archive(str(tmp_path / "z" / broken.stem), "zip", broken.parent))
        content = bytearray(archive.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        archive.write_bytes(content)
        broken, told = archive, f"{archive.name} is damaged"
    done = made(files, folder, products=[files.products[0], broken, files.products[2]])
    assert (done.summary.computed, done.summary.present) == ({"VV": 2}, 2)
    assert len(done.summary.failed) == 2
    assert all(re.search(told, reason) for reason in done.summary.failed.values())


# The reference.


def without_its_end(product: Path, folder: Path, *, share: float = 0.5) -> Path:
    """A copy of a product whose measurement is cut short behind its directory."""
    copy = shutil.copytree(product, folder / product.name)
    pixels = next(copy.glob("measurement/*"))
    pixels.write_bytes(pixels.read_bytes()[: round(pixels.stat().st_size * share)])
    return copy


def with_a_damaged_zip(product: Path, folder: Path) -> Path:
    """The zip of a product with zeros in its pixels, which its checksum alone shows."""
    archive = Path(shutil.make_archive(str(folder / product.stem), "zip", product.parent, product.name))
    content = bytearray(archive.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    archive.write_bytes(content)
    return archive


def test_a_date_whose_pixels_are_cut_short_is_not_taken_as_the_reference(files, tmp_path, capsys):
    """The first date lies in the middle of all; half of its pixels are missing."""
    products = [without_its_end(files.products[0], tmp_path / "p"), *files.products[1:]]
    words = ["coregister", *map(str, products), str(tmp_path / "s"), "--orbits", str(files.orbits)]
    words += ["--dem", str(files.terrain)]
    assert app([*words, "--dry-run"], standalone_mode=False) == 1
    said = " ".join(capsys.readouterr())
    cut = rf"of {products[0].name} is cut short, it has \d+ of \d+ bytes; download the product again"
    assert re.search(rf"note: {DATES[0]} is not taken as the reference: .* {cut}", said)
    assert re.search(rf"cannot be made: {DATES[0]}: .* {cut}", said)
    assert f"reference {DATES[1]}" in " ".join(said.split())
    with pytest.warns(UserWarning, match=f"{DATES[0]} is not taken as the reference"):
        done = made(files, tmp_path / "s", products=products, reference=None)
    assert (done.plan.reference, done.summary.computed) == (DATES[1], {"VV": 4})
    assert {name.rpartition("/")[2] for name in done.summary.failed} == {f"{DATES[0]:%Y%m%d}"}


def test_damage_that_only_reading_shows_moves_the_reference_and_loses_no_other_date(files, tmp_path):
    (tmp_path / "p").mkdir()
    products = [with_a_damaged_zip(files.products[0], tmp_path / "p"), *files.products[1:]]
    with pytest.warns(
        UserWarning, match=rf"{DATES[0]} cannot be the reference \(.*\.zip is damaged.*\), {DATES[1]} is"
    ):
        done = made(files, tmp_path / "s", products=products, reference=None)
    assert (done.plan.reference, done.summary.computed) == (DATES[1], {"VV": 4})
    assert {name.rpartition("/")[2] for name in done.summary.failed} == {f"{DATES[0]:%Y%m%d}"}
    assert {path.name for path in (tmp_path / "s").glob("T*/2*")} == {f"{date:%Y%m%d}" for date in DATES[1:]}


def test_a_reference_that_was_asked_for_and_is_damaged_is_named_with_the_remedy(files, tmp_path):
    broken = without_its_end(files.products[0], tmp_path / "p")
    asked = ["coregister", broken, *files.products[1:], "s", "--orbits", files.orbits, "--dem", files.terrain]
    said = call_here(*asked, "--reference", REFERENCE, cwd=tmp_path, code=1)
    told = (
        rf"failed: T052-\S+/{DATES[1]:%Y%m%d}.*: the reference {DATES[0]} of \S+ failed \(.* cut short.*\); download "
    )
    assert re.search(rf"{told}{broken.stem} again, or choose another date by --reference", said)
    # No stack fixes the reference that could not be written.
    assert not list((tmp_path / "s").glob("T*"))
    assert made(files, tmp_path / "s", products=files.products[1:], reference=str(DATES[1])).summary.failed == {}


def test_a_folder_of_inputs_is_refused_for_stacks(files, tmp_path):
    place = files.products[0].parent
    before = sorted(place.rglob("*"))
    for folder in (place, files.orbits):
        with pytest.raises(ValueError, match=f"stacks must be a folder of its own, got {folder}, which is one of the"):
            made(files, folder, products=place)
    with pytest.raises(ValueError, match=f"which lies in the product {files.products[0].name}"):
        made(files, files.products[0] / "measurement")
    assert sorted(place.rglob("*")) == before


def test_a_picture_is_refused_before_the_run(files, tmp_path):
    asked = ["coregister", *files.products[:1], "s", "--orbits", files.orbits, "--dem", files.terrain]
    said = call_here(*asked, "--figure", "x.xyz", cwd=tmp_path, code=1)
    assert "--figure must end in .png, .svg or .pdf" in said
    assert not (tmp_path / "s").exists()


def test_a_dry_run_without_terrain_says_what_the_run_would_refuse(files, tmp_path):
    asked = ["coregister", *files.products[:2], "s", "--orbits", files.orbits, "--reference", REFERENCE, "--dry-run"]
    said = call_here(*asked, cwd=tmp_path, code=1)
    assert "cannot be made: --dem must be given for bursts that have no stack yet: T052-" in said


def cut_short(product, folder):
    archive = Path(shutil.make_archive(str(folder / product.stem), "zip", product.parent, product.name))
    archive.write_bytes(archive.read_bytes()[:-300])
    return archive, "is a zip that is cut short"


def without_an_entry(product, folder):
    copy = shutil.copytree(product, folder / product.name)
    note = next(copy.glob("annotation/*.xml"))
    note.write_text(note.read_text().replace("<slantRangeTime>", "<slantRange>", 1))
    return copy, note.name


@pytest.mark.parametrize("damage", [cut_short, without_an_entry])
def test_a_product_that_cannot_be_opened_fails_its_date_by_name_and_no_other(files, stacks, tmp_path, damage):
    folder = copied(stacks, tmp_path / "s", without=DATES[1:])
    (tmp_path / "p").mkdir()
    broken, told = damage(files.products[1], tmp_path / "p")
    products = [files.products[0], broken, files.products[2]]
    done = made(files, folder, products=products, spectral_diversity=False)
    assert (done.summary.computed, done.summary.present) == ({"VV": 2}, 2)
    assert list(done.summary.failed) == [f"{DATES[1]} {broken.name}"]
    assert told in done.summary.failed[f"{DATES[1]} {broken.name}"]
    assert {path.name for path in folder.glob("T*/2*")} == {f"{date:%Y%m%d}" for date in (DATES[0], DATES[2])}
    with pytest.raises(ValueError, match=told):
        plan_coregistration([broken], folder, orbits=files.orbits)


def test_a_burst_whose_terrain_fails_says_so_and_nothing_of_shifts(files, tmp_path):
    box = read_raster(files.terrain).geobox
    write_geotiff(tmp_path / "none.tif", np.full(box.shape, np.nan, np.float32), replace(box, crs="EPSG:4979"))
    asked = ["coregister", *files.products[:2], "s", "--orbits", files.orbits, "--dem", "none.tif", "--workers", 1]
    said = call_here(*asked, cwd=tmp_path, code=1)
    assert f"IW1-VV/{DATES[0]:%Y%m%d}: --dem must cover the bursts, it has no height within" in said
    assert "4 images failed; run again" in said
    assert "shift" not in said
    assert "fits" not in said
    assert not list((tmp_path / "s").glob("T*"))


def test_a_shift_that_no_orbit_explains_leaves_its_date_out(tmp_path):
    """A clock of 0.06 line, beyond half of the ambiguity, comes back from the other side."""
    passes = (PassOptions(date=DATES[0]), PassOptions(date=DATES[1], azimuth_shift=0.06))
    scene = SafeScene(passes=passes, lines=140, columns=210, noise=None, density=0.8, coherence=1.0)
    done = made(write_safe_scene(scene, tmp_path / "scene"), tmp_path / "s")
    assert done.summary.computed == {"VV": 2}
    assert len(done.summary.failed) == 2
    told = r"2023-09-16 lies -0\.04\d+ line from its orbit, measured against 2023-09-04.*ambiguous phase"
    assert all(re.search(told, reason) for reason in done.summary.failed.values())
    assert {path.name for path in (tmp_path / "s").glob("T*/2*")} == {f"{DATES[0]:%Y%m%d}"}


def test_a_burst_that_memory_does_not_hold_fails_and_no_other(files, stacks, tmp_path, monkeypatch):
    folder, calls = copied(stacks, tmp_path / "s", without=DATES[1:]), iter(range(1000))
    coregister = burst_date.coregister

    def starved(*arguments, **options):
        if next(calls) == 0:
            raise MemoryError("Unable to allocate 141. MiB")
        return coregister(*arguments, **options)

    monkeypatch.setattr(burst_date, "coregister", starved)
    done = made(files, folder, products=files.products[:2], spectral_diversity=False)
    assert done.summary.computed == {"VV": 1}
    assert [reason for reason in done.summary.failed.values() if "Unable to allocate" in reason]
    assert not list(folder.rglob("*.partial-*"))
    monkeypatch.undo()
    assert made(files, folder, products=files.products[:2], spectral_diversity=False).summary.computed == {"VV": 1}


def test_a_block_is_gone_before_the_next_is_made_and_memory_goes_back_after_each_image(
    files, stacks, tmp_path, monkeypatch
):
    """Two blocks in memory, and those of earlier sizes that the C library keeps, took a worker above 300 MB."""
    folder, blocks, released = copied(stacks, tmp_path / "s", without=DATES[1:]), [], []
    coregister = burst_date.coregister

    def watched(*arguments, **options):
        assert [block for block in blocks if block() is not None] == []
        found = coregister(*arguments, **options)
        blocks.append(weakref.ref(found.pixels))
        return found

    monkeypatch.setattr(burst_date, "coregister", watched)
    monkeypatch.setattr(coregistration_run, "release_memory", lambda: released.append(len(blocks)))
    made(files, folder, products=files.products[:2], spectral_diversity=False)
    # Three blocks of each of two bursts.
    assert len(blocks) == 6
    assert {3, 6} <= set(released)


@pytest.mark.slow
def test_kills_at_random_moments_leave_stacks_that_the_next_run_completes(files, stacks, tmp_path):
    """A run in a process of its own, ended twice by a signal: afterwards stacks have the bits of an undisturbed one."""
    command = [*COMMAND, "coregister", *files.products[:2], "s", "--orbits", files.orbits, "--dem", files.terrain,
               "--reference", REFERENCE, "--workers", 2]  # fmt: skip
    expected = {name: value for name, value in bits(stacks).items() if f"{DATES[2]:%Y%m%d}" not in name}
    seed = random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}")
    moments = random.Random(seed)
    run = subprocess.Popen([*map(str, command)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(2):
        while run.poll() is None and not (tmp_path / "s" / "coregister.sqlite").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 1.5))
        run.send_signal(moments.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        run.wait(timeout=60)
        # What is there is whole: no more and no other than of the undisturbed run.
        there = bits(tmp_path / "s")
        assert there == {name: expected[name] for name in there}
        run = subprocess.Popen([*map(str, command)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert run.wait(timeout=60) == 0
    assert bits(tmp_path / "s") == expected
    assert not list((tmp_path / "s").rglob("*.partial-*"))


def test_a_date_is_made_anew_once_its_precise_orbit_is_there(files, stacks, tmp_path):
    folder = copied(stacks, tmp_path / "s", without=(DATES[2],))
    for place in folder.glob(f"T*/{DATES[1]:%Y%m%d}"):
        group = zarr.open_group(place, mode="r+")
        group.attrs["inputs"] = {**group.attrs["inputs"], "orbit": "S1A_OPER_AUX_RESORB_OPOD_....EOF"}
    plan = plan_coregistration(files.products[:2], folder, orbits=files.orbits)
    assert {image.state for image in plan.of_date(DATES[1])} == {"again"}
    again = made(files, folder, products=files.products[:2])
    assert (again.summary.computed, again.summary.present) == ({"VV": 2}, 2)
    assert bits(folder) == {name: value for name, value in bits(stacks).items() if f"{DATES[2]:%Y%m%d}" not in name}


def test_a_restituted_orbit_is_said(files, tmp_path):
    orbits = shutil.copytree(files.orbits, tmp_path / "orbits")
    for path in sorted(orbits.iterdir()):
        (orbits / path.name.replace("POEORB", "RESORB")).write_text(path.read_text().replace("POEORB", "RESORB"))
        path.unlink()
    with pytest.warns(UserWarning, match="RESORB orbit, some centimetres less precise than POEORB"):
        plan = plan_coregistration(files.products[:2], tmp_path / "s", orbits=orbits)
    assert {row["orbit"] for row in plan.table()} == {"RESORB"}


GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "from-sentinel-1.md").read_text()


@pytest.mark.slow
def test_the_commands_of_the_guide_run_in_their_order(files, monkeypatch, capsys):
    monkeypatch.chdir(files.orbits.parent)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    for line in lines:
        # The simulated terrain states its datum, and its scene is smaller than half a tile.
        words = shlex.split(line.replace(" --dem-datum egm2008", ""))[1:]
        small = ["--minimum-coverage", "0.02"] if words[0] in ("prepare", "slc-tiles") else []
        assert app([*words, *small], standalone_mode=False) in (None, 0), line
    said = " ".join(capsys.readouterr().out.split())
    assert "6 of 6 images to make" in said
    assert "wrote 6 VV; 0 images already existed; reference 2023-09-04" in said
    assert re.search(r"2023-09-16: azimuth shift \+0\.00\d+ line against 2023-09-04, spread \S+ over 1 overlap", said)
    assert "window 90m: 7 x 2" in said
    assert (files.orbits.parent / "coverage.png").stat().st_size > 1000
    coverage = open_catalogue("stacks").stack
    assert len(coverage.bursts) == 2
