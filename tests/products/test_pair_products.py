"""Products of pairs from held samples: those of the whole stack, whatever else is asked for."""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Pair, SlcStack, TileGrid, Window, coherence, interferogram, reproject
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.products.tile_products import tile_products
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import all_pairs

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(4)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WEST, SOUTH = BOX.transformer_to("EPSG:4326").transform(680_600, 5_500_450)
INSIDE = TileGrid([[WEST, SOUTH, WEST + 0.007, SOUTH + 0.004]], pixels=48)
TILE = INSIDE[0]
EDGE = TileGrid([[WEST - 0.0105, SOUTH, WEST - 0.0035, SOUTH + 0.004]], pixels=48)
WINDOW = Window(rows=3, cols=8)
LARGEST = Window(rows=5, cols=12)
PAIRS = all_pairs(DATES)


@pytest.fixture(scope="module")
def whole():
    """A stack whose parts are whole multiples of a power of two below 2**15, so that int16 keeps it exactly."""
    pixels = simulate_scene(BOX, dates=DATES, seed=4).stack.window()
    unit = 2.0 ** np.ceil(np.log2(np.abs(pixels.view(np.float32)).max() / 32000))
    exact = (np.rint(pixels.view(np.float32) / unit) * unit).astype(np.float32).view(np.complex64)
    exact[1, 60:64, 70:79] = np.nan
    return exact


@pytest.fixture(scope="module")
def stack(whole):
    return SlcStack.from_arrays(whole, DATES, geometry=BOX, polarisation="VV", orbit="ascending")


