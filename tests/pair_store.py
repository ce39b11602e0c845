"""A simulated stack, its store of tiles and its labels, shared by tests of training on the fly."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import GeoBox, SlcStack, TileGrid, Window
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data.archive_target import ArchiveTarget
from m3leo_sar.learn.data.pair_dataset import PairDataset
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import all_pairs

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(5)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WINDOW = Window(rows=3, cols=8)
PRODUCTS = tuple(map(PairProduct.parse, ("coherence:3x8", "interferogram:3x5", "intensity:reference")))
STATISTICS = Statistics(
    (
        BandStatistics("coherence", low=0, high=1, centre=0.5, scale=0.25),
        BandStatistics("interferogram", "phasor"),
        BandStatistics("intensity", "decibel", low=-40, high=20, centre=-12, scale=5),
    )
)
PIXELS = 22


def grid_of(count: int = 6) -> TileGrid:
    """Tiles side by side that all lie on the scene."""
    west, south = BOX.transformer_to("EPSG:4326").transform(680_150, 5_500_250)
    bounds = [
        [
            west + 0.0033 * (n % 3),
            south + 0.0025 * (n // 3),
            west + 0.0033 * (n % 3) + 0.003,
            south + 0.0025 * (n // 3) + 0.002,
        ]
        for n in range(count)
    ]
    return TileGrid(bounds, pixels=PIXELS)


class Prepared(NamedTuple):
    """What a test reads."""

    stack: SlcStack
    grid: TileGrid
    store: SlcTileStore
    archive: ChipArchive
    index: PairIndex


def prepared(folder: Path) -> Prepared:
    """Six tiles of five dates; the third date lacks a patch of pixels."""
    scene = simulate_scene(BOX, dates=DATES, seed=4)
    pixels = scene.stack.window()
    pixels[2, 30:60, 20:50] = np.nan
    stack = SlcStack.from_arrays(pixels, DATES, geometry=BOX, polarisation="VV", orbit="ascending")
    grid = grid_of()
    build_slc_tiles(stack, list(grid), folder / "tiles", window=WINDOW)
    store, archive = SlcTileStore(folder / "tiles"), ChipArchive.create(folder / "chips")
    recipe = Recipe(pairs=all_pairs(DATES)[:1], window=WINDOW, intensities=False)
    make_chips(stack, archive, list(grid), recipe, labels={"landcover": scene.labels()["landcover"]})
    dates = {name: store.dates(name) for name in grid.identifiers}
    return Prepared(stack, grid, store, archive, PairIndex.of_pairs(dates, all_pairs))


def dataset_of(held: Prepared, **options: Any) -> PairDataset:
    """Samples of all pairs of all tiles."""
    tiers = options.pop("tiers", None) or TileTiers(options.pop("store", held.store))
    index = options.pop("index", held.index)
    defaults = {"compute": pair_products, "products": PRODUCTS, "statistics": STATISTICS}
    return PairDataset(tiers, index, **{**defaults, "target": ArchiveTarget(held.archive, "landcover"), **options})
