"""Several polarisations in one run: each chip as from its stack alone, and products of two polarisations of a date."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import numpy as np
import pytest
from production import BOX, DATES, tiles
from reference import coherence_maps_reference

from m3leo_sar import SlcStack, Window, prepare, reproject
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.run.catalogue import open_catalogue, reopen
from m3leo_sar.run.layout_export import export_archive
from m3leo_sar.run.layout_import import import_layout
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.stack_join import join_polarisations

WINDOW, GRID = Window(rows=3, cols=7), tiles(1, 2)
PAIR, DATE = f"{DATES[0]:%Y%m%d}_{DATES[1]:%Y%m%d}", f"{DATES[0]:%Y%m%d}"


@pytest.fixture(scope="module")
def stacks() -> list[SlcStack]:
    scenes = [simulate_scene(BOX, dates=DATES[:2], seed=4, polarisation=one) for one in ("VV", "VH")]
    found = [
        SlcStack.from_arrays(scene.stack.window(), DATES[:2], geometry=BOX, polarisation=scene.polarisation)
        for scene in scenes
    ]
    return [replace(stack, platforms=("S1A", "S1C"), track=37) for stack in found]


@pytest.fixture(scope="module")
def archive(stacks, tmp_path_factory) -> ChipArchive:
    root = tmp_path_factory.mktemp("chips")
    options = {"tiles": GRID, "window": WINDOW, "interferograms": True}
    made = prepare(join_polarisations(stacks), root, cross_polarised=True, **options)
    assert made.computed == {"coherence": 8, "interferogram": 4, "intensity": 8, "ratio": 4}
    return ChipArchive(root)


def test_chips_of_each_polarisation_equal_those_of_its_own_stack(archive, stacks, tmp_path):
    tile = GRID[0].identifier
    for stack in stacks:
        prepare(stack, tmp_path / "one", tiles=GRID, window=WINDOW, interferograms=True)
    one = ChipArchive(tmp_path / "one")
    for dataset in ("coherence", "intensity", "interferogram"):
        for key in one.keys(tile, dataset):
            chip, twin = one.read(tile, dataset, key), archive.read(tile, dataset, key)
            np.testing.assert_array_equal(chip.array, twin.array)
            assert chip.metadata == twin.metadata
    assert one.keys(tile, "coherence") == [f"VH/{PAIR}", f"VV/{PAIR}"]
    facts = archive.facts(tile, "coherence", f"VH/{PAIR}")[1]
    assert (facts["polarisation"], facts["platforms"], facts["track"]) == ("VH", ["S1A", "S1C"], 37)


def test_products_of_two_polarisations_of_one_date(archive, stacks):
    """Coherence and ratio from their formulas in float64, on the tile's grid."""
    tile = GRID[0]
    parts = [stack.sel(bounds=tile.geobox.pad(3, 3)) for stack in stacks]
    first, second = (part.window()[0].astype("complex128") for part in parts)
    box = parts[0].geometry
    maps = coherence_maps_reference(first, second, WINDOW)
    chip = archive.read(tile.identifier, "coherence", f"VV-VH/{DATE}")
    np.testing.assert_allclose(chip.array, reproject(maps["coherence"], box, tile.geobox), atol=2e-6)
    on_tile = [reproject(maps[name], box, tile.geobox) for name in ("power_reference", "power_secondary")]
    ratio = archive.read(tile.identifier, "ratio", DATE)
    np.testing.assert_allclose(ratio.array, on_tile[0] / on_tile[1], rtol=2e-5)
    assert (ratio.metadata["date"], ratio.metadata["polarisation"]) == (str(DATES[0]), "VV-VH")
    with pytest.raises(ValueError, match="coherence/VH/.* or coherence/VV/"):
        archive.read(tile.identifier, "coherence", PAIR)


