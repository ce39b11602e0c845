"""Chips at the slanted edge of what a burst holds: no value without a sample, and the looks behind each."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from m3leo_sar import GeoBox, SlcStack, TileGrid, Window, coherence, reproject
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import all_pairs

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(3)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WEST, SOUTH = BOX.transformer_to("EPSG:4326").transform(680_600, 5_500_450)
TILE = TileGrid([[WEST, SOUTH, WEST + 0.007, SOUTH + 0.004]], pixels=47)[0]
WINDOW = Window(rows=5, cols=9)


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(6)
    pixels = rng.standard_normal((3, 130, 170, 2)).astype("float32").view("complex64")[..., 0]
    row, col = np.indices(BOX.shape)
    pixels[:, row <= 40 + 0.2 * col] = np.nan
    pixels[1, 75:78, 90:97] = np.nan
    return SlcStack.from_arrays(pixels, DATES, geometry=BOX, polarisation="VV")


def made(stack, folder, **options):
    archive = ChipArchive.create(folder)
    recipe = Recipe(pairs=all_pairs(DATES), window=WINDOW, minimum_coverage=0.1, **options)
    return archive, recipe, make_chips(stack, archive, [TILE], recipe)


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "nearest"])
def test_no_coherence_where_there_is_no_intensity(stack, tmp_path, resampling):
    archive, recipe, _ = made(stack, tmp_path / "chips", resampling=resampling)
    edge = 0
    for pair in recipe.pairs:
        chip = archive.read(TILE.identifier, "coherence", str(pair)).array
        for date in (pair.reference, pair.secondary):
            power = archive.read(TILE.identifier, "intensity", f"{date:%Y%m%d}").array
            assert not (np.isfinite(chip) & np.isnan(power)).any()
            edge += np.isnan(power).sum()
        assert np.nanmax(chip) < 0.75
    assert edge > 100


def test_the_looks_of_each_value_reach_the_chip(stack, tmp_path):
    archive, recipe, summary = made(stack, tmp_path / "chips", valid_looks=True, intensities=False)
    assert summary.computed == {"coherence": 3, "looks": 3}
    for pair in recipe.pairs:
        maps = coherence(stack, pairs=[pair], window=WINDOW, output="all")
        chip = archive.read(TILE.identifier, "coherence", str(pair))
        counted = archive.read(TILE.identifier, "looks", str(pair))
        np.testing.assert_array_equal(counted.array, reproject(maps.looks[0], BOX, TILE.geobox))
        behind = counted.array[np.isfinite(chip.array)]
        assert chip.metadata["valid_looks"] == {
            "min": round(float(behind.min()), 2), "median": round(float(np.median(behind)), 2)
        }  # fmt: skip
        assert 15 < behind.min() < 30 < np.median(behind) == 45
        assert (counted.metadata["days"], counted.metadata["unit"]) == (pair.days, "1")
        assert chip.metadata["parameters"]["min_valid"] == 0.5


def test_the_share_and_the_gaps_are_asked_for_and_recorded(stack, tmp_path):
    usual, _, _ = made(stack, tmp_path / "usual", intensities=False)
    asked, recipe, _ = made(stack, tmp_path / "asked", min_valid=0.0, fill_gaps=True, intensities=False)
    key = str(recipe.pairs[0])
    chip, filled = (archive.read(TILE.identifier, "coherence", key) for archive in (usual, asked))
    maps = coherence(stack, pairs=recipe.pairs[:1], window=WINDOW, min_valid=0, fill_gaps=True)
    np.testing.assert_array_equal(filled.array, np.clip(reproject(maps[0], BOX, TILE.geobox), 0, 1))
    assert np.isfinite(filled.array).sum() > np.isfinite(chip.array).sum() + 40
    assert filled.metadata["parameters"]["fill_gaps"] is True
    # Another rule is another chip.
    with pytest.warns(OtherSettingsWarning, match="this run has min valid 0.7"):
        _, _, again = made(stack, tmp_path / "usual", min_valid=0.7, intensities=False)
    assert again.computed == {"coherence": 3}
    with pytest.raises(ValueError, match=r"min_valid must lie in \[0, 1\], got 1.2"):
        Recipe(pairs=recipe.pairs, window=WINDOW, min_valid=1.2)


def test_chips_of_the_rule_before_this_one_stay_readable_and_are_made_again(stack, tmp_path):
    archive, recipe, _ = made(stack, tmp_path / "chips", intensities=False)
    key = f"VV/{recipe.pairs[0]}"
    chip = archive.read(TILE.identifier, "coherence", key)
    before = {name: value for name, value in chip.metadata["parameters"].items() if name != "min_valid"}
    facts = {**chip.metadata, "parameters": before}
    archive.write(TILE.identifier, "coherence", key, chip.array, TILE.geobox, metadata=facts)
    np.testing.assert_array_equal(archive.read(TILE.identifier, "coherence", key).array, chip.array)
    with pytest.warns(OtherSettingsWarning, match="coherence of no min valid"):
        assert make_chips(stack, archive, [TILE], recipe).computed == {"coherence": 1}


def test_a_kernel_that_overshoots_gives_no_coherence_above_one(tmp_path):
    """Beside an edge from 1 to 0 a cubic kernel leaves [0, 1] by several hundredths; chips do not, on neither way."""
    rng = np.random.default_rng(2)
    pixels = rng.standard_normal((3, 130, 170, 2)).astype("float32").view("complex64")[..., 0]
    same = (np.arange(170) // 9) % 2 == 0
    pixels[1:, :, same] = pixels[0][:, same]
    stack = SlcStack.from_arrays(pixels, DATES, geometry=BOX, polarisation="VV")
    window = Window(rows=5, cols=1)
    archive = ChipArchive.create(tmp_path / "chips")
    pairs = all_pairs(DATES)[:1]
    recipe = Recipe(pairs=pairs, window=window, resampling="cubic", intensities=False)
    make_chips(stack, archive, [TILE], recipe)
    chip = archive.read(TILE.identifier, "coherence", str(pairs[0])).array
    plane = reproject(coherence(stack, pairs=pairs, window=window)[0], BOX, TILE.geobox, resampling="cubic")
    assert plane.max() > 1.02
    assert chip.max() == 1
    assert chip.min() >= 0
    build_slc_tiles(stack, [TILE], tmp_path / "tiles", window=window, resampling="cubic")
    held = SlcTileStore(tmp_path / "tiles").read(TILE.identifier)
    product = [PairProduct.parse("coherence:5x1")]
    (made,), _ = pair_products(held, [pairs, pairs], products=product, resampling="cubic")
    assert made.max() == 1
    assert made.min() >= 0
