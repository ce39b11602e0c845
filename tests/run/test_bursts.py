"""Tiles over burst edges: one burst per pixel, no seam, windows of one burst, and steps measured and taken off."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from production import BOX, DATES, tiles

from m3leo_sar import Pair, SlcStack, TileGrid, Window, prepare
from m3leo_sar.app.run_display import steps_text
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.products.phase_steps import measured_steps
from m3leo_sar.products.placement import placement_on, positions_on
from m3leo_sar.products.tile_mosaic import tile_mosaic
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.warp.sample import margin_of

WINDOW, GRID = Window(rows=3, cols=7), tiles(1, 2, pixels=24)
#: Rows with data of each burst: they overlap over rows 50 to 84.
ROWS = {"T037-000001-IW2": slice(0, 85), "T037-000002-IW2": slice(50, 130)}
PAIR = f"{DATES[0]:%Y%m%d}_{DATES[1]:%Y%m%d}"
STEP = {DATES[1]: 0.8, DATES[2]: -2.9}


@pytest.fixture(scope="module")
def scene() -> SlcStack:
    return replace(simulate_scene(BOX, dates=DATES[:3], seed=4).stack, track=37)


def cut(scene: SlcStack, name: str, *, steps: bool = False) -> SlcStack:
    """A burst of the scene; with steps, the second one has other phases."""
    pixels = scene.window()
    outside = np.ones(BOX.shape[0], bool)
    outside[ROWS[name]] = False
    pixels[:, outside] = np.nan
    if steps and name.endswith("2-IW2"):
        for index, date in enumerate(scene.dates):
            pixels[index] *= np.exp(1j * STEP.get(date, 0.0))
    facts = {"polarisation": "VV", "track": 37, "orbit": scene.orbit, "burst": name}
    return SlcStack.from_arrays(pixels, scene.dates, geometry=BOX, **facts)


@pytest.fixture(scope="module")
def bursts(scene) -> BurstSet:
    return BurstSet.of([cut(scene, name) for name in ROWS])


def test_each_pixel_of_a_tile_has_the_value_of_one_burst_and_none_is_missing(bursts, scene, tmp_path):
    prepare(bursts, tmp_path / "set", tiles=GRID, window=WINDOW, interferograms=True)
    for name, stack in zip(ROWS, bursts.bursts, strict=True):
        prepare(stack, tmp_path / name, tiles=GRID, window=WINDOW, interferograms=True, minimum_coverage=0.0)
    prepare(scene, tmp_path / "whole", tiles=GRID, window=WINDOW, interferograms=True)
    together, whole = ChipArchive(tmp_path / "set"), ChipArchive(tmp_path / "whole")
    seen = []
    for tile in GRID:
        parts = placement_on(bursts, tile, 0.5).parts
        seen.append(len(parts))
        assert sum(part.mask.astype(int) for part in parts).max() == 1
        for dataset, key in (("coherence", PAIR), ("interferogram", PAIR), ("intensity", PAIR[:8])):
            chip = together.read(tile.identifier, dataset, key)
            expected = np.full_like(chip.array, np.nan)
            for part in parts:
                one = ChipArchive(tmp_path / part.stack.burst).read(tile.identifier, dataset, key).array
                expected[part.mask] = one[part.mask]
            np.testing.assert_array_equal(chip.array, expected)
            # The overlap holds every window, so that the tile has the values of a scene without edges.
            np.testing.assert_array_equal(chip.array, whole.read(tile.identifier, dataset, key).array)
            assert not np.isnan(chip.array).any()
    assert 2 in seen
    facts = together.facts(GRID[0].identifier, "coherence", PAIR)[1]
    assert set(facts["bursts"]) <= set(ROWS)
    assert sum(facts["bursts"].values()) == pytest.approx(1, abs=1e-3)
    assert facts["parameters"]["bursts"] == list(ROWS)


def test_a_tile_on_four_bursts_equals_the_tile_of_each_where_it_is_chosen(scene, tmp_path):
    """Two swaths of two bursts meet in the middle of a tile."""
    there = positions_on(scene, GRID[0])
    row, col = (round(float(axis.mean())) for axis in (there.rows, there.cols))
    parts = [(slice(0, row + 9), slice(0, col + 14)), (slice(row - 9, None), slice(0, col + 14)),
             (slice(0, row + 9), slice(col - 14, None)), (slice(row - 9, None), slice(col - 14, None))]  # fmt: skip
    stacks = []
    for index, part in enumerate(parts):
        pixels = np.full_like(scene.window(), np.nan)
        # Each is brighter than the one before, so that it is known where its pixels come from.
        pixels[:, *part] = scene.window()[:, *part] * (1 + index)
        facts = {
            "polarisation": "VV",
            "track": 37,
            "orbit": scene.orbit,
            "burst": f"T037-00000{index % 2}-IW{index // 2}",
        }
        stacks.append(SlcStack.from_arrays(pixels, scene.dates, geometry=BOX, **facts))
    options = {"tiles": GRID[:1], "window": WINDOW, "interferograms": True, "minimum_coverage": 0.0}
    prepare(BurstSet.of(stacks), tmp_path / "set", **options)
    for stack in stacks:
        prepare(stack, tmp_path / stack.burst, **options)
    chosen = placement_on(BurstSet.of(stacks), GRID[0], 0.5).parts
    assert [part.stack.burst for part in chosen] == sorted(stack.burst for stack in stacks)
    assert sum(part.mask.astype(int) for part in chosen).min() == 1
    for dataset, key in (("coherence", PAIR), ("interferogram", PAIR), ("intensity", PAIR[:8])):
        made = ChipArchive(tmp_path / "set").read(GRID[0].identifier, dataset, key).array
        assert np.isfinite(made).all()
        for part in chosen:
            own = ChipArchive(tmp_path / part.stack.burst).read(GRID[0].identifier, dataset, key).array
            np.testing.assert_array_equal(made[part.mask], own[part.mask])


@pytest.mark.parametrize("resampling", ["bilinear", "lanczos"])
def test_no_kernel_of_a_mosaic_reaches_the_next_burst(bursts, resampling):
    """The rows between two parts: one fewer than a kernel and a window reach would let them meet."""
    tile, window = GRID[0], Window(rows=9, cols=7)
    placed = placement_on(bursts, tile, 0.5).parts
    assert len(placed) == 2
    image, positions = tile_mosaic(placed, window=window, resampling=resampling)
    rows = np.flatnonzero(np.isfinite(image.window(dates=DATES[:1])[0]).any(axis=1))
    gap = int(np.diff(rows).max()) - 1
    reach = margin_of(positions, resampling) + 1
    assert window.rows - 1 + reach <= gap <= window.rows + reach + 1


def test_a_store_of_tiles_holds_what_a_tile_needs_of_each_burst(bursts, tmp_path):
    prepare(bursts, tmp_path / "chips", tiles=GRID, window=WINDOW)
    built = build_slc_tiles(bursts, list(GRID), tmp_path / "tiles", window=WINDOW)
    assert built.computed == {"slc": 6}
    chips, store = ChipArchive(tmp_path / "chips"), SlcTileStore(tmp_path / "tiles")
    for tile in GRID:
        held = store.read(tile.identifier)
        plane = pair_products(held, [[Pair(*DATES[:2])]], products=[PairProduct.parse("coherence:3x7")])[0][0]
        chip = chips.read(tile.identifier, "coherence", PAIR).array
        assert np.isfinite(chip).all()
        np.testing.assert_allclose(plane, chip, atol=2e-4)
    # Dates that are added find the frames of the tiles as they are.
    assert build_slc_tiles(bursts, list(GRID), tmp_path / "tiles", window=WINDOW).present == 6


def _louder(read, index, rows, cols):
    return 3 * read(index, rows, cols)


def test_no_window_of_a_store_of_tiles_has_samples_of_two_bursts(bursts, tmp_path):
    """The second burst has other phases and nine times the power, so that a mixed window would differ."""
    other = cut(bursts.bursts[1], list(ROWS)[1], steps=True)
    unlike = [bursts.bursts[0], replace(other, read=partial(_louder, other.read))]
    stepped = BurstSet.of(unlike, outlines=bursts.outlines)
    build_slc_tiles(stepped, list(GRID), tmp_path / "tiles", window=WINDOW)
    prepare(stepped, tmp_path / "chips", tiles=GRID, window=WINDOW, interferograms=True)
    store, chips = SlcTileStore(tmp_path / "tiles"), ChipArchive(tmp_path / "chips")
    products = {"coherence": "coherence:3x7", "interferogram": "interferogram", "intensity": "intensity:reference"}
    for tile in GRID:
        held = store.read(tile.identifier)
        wanted = [PairProduct.parse(text) for text in products.values()]
        planes = pair_products(held, [[Pair(*DATES[:2])]], products=wanted)[0]
        for dataset, plane in zip(products, planes, strict=True):
            chip = chips.read(tile.identifier, dataset, PAIR[:8] if dataset == "intensity" else PAIR).array
            np.testing.assert_allclose(plane, chip, rtol=2e-3, atol=3e-3 * np.abs(chip).max())


def test_a_tile_beyond_all_bursts_is_left_out(bursts, tmp_path):
    far = TileGrid([*GRID.bounds, (8.0, 49.0, 8.01, 49.01)], pixels=24)
    made = prepare(bursts, tmp_path / "chips", tiles=far, window=WINDOW)
    assert list(made.skipped.values()) == ["0% of it lies on the bursts, less than minimum_coverage=0.5"]


def test_known_steps_are_measured_and_taken_off(scene, tmp_path):
    stepped = BurstSet.of([cut(scene, name, steps=True) for name in ROWS])
    found = measured_steps(stepped, GRID, window=WINDOW)
    assert [step.is_known for step in found.steps] == [True, True]
    second = found.phases["T037-000002-IW2"]
    assert [second[date] for date in DATES[:3]] == pytest.approx([0, 0.8, -2.9], abs=1e-3)
    assert set(found.phases["T037-000001-IW2"].values()) == {0.0}
    assert found.largest == pytest.approx(2.9, abs=1e-3)
    expected = "T037-000001-IW2 and T037-000002-IW2: 2 of 2 dates known, largest +2.90 rad on 2023-03-25"
    assert steps_text(found) == f"phase steps of {expected}"
    assert [step.step for step in found.steps] == pytest.approx([-0.8, 2.9], abs=1e-3)
    options = {"tiles": GRID, "window": WINDOW, "interferograms": True}
    prepare(stepped, tmp_path / "with", **options)
    prepare(stepped, tmp_path / "without", remove_steps=True, **options)
    prepare(scene, tmp_path / "whole", **options)
    archives = {name: ChipArchive(tmp_path / name) for name in ("with", "without", "whole")}
    seams = {}
    for name, archive in archives.items():
        phases = [np.angle(archive.read(tile.identifier, "interferogram", PAIR).array) for tile in GRID]
        seams[name] = np.concatenate([phase.ravel() for phase in phases])
    off = {name: np.abs(np.angle(np.exp(1j * (seams[name] - seams["whole"])))).max() for name in ("with", "without")}
    assert off["with"] == pytest.approx(0.8, abs=1e-3)
    assert off["without"] < 2e-3
    with pytest.raises(ValueError, match="remove_steps needs several bursts, .* is one"):
        prepare(scene, tmp_path / "one", remove_steps=True, **options)


def test_an_overlap_without_coherence_has_no_step(scene, rng):
    noise = (rng.standard_normal((3, *BOX.shape, 2))).astype("f4").view("c8")[..., 0]
    name = "T037-000002-IW2"
    other = SlcStack.from_arrays(
        np.where(np.isnan(cut(scene, name).window()), np.nan, noise), scene.dates, geometry=BOX, polarisation="VV",
        track=37, orbit=scene.orbit, burst=name,
    )  # fmt: skip
    found = measured_steps(BurstSet.of([cut(scene, "T037-000001-IW2"), other]), GRID, window=WINDOW)
    assert [step.is_known for step in found.steps] == [False, False]
    assert set(found.phases[name].values()) == {0.0}
    assert found.largest == 0
    assert steps_text(found).endswith("0 of 2 dates known, no coherent overlap")


def test_a_folder_of_containers_is_a_set_of_bursts(scene, bursts, tmp_path):
    for name in ROWS:
        write_stack(cut(scene, name, steps=True), tmp_path / "stacks" / f"{name}-VV")
    catalogue = open_catalogue(tmp_path / "stacks")
    assert isinstance(catalogue.stack, BurstSet)
    assert catalogue.stack.burst == "+".join(ROWS)
    assert [len(paths) for name, paths in catalogue.inputs.items() if name.isdigit()] == [2, 2, 2]
    options = {"tiles": GRID, "window": WINDOW, "interferograms": True, "remove_steps": True}
    made = prepare(tmp_path / "stacks", tmp_path / "chips", **options)
    assert made.computed == {"coherence": 6, "interferogram": 6, "intensity": 6}
    assert not prepare(tmp_path / "stacks", tmp_path / "chips", **options).computed
    prepare(BurstSet.of([cut(scene, name, steps=True) for name in ROWS]), tmp_path / "memory", **options)
    one, other = ChipArchive(tmp_path / "chips"), ChipArchive(tmp_path / "memory")
    for chip in other.chips():
        np.testing.assert_array_equal(one.read(*chip).array, other.read(*chip).array)
    alone = open_catalogue(tmp_path / "stacks", burst="T037-000001-IW2").stack
    assert (alone.burst, isinstance(alone, SlcStack)) == ("T037-000001-IW2", True)
    with pytest.raises(ValueError, match="holds no stack of polarisation VH"):
        open_catalogue(tmp_path / "stacks", polarisation="VH")
    (tmp_path / "stacks" / "T037-000002-IW2-VV" / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match="T037-000002-IW2-VV is not a Zarr group"):
        open_catalogue(tmp_path / "stacks")