@pytest.fixture(scope="module")
def held(stack, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "tiles"
    built = build_slc_tiles(stack, [TILE], path, window=LARGEST)
    assert (built.computed, built.present, built.skipped) == ({"slc": 4}, 0, {})
    return SlcTileStore(path).read(TILE.identifier)


def products(*texts):
    return [PairProduct.parse(text) for text in texts]


def test_products_are_those_of_prepare_bit_for_bit(stack, held, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    recipe = Recipe(pairs=PAIRS, window=WINDOW, interferograms=True, minimum_coverage=1.0)
    make_chips(stack, archive, [TILE], recipe)
    wanted = products("coherence:3x8", "interferogram", "intensity:reference", "intensity:secondary")
    planes = pair_products(held, [[pair] for pair in PAIRS], products=wanted)
    for pair, (magnitude, formed, first, second) in zip(PAIRS, planes, strict=True):
        for plane, dataset, key in (
            (magnitude, "coherence", str(pair)),
            (formed, "interferogram", str(pair)),
            (first, "intensity", f"{pair.reference:%Y%m%d}"),
            (second, "intensity", f"{pair.secondary:%Y%m%d}"),
        ):
            chip = archive.read(TILE.identifier, dataset, key).array
            assert plane.dtype == chip.dtype
            np.testing.assert_array_equal(plane, chip, err_msg=dataset)
    assert np.isnan(planes[0][1]).any()


def test_products_are_those_of_the_whole_stack(stack, whole, held):
    pair, other = PAIRS[4], PAIRS[1]
    wanted = products("change:5x12:0-1", "interferogram:3x8:1", "coherence:5x12", "intensity:secondary:1")
    change, multilooked, magnitude, power = pair_products(held, [[other, pair]], products=wanted)[0]
    maps = [coherence(stack, pairs=[both], window=LARGEST)[0] for both in (other, pair)]
    chips = [np.clip(reproject(plane, BOX, TILE.geobox), 0, 1) for plane in maps]
    np.testing.assert_array_equal(change, chips[0] - chips[1])
    np.testing.assert_array_equal(magnitude, chips[0])
    phasor = coherence(stack, pairs=[pair], window=WINDOW, output="complex")[0]
    np.testing.assert_array_equal(multilooked, reproject(phasor, BOX, TILE.geobox))
    image = whole[DATES.index(pair.secondary)]
    expected = reproject((image.real**2 + image.imag**2).astype(np.float32), BOX, TILE.geobox)
    np.testing.assert_array_equal(power, expected)


def test_a_tile_whose_step_stretches_the_kernel_equals_the_whole(whole, tmp_path):
    """Tile pixels of several samples: the margin of the stretched kernel is held too."""
    coarse = replace(TILE, pixels=19)
    stack = SlcStack.from_arrays(whole, DATES, geometry=BOX, polarisation="VV")
    build_slc_tiles(stack, [coarse], tmp_path / "tiles", window=Window(rows=1, cols=1))
    held = SlcTileStore(tmp_path / "tiles").read(coarse.identifier)
    plane = pair_products(held, [[PAIRS[2]]], products=products("interferogram"))[0][0]
    formed = interferogram(whole[0], whole[3])
    np.testing.assert_array_equal(plane, reproject(formed, BOX, coarse.geobox))


def test_radar_geometry_and_the_edge_of_the_stack(whole, tmp_path):
    x, y = BOX.centres()
    longitude, latitude = BOX.transformer_to("EPSG:4326").transform(x, y)
    stack = SlcStack.from_arrays(whole, DATES, geometry=RadarGeometry(latitude, longitude), polarisation="VV")
    archive = ChipArchive.create(tmp_path / "chips")
    make_chips(stack, archive, list(EDGE), Recipe(pairs=PAIRS[:1], window=WINDOW, minimum_coverage=0.3))
    build_slc_tiles(stack, list(EDGE), tmp_path / "tiles", window=LARGEST, minimum_coverage=0.3)
    held = SlcTileStore(tmp_path / "tiles").read(EDGE[0].identifier)
    plane = pair_products(held, [PAIRS[:1]], products=products("coherence:3x8"))[0][0]
    assert np.isnan(plane).any()
    np.testing.assert_array_equal(plane, archive.read(EDGE[0].identifier, "coherence", str(PAIRS[0])).array)


def test_an_inexact_stack_is_within_the_quantisation(held, tmp_path):
    scene = simulate_scene(BOX, dates=DATES, seed=6)
    build_slc_tiles(scene.stack, [TILE], tmp_path / "tiles", window=WINDOW)
    stored = SlcTileStore(tmp_path / "tiles").read(TILE.identifier)
    exact = replace(stored, slc=scene.stack.window(stored.frame.rows, stored.frame.cols), scales=(1.0,) * len(DATES))
    wanted = products("coherence:3x8", "intensity:reference")
    for near, true in zip(
        *(pair_products(tile, [[PAIRS[5]]], products=wanted)[0] for tile in (stored, exact)), strict=True
    ):
        assert not np.array_equal(near, true)
        np.testing.assert_allclose(near, true, atol=4 * max(stored.scales) / np.sqrt(np.median(np.abs(exact.slc) ** 2)))


@given(
    picks=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=9),
    cut=st.integers(0, 9),
    names=st.permutations(["coherence:3x8", "interferogram", "interferogram:3x5", "intensity:secondary"]),
)
def test_neither_order_nor_grouping_changes_a_bit(held, picks, cut, names):
    groups = [[PAIRS[index].swapped() if swap else PAIRS[index]] for index, swap in picks]
    wanted = products(*names)
    at_once = pair_products(held, groups, products=wanted)
    parts = [*pair_products(held, groups[:cut], products=wanted), *pair_products(held, groups[cut:], products=wanted)]
    alone = pair_products(held, groups[:1], products=wanted[:1])[0][0]
    np.testing.assert_array_equal(at_once[0][0], alone)
    for one, other in zip(at_once, parts, strict=True):
        for plane, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(plane, same)


def test_samples_as_complex64_give_the_same_bits(held, whole):
    raw = replace(held, slc=whole[:, held.frame.rows, held.frame.cols].copy(), scales=(1.0,) * len(DATES))
    wanted = products("coherence:3x8", "interferogram:5x5", "interferogram", "intensity:reference")
    for one, other in zip(
        *(pair_products(tile, [[PAIRS[3]]], products=wanted)[0] for tile in (held, raw)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_swapping_a_pair_conjugates_its_phase(held):
    wanted = products(
        "interferogram", "interferogram:3x8", "coherence:3x8", "intensity:reference", "intensity:secondary"
    )
    forth, back = pair_products(held, [[PAIRS[2]], [PAIRS[2].swapped()]], products=wanted)
    # A fused multiplication rounds one of its two products, another one after the swap.
    np.testing.assert_allclose(forth[0], np.conj(back[0]), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(forth[1], np.conj(back[1]), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(forth[2], back[2])
    np.testing.assert_array_equal(forth[3], back[4])


def test_coherence_never_passes_one(held, stack, tmp_path):
    """A cubic kernel overshoots beside values near one, of which a window of two samples has many."""
    plane = pair_products(held, [[PAIRS[0]]], products=products("coherence:1x2"), resampling="cubic")[0][0]
    archive, window = ChipArchive.create(tmp_path / "chips"), Window(rows=1, cols=2)
    make_chips(stack, archive, [TILE], Recipe(pairs=PAIRS[:1], window=window, resampling="cubic"))
    chip = archive.read(TILE.identifier, "coherence", str(PAIRS[0])).array
    labelled = tile_products(stack, TILE, pairs=PAIRS[0], window=window, resampling="cubic").coherence
    for found in (plane, chip, labelled.values):
        assert 0 <= np.nanmin(found) < np.nanmax(found) == 1


def test_missing_dates_raise_or_are_no_data(held):
    absent = Pair(DATES[0], datetime.date(2024, 1, 1))
    wanted = products("coherence:3x8", "interferogram", "intensity:reference")
    with pytest.raises(ValueError, match=f"tile {TILE.identifier}: date 2024-01-01 is not in the stack of 4 dates"):
        pair_products(held, [[absent]], products=wanted)
    (planes, there) = pair_products(held, [[absent], [PAIRS[0]]], products=wanted, missing="nan")
    assert [plane.dtype for plane in planes] == [plane.dtype for plane in there]
    assert np.isnan(planes[0]).all()
    assert np.isnan(planes[1]).all()
    np.testing.assert_array_equal(planes[2], there[2])


def test_what_cannot_be_computed_is_named(held, stack, tmp_path):
    with pytest.raises(ValueError, match=r"window of coherence:7x8 must be at most 5x12, whose halo tile"):
        pair_products(held, [[PAIRS[0]]], products=products("coherence:7x8"))
    with pytest.raises(ValueError, match="product change:3x8:0-1 needs 2 pairs per sample, got 1"):
        pair_products(held, [[PAIRS[0]]], products=products("change:3x8:0-1"))
    with pytest.raises(ValueError, match="missing must be raise or nan, got 'guess'"):
        pair_products(held, [[PAIRS[0]]], products=products("coherence:3x8"), missing="guess")
    with pytest.raises(ValueError, match="tiles must hold at least one tile, got none"):
        build_slc_tiles(stack, [], tmp_path / "tiles", window=WINDOW)
    away = TileGrid([[8.0, 49.0, 8.01, 49.01]], pixels=48)
    with pytest.raises(ValueError, match="none of the 1 tiles can be made from stack: 0% of it lies on the stack"):
        build_slc_tiles(stack, list(away), tmp_path / "tiles", window=WINDOW)


def test_building_again_adds_only_new_dates(stack, whole, tmp_path):
    early = SlcStack.from_arrays(whole[:3], DATES[:3], geometry=BOX, polarisation="VV", orbit="ascending")
    away = [8.0, 49.0, 8.01, 49.01]
    tiles = list(TileGrid([*INSIDE.bounds, away], pixels=48))
    done = []
    first = build_slc_tiles(early, tiles, tmp_path / "tiles", window=WINDOW, report=done.append)
    assert (first.computed, list(first.skipped)) == ({"slc": 3}, [tiles[1].identifier])
    assert [outcome.identifier for outcome in done] == [tile.identifier for tile in tiles]
    again = build_slc_tiles(stack, tiles, tmp_path / "tiles", window=WINDOW)
    assert (again.computed, again.present) == ({"slc": 1}, 3)
    with pytest.raises(ValueError, match="the new ones are of"):
        build_slc_tiles(stack, tiles, tmp_path / "tiles", window=LARGEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("height", "kind must be one of coherence, interferogram, intensity, change, got 'height'"),
        ("coherence", "window must be given for coherence, got None"),
        ("intensity:3x8:reference", "window must be left out for intensity"),
        ("intensity", "date must be reference or secondary of an intensity, got None"),
        ("change:3x8:1-1", "before must name another pair of a change, got 1"),
        ("coherence:3x8:0-1", "before must name another pair of a change, got 0 for coherence"),
        ("coherence:3by8", "a product must read coherence:5x20"),
    ],
)
def test_bad_products_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        PairProduct.parse(text)


def test_products_read_as_they_are_written():
    for text in ("coherence:5x20", "interferogram", "interferogram:5x20:2", "intensity:secondary:1", "change:5x20:1-0"):
        assert str(PairProduct.parse(text)) == text
    with pytest.raises(ValueError, match="must have no weights, got a weighted one"):
        PairProduct(kind="coherence", window=Window.gaussian(rows=3, cols=5))


def test_the_function_can_be_sent_to_a_worker():
    import pickle

    assert pickle.loads(pickle.dumps(partial(pair_products, resampling="nearest"))).keywords == {
        "resampling": "nearest"
    }


def test_a_device_gives_the_same_products_on_the_device(backend, held):
    """The emulation runs the GPU's own text; missing dates come as arrays of the device too."""
    there = replace(held, slc=backend.array(held.slc))
    groups = [
        [PAIRS[1], PAIRS[4]],
        [PAIRS[3].swapped(), PAIRS[0]],
        [Pair(DATES[1], datetime.date(2024, 1, 1)), PAIRS[5]],
    ]
    wanted = products("coherence:3x8", "interferogram", "interferogram:3x5:1", "intensity:secondary", "change:5x12:0-1")
    found = pair_products(there, groups, products=wanted, missing="nan")
    expected = pair_products(held, groups, products=wanted, missing="nan")
    for one, other in zip(found, expected, strict=True):
        for plane, same in zip(one, other, strict=True):
            assert type(plane) is type(there.slc)
            assert plane.dtype == same.dtype
            np.testing.assert_allclose(backend.numpy(plane), same, rtol=2e-5, atol=2e-5)
