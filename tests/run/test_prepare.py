"""Chips equal what the words give on the whole scene; only what is missing is computed."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, SlcStack, TileGrid, Window, coherence, interferogram, reproject
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import OtherSettingsWarning
from m3leo_sar.io.stacks.zarr_stack import read_stack, write_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.geometry import OrbitGeometry, RadarGeometry
from m3leo_sar.stack.pairs import all_pairs
from m3leo_sar.warp.geo2rdr import rdr2geo

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(4)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WEST, SOUTH = BOX.transformer_to("EPSG:4326").transform(680_600, 5_500_450)
INSIDE = TileGrid([[WEST, SOUTH, WEST + 0.007, SOUTH + 0.004]], pixels=48)
OUTSIDE = [8.0, 49.0, 8.01, 49.01]
WINDOW = Window(rows=3, cols=8)


@pytest.fixture(scope="module")
def scene():
    return simulate_scene(BOX, dates=DATES, seed=4)


def recipe(**options):
    return Recipe(**{"pairs": all_pairs(DATES), "window": WINDOW, "minimum_coverage": 1.0, **options})


def test_a_chip_is_the_whole_scenes_coherence_on_the_tiles_grid(scene, tmp_path):
    archive, pairs = ChipArchive.create(tmp_path / "chips"), all_pairs(DATES)
    summary = make_chips(scene.stack, archive, list(INSIDE), recipe(interferograms=True), labels=scene.labels())
    assert summary.computed == {"coherence": 6, "interferogram": 6, "intensity": 4, "label": 2}
    tile, whole = INSIDE[0], scene.stack.window()
    maps = coherence(scene.stack, pairs=pairs, window=WINDOW)
    for pair, plane in zip(pairs, maps, strict=True):
        chip = archive.read(tile.identifier, "coherence", str(pair))
        assert chip.geobox == tile.geobox
        np.testing.assert_array_equal(chip.array, np.clip(reproject(plane, BOX, tile.geobox), 0, 1))
        assert (chip.metadata["days"], chip.metadata["orbit"]) == (pair.days, "ascending")
    formed = interferogram(whole[0], whole[3])
    chip = archive.read(tile.identifier, "interferogram", str(pairs[2]))
    np.testing.assert_array_equal(chip.array, reproject(formed, BOX, tile.geobox))
    label = archive.read(tile.identifier, "label", "landcover").array
    codes = reproject(scene.labels()["landcover"][0], BOX, tile.geobox, resampling="nearest", nodata=0)
    np.testing.assert_array_equal(label, codes)


def test_days_of_chips_are_those_between_passings(scene, tmp_path):
    # The second pass is a second after midnight of the next day, the others a second before it.
    times = [datetime.datetime.combine(date, datetime.time(23, 59, 59)) for date in DATES]
    times[1] += datetime.timedelta(seconds=2)
    dates = [time.date() for time in times]
    stack = replace(scene.stack, dates=dates, times=times)
    archive = ChipArchive.create(tmp_path / "chips")
    make_chips(stack, archive, list(INSIDE), recipe(pairs=all_pairs(times, max_days=12), valid_looks=True))
    tile = INSIDE.identifiers[0]
    for dataset in ("coherence", "looks"):
        days = [archive.facts(tile, dataset, key)[1]["days"] for key in archive.keys(tile, dataset)]
        assert days == [12, 12, 12]


def test_a_second_run_computes_nothing_and_new_dates_only_their_pairs(scene, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    first = recipe(pairs=all_pairs(DATES[:2]))
    assert make_chips(scene.stack, archive, list(INSIDE), first).computed == {"coherence": 1, "intensity": 2}
    again = make_chips(scene.stack, archive, list(INSIDE), first)
    assert (again.computed, again.present) == ({}, 3)
    grown = make_chips(scene.stack, archive, list(INSIDE), recipe())
    assert grown.computed == {"coherence": 5, "intensity": 2}
    with pytest.warns(OtherSettingsWarning, match="window 3 x 8, and this run has window 5 x 8"):
        wider = make_chips(scene.stack, archive, list(INSIDE), recipe(window=Window(rows=5, cols=8)))
    assert wider.computed == {"coherence": 6}


def test_tiles_off_the_stack_are_left_out_with_a_reason(scene, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    tiles = TileGrid([*INSIDE.bounds, OUTSIDE], pixels=48)
    summary = make_chips(scene.stack, archive, list(tiles), recipe())
    assert summary.skipped == {tiles[1].identifier: "0% of it lies on the stack, less than minimum_coverage=1"}
    with pytest.raises(ValueError, match="none of the 1 tiles can be made from simulated stack: 0% of it"):
        make_chips(scene.stack, archive, [tiles[1]], recipe())


def test_no_pairs_and_no_tiles_are_refused(scene, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    with pytest.raises(ValueError, match="pairs must hold at least one pair, got none"):
        make_chips(scene.stack, archive, list(INSIDE), recipe(pairs=[]))
    with pytest.raises(ValueError, match="tiles must hold at least one tile, got none"):
        make_chips(scene.stack, archive, [], recipe())


def test_a_stack_in_mirrored_radar_geometry_gives_the_same_chip(scene, tmp_path):
    x, y = BOX.centres()
    longitude, latitude = BOX.transformer_to("EPSG:4326").transform(x, y)
    pixels = scene.stack.window()
    mirrored = SlcStack.from_arrays(
        pixels[:, ::-1, ::-1].copy(), DATES, polarisation="VV",
        geometry=RadarGeometry(latitude[::-1, ::-1], longitude[::-1, ::-1]),
    )  # fmt: skip
    chips = []
    # An odd window is symmetric, so mirroring moves no sample.
    for name, stack in (("map", scene.stack), ("radar", mirrored)):
        archive = ChipArchive.create(tmp_path / name)
        make_chips(stack, archive, list(INSIDE), recipe(window=Window(rows=3, cols=9)))
        key = archive.keys(INSIDE[0].identifier, "coherence")[0]
        chips.append(archive.read(INSIDE[0].identifier, "coherence", key).array)
    np.testing.assert_allclose(chips[1], chips[0], atol=2e-5)


def test_a_stack_with_orbit_and_terrain_needs_no_coordinates(tmp_path):
    """The same pixels, once with the places that follow from orbit and terrain, once with those written down."""
    radar_grid = RadarGrid(
        (70, 700),
        azimuth_time=0.0,
        azimuth_interval=0.002,
        slant_range=8.2e5,
        range_spacing=2.33,
        wavelength=0.0555,
    )
    image = {"orbit": circular_orbit(), "radar_grid": radar_grid}
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    middle = rdr2geo(**image, dem=np.zeros((2, 2)), dem_geobox=world, rows=[35], cols=[350])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    box = GeoBox.from_bounds((lon - 0.1, lat - 0.08, lon + 0.1, lat + 0.08), shape=(160, 180), crs="EPSG:4326")
    row, col = np.indices(box.shape)
    place = OrbitGeometry(circular_orbit(), radar_grid, 200 + 60 * np.sin(row / 9) * np.cos(col / 8), box)
    random = np.random.default_rng(1)
    pixels = random.normal(size=(2, 70, 700, 2)).astype(np.float32).view(np.complex64)[..., 0]
    pixels[1] += pixels[0]
    ground = rdr2geo(**image, dem=place.dem, dem_geobox=box)
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), side=600, pixels=60)
    chips = []
    for name, geometry in (("orbit", place), ("written", RadarGeometry(ground.latitude, ground.longitude))):
        stack = SlcStack.from_arrays(pixels, DATES[:2], polarisation="VV", geometry=geometry)
        write_stack(stack, tmp_path / f"{name}.zarr")
        archive = ChipArchive.create(tmp_path / name)
        opened = read_stack(tmp_path / f"{name}.zarr")
        options = {"pairs": all_pairs(DATES[:2]), "window": Window(rows=3, cols=9), "minimum_coverage": 0.5}
        make_chips(opened, archive, [tile], recipe(**options))
        chips.append(archive.read(tile.identifier, "coherence", archive.keys(tile.identifier, "coherence")[0]).array)
    inside = ~np.isnan(chips[0])
    assert inside.mean() > 0.8
    # Terrain bends between the pixels whose places are written down.
    assert abs(chips[0] - chips[1])[inside & ~np.isnan(chips[1])].max() < 0.01
    with pytest.raises(ValueError, match="orbit must cover the image"):
        OrbitGeometry(place.orbit, replace(radar_grid, azimuth_time=70.0), place.dem, box)
    with pytest.raises(TypeError, match="dem must be float32 or float64 .* got int16"):
        OrbitGeometry(place.orbit, radar_grid, place.dem.astype(np.int16), box)