def test_a_folder_of_two_polarisations_is_one_catalogue(stacks, tmp_path):
    for stack in stacks:
        for index, date in enumerate(stack.dates):
            write_geotiff(tmp_path / "s" / f"{date:%Y%m%d}_{stack.polarisation}.tif", stack.window()[index], BOX)
    with pytest.raises(ValueError, match=r"polarisation must be given, as there are several|several polarisations"):
        open_catalogue(tmp_path / "s")
    both = open_catalogue(tmp_path / "s", polarisation="VV+VH")
    assert (both.stack.polarisations, both.stack.shape) == (("VV", "VH"), (2, *BOX.shape))
    assert sorted(both.inputs) == sorted(f"{one}/{date:%Y%m%d}" for one in ("VV", "VH") for date in DATES[:2])
    again, _ = reopen(json.loads(json.dumps(dict(both.source))))
    np.testing.assert_array_equal(again.window(polarisation="VH"), stacks[1].window())
    made = prepare(tmp_path / "s", tmp_path / "chips", polarisation=["VV", "VH"], tiles=GRID, window=WINDOW)
    assert made.computed == {"coherence": 4, "intensity": 8}
    # One polarisation alone has the same inputs, so that nothing is computed again.
    alone = prepare(tmp_path / "s", tmp_path / "chips", polarisation="vh", tiles=GRID, window=WINDOW)
    assert (alone.computed, alone.present) == ({}, 6)


def test_dates_that_one_polarisation_lacks_are_left_out_and_told(stacks):
    later = replace(stacks[1].sel(dates=DATES[1]), dates=(DATES[1],))
    with pytest.warns(UserWarning, match=r"2023-03-01 of VV left out: another polarisation lacks it"):
        joined = join_polarisations([stacks[0], later])
    assert joined.dates == (DATES[1],)
    np.testing.assert_array_equal(joined.window(polarisation="VH")[0], stacks[1].window()[1])
    with pytest.raises(ValueError, match="track of .* must be 37, that of .*, got 38"):
        join_polarisations([stacks[0], replace(stacks[1], track=38)])
    with pytest.raises(ValueError, match="polarisation must be one of"):
        join_polarisations([stacks[0], stacks[0]])


def test_an_exported_polarisation_has_a_folder_and_one_alone_m3leos_own_names(archive, stacks, tmp_path):
    export_archive(archive, tmp_path / "out")
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name for name in folders if name.startswith("coherence")] == [
        "coherence-VH", "coherence-VV", "coherence-VV-VH",
    ]  # fmt: skip
    back = ChipArchive.create(tmp_path / "back")
    assert import_layout(tmp_path / "out", back).left_out == {}
    assert list(back.chips()) == list(archive.chips())
    one = tmp_path / "one"
    prepare(stacks[0], one / "chips", tiles=GRID, window=WINDOW)
    export_archive(ChipArchive(one / "chips"), one / "out")
    assert sorted(path.name for path in (one / "out").iterdir()) == ["coherence", "intensity"]


def test_parts_of_a_stack_of_two_polarisations(stacks):
    both = join_polarisations(stacks)
    with pytest.raises(ValueError, match=r"polarisation must be one of VV, VH.*got none; stack.sel"):
        both.window()
    with pytest.raises(ValueError, match="polarisation must be one of VV, VH.*got 'HH'"):
        both.sel(polarisation="HH")
    part = both.sel(polarisation="VH", dates=slice("2023-03-02", None))
    assert (part.polarisation, part.dates, part.platforms) == ("VH", (DATES[1],), ("S1C",))
    np.testing.assert_array_equal(part.window()[0], stacks[1].window()[1])
    turned = both.sel(polarisation="VH+VV")
    np.testing.assert_array_equal(turned.window(polarisation="VV"), stacks[0].window())
    with pytest.raises(ValueError, match="date 2024-01-01 is not in the stack"):
        both.sel(dates=datetime.date(2024, 1, 1))


def test_a_part_by_place_holds_the_bounds(stacks):
    tile = GRID[0]
    part = stacks[0].sel(bounds=tile)
    left, bottom, right, top = tile.geobox.bounds_in(BOX.crs)
    west, south, east, north = part.geometry.bounds
    assert (west <= left, south <= bottom, east >= right, north >= top) == (True,) * 4
    assert np.prod(part.shape[1:]) < np.prod(BOX.shape)
    with pytest.raises(ValueError, match="must touch"):
        stacks[0].sel(bounds=(100.0, 10.0, 100.1, 10.1))
