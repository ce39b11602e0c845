"""Several polarisations of one tile as the channels of a sample: of chips, and of pairs computed during training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pair_store import BOX, DATES, WINDOW, grid_of

from m3leo_sar import SlcStack
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import ChipDataModule
from m3leo_sar.learn.fit.config import checked_config, load_config
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.given_statistics import given_statistics
from m3leo_sar.learn.fit.resolved_config import resolved
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import sequential_pairs
from m3leo_sar.stack.stack_join import join_polarisations
from m3leo_sar.training.archive_training import input_names, run_fit
from m3leo_sar.training.pair_statistics import pair_statistics
from m3leo_sar.training.pair_training import pair_data

PAIR, GRID = "20230301_20230313", grid_of(4)
SPLITS = dict(zip(GRID.identifiers, ["train", "train", "val", "test"], strict=True))
SMALL = {"epochs": 1, "batch": 2, "accelerator": "cpu", "model": {"name": "unet", "widths": [4, 8]}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A stack of VV and VH, its chips, and its store of tiles."""
    folder = tmp_path_factory.mktemp("world")
    scene = simulate_scene(BOX, dates=DATES[:3], seed=4)
    like = {"geometry": BOX, "orbit": "ascending"}
    noise = np.random.default_rng(5).normal(size=(3, *BOX.shape, 2)).astype("f4").view("c8")[..., 0]
    stack = join_polarisations(
        [
            SlcStack.from_arrays(scene.stack.window(), DATES[:3], polarisation="VV", **like),
            SlcStack.from_arrays(0.1 * scene.stack.window() + 0.02 * noise, DATES[:3], polarisation="VH", **like),
        ]
    )
    archive = ChipArchive.create(folder / "chips")
    recipe = Recipe(pairs=sequential_pairs(DATES[:3]), window=WINDOW)
    make_chips(stack, archive, list(GRID), recipe, labels={"landcover": scene.labels()["landcover"]})
    build_slc_tiles(stack, list(GRID), folder / "tiles", window=WINDOW)
    return folder


def test_a_sample_has_a_channel_per_polarisation_with_statistics_of_its_own(world):
    archive = ChipArchive(world / "chips")
    config = resolved(
        FitConfig(
            archive=str(archive.root), splits=SPLITS, input=[f"coherence/{PAIR}", "intensity/20230301"],
            polarisations=["VV", "VH"], target="landcover",
        )
    )  # fmt: skip
    assert config.input == [f"coherence:{one}/{PAIR}" for one in ("VV", "VH")] + [
        f"intensity:{one}/20230301" for one in ("VV", "VH")
    ]
    data = ChipDataModule(archive, [Channel.parse(text) for text in config.input], SPLITS, target="landcover")
    bands = data.statistics.bands
    assert [band.name for band in bands] == [str(Channel.parse(text)) for text in config.input]
    # VH has about 17 dB less power.
    assert bands[2].centre - bands[3].centre == pytest.approx(17, abs=3)
    sample = data.sets["train"][0]
    assert sample["image"].shape == (4, *GRID[0].geobox.shape)
    for place, (band, text) in enumerate(zip(bands, config.input, strict=True)):
        plane = archive.read(data.tiles["train"][0], *text.split(":")).values()
        plane = 10 * np.log10(plane) if place > 1 else plane
        wanted = (np.clip(plane, band.low, band.high) - band.centre) / band.scale
        np.testing.assert_allclose(sample["image"][place].numpy(), wanted, atol=1e-4)
    assert resolved(config).input == config.input


def test_input_sets_take_the_polarisations_and_name_the_tile_that_lacks_one(world, tmp_path):
    archive = ChipArchive(world / "chips")
    both = input_names(archive, ["coherence"], target="landcover", polarisations=["VH", "VV"])
    assert both == [f"coherence:{one}/{pair}" for one in ("VH", "VV") for pair in (PAIR, "20230313_20230325")]
    first = input_names(archive, ["amplitude"], target="", polarisations=["VV", "VH"])
    assert first == ["intensity:VV/20230301", "intensity:VH/20230301"]
    with pytest.raises(ValueError, match=r"polarisations VV, HH: tile \w+ of .* has no coherence chip in HH; leave"):
        input_names(archive, ["coherence"], target="landcover", polarisations=["VV", "HH"])
    config = FitConfig(archive=str(archive.root), splits=SPLITS, input=[f"coherence/{PAIR}"], output=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"4 chips of the 4 tiles .*, first coherence:HH/{PAIR} of tile"):
        run_fit(replace(config, polarisations=["VV", "HH"], **SMALL))
    with pytest.raises(ValueError, match=r"there in several polarisations: name coherence/VH/.* or coherence/VV/"):
        run_fit(replace(config, **SMALL))


def test_settings_are_checked(world):
    assert load_config(None, ["polarisations=VV+VH"]).polarisations == ["VV", "VH"]
    assert load_config(None, ["polarisations=[vv,VH]"]).polarisations == ["VV", "VH"]
    with pytest.raises(ValueError, match=r"polarisations: polarisation must be one of VV, VH, .*got 'VV\+XX'"):
        load_config(None, ["polarisations=[VV,XX]"])
    with pytest.raises(ValueError, match=r"polarisations and pairs.polarisation are both given"):
        checked_config(FitConfig(polarisations=["VV"], pairs={"store": "tiles", "polarisation": "VH"}))


