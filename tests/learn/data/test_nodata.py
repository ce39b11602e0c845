"""Declared no-data of integer chips is no data to everything that reads chips, and labels of one's own are classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from m3leo_sar import TileGrid
from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.learn.data.archive_target import ArchiveTarget
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import fit_statistics, target_scale
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.labels import IGNORE, archive_legend, class_target, require_classes, unknown_codes
from m3leo_sar.learn.shift.region_samples import Region, chip_means, class_fractions
from m3leo_sar.run.archive_statistics import archive_statistics

TILES = list(TileGrid.exact((9.0, 50.0, 9.2, 50.1), pixels=24)[:3])
NAMES = [tile.identifier for tile in TILES]
OWN = Legend.parse({1: "dry", 2: "wet"})


@pytest.fixture(params=["geotiff", "zarr"])
def archive(request, tmp_path):
    """Optical counts, heights, biomass and classes as integers, the left third of each declared as no data."""
    made = ChipArchive.create(tmp_path / "chips", storage=request.param)
    rng = np.random.default_rng(0)
    for tile in TILES:
        for where, low, high, dtype, nodata in (
            ("s2:red", 1000, 3000, np.uint16, 0),
            ("dem:height", 100, 900, np.int32, -32768),
            ("label:agb", 80, 120, np.int16, -9999),
            ("label:flood", 1, 3, np.int16, -1),
            ("coherence:p", 40, 60, np.uint8, 255),
        ):
            values = rng.integers(low, high, (24, 24)).astype(dtype)
            values[:, :8] = nodata
            dataset, key = where.split(":")
            facts = {"product": dataset, "classes": OWN.entries()} if key == "flood" else {"product": dataset}
            made.write(tile.identifier, dataset, key, values, tile.geobox, metadata=facts, nodata=nodata)
    return made


def test_a_chip_tells_where_it_has_data():
    chip = Chip(np.array([[-9999, 5]], np.int16), TILES[0].geobox, {}, -9999)
    assert chip.known.tolist() == [[False, True]]
    assert chip.values().dtype == np.float32
    np.testing.assert_array_equal(chip.values(), [[np.nan, 5]])
    assert Chip(np.array([[2**30 + 1]], np.int32), TILES[0].geobox, {}).values().tolist() == [[2**30 + 1]]
    floats = Chip(np.array([[np.nan, 1.0]]), TILES[0].geobox, {})
    assert floats.values() is floats.array
    assert floats.known.tolist() == [[False, True]]
    # A code that the dtype cannot hold marks nothing.
    assert Chip(np.array([[1, 255]], np.uint8), TILES[0].geobox, {}, -9999).known.all()


def test_inputs_and_values_leave_declared_no_data_out(archive):
    channels = [Channel.parse("s2:red:linear"), Channel.parse("dem:height:linear")]
    statistics = fit_statistics(archive, NAMES, channels)
    assert 1800 < statistics.bands[0].centre < 2200
    assert 450 < statistics.bands[1].centre < 550
    data = ChipDataset(archive, NAMES, channels=channels, target="agb", kind="values", statistics=statistics)
    sample, known = data[1], np.arange(24) >= 8
    assert (sample["mask"].numpy() == known).all()
    assert (torch.isfinite(sample["target"]).numpy() == known).all()
    assert 95 < target_scale(data).centre < 105
    cells = ChipDataset(
        archive, NAMES, channels=channels, target="agb", kind="values", statistics=statistics, cells=(5, 7)
    )
    assert torch.isnan(cells[0]["target"]).any(dim=0).tolist() == [True, True, *[False] * 5]
    assert float(cells[0]["target"][:, 2:].min()) > 80


def test_classes_leave_declared_no_data_out(archive):
    chip = archive.read(NAMES[0], "label", "flood")
    target = class_target(chip, OWN)
    assert (target[:, :8] == IGNORE).all()
    assert set(np.unique(target[:, 8:])) == {0, 1}
    assert not unknown_codes(chip, OWN).any()
    assert unknown_codes(chip, Legend.parse({1: "dry"}))[2] == (chip.array == 2).sum()
    with pytest.raises(ValueError, match="classes must leave out code -1, which the label declares as no data"):
        class_target(chip, Legend.parse({-1: "sea", 1: "dry"}))
    of_pairs = ArchiveTarget(archive, "flood", encode=lambda chip: class_target(chip, OWN))
    np.testing.assert_array_equal(of_pairs(NAMES[0], TILES[0].geobox), target)


def test_statistics_and_shares_of_regions_leave_declared_no_data_out(archive):
    counted = archive_statistics(archive, encodings={"s2": "linear", "coherence": "linear"}, ranges={"s2": (0, 4000)})
    assert 1800 < counted.finish("mean_std").band(product="s2").centre < 2200
    regions = {"here": Region(archive, NAMES)}
    assert ((chip_means(regions, "label:agb")["here"] > 95) & (chip_means(regions, "label:agb")["here"] < 105)).all()
    assert class_fractions(regions, "flood")["here"].shape == (3, 2)
    for name in ("label/flood", "label:flood"):
        np.testing.assert_array_equal(class_fractions(regions, name)["here"], class_fractions(regions, "flood")["here"])


def test_the_legend_is_that_of_the_labels(archive):
    assert archive_legend(archive, NAMES, "flood") == OWN
    with pytest.raises(ValueError, match="chips of the label agb state no classes; tile .* holds the codes 8"):
        archive_legend(archive, NAMES, "agb")
    with pytest.raises(ValueError, match="none of the 3 tiles of the splits has the label landcover"):
        archive_legend(archive, NAMES, "landcover")
    codes = np.ones((24, 24), np.uint8)
    archive.write(NAMES[2], "label", "flood", codes, TILES[2].geobox, metadata={"classes": {1: "dry"}})
    with pytest.raises(ValueError, match="chips of the label flood must state one legend, tiles .* and .* do not"):
        archive_legend(archive, NAMES, "flood")


def test_labels_without_a_class_are_refused(archive):
    require_classes(archive, NAMES, "flood", OWN)
    with pytest.raises(ValueError, match="holds no pixel of a class; it holds 1, 2, the classes are 10 tree cover, 20"):
        require_classes(archive, NAMES, "flood", WORLDCOVER)
