"""A model is trained on pairs that nobody stored, from the command to the score."""

from __future__ import annotations

import datetime
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.app.cli import app
from m3leo_sar.chips.grouped import GroupedStatistics
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.io.tables.split_file import write_splits
from m3leo_sar.learn.data.labels import IGNORE
from m3leo_sar.learn.data.pair_datamodule import pair_channels
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.learn.fit.config import checked_config, load_config
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.given_statistics import given_statistics
from m3leo_sar.learn.fit.predict import predict
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import sequential_pairs
from m3leo_sar.training.archive_training import labelled_tiles, run_fit
from m3leo_sar.training.pair_training import _mixing, pair_data, pair_splits

CLASSES = (
    LandCover(name="tree cover", code=10, backscatter=-10, rho_inf=0.1, tau=0.01),
    LandCover(name="built-up", code=50, backscatter=-10, rho_inf=0.9, tau=0.01),
)
DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * number) for number in range(3)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A store of SLC tiles and an archive with the labels of its tiles alone."""
    folder = tmp_path_factory.mktemp("world")
    box = GeoBox.from_bounds((680_000, 5_500_000, 682_400, 5_501_300), shape=(130, 240), crs="EPSG:32631")
    scene = simulate_scene(box, dates=DATES, classes=CLASSES, patch=12.0, seed=3)
    west, south = box.transformer_to("EPSG:4326").transform(680_150, 5_500_250)
    corners = [(west + 0.006 * i, south, west + 0.006 * i + 0.0055, south + 0.0072) for i in range(5)]
    grid = TileGrid(corners, pixels=48)
    build_slc_tiles(scene.stack, list(grid), folder / "tiles", window=Window(rows=5, cols=5))
    archive = ChipArchive.create(folder / "chips")
    recipe = Recipe(pairs=sequential_pairs(DATES)[:1], window=Window(rows=5, cols=5), intensities=False)
    make_chips(scene.stack, archive, list(grid), recipe, labels=scene.labels())
    return folder, grid


def config_of(folder, output, **changes):
    settings = {
        "archive": str(folder / "chips"), "output": str(output), "input": ["coherence:5x5", "intensity:reference"],
        "pairs": {"store": str(folder / "tiles"), "days": [12, 24], "redraw": True, "swap": 0.5}, "batch": 3,
        "model": {"name": "unet", "widths": [8, 16]}, "epochs": 12, "learning_rate": 1e-2, "accelerator": "cpu",
        "threads": 1,
    }  # fmt: skip
    return FitConfig(**{**settings, **changes})


def test_land_cover_is_learned_from_pairs_nobody_stored(world, tmp_path):
    folder, _ = world
    result = run_fit(config_of(folder, tmp_path / "run"))
    assert result.metrics["miou"] > 0.75
    assert result.metrics["tiles"] == {"train": 3, "val": 1, "test": 1}
    assert result.metrics["samples_per_second"] > 0
    # Nothing a pair was written: the run holds weights and tables alone.
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tif", ".zarr", ".npy")]
    again = load_config(tmp_path / "run" / "config.yaml", [f"output={tmp_path / 'again'}"])
    assert again.pairs["redraw"] is True
    assert run_fit(again).metrics["miou"] == result.metrics["miou"]


def test_a_run_goes_on_from_the_middle_of_an_epoch(world, tmp_path):
    folder, _ = world
    options = {"epochs": 2, "checkpoint_steps": 1, "batch": 2}
    whole = run_fit(config_of(folder, tmp_path / "whole", **options)).metrics

    class Stop(Exception):
        pass

    from m3leo_sar.learn.fit.fit import fit

    config = config_of(folder, tmp_path / "part", **options)
    config.splits = dict(pair_splits(config))
    seen = []

    def stopping(settings, kind, statistics):
        data = pair_data(settings, kind, statistics)
        fetch = data.sets["train"]._fetch

        def counted(indices):
            seen.append(indices)
            if len(seen) == 3:
                raise Stop
            return fetch(indices)

        data.sets["train"]._fetch = counted
        return data

    with pytest.raises(Stop):
        fit(config, pair_data=stopping)
    rest = fit(config, resume=True, pair_data=pair_data).metrics
    assert (rest["miou"], rest["loss"]) == (whole["miou"], whole["loss"])


def test_products_are_computed_where_the_tiles_are(world, tmp_path, monkeypatch):
    """The emulation stands for the GPU: it moves, computes and normalises by the same calls."""
    from m3leo_sar._backend.simt import as_simt
    from m3leo_sar.training import pair_training

    folder, _ = world
    config = config_of(folder, tmp_path / "run")
    config.splits = dict(pair_splits(config))
    moved = []

    def to_emulation(array):
        moved.append(array.shape)
        return as_simt(array)

    plain = pair_training.pair_data(checked_config(config), "classes", None)
    monkeypatch.setattr(pair_training, "to_gpu", to_emulation)
    config.pairs["device"] = "gpu"
    data = pair_training.pair_data(config, "classes", plain.statistics)
    planes, wanted = data.sets["val"].planes(0), plain.sets["val"].planes(0)
    assert moved
    for got, want in zip(planes, wanted, strict=True):
        assert type(got).__name__ == "SimtArray"
        np.testing.assert_allclose(np.asarray(got), want, atol=2e-5)


def test_splits_go_from_west_to_east(world, tmp_path):
    folder, grid = world
    splits = pair_splits(config_of(folder, tmp_path))
    assert [splits[tile.identifier] for tile in grid] == ["train", "train", "train", "val", "test"]


def ready(config):
    """A checked configuration with its splits, as the loaders are given it."""
    config = checked_config(config)
    config.splits = config.splits or dict(pair_splits(config))
    return config


def test_a_season_without_days_is_of_each_date_and_the_next(world, tmp_path):
    folder, _ = world
    pairs = {"store": str(folder / "tiles"), "season": "spring"}
    data = pair_data(ready(config_of(folder, tmp_path, pairs=pairs)), "classes", None)
    assert {group[0] for group in data.sets["train"].index.groups} == set(sequential_pairs(DATES))
    assert len(data.sets["train"]) == 3 * 2
    with pytest.raises(ValueError, match="no pair of .* is of a date and the next in winter"):
        pair_data(ready(config_of(folder, tmp_path, pairs={**pairs, "season": "winter"})), "classes", None)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A store of sixteen tiles, of which a budget of one MiB holds few."""
    folder = tmp_path_factory.mktemp("large")
    box = GeoBox.from_bounds((680_000, 5_500_000, 682_400, 5_501_300), shape=(130, 240), crs="EPSG:32631")
    dates = [DATES[0] + datetime.timedelta(days=12 * number) for number in range(6)]
    scene = simulate_scene(box, dates=dates, classes=CLASSES, patch=12.0, seed=3)
    west, south = box.transformer_to("EPSG:4326").transform(680_150, 5_500_250)
    corners = [(west + 1e-3 * i, south, west + 1e-3 * i + 0.013, south + 0.0072) for i in range(16)]
    build_slc_tiles(scene.stack, list(TileGrid(corners, pixels=16)), folder, window=Window(rows=5, cols=5))
    return SlcTileStore(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_each_tile_is_read_once_an_epoch_with_room_for_few(large, tmp_path, workers):
    names = large.identifiers
    size = large.read(names[0]).nbytes
    assert 3 * size < 1 << 20 < 8 * size
    splits = dict(zip(names, ["train"] * 14 + ["val", "test"], strict=True))
    pairs = {"store": str(large.root), "days": [12, 24, 36, 48, 60], "memory_mib": 1, "draw": 1}
    config = config_of(tmp_path, tmp_path, pairs=pairs, splits=splits, workers=workers, input=["coherence:5x5"])
    data = pair_data(checked_config(config), "none", None)
    batches = list(data.train_dataloader().batch_sampler)
    reads, train = 0, data.sets["train"]
    # As a loader deals them: batch b to worker b modulo their number, each with a cache of its own.
    for worker in range(max(1, workers)):
        tiers = TileTiers(large, memory_bytes=train.tiers._memory.budget)
        for batch in batches[worker :: max(1, workers)]:
            for name in dict.fromkeys(train.index[index].identifier for index in batch):
                tiers.get(name)
        reads += tiers.counts.disk
    # What does not fill a round of all lanes comes last, and may be of a tile that was let go.
    assert reads <= 14 + workers
    assert np.mean([len({train.index[index].identifier for index in batch}) for batch in batches]) > 1.3


def test_as_many_tiles_are_mixed_as_memory_holds(large, tmp_path):
    names, size = large.identifiers, max(large.read(name).nbytes for name in large.identifiers)
    splits = dict(zip(names, ["train"] * 14 + ["val", "test"], strict=True))
    for changes, expected in (
        ({}, (1, 16)),
        ({"memory_mib": 1}, (1, (1 << 20) // size)),
        ({"memory_mib": 0}, (1, 1)),
        ({"device": "gpu", "device_mib": 2, "memory_mib": 0}, (1, (2 << 20) // size)),
    ):
        pairs = {"store": str(large.root), "days": [12], **changes}
        config = checked_config(config_of(tmp_path, tmp_path, pairs=pairs, splits=splits, input=["coherence:5x5"]))
        assert _mixing(config, large, names) == expected
    config.workers, config.pairs = 3, {**config.pairs, "device": "cpu", "memory_mib": 4}
    assert _mixing(config, large, names) == (3, (4 << 20) // 3 // size)


def test_tiles_that_the_store_lacks_are_reported_or_dropped(world, tmp_path):
    folder, _ = world
    splits = dict(pair_splits(config_of(folder, tmp_path))) | {"77": "test", "78": "train", "79": "left out"}
    for missing in ("raise", "mask", "fill"):
        with pytest.raises(
            ValueError, match=r"2 of 7 tiles of the splits are not in .*tiles, first 77, 78; leave them"
        ):
            pair_data(ready(config_of(folder, tmp_path, splits=splits, missing=missing)), "classes", None)
    data = pair_data(ready(config_of(folder, tmp_path, splits=splits, missing="drop")), "classes", None)
    assert {name: len(part.index.used) for name, part in data.sets.items()} == {"train": 3, "val": 1, "test": 1}


def test_tiles_without_a_pair_are_reported_or_dropped(world, tmp_path):
    folder, grid = world
    shutil.copytree(folder / "tiles", tmp_path / "tiles")
    store, name = SlcTileStore(tmp_path / "tiles"), grid[1].identifier
    whole = store.read(name)
    shutil.rmtree(store.root / name)
    store.write(name, whole.slc[:1].astype(np.float32).view(np.complex64)[..., 0], DATES[:1], frame=whole.frame)
    changes = {"pairs": {"store": str(store.root), "days": [12]}}
    with pytest.raises(
        ValueError, match=rf"1 of 5 tiles .* have no pair in .* that is \[12\] days apart, first {name};"
    ):
        pair_data(ready(config_of(folder, tmp_path, **changes)), "classes", None)
    data = pair_data(ready(config_of(folder, tmp_path, missing="drop", **changes)), "classes", None)
    assert name not in data.sets["train"].index.used
    assert len(data.sets["train"].index.used) == 2


def test_missing_labels_are_reported_dropped_or_left_out_of_the_loss(world, tmp_path):
    folder, grid = world
    splits, name = dict(pair_splits(config_of(folder, tmp_path))), grid[1].identifier
    archive = shutil.copytree(folder / "chips", tmp_path / "chips")
    shutil.rmtree(archive / name / "label")
    assert not ChipArchive(archive).has(name, "label", "landcover")

    def data_of(missing, kind="classes", **changes):
        config = config_of(folder, tmp_path, archive=str(archive), splits=splits, missing=missing, **changes)
        return pair_data(ready(config), kind, None).sets["train"]

    with pytest.raises(ValueError, match=f"1 of 5 tiles of the splits lack the label landcover in .*, first {name};"):
        data_of("raise")
    assert name not in data_of("drop").index.used
    for missing in ("mask", "fill"):
        train = data_of(missing)
        tiles = [sample.identifier for sample in train.index]
        other = next(tile for tile in tiles if tile != name)
        batch = train.__getitems__([tiles.index(other), tiles.index(name)])
        assert (batch["target"][0] != IGNORE).any()
        assert (batch["target"][1] == IGNORE).all()
        assert batch["mask"][1].any()
        values = data_of(missing, kind="values", cells=[3, 4]).read_target(name)
        assert (values.shape, values.dtype, np.isnan(values).all()) == ((3, 4), np.float32, True)


def test_a_model_of_pairs_says_that_it_cannot_predict_from_chips(world, tmp_path):
    folder, grid = world
    run_fit(config_of(folder, tmp_path / "run", epochs=1))
    model, tile = tmp_path / "run" / "model.pt", grid[4].identifier
    with pytest.raises(
        ValueError, match=r"model.pt must be a model of chips .*, got one of pairs computed from .*tiles"
    ):
        predict(model, ChipArchive(folder / "chips"), tile)
    arguments = ["plot", folder / "chips", tmp_path / "x.png", "--tile", tile, "--model", model]
    with pytest.raises(ValueError, match="train without pairs.store on chips that m3leo-sar prepare writes"):
        app([*map(str, arguments)], standalone_mode=False)


def test_what_cannot_be_is_reported(world, tmp_path):
    folder, _ = world
    for changes, message in (
        ({"pairs": {"store": str(folder / "tiles"), "days": [7]}}, "no pair of .* is \\[7\\] days apart"),
        (
            {"pairs": {"store": str(folder / "chips")}},
            "is not a store of SLC tiles|describe a store|archive.json|store",
        ),
        ({"pairs": {"store": str(folder / "tiles"), "device": "tpu"}}, "pairs.device must be cpu or gpu, got 'tpu'"),
        ({"pairs": {"stores": "x"}}, "there is no key pairs.stores; did you mean 'store'"),
        ({"crop": 32}, "crop must be 0 with pairs.store, whose samples are whole tiles .*, got 32"),
        ({"crops": 2}, "crops must be 8 with pairs.store"),
        ({"hide": 0.5}, "hide must be 0.0 with pairs.store"),
        ({"eval_batch": 5}, "eval_batch must be batch, 3, or left out with pairs.store, got 5"),
        ({"input": ["coherence"]}, "window must be given for coherence"),
        ({"input": ["coherence:31x31"]}, "window of coherence:31x31 must be at most 5x5"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            run_fit(config_of(folder, tmp_path / "run", **changes))


def test_the_commands(world, tmp_path, capsys):
    folder, grid = world
    from m3leo_sar.io.stacks.zarr_stack import write_stack
    from m3leo_sar.io.tables.tile_file import write_tiles

    box = GeoBox.from_bounds((680_000, 5_500_000, 682_400, 5_501_300), shape=(130, 240), crs="EPSG:32631")
    scene = simulate_scene(box, dates=DATES[:2], classes=CLASSES, patch=12.0, seed=3)
    write_stack(scene.stack, tmp_path / "stack")
    write_tiles(tmp_path / "tiles.geojson", grid)
    arguments = ["slc-tiles", tmp_path / "stack", tmp_path / "store", "--tiles", tmp_path / "tiles.geojson"]
    for reported in ("wrote 10 planes, 0 already existed", "wrote 0 planes, 10 already existed"):
        app([*map(str, arguments), "--window", "3x5"], standalone_mode=False)
        assert reported in " ".join(capsys.readouterr().out.split())
    with pytest.raises(ValueError, match="--window must read ROWSxCOLS"):
        app([*map(str, arguments), "--window", "3"], standalone_mode=False)
    words = [f"pairs.store={folder / 'tiles'}", "input=coherence:5x5", "model.widths=[4,8]", "epochs=1", "threads=1"]
    app(["train", str(folder / "chips"), *words, "--output", str(tmp_path / "run")], standalone_mode=False)
    assert "mIoU" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["input"] == ["coherence:5x5"]
    assert np.isfinite(metrics["miou"])


def test_the_command_stats_gives_what_a_run_on_pairs_fits(world, tmp_path):
    folder, _ = world
    runner, file = CliRunner(), tmp_path / "stats.json"
    inputs = ["coherence:5x5", "intensity:reference", "interferogram:3x3"]
    splits = pair_splits(checked_config(config_of(folder, tmp_path / "run")))
    write_splits(tmp_path / "splits.csv", splits)
    words = ["--splits", str(tmp_path / "splits.csv"), "--days", "12,24", *(w for i in inputs for w in ("--input", i))]
    done = runner.invoke(app, ["stats", str(folder / "tiles"), str(file), *words])
    assert done.exit_code == 0, done.output
    config = config_of(folder, tmp_path / "run", input=inputs)
    own = pair_data(checked_config(replace(config, splits=dict(splits))), "none", None).statistics
    assert Statistics.from_json(file.read_text()) == own
    assert given_statistics(replace(config, statistics=str(file)), pair_channels(inputs)) == own
    done = runner.invoke(app, ["stats", str(folder / "tiles"), str(file)])
    assert "name its products by --input" in str(done.exception)
    done = runner.invoke(app, ["stats", str(folder / "chips"), str(file), "--days", "12"])
    assert "go with a store of SLC tiles" in str(done.exception)


def test_what_the_command_stats_writes_is_taken_for_pairs(world, tmp_path):
    folder, _ = world
    # Chips of the archive hold no intensity.
    runner, file = CliRunner(), tmp_path / "stats.json"
    done = runner.invoke(app, ["stats", str(folder / "chips"), str(file)])
    assert done.exit_code == 0, done.output
    (group,) = [band for facts, band in GroupedStatistics.from_json(file.read_text()).groups.items()]
    run_fit(config_of(folder, tmp_path / "run", epochs=1, input=["coherence:5x5"], statistics=str(file)))
    (band,) = Statistics.from_json((tmp_path / "run" / "statistics.json").read_text()).bands
    assert band == replace(group, name="coherence:5x5")
    with pytest.raises(ValueError, match="statistics of the input intensity:reference: no statistics for .*intensity"):
        run_fit(config_of(folder, tmp_path / "other", epochs=1, statistics=str(file)))
    assert not (tmp_path / "other").exists()


def test_a_missing_target_is_told_with_what_is_there(world, tmp_path):
    archive = ChipArchive(world[0] / "chips")
    with pytest.raises(ValueError, match=r"has the label lancover; it has label/\w+.*: state one as target=, such as"):
        labelled_tiles(archive, "lancover")
    bare = ChipArchive.create(tmp_path / "bare")
    chip = archive.read(archive.identifiers[0], "coherence", archive.keys(archive.identifiers[0], "coherence")[0])
    bare.write("1", "coherence", "VV/20230301_20230313", chip.array, chip.geobox, metadata={})
    with pytest.raises(ValueError, match=r"it has coherence: m3leo-sar retile MAP .*bare --dataset NAME makes chips"):
        labelled_tiles(bare, "landcover")