@pytest.mark.parametrize("spelled", ["coherence:{}", "coherence/{}", "coherence/{}:linear"])
def test_one_chip_is_one_input_however_it_is_spelled(world, spelled):
    config = FitConfig(archive=str(world / "chips"), splits=SPLITS, target="landcover")
    name = f"VV/{PAIR}"
    assert len(resolved(replace(config, input=[f"coherence:{name}", spelled.format(name)])).input) == 1
    pairs = {"store": str(world / "tiles")}
    assert resolved(replace(config, pairs=pairs, input=["coherence:VV:3x8", "coherence/VV:3x8"])).input == [
        "coherence:VV:3x8"
    ]


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_a_chip_with_and_without_its_polarisation_is_one_input(world, tmp_path, storage):
    archive, source = ChipArchive.create(tmp_path / "one", storage=storage), ChipArchive(world / "chips")
    later = "20230301_20230406"
    for tile in GRID.identifiers:
        chip = source.read(tile, "coherence", f"VV/{PAIR}")
        for pair in (PAIR, later):
            archive.write(tile, "coherence", f"VV/{pair}", chip.array, chip.geobox, metadata=chip.metadata)
    several = [Channel.parse(f"coherence/VV/{pair}") for pair in (PAIR, later)]
    ChipDataModule(archive, several, SPLITS, target="", kind="none")
    channels = [Channel.parse(f"coherence/{PAIR}"), Channel.parse(f"coherence/VV/{PAIR}")]
    told = rf"input must name each chip once, coherence:{PAIR}:linear and coherence:VV/{PAIR}:linear are the same"
    with pytest.raises(ValueError, match=told):
        ChipDataModule(archive, channels, SPLITS, target="", kind="none")


def test_pairs_of_two_polarisations_are_those_of_each_alone(world, tmp_path):
    inputs = ["coherence:3x8", "intensity:reference"]
    config = FitConfig(
        archive=str(world / "chips"), splits=SPLITS, input=inputs, pairs={"store": str(world / "tiles")},
        target="landcover", polarisations=["VV", "VH"], output=str(tmp_path / "run"), **SMALL,
    )  # fmt: skip
    both = resolved(config)
    assert both.input == ["coherence:VV:3x8", "coherence:VH:3x8", "intensity:VV:reference", "intensity:VH:reference"]
    data = pair_data(both, "classes", None)
    sample = data.sets["train"].planes(0)
    for place, one in enumerate(("VV", "VH")):
        alone = {"pairs": {"store": str(world / "tiles"), "polarisation": one}, "polarisations": []}
        single = pair_data(resolved(replace(config, **alone)), "classes", None)
        for product, plane in enumerate(single.sets["train"].planes(0)):
            np.testing.assert_array_equal(sample[2 * product + place], plane)
        for product, band in enumerate(single.statistics.bands):
            found = data.statistics.bands[2 * product + place]
            assert (found.centre, found.scale) == (band.centre, band.scale)
    counted = pair_statistics(str(world / "tiles"), both.input, splits=SPLITS)
    assert [band.name for band in counted.bands] == both.input
    result = run_fit(config)
    assert result.metrics["input"] == both.input
    assert torch.load(tmp_path / "run" / "model.pt", weights_only=True)


def test_a_tile_that_lacks_a_polarisation_is_named(world, tmp_path):
    build_slc_tiles(_stack_of(world, "VV"), list(GRID), tmp_path / "tiles", window=WINDOW)
    build_slc_tiles(_stack_of(world, "VH"), list(GRID)[1:], tmp_path / "tiles", window=WINDOW)
    config = FitConfig(
        archive=str(world / "chips"), splits=SPLITS, input=["coherence:3x8"], pairs={"store": str(tmp_path / "tiles")},
        polarisations=["VV", "VH"],
    )  # fmt: skip
    lacking = GRID[0].identifier
    with pytest.raises(ValueError, match=rf"1 of 4 tiles of the splits are not in .* in VV and VH, first {lacking}"):
        pair_data(resolved(config), "none", None)
    with pytest.raises(ValueError, match=r"polarisation must be one of VV, VH, which .* holds, got 'VV\+HH'"):
        pair_data(resolved(replace(config, polarisations=["VV", "HH"])), "none", None)
    store = SlcTileStore(tmp_path / "tiles", polarisation="VV+VH")
    assert store.read(GRID[1].identifier).of_polarisation("VH").polarisation == "VH"
    with pytest.raises(ValueError, match="must hold samples of HH, it holds VV, VH"):
        store.read(GRID[1].identifier).of_polarisation("HH")


def _stack_of(world, polarisation):
    scene = simulate_scene(BOX, dates=DATES[:2], seed=4)
    return SlcStack.from_arrays(scene.stack.window(), DATES[:2], geometry=BOX, polarisation=polarisation)


def test_grouped_statistics_are_taken_per_polarisation(world, tmp_path):
    from m3leo_sar.run.archive_statistics import archive_statistics

    archive = ChipArchive(world / "chips")
    grouped = archive_statistics(archive, tiles=GRID.identifiers[:2], keys=("product", "polarisation")).finish("robust")
    (tmp_path / "s.json").write_text(grouped.to_json())
    config = FitConfig(archive=str(archive.root), splits=SPLITS, input=["intensity:reference"],
                       pairs={"store": str(world / "tiles")}, polarisations=["VV", "VH"],
                       statistics=str(tmp_path / "s.json"))  # fmt: skip
    data = pair_data(resolved(config), "none", None)
    from m3leo_sar.learn.data.pair_datamodule import pair_channels

    found = given_statistics(resolved(config), pair_channels(resolved(config).input))
    named = [grouped.band(product="intensity", polarisation=one) for one in ("VV", "VH")]
    assert [band.centre for band in found.bands] == [band.centre for band in named]
    assert data.statistics.bands[0].name == "intensity:VV:reference"
