"""Tiles and areas by what a user has at hand."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from production import tiles, write_dates

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import write_index
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.archive_statistics import archive_statistics
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import archive_tiles, choose_pairs, choose_tiles, named_area, named_tiles, tiles_over
from m3leo_sar.run.update import bring_up_to_date, plan_only
from m3leo_sar.simulate.scene import simulate_scene


@pytest.mark.parametrize("make", [TileGrid.legacy, TileGrid.exact])
def test_an_archives_own_tiles_are_those_it_was_made_with(tmp_path, make):
    grid = make((9.0, 49.9, 9.2, 50.05), pixels=24)
    archive = ChipArchive.create(tmp_path / "chips")
    for tile in list(grid)[1:4]:
        archive.write(tile.identifier, "dem", "height", np.ones((24, 24), "f4"), tile.geobox, metadata={})
    write_index(archive)
    held = {tile.identifier: tile for tile in list(grid)[1:4]}
    for found in (archive_tiles(archive), named_tiles(archive.root), named_tiles(archive.root / "index.parquet"),
                  tiles_over(tiles=archive.root)):  # fmt: skip
        assert set(found.identifiers) == set(held)
        for tile in found:
            assert tile.pixels == 24
            np.testing.assert_allclose(
                [*tile.geobox.affine][:6], [*held[tile.identifier].geobox.affine][:6], rtol=1e-12
            )


def test_tiles_of_no_lattice_and_of_no_chip_are_refused(tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    with pytest.raises(ValueError, match="must hold chips of one square size, got no chip"):
        archive_tiles(archive)
    box = GeoBox.from_bounds((680_000, 5_500_000, 680_500, 5_500_500), shape=(9, 9), crs="EPSG:32631")
    archive.write("t00", "dem", "height", np.ones((9, 9), "f4"), box, metadata={})
    with pytest.raises(ValueError, match="tile t00 lies on neither lattice"):
        archive_tiles(archive)


def test_an_area_is_bounds_or_the_outline_of_a_raster(tmp_path):
    assert named_area("9.0,49.9,9.2,50.05").bounds == (9.0, 49.9, 9.2, 50.05)
    assert named_area("-9 49.9 9.2 50").bounds == (-9.0, 49.9, 9.2, 50.0)
    box = GeoBox.from_bounds((680_000, 5_500_000, 690_000, 5_506_000), shape=(6, 11), crs="EPSG:32631")
    write_geotiff(tmp_path / "dem.tif", np.ones((6, 11), "f4"), box)
    assert named_area(str(tmp_path / "dem.tif")).bounds == pytest.approx(box.bounds_in("EPSG:4326"), abs=1e-4)
    (tmp_path / "bad.tif").write_bytes(b"no")
    with pytest.raises(ValueError, match="must hold a polygon: rasterio cannot read it"):
        named_area(str(tmp_path / "bad.tif"))


def test_numbers_that_are_no_area_are_reported_as_numbers():
    with pytest.raises(ValueError, match="aoi must be four numbers WEST,SOUTH,EAST,NORTH, got 3: 9,50,9.1"):
        named_area("9,50,9.1")


def test_a_dry_run_refuses_what_the_run_refuses(tmp_path):
    catalogue = open_catalogue(write_dates(tmp_path / "stack", 2, labels=False))
    bounds = tiles()[:1].bounds - np.array([0.006, 0, 0.006, 0])
    recipe = Recipe(pairs=choose_pairs(catalogue.stack), window=Window(rows=3, cols=8), minimum_coverage=0.99)
    with pytest.raises(ValueError, match="none of the 1 tiles can be made .*minimum_coverage="):
        plan_only(catalogue, tmp_path / "chips", TileGrid(bounds, pixels=16), recipe)
    assert not (tmp_path / "chips").exists()


def test_a_stack_below_one_tile_is_named_with_its_footprint():
    scene = simulate_scene(
        GeoBox.from_bounds((680_000, 5_500_000, 680_960, 5_500_550), shape=(11, 24), crs="EPSG:32631"),
        dates=[datetime.date(2023, 3, 1)],
    )
    with pytest.raises(ValueError, match=r"^the footprint of simulated stack must span .* \(lattice='exact'\)"):
        choose_tiles(scene.stack)
    with pytest.raises(ValueError, match="^aoi must span"):
        choose_tiles(scene.stack, aoi="5.5,49.6,5.501,49.601")


def test_a_first_dry_run_counts_what_the_run_makes(tmp_path):
    """Tiles that reach over the stack's edge are left out by both."""
    catalogue = open_catalogue(write_dates(tmp_path / "stack", 2, labels=False))
    inner = tiles()
    off = np.array([[west - 0.012, south, east - 0.012, north] for west, south, east, north in inner.bounds])
    grid = TileGrid(np.concatenate([inner.bounds, off]), pixels=16)
    recipe = Recipe(pairs=choose_pairs(catalogue.stack), window=Window(rows=3, cols=8), minimum_coverage=0.5)
    plan, _ = plan_only(catalogue, tmp_path / "chips", grid, recipe)
    summary = bring_up_to_date(catalogue, ChipArchive.create(tmp_path / "chips"), grid, recipe)
    assert plan.chips == summary.computed
    assert plan.skipped == summary.skipped
    assert 0 < len(plan.skipped) < len(grid)


def test_statistics_are_taken_of_every_amount(tmp_path, rng):
    tile = tiles()[0]
    archive = ChipArchive.create(tmp_path / "chips")
    height = rng.normal(900, 130, (16, 16)).astype("f4")
    counts = rng.integers(0, 4000, (16, 16)).astype("i2")
    counts[:5] = -9999
    archive.write_layers(tile.identifier, "dem", [Layer("height", height, {"unit": "m"})], tile.geobox)
    archive.write_layers(tile.identifier, "people", [Layer("count", counts, {"unit": "1"}, -9999)], tile.geobox)
    archive.write_layers(tile.identifier, "label", [Layer("cover", np.ones((16, 16), "u1"), {"unit": "class"}, 0)],
                         tile.geobox)  # fmt: skip
    found = archive_statistics(archive, keys=("product",)).finish("mean_std")
    assert set(found.groups) == {("dem",), ("people",)}
    assert found.band(product="dem").centre == pytest.approx(height.mean(dtype=float), rel=1e-5)
    assert found.band(product="people").centre == pytest.approx(counts[5:].mean(), rel=1e-5)
    robust = archive_statistics(archive, keys=("product",)).finish("robust")
    assert robust.band(product="dem").centre == pytest.approx(np.median(height), abs=1)
    codes = ChipArchive.create(tmp_path / "codes")
    codes.write_layers(tile.identifier, "label", [Layer("cover", np.ones((16, 16), "u1"), {"unit": "class"}, 0)],
                       tile.geobox)  # fmt: skip
    with pytest.raises(ValueError, match=r"holds nothing to count, only label \(class codes\)"):
        archive_statistics(codes)
