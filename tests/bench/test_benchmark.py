"""The benchmark at a size of seconds: its hash, its table, what it refuses; and distances between archives."""

from __future__ import annotations

import datetime
import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar import TileGrid
from m3leo_sar.app.cli import app
from m3leo_sar.bench.bench_results import Results
from m3leo_sar.bench.benchmark import (
    RESULTS,
    TABLE,
    change_counts,
    confusions,
    event_truths,
    hidden_chips,
    run_bench,
    square_sums,
)
from m3leo_sar.bench.change_scores import area_interval, area_under_curve, event_scores, ranking_counts
from m3leo_sar.bench.ground import Ground, data_digest
from m3leo_sar.bench.origin import MADE_FROM
from m3leo_sar.bench.protocol import BenchTask, Protocol, ToyGround
from m3leo_sar.bench.training_run import Budget, PartialArchive
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer, pixel_checksum
from m3leo_sar.io.tables.split_file import write_splits
from m3leo_sar.learn.shift.region_samples import regions_of

TINY = Protocol(
    name="tiny",
    inputs={"coherence": ("coherence",), "both": ("coherence", "optical:red:linear")},
    seeds=(0, 1),
    budget=Budget(epochs=1, batch=2, widths=(4,)),
    draws=50,
    toy=ToyGround(rows=2, cols=4, chip=32, patch=4.0, seed=4),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished benchmark: its folder and its results."""
    folder = tmp_path_factory.mktemp("bench")
    return folder, run_bench(folder, TINY)


@pytest.fixture
def left(done, tmp_path):
    """What a finished benchmark leaves to one whose results were deleted: its models and its toy."""
    folder = shutil.copytree(done[0], tmp_path / "left")
    (folder / RESULTS).unlink()
    return folder


def change_chip(archive, tile, dataset, key):
    """Write a chip anew with other pixels, and a checksum of them where it had one."""
    key = next(name for name in archive.keys(tile, dataset) if name.rpartition("/")[2] == key)
    chip = archive.read(tile, dataset, key)
    array = np.where(chip.array == chip.array.flat[0], chip.array.flat[-1], chip.array.flat[0]).astype(chip.array.dtype)
    array[0, 0] += 1
    facts = chip.metadata | ({"crc32": pixel_checksum(array)} if "crc32" in chip.metadata else {})
    archive.write(tile, dataset, key, array, chip.geobox, metadata=facts)


def forbid_training(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("m3leo_sar.bench.benchmark.train_once", refuse)


def run(*arguments):
    return app([str(argument) for argument in arguments], standalone_mode=False) or 0


def test_the_hash_is_that_of_the_text_and_stays():
    assert Protocol().digest == Protocol.from_json(Protocol().to_json()).digest
    again = json.loads(TINY.to_json())
    shuffled = json.dumps(dict(reversed(again.items())), indent=3)
    assert Protocol.from_json(shuffled) == TINY
    assert Protocol.from_json(shuffled).digest == TINY.digest
    assert re.fullmatch("[0-9a-f]{64}", TINY.digest)
    # A protocol that was published keeps its hash: a change of a default is a new protocol.
    assert Protocol().digest == "d2edcdb01cf67fc3fe2819c015b40aded9c176935b54dff8a647e7df980de343"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"tasks": TINY.tasks[:2]},
        {"tasks": (*TINY.tasks[:2], replace(TINY.tasks[2], start="20230320"))},
        {"inputs": {"coherence": ("coherence",)}},
        {"inputs": {"coherence": ("coherence",), "both": ("optical:red:linear", "coherence")}},
        {"tracks": ("all", "random")},
        {"seeds": (0, 2)},
        {"budget": replace(TINY.budget, learning_rate=1e-3)},
        {"drop": 0.4},
        {"europe": "excluded"},
        {"draws": 51},
        {"level": 0.9},
        {"toy": replace(TINY.toy, seed=1)},
    ],
)
def test_any_change_is_another_hash(change):
    assert replace(TINY, **change).digest != TINY.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tracks": ("some",)}, "tracks must be of all, one-missing, random, got some"),
        ({"europe": "maybe"}, "europe must be one of included, excluded, got 'maybe'"),
        ({"drop": 1.0}, "drop must lie in \\(0, 1\\), got 1.0"),
        ({"seeds": ()}, "seeds must hold at least one, got none"),
    ],
)
def test_protocols_that_mean_nothing_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the protocol is not JSON"),
        ("[]", "the protocol must be a JSON object, got list"),
        ('{"seed": 1}', "the protocol has the unknown key 'seed' .known: name, tasks"),
        ('{"budget": {"epoch": 1}}', "budget has the unknown key 'epoch'"),
        (
            '{"tasks": [{"name": "a", "kind": "b", "target": "c"}]}',
            "kind must be one of segmentation, regression, change",
        ),
    ],
)
def test_protocol_files_with_faults_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Protocol.from_json(text)
    with pytest.raises(ValueError, match="start must be given for a change and only then"):
        BenchTask(name="a", kind="change", target="event")


def test_every_task_input_seed_and_track_has_a_row(done):
    folder, results = done
    keys = {(row["task"], row["input"], row["seed"], row["track"]) for row in results.rows}
    both = ["all", "without coherence", "without optical", "random"]
    trained = {
        (task, name, seed, track)
        for task in ("landcover", "biomass")
        for seed in (0, 1)
        for name, tracks in (("coherence", ["all", "random"]), ("both", both))
        for track in tracks
    }
    changes = {"before - across", "1 - across / before", "1 - across", "after - across"}
    assert keys == trained | {("damage", name, None, "all") for name in changes}
    assert {row["metric"] for row in results.rows} == {"mIoU", "RMSE", "AUC"}
    assert {row["tiles"] for row in results.rows} == {2}
    assert all(row["low"] <= row["score"] <= row["high"] for row in results.rows)
    assert json.loads((folder / RESULTS).read_text())["hash"] == TINY.digest


def test_the_score_with_nothing_missing_is_that_of_the_run(done):
    folder, results = done
    for row in results.rows:
        if row["track"] == "all" and row["seed"] is not None:
            metrics = json.loads(
                (folder / "models" / f"{row['task']}-{row['input']}-{row['seed']}/metrics.json").read_text()
            )
            name = {"mIoU": "miou", "RMSE": "rmse"}[row["metric"]]
            assert row["score"] == pytest.approx(metrics[name], rel=1e-5)


def test_the_table_has_the_mean_over_seeds(done):
    folder, results = done
    table = (folder / TABLE).read_text()
    assert TINY.digest in table
    assert "Europe included" in table
    rows = [row for row in results.rows if (row["task"], row["input"], row["track"]) == ("biomass", "both", "random")]
    cells = next(line for line in table.splitlines() if line.startswith("| biomass | both | random |")).split(" | ")
    scores = [row["score"] for row in rows]
    wanted = [np.mean(scores), min(scores), max(scores), min(r["low"] for r in rows), max(r["high"] for r in rows)]
    assert [float(cell) for cell in cells[4:9]] == pytest.approx(wanted, rel=1e-3)
    assert cells[9] == "2"
    assert sum(line.startswith("| ") for line in table.splitlines()) == 1 + 2 * (2 + 4) + 4


def test_what_is_done_is_not_done_again(done, monkeypatch):
    folder, results = done
    forbid_training(monkeypatch)
    before = (folder / RESULTS).read_bytes()
    assert run_bench(folder, TINY).rows == results.rows
    assert (folder / RESULTS).read_bytes() == before
    # A score that was lost comes back from the model that is there, and is the same.
    kept = json.loads(before)
    lost = kept["rows"].pop(3)
    (folder / RESULTS).write_text(json.dumps(kept))
    again = run_bench(folder, TINY)
    assert {**again.rows[-1]} == lost
    (folder / RESULTS).write_bytes(before)


def test_results_of_another_protocol_or_of_changed_files_are_refused(done, tmp_path):
    folder, results = done
    other = Results(replace(TINY, seeds=(5,)), results.data, [])
    other.write(tmp_path / "other.json")
    with pytest.raises(ValueError, match="has results of another protocol, [0-9a-f]{16}, than this benchmark"):
        run_bench(folder, TINY, merge=[tmp_path / "other.json"])
    Results(TINY, "0123456789abcdef", []).write(tmp_path / "data.json")
    with pytest.raises(ValueError, match="has results of another data, 0123456789abcdef"):
        run_bench(folder, TINY, merge=[tmp_path / "data.json"])
    with pytest.raises(ValueError, match="has results of another protocol"):
        run_bench(folder, replace(TINY, seeds=(5,)))
    changed = json.loads((folder / RESULTS).read_text())
    changed["protocol"]["drop"] = 0.1
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="the file was changed"):
        results.merge(tmp_path / "changed.json")
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(ValueError, match="none.json is not a results file"):
        results.merge(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        results.merge(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"budget": replace(TINY.budget, epochs=2)},
            "landcover-coherence-0 was made with budget .*'epochs': 1.*; remove",
        ),
        ({"inputs": {"coherence": ("coherence:20230301_20230313",)}}, "was made with input .*20230313_20230325"),
        (
            {"tasks": (replace(TINY.tasks[0], kind="regression"),)},
            "was made with task segmentation, this benchmark has regression",
        ),
        ({"toy": replace(TINY.toy, seed=5)}, "toy was made with seed 4, this benchmark has 5"),
        ({"toy": replace(TINY.toy, patch=5.0)}, "toy was made with patch 4.0, this benchmark has 5.0"),
    ],
)
def test_what_another_protocol_left_is_refused(left, change, message):
    with pytest.raises(ValueError, match=message):
        run_bench(left, replace(TINY, **change))


def test_what_other_chips_gave_is_refused(left, tmp_path):
    archive = ChipArchive(left / "toy" / "chips")
    names = archive.identifiers
    splits = dict(zip(names, np.resize(["train", "val", "test"], len(names)).tolist(), strict=True))
    protocol = replace(TINY, tasks=TINY.tasks[:1], inputs={"both": TINY.inputs["both"]}, seeds=(0,), tracks=("all",))
    run_bench(tmp_path / "own", protocol, archive=archive, splits=splits)
    change_chip(archive, names[0], "optical", "red")
    with pytest.raises(ValueError, match="has results of another data"):
        run_bench(tmp_path / "own", protocol, archive=archive, splits=splits)
    (tmp_path / "own" / RESULTS).unlink()
    with pytest.raises(ValueError, match="landcover-both-0 was made with data [0-9a-f]{16}, this benchmark has"):
        run_bench(tmp_path / "own", protocol, archive=archive, splits=splits)


def test_models_serve_a_protocol_that_differs_elsewhere(left, monkeypatch):
    forbid_training(monkeypatch)
    other = replace(TINY, name="other", tasks=TINY.tasks[:1], seeds=(1,), tracks=("all",), draws=60)
    assert len(run_bench(left, other).rows) == 2


def test_a_training_that_was_stopped_goes_on_as_what_it_was(left, monkeypatch):
    models, protocol = left / "models", replace(TINY, tasks=TINY.tasks[:1], seeds=(0,), tracks=("all",))
    shutil.rmtree(models)

    def stop(archive, output, **_):
        output.mkdir(parents=True, exist_ok=True)
        (output / "last.ckpt").write_bytes(b"")
        raise RuntimeError("stopped")

    monkeypatch.setattr("m3leo_sar.bench.benchmark.train_once", stop)
    with pytest.raises(RuntimeError, match="stopped"):
        run_bench(left, protocol)
    with pytest.raises(RuntimeError, match="stopped"):
        run_bench(left, protocol)
    (left / RESULTS).unlink()
    with pytest.raises(ValueError, match="was made with budget"):
        run_bench(left, replace(protocol, budget=replace(TINY.budget, learning_rate=1e-3)))


def test_what_earlier_versions_left_is_refused(left, done):
    model = left / "models" / "landcover-coherence-0"
    noted = (model / MADE_FROM).read_bytes()
    (model / MADE_FROM).unlink()
    with pytest.raises(
        ValueError, match="landcover-coherence-0 has no made-from.json, as of an earlier version; remove"
    ):
        run_bench(left, TINY)
    for text in ("{", "[]"):
        (model / MADE_FROM).write_text(text)
        with pytest.raises(ValueError, match=r"made-from.json is damaged"):
            run_bench(left, TINY)
    (model / MADE_FROM).write_bytes(noted)
    (left / "toy" / MADE_FROM).unlink()
    with pytest.raises(ValueError, match=r"toy has no made-from.json"):
        run_bench(left, TINY)
    facts = json.loads((done[0] / RESULTS).read_text())
    (left / RESULTS).write_text(json.dumps({name: value for name, value in facts.items() if name != "version"}))
    with pytest.raises(ValueError, match="is of an earlier version, which did not record the chips and models it used"):
        run_bench(left, TINY)
    (left / RESULTS).write_text(json.dumps(facts | {"version": 3}))
    with pytest.raises(ValueError, match="has version 3; this library reads 2"):
        run_bench(left, TINY)


def test_results_of_the_same_protocol_are_joined(done, tmp_path):
    _, results = done
    half = Results(TINY, results.data, results.rows[:5])
    results.write(tmp_path / "all.json")
    assert half.merge(tmp_path / "all.json") == len(results.rows) - 5
    assert half.merge(tmp_path / "all.json") == 0
    assert half.table() == results.table()


@pytest.fixture
def ground(left):
    archive = ChipArchive(left / "toy" / "chips")
    return Ground(archive, dict(zip(archive.identifiers, ["train"] * 4 + ["val", "val", "test", "test"], strict=True)))


@pytest.mark.parametrize(
    ("split", "dataset", "key"),
    [
        ("train", "coherence", "20230301_20230313"),
        ("train", "optical", "red"),
        ("train", "label", "landcover"),
        ("val", "coherence", "20230301_20230313"),
        ("val", "label", "biomass"),
        ("test", "optical", "red"),
        ("test", "label", "event"),
    ],
)
def test_data_have_a_digest_of_every_chip_that_is_used(ground, split, dataset, key):
    before = data_digest(ground, TINY)
    tile = next(name for name, where in ground.splits.items() if where == split)
    change_chip(ground.archive, tile, dataset, key)
    assert data_digest(Ground(ground.archive, ground.splits), TINY) != before


def test_triplets_have_the_days_between_passings(ground):
    dates = [datetime.date(2022, 12, day) for day in (2, 14, 25)] + [datetime.date(2023, 1, day) for day in (6, 19)]
    # Passes at midnight UTC, 12 days apart.
    for first, second in pairwise(dates):
        for tile in ground.test:
            chip = ground.archive.read(tile, "coherence", "20230301_20230313")
            key = f"{first:%Y%m%d}_{second:%Y%m%d}"
            ground.archive.write(tile, "coherence", key, chip.array, chip.geobox, metadata={"days": 12})
    task = replace(TINY.tasks[2], start="20221228", end="20221228")
    triplet = ground.triplet(task)
    assert [str(pair) for pair in triplet] == ["20221214_20221225", "20221225_20230106", "20230106_20230119"]


def test_data_have_a_digest_of_no_other_chip(ground):
    before = data_digest(ground, TINY)
    assert before == data_digest(Ground(ground.archive, dict(reversed(ground.splits.items()))), TINY)
    assert before != data_digest(ground, replace(TINY, tasks=TINY.tasks[1:]))
    train, *_, test = ground.splits
    assert before != data_digest(Ground(ground.archive, ground.splits | {train: "val"}), TINY)
    change_chip(ground.archive, train, "label", "event")
    change_chip(ground.archive, train, "intensity", "20230301")
    assert before == data_digest(Ground(ground.archive, ground.splits), TINY)
    ground.archive.remove(train, "label", "landcover")
    assert before != data_digest(Ground(ground.archive, ground.splits), TINY)
    ground.archive.remove(test, "label", "biomass")
    with pytest.raises(FileNotFoundError, match=f"tile {test} is to be scored and has no chip label/biomass"):
        data_digest(Ground(ground.archive, ground.splits), TINY)


def test_pixels_are_read_of_chips_without_a_checksum_only(ground, monkeypatch):
    seen, read = [], ChipArchive.read
    monkeypatch.setattr(ChipArchive, "read", lambda self, *names: seen.append(names) or read(self, *names))
    data_digest(ground, TINY)
    assert sorted(seen) == [(tile, "optical", "red") for tile in sorted(ground.splits)]


def test_inputs_that_are_no_channels_are_refused_before_anything_is_trained(left, monkeypatch):
    forbid_training(monkeypatch)
    with pytest.raises(ValueError, match="an input must read dataset:key"):
        run_bench(left, replace(TINY, inputs={"coherence": ("coherence",), "optical": ("optical",)}))


def test_pixels_without_an_event_label_are_not_scored(ground, tmp_path):
    archive, pairs = ground.archive, ground.triplet(TINY.tasks[2])
    scores, truths = [], []
    for tile in ground.test:
        chip = archive.read(tile, "label", "event")
        label = (np.arange(32) % 3 == 0) * np.ones((32, 1), np.float32)
        label[5:, 20:] = np.nan
        archive.write(tile, "label", "event", label.astype("f4"), chip.geobox, metadata={})
        scores.append(event_scores(archive, tile, pairs)["1 - across"])
        truths.append(label)
    protocol = replace(TINY, tasks=TINY.tasks[2:])
    rows = run_bench(tmp_path / "own", protocol, archive=archive, splits=ground.splits).rows
    found = next(row["score"] for row in rows if row["input"] == "1 - across")
    values, labels = np.concatenate(scores).ravel(), np.concatenate(truths).ravel()
    struck, quiet = values[labels == 1], values[labels == 0]
    assert found == pytest.approx(np.mean(struck[:, None] > quiet), abs=1e-3)
    with pytest.raises(ValueError, match=r"truths must have the shape of their scores, \(32, 32\), got \(3, 4\)"):
        change_counts(scores, [np.zeros((3, 4))] * 2)


def test_the_stored_meaning_of_0_decides_what_an_event_left(ground, tmp_path):
    chip = ground.archive.read(ground.test[0], "label", "event")
    assert chip.nodata == 255
    assert [entry["name"] for entry in chip.metadata["classes"]] == ["no event", "event"]
    assert {0.0, 1.0} == set(np.unique(event_truths([chip], "event")[0]))
    # Unlabelled pixels are neither.
    holes = chip.array.copy()
    holes[:3] = 255
    (truth,) = event_truths([chip._replace(array=holes)], "event")
    assert np.isnan(truth[:3]).all()
    assert not np.isnan(truth[3:]).any()
    with pytest.raises(ValueError, match="label event has no pixel that the event left unaffected: its chips declare"):
        event_truths([chip._replace(nodata=0)], "event")


def test_europe_is_left_out_where_the_protocol_says_so(done, tmp_path):
    folder, _ = done
    archive = ChipArchive(folder / "toy" / "chips")
    with pytest.raises(ValueError, match="with Europe excluded, got 0 tiles of none"):
        run_bench(tmp_path, replace(TINY, europe="excluded"), archive=archive)


def test_missing_chips_are_drawn_by_seed_and_never_all():
    channels = ["coherence:a", "coherence:b", "optical:red:linear"]
    tiles = [f"t{number}" for number in range(400)]
    drawn = hidden_chips(tiles, channels, "random", drop=0.5)["random"]
    assert drawn == hidden_chips(tiles, channels, "random", drop=0.5)["random"]
    assert max(map(len, drawn.values())) == 2
    share = sum(map(len, drawn.values())) / (3 * len(tiles))
    # A half, less the eighth of the tiles that would have lost all three and keep one.
    assert share == pytest.approx(0.5 - 1 / 24, abs=0.04)
    assert hidden_chips(tiles, channels[:1], "random", drop=0.5) == {}
    assert hidden_chips(tiles, channels[:2], "one-missing", drop=0.5) == {}
    assert hidden_chips(tiles, channels, "all", drop=0.5) == {"all": {}}


def test_hidden_chips_are_not_there(done):
    folder, _ = done
    archive = ChipArchive(folder / "toy" / "chips")
    tile, other = archive.identifiers[:2]
    partial = PartialArchive(archive, {tile: {"optical:red"}})
    assert not partial.has(tile, "optical", "red")
    with pytest.raises(FileNotFoundError, match="has no chip optical/red"):
        partial.read(tile, "optical", "red")
    assert partial.has(other, "optical", "red")
    np.testing.assert_array_equal(
        partial.read(tile, "label", "landcover").array, archive.read(tile, "label", "landcover").array
    )


def test_counts_are_those_of_plain_loops(rng):
    truths, found = rng.choice([0, 10, 50], (2, 7, 9)), rng.choice([10, 40, 50], (2, 7, 9))
    codes = [0, 10, 40, 50]
    wanted = [
        [[np.sum((t != 0) & (t == a) & (f == b)) for b in codes] for a in codes]
        for t, f in zip(truths, found, strict=True)
    ]
    np.testing.assert_array_equal(confusions(list(found), list(truths)), wanted)
    truth = np.array([[1.0, np.nan], [3.0, 4.0]])
    np.testing.assert_allclose(square_sums([np.full((2, 2), 2.0)], [truth]), [[1 + 1 + 4, 3]])


def test_cells_of_nan_count_neither_as_truth_nor_as_found():
    truth, found = np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[3.0, 2.0], [np.nan, 2.0]])
    np.testing.assert_allclose(square_sums([found], [truth]), [[4 + 4, 2]])
    np.testing.assert_allclose(square_sums([np.full((2, 2), np.nan)], [truth]), [[0, 0]])
    assert square_sums([np.full((2, 2), np.inf)], [truth])[0, 0] == np.inf
    codes = np.array([[10.0, np.nan], [0.0, 50.0]])
    np.testing.assert_array_equal(confusions([np.full((2, 2), 10)], [codes]), [[[0, 0, 0], [0, 1, 0], [0, 1, 0]]])


def test_the_area_is_the_share_of_pairs_in_order(rng):
    scores = [rng.normal(size=(6, 11)).round(1) for _ in range(3)]
    hits = [rng.random((6, 11)) < 0.4 for _ in range(3)]
    scores[1][0, :4] = np.nan
    counts = ranking_counts(scores, hits)
    every, hit = np.concatenate([s.ravel() for s in scores]), np.concatenate([h.ravel() for h in hits])
    quiet, struck = every[~hit & ~np.isnan(every)], every[hit & ~np.isnan(every)]
    pairs = np.mean((struck[:, None] > quiet) + (struck[:, None] == quiet) / 2)
    area, low, high = area_interval(counts, draws=200)
    assert area == pytest.approx(pairs, abs=1e-9)
    assert low < area < high
    assert np.isnan(area_under_curve(np.zeros((2, 4))))
    with pytest.raises(ValueError, match="hits must have the shape"):
        ranking_counts(scores, [hit[:3] for hit in hits])


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """Three archives of 24 chips: two of one kind, one of another."""
    tmp_path, rng = tmp_path_factory.mktemp("apart"), np.random.default_rng(5)
    grid = list(TileGrid.legacy((9.0, 49.9, 9.4, 50.15), pixels=16))[:24]
    for name, built, level in (("one", 0.3, 0.5), ("two", 0.3, 0.5), ("far", 0.9, 0.8)):
        made = ChipArchive.create(tmp_path / name / "chips", storage="zarr")
        for tile in grid:
            share = np.clip(built + 0.05 * rng.normal(), 0, 1)
            codes = np.where(rng.random((16, 16)) < share, 50, 10).astype("u1")
            plane = (level + 0.03 * rng.normal() + 0.1 * rng.random((16, 16))).astype("f4")
            made.write_layers(tile.identifier, "label", [Layer("landcover", codes, {"unit": "class"}, 0)], tile.geobox)
            made.write_layers(tile.identifier, "coherence", [Layer("20230301_20230313", plane, {})], tile.geobox)
    return tmp_path


def test_shift_tells_archives_apart_and_not_those_of_one_kind(apart, capsys):
    folders = [apart / name / "chips" for name in ("one", "two", "far")]
    output = apart / "three"
    assert run("shift", *folders, "--labels", "landcover", "--values", "coherence:20230301_20230313",
               "--output", output, "--permutations", 49) == 0  # fmt: skip
    reported = json.loads((output / "shift.json").read_text())
    assert set(reported) == {"shares of landcover", "mean coherence:20230301_20230313"}
    for found in reported.values():
        assert found["names"] == ["one/chips", "two/chips", "far/chips"]
        assert found["chips"] == [24, 24, 24]
        distance, p_value = np.array(found["distance"]), np.array(found["p_value"], float)
        assert distance[0, 2] > 8 * max(found["floor"])
        assert p_value[0, 2] == pytest.approx(1 / 50)
        assert distance[0, 1] < 3 * max(found["floor"])
        assert p_value[0, 1] > 0.04
        assert found["p_value"][0][0] is None
    assert {path.name for path in output.glob("*.png")} == {
        "shares-of-landcover.png", "mean-coherence-20230301_20230313.png",
    }  # fmt: skip
    assert "floor" in capsys.readouterr().out


def test_shift_compares_groups_of_one_archive(apart):
    archive = ChipArchive(apart / "far" / "chips")
    halves = {name: ("train", "test")[number % 2] for number, name in enumerate(archive.identifiers)}
    write_splits(apart / "splits.csv", halves)
    arguments = [archive.root, "--groups", apart / "splits.csv", "--values", "coherence", "--output", apart / "out"]
    assert run("shift", *arguments) == 0
    found = json.loads((apart / "out" / "shift.json").read_text())["mean coherence"]
    assert (found["names"], found["chips"]) == (["test", "train"], [12, 12])


def test_shift_refuses_what_cannot_be_compared(apart):
    one, two = apart / "one" / "chips", apart / "two" / "chips"
    for arguments, message in (
        ([one, two], "nothing to compare"),
        ([one, "--labels", "landcover"], "at least two archives or groups, got 1"),
        ([one, one, "--labels", "landcover"], "given twice"),
        ([one, two, "--labels", "roads"], "labels must name a label that one/chips has, got 'roads'"),
        ([one, two, "--values", "coherence:x"], "values must name chips that one/chips has, as DATASET/KEY"),
        ([one, two, "--labels", "coherence:20230301_20230313"], "labels must be codes, got a chip of float32"),
    ):
        with pytest.raises(ValueError, match=message):
            run("shift", *arguments)
    with pytest.raises(ValueError, match="groups are of one archive, got 2"):
        regions_of([one, two], {"a": "b"})


def test_the_protocol_and_its_hash_are_shown(tmp_path, capsys):
    (tmp_path / "mine.json").write_text('{"seeds": [3], "europe": "excluded"}')
    assert run("bench", tmp_path / "out", "--protocol", tmp_path / "mine.json", "--show-protocol") == 0
    reported, line = capsys.readouterr().out.splitlines()
    wanted = Protocol(seeds=(3,), europe="excluded")
    assert (reported, line) == (wanted.to_json(), f"hash {wanted.digest}")
    assert not (tmp_path / "out").exists()


def test_names_of_archives_are_their_shortest_ends(apart):
    paths = [apart / name / "chips" for name in ("one", "two")]
    assert list(regions_of(paths)) == ["one/chips", "two/chips"]
    assert all(first < second for first, second in pairwise(regions_of(paths)["one/chips"].tiles))


@pytest.mark.slow
def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text()
    assert len(text.splitlines()) <= 60
    monkeypatch.chdir(tmp_path)
    Path("quick.json").write_text(re.search("```json\n(.*?)```", text, re.DOTALL).group(1))
    commands = re.findall(r"^m3leo-sar (.*?)(?: +#.*)?$", text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        if "splits.csv" in command and not Path("splits.csv").exists():
            names = ChipArchive("out/toy/chips").identifiers
            write_splits("splits.csv", dict(zip(names, np.resize(["train", "val", "test"], len(names)), strict=True)))
        assert run(*command.split()) == 0, command
    one, again, own = (json.loads(Path(name, RESULTS).read_text()) for name in ("out", "again", "own"))
    assert one == again
    assert not Path("again/models").exists()
    assert one["hash"] == own["hash"]
    assert one["data"] != own["data"]
    assert one["hash"] in capsys.readouterr().out
    assert set(json.loads(Path("shift/shift.json").read_text())) == {"shares of landcover", "mean coherence"}


@pytest.mark.slow
def test_the_toy_tells_what_each_input_holds(tmp_path):
    protocol = Protocol(seeds=(0,))
    rows = {(row["task"], row["input"], row["track"]): row["score"] for row in run_bench(tmp_path, protocol).rows}
    amplitude, coherence, optical, both = (rows["landcover", name, "all"] for name in protocol.inputs)
    assert both > coherence > amplitude
    assert both > optical
    assert rows["landcover", "coherence and optical", "without optical"] < both
    assert rows["biomass", "coherence and optical", "all"] < rows["biomass", "amplitude", "all"]
    # The event hits fields and water too, where coherence has little to lose.
    assert all(score > 0.8 for (task, _, _), score in rows.items() if task == "damage")
