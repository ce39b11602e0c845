"""A model is trained on pairs that nobody stored, from the command to the score."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.app.cli import app
from m3leo_sar.app.pair_training import pair_splits
from m3leo_sar.app.prepare import Recipe, prepare
from m3leo_sar.app.slc_tiles import build_slc_tiles
from m3leo_sar.app.train import run_fit
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.learn.config import FitConfig, checked_config, load_config
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import sequential_pairs

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
    prepare(scene.stack, archive, list(grid), recipe, labels=scene.labels())
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
    result = run_fit(config_of(folder, tmp_path / "run"), what="training")
    assert result.metrics["miou"] > 0.75
    assert result.metrics["tiles"] == {"train": 3, "val": 1, "test": 1}
    assert result.metrics["samples_per_second"] > 0
    # Nothing a pair was written: the run holds weights and tables alone.
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tif", ".zarr", ".npy")]
    again = load_config(tmp_path / "run" / "config.yaml", [f"output={tmp_path / 'again'}"])
    assert again.pairs["redraw"] is True
    assert run_fit(again, what="training").metrics["miou"] == result.metrics["miou"]


def test_a_run_goes_on_from_the_middle_of_an_epoch(world, tmp_path):
    folder, _ = world
    options = {"epochs": 2, "checkpoint_steps": 1, "batch": 2}
    whole = run_fit(config_of(folder, tmp_path / "whole", **options), what="training").metrics

    class Stop(Exception):
        pass

    from m3leo_sar.app.pair_training import pair_data
    from m3leo_sar.learn.fit import fit

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
    from m3leo_sar.app import pair_training

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


def test_what_cannot_be_is_told(world, tmp_path):
    folder, _ = world
    for changes, message in (
        ({"pairs": {"store": str(folder / "tiles"), "days": [7]}}, "no pair of .* is \\[7\\] days apart"),
        ({"pairs": {"store": str(folder / "chips")}}, "is no store of SLC tiles|describe a store|archive.json|store"),
        ({"pairs": {"store": str(folder / "tiles"), "device": "tpu"}}, "pairs.device must be cpu or gpu, got 'tpu'"),
        ({"pairs": {"stores": "x"}}, "there is no key pairs.stores; did you mean 'store'"),
        ({"input": ["coherence"]}, "window must be given for coherence"),
        ({"input": ["coherence:31x31"]}, "window of coherence:31x31 must be at most 5x5"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            run_fit(config_of(folder, tmp_path / "run", **changes), what="training")


def test_the_commands(world, tmp_path, capsys):
    folder, grid = world
    from m3leo_sar.io.tile_file import write_tiles
    from m3leo_sar.io.zarr_stack import write_stack

    box = GeoBox.from_bounds((680_000, 5_500_000, 682_400, 5_501_300), shape=(130, 240), crs="EPSG:32631")
    scene = simulate_scene(box, dates=DATES[:2], classes=CLASSES, patch=12.0, seed=3)
    write_stack(scene.stack, tmp_path / "stack")
    write_tiles(tmp_path / "tiles.geojson", grid)
    arguments = ["slc-tiles", tmp_path / "stack", tmp_path / "store", "--tiles", tmp_path / "tiles.geojson"]
    for told in ("wrote 10 planes, 0 were", "wrote 0 planes, 10 were"):
        app([*map(str, arguments), "--window", "3x5"], standalone_mode=False)
        assert told in " ".join(capsys.readouterr().out.split())
    with pytest.raises(ValueError, match="--window must read ROWSxCOLS"):
        app([*map(str, arguments), "--window", "3"], standalone_mode=False)
    words = [f"pairs.store={folder / 'tiles'}", "input=coherence:5x5", "model.widths=[4,8]", "epochs=1", "threads=1"]
    app(["train", str(folder / "chips"), *words, "--output", str(tmp_path / "run")], standalone_mode=False)
    assert "mIoU" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["input"] == ["coherence:5x5"]
    assert np.isfinite(metrics["miou"])
