"""Map tiles of a pair: single pixels as a chip, the whole scene by windows far apart, stores and archives by tiles."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from view_scenes import BOX, DATES, WINDOW, make_archive, make_store, tiles, write_dates

from m3leo_sar import GeoBox, Pair, SlcStack, Window, coherence, reproject, sample
from m3leo_sar.io.stacks.sparse_samples import _in_strips, sparse_samples
from m3leo_sar.io.stacks.zarr_stack import read_stack, write_stack
from m3leo_sar.pictures.colours import amplitude_image, coherence_image, phase_image
from m3leo_sar.view import Explorer
from m3leo_sar.view.coarse_positions import coarse_positions
from m3leo_sar.view.decimated_looks import Cells
from m3leo_sar.view.layer_colours import layer_codes
from m3leo_sar.view.layers import Layers
from m3leo_sar.view.map_tile import HALF_SIDE, map_tile
from m3leo_sar.view.png import png_bytes
from m3leo_sar.view.query import map_query
from m3leo_sar.warp.pixel_map import pixel_map

PAIR = Pair(DATES[0], DATES[2])
RNG = np.random.default_rng(11)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("view") / "stack", labels=False)


@pytest.fixture(scope="module")
def layers(stack):
    return Layers(Explorer.open(stack, tiles=tiles(), window=WINDOW))


def at(layers, zoom):
    """Numbers of the tile over the middle of the scene."""
    west, south, east, north = layers.explorer.bounds
    x, y = (
        GeoBox.from_bounds((0, 0, 1, 1), shape=(1, 1), crs="EPSG:4326")
        .transformer_to("EPSG:3857")
        .transform((west + east) / 2, (south + north) / 2)
    )
    side = 2 * HALF_SIDE / 2**zoom
    return str(zoom), str(int((x + HALF_SIDE) // side)), str(int((HALF_SIDE - y) // side))


def whole_scene(stack, output="magnitude"):
    first, second = read_stack(stack).window(dates=[PAIR.reference, PAIR.secondary])
    return coherence(first, second, window=WINDOW, output=output)


@pytest.mark.parametrize("zoom", [14, 16])
def test_a_map_tile_is_the_reprojected_map_of_the_whole_scene(layers, stack, zoom):
    numbers = at(layers, zoom)
    chip = layers.tile(*numbers, PAIR)
    expected = np.clip(reproject(whole_scene(stack), BOX, map_tile(*numbers)), 0, 1)
    np.testing.assert_array_equal(chip.values, expected)
    assert np.isfinite(chip.values).mean() > 0.1
    phase = layers.tile(*numbers, PAIR, layer="phase").values
    np.testing.assert_array_equal(phase, np.angle(reproject(whole_scene(stack, "complex"), BOX, map_tile(*numbers))))


def test_a_wide_tile_has_the_values_of_the_full_scene_at_the_middle_of_its_cells(layers, stack):
    zoom = layers.zooms[0] + 1
    numbers = at(layers, zoom)
    chip = layers.tile(*numbers, PAIR)
    metres = layers._metres(zoom)
    assert metres**2 / 100 > 16
    cells = Cells.of(BOX.shape, (4 * metres / 10, 4 * metres / 10), WINDOW)
    rows, cols = (
        centre + step * np.arange(count)
        for centre, step, count in zip(cells.centre, cells.step, cells.counts, strict=True)
    )
    values = whole_scene(stack)[np.ix_(rows, cols)]
    expected = sample(values, cells.positions(pixel_map(BOX, map_tile(*numbers))))
    np.testing.assert_array_equal(chip.values, np.clip(expected, 0, 1))
    assert np.isfinite(chip.values).any()


def test_neighbouring_wide_tiles_share_their_windows(layers):
    explorer = Explorer(layers.explorer.source, window=WINDOW)
    own = Layers(explorer)
    own.tile(*at(own, own.zooms[0] + 1), PAIR)
    second = own.tile(*at(own, own.zooms[0] + 1), Pair(DATES[0], DATES[1]))
    again = own.tile(*at(own, own.zooms[0] + 1), Pair(DATES[2], DATES[1]))
    assert second.seconds["read"] > 0
    assert again.seconds["read"] == 0


@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.floats(0.1, 300),
    st.floats(0.1, 300),
    st.integers(1, 9),
    st.integers(1, 30),
)
def test_cells_lie_on_the_image_and_hold_a_window(rows, cols, down, along, high, wide):
    cells = Cells.of((rows, cols), (down, along), Window(rows=high, cols=wide))
    for axis, (size, count, side) in enumerate(
        zip((rows, cols), cells.counts, (min(high, rows), min(wide, cols)), strict=True)
    ):
        places = cells.places(axis, slice(0, count))
        assert count >= 1
        assert 0 <= places[0] <= places[-1] < size
        assert len(set(places.tolist())) == count * side
        assert cells.first[axis] <= cells.centre[axis] < cells.first[axis] + side


def test_samples_far_apart_are_those_of_the_image(tmp_path):
    shape = (600, 1100)
    pixels = RNG.standard_normal((2, *shape, 2)).astype("float32").view("complex64")[..., 0]
    box = GeoBox.from_bounds((500_000, 0, 511_000, 6_000), shape=shape, crs="EPSG:32631")
    write_stack(SlcStack.from_arrays(pixels, DATES[:2], geometry=box, polarisation="VV"), tmp_path / "stack")
    stack = read_stack(tmp_path / "stack")
    for rows, cols in (([0, 1, 2, 300, 301, 510, 511, 512, 599], [5, 6, 700, 1099]), ([7], [511, 512])):
        places = np.array(rows), np.array(cols)
        expected = pixels[1][np.ix_(*places)]
        np.testing.assert_array_equal(sparse_samples(stack, "VV", DATES[1], *places), expected)
        np.testing.assert_array_equal(_in_strips(stack, "VV", DATES[1], *places), expected)
    (tmp_path / "stack" / f"{DATES[1]:%Y%m%d}" / "VV" / "c" / "0" / "1").write_bytes(b"123")
    with pytest.raises(ValueError, match="chunk 0/1 is too short"):
        sparse_samples(stack, "VV", DATES[1], np.array([4]), np.array([600]))


@pytest.mark.parametrize("kind", ["tiles", "archive"])
def test_a_store_and_an_archive_give_mosaics_of_their_tiles(stack, tmp_path, kind):
    source = make_store(stack, tmp_path / "s") if kind == "tiles" else make_archive(stack, tmp_path / "chips").root
    layers = Layers(Explorer.open(source))
    numbers = at(layers, 15)
    found = layers.tile(*numbers, PAIR).values
    target, expected = map_tile(*numbers), np.full((256, 256), np.nan, "float32")
    for name, box in layers.explorer.tiles.items():
        chip = layers.explorer.chip(name, PAIR).values
        one = reproject(chip, box, target)
        np.copyto(expected, one, where=np.isnan(expected))
    np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).mean() > 0.2
    with pytest.raises(KeyError, match="zoom must be at least"):
        layers.tile(*at(layers, 3), PAIR)


def test_positions_between_posts_are_near_the_exact_ones():
    from m3leo_sar.products.placement import positions_on
    from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry, band_extents

    rows, cols = np.mgrid[:600, :900]
    latitude, longitude = 52 - rows * 1e-4 + cols * 2e-5, 5 + cols * 5e-5 + rows * 2e-5
    memory = RadarGeometry(latitude, longitude)
    extents = np.array([band_extents(memory.crop(slice(row, row + 51), slice(None)), 50) for row in range(0, 600, 50)])
    stored = StoredRadarGeometry(
        shape=(600, 900), read=lambda rows, cols, every=False: memory.crop(rows, cols), block=50, extents=extents
    )
    target = GeoBox.from_bounds((5.01, 51.96, 5.04, 51.98), shape=(20, 30), crs="EPSG:4326")
    for geometry in (memory, stored):
        stack = SlcStack(dates=tuple(DATES[:1]), read=lambda *_: None, geometry=geometry, polarisation="VV")
        found, exact = coarse_positions(stack, target), positions_on(stack, target)
        np.testing.assert_allclose(found.rows, exact.rows, atol=3)
        np.testing.assert_allclose(found.cols, exact.cols, atol=3)


def test_tiles_beside_the_scene_are_empty_and_nothing_is_read(layers):
    chip = layers.tile("9", "3", "200", PAIR)
    assert np.isnan(chip.values).all()
    assert chip.hit


def test_an_intensity_has_one_contrast_for_all_tiles(layers):
    low, high = layers.limits(PAIR, "intensity_first")
    assert -60 < low < high < 60
    assert layers.limits(PAIR, "intensity_first") == (low, high)
    assert layers.limits(PAIR, "coherence") is None


def test_the_description_names_zooms_and_bounds(layers):
    facts = layers.description("http://x/{z}/{x}/{y}.png", PAIR, window=Window(rows=5, cols=7))
    assert facts["minzoom"] < facts["maxzoom"] <= 22
    west, south, east, north = facts["bounds"]
    assert west < facts["center"][0] < east
    assert south < facts["center"][1] < north
    assert "window of 5 x 7 samples" in facts["description"]
    assert facts["attribution"].endswith("by m3leo-sar")


def pixels_of(content):
    """Colours of a PNG of a palette."""
    kinds, place = {}, 8
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        kinds[content[place + 4 : place + 8]] = content[place + 8 : place + 8 + size]
        place += size + 12
    cols, rows = (int.from_bytes(kinds[b"IHDR"][first : first + 4], "big") for first in (0, 4))
    lines = np.frombuffer(zlib.decompress(kinds[b"IDAT"]), np.uint8).reshape(rows, 1 + cols)
    colours = np.frombuffer(kinds[b"PLTE"], np.uint8).reshape(-1, 3)
    palette = np.concatenate([colours, np.frombuffer(kinds[b"tRNS"], np.uint8)[:, None]], axis=1)
    return palette[lines[:, 1:]]


def test_a_png_has_the_colours_of_pictures_within_a_255th():
    values = RNG.random((9, 140)).astype("float32")
    values[3, 4] = np.nan
    drawn = {
        "coherence": coherence_image(values),
        "phase": phase_image(7 * values - 3.5),
        "intensity_first": amplitude_image(np.sqrt(values), limits=(-20, 0)),
    }
    for layer, picture in drawn.items():
        given = 7 * values - 3.5 if layer == "phase" else values
        found = pixels_of(png_bytes(*layer_codes(given, layer, limits=(-20, 0))))
        assert np.abs(found.astype(int) - picture).max() <= 4, layer
        assert (found[..., 3] == picture[..., 3]).all()


#: What numbers of tiles are made of, and what they are not.
NUMBERS = st.text("0123456789-+. x/\u0663", max_size=9)


def outcome(function, *arguments):
    """What a function returns, and the sentence with which it refuses."""
    try:
        return function(*arguments), ""
    except (KeyError, ValueError) as error:
        return None, str(error.args[0])


@given(NUMBERS, NUMBERS, NUMBERS)
def test_numbers_of_no_tile_are_refused(zoom, column, row):
    box, sentence = outcome(map_tile, zoom, column, row)
    assert len(sentence.splitlines()) == (box is None)
    assert box is None or box.shape == (256, 256)


WORDS = st.sampled_from([b"coherence", b"phase", b"5x20", b"0x3", b"\xff", b"", b"x" * 300, b"2023-03-01,2023-03-13"])


@given(st.dictionaries(st.sampled_from(["pair", "window", "layer", "size"]), st.lists(WORDS, max_size=2)))
def test_a_query_is_read_or_refused(arguments):
    found, sentence = outcome(map_query, arguments)
    assert len(sentence.splitlines()) == (found is None)
    assert found is None or found.layer in ("coherence", "phase")
