"""Stacks whose latitudes and longitudes stay on disk give what those in memory give, and read little."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3leo_sar import SlcStack, TileGrid, Window
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files import limits
from m3leo_sar.io.stacks import stack_positions, zarr_group
from m3leo_sar.io.stacks.zarr_stack import read_stack, write_stack
from m3leo_sar.products.placement import place_on, positions_on
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import footprint
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.run_options import Watch
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry, band_extents
from m3leo_sar.stack.pairs import all_pairs

SHAPE = (150, 230)
DATES = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]


def positions(*, centre: tuple[float, float] = (5.0, 50.0), angle: float = 0.3, mirrored: bool = False):
    """Latitude and longitude of a turned scene of 20 m pixels with bent lines."""
    row, col = np.indices(SHAPE, dtype=np.float64)
    y, x = (row - SHAPE[0] / 2) * 20, (col - SHAPE[1] / 2) * 20 + 30 * np.sin(row / 25)
    x = -x if mirrored else x
    east, north = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return centre[1] + north / 111e3, centre[0] + east / 70e3


def stack_on(geometry) -> SlcStack:
    random = np.random.default_rng(3)
    pixels = random.standard_normal((2, *SHAPE, 2), np.float32).view(np.complex64)[..., 0]
    return SlcStack.from_arrays(pixels, DATES, geometry=geometry, polarisation="VV")


def block_extents(whole: RadarGeometry, block: int) -> np.ndarray:
    bands = (whole.crop(slice(row, row + block + 1), slice(None)) for row in range(0, whole.shape[0], block))
    return np.array([band_extents(band, block) for band in bands])


def stored(whole: RadarGeometry, block: int, seen: list[int] | None = None) -> StoredRadarGeometry:
    def read(rows: slice, cols: slice, *, every: bool = False) -> RadarGeometry:
        part = whole.crop(rows, cols)
        if seen is not None:
            seen.append(part.latitude.size)
        return part

    return StoredRadarGeometry(shape=whole.shape, read=read, block=block, extents=block_extents(whole, block))


def tile_at(longitude: float, latitude: float, *, size: float = 0.006) -> Tile:
    return TileGrid([(longitude, latitude, longitude + 1.4 * size, latitude + size)], pixels=24)[0]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-3.1, 3.1),
    st.booleans(),
    st.sampled_from([7, 16, 61, 400]),
    st.floats(-0.05, 0.05),
    st.floats(-0.03, 0.03),
    st.sampled_from([5.0, -12.0, 348.0]),
)
def test_places_are_those_of_the_whole_scene(angle, mirrored, block, east, north, longitude):
    latitude, longitudes = positions(centre=(longitude, 50.0), angle=angle, mirrored=mirrored)
    latitude[:9, 40:90] = np.nan
    latitude[60:70, 100:120] = longitudes[60:70, 100:120] = 0
    whole = RadarGeometry(latitude, longitudes)
    tile = tile_at((longitude + 180) % 360 - 180 + east, 50.0 + north)
    one, other = (positions_on(stack_on(geometry), tile) for geometry in (whole, stored(whole, block)))
    assert other.source_shape == SHAPE
    np.testing.assert_allclose(other.rows, one.rows, atol=1e-8)
    np.testing.assert_allclose(other.cols, one.cols, atol=1e-8)


def test_a_tile_reads_what_lies_around_it_and_one_elsewhere_nothing():
    whole, seen = RadarGeometry(*positions()), []
    stack = stack_on(stored(whole, 16, seen))
    found, reason = place_on(stack, tile_at(4.998, 50.001), 1.0)
    assert not reason
    assert np.isfinite(found.rows).all()
    assert len(seen) == 1
    assert seen[0] < 0.35 * SHAPE[0] * SHAPE[1]
    assert place_on(stack, tile_at(8.0, 51.0), 0.0)[1] == "0% of it lies on the stack"
    assert len(seen) == 1


def test_a_tile_over_the_180th_meridian_looks_around_it_only():
    latitude, longitude = positions(centre=(180.0, 20.0))
    whole = RadarGeometry(latitude, np.where(longitude > 180, longitude - 360, longitude))
    geometry = stored(whole, 16)
    unbroken = stored(RadarGeometry(latitude, longitude), 16)
    for bounds in ((-179.99, 19.99, -179.98, 20.0), (179.995, 19.99, 180.005, 20.0), (179.98, 19.99, 179.99, 20.0)):
        assert geometry.around(bounds) == unbroken.around(bounds)
        rows, cols = geometry.around(bounds)
        assert (rows.stop - rows.start) * (cols.stop - cols.start) < SHAPE[0] * SHAPE[1] / 2
    assert geometry.around((-180.0, 19.9, 180.0, 20.1)) == (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    assert geometry.around((100.0, 19.99, 100.1, 20.0)) is None
    assert geometry.around((-179.99, 30.0, -179.98, 30.1)) is None
    assert geometry.bounds == pytest.approx((longitude.min(), latitude.min(), longitude.max(), latitude.max()))


def test_a_store_of_before_whose_blocks_span_the_globe_is_read_there():
    latitude, longitude = positions(centre=(180.0, 20.0))
    whole = RadarGeometry(latitude, np.where(longitude > 180, longitude - 360, longitude))
    extents = stored(whole, 16).extents.copy()
    extents[extents[..., 2] > 180] = (-180, 19.8, 180, 20.2)
    geometry = StoredRadarGeometry(shape=SHAPE, read=whole.crop, block=16, extents=extents)
    assert geometry.around((-179.9999, 19.99, -179.9998, 20.0)) is not None


@pytest.mark.parametrize("layers", [("latitude", "longitude"), ("latitude", "longitude", "height", "incidence")])
def test_a_container_too_large_for_memory_gives_the_same_chips(tmp_path, monkeypatch, layers):
    monkeypatch.setattr(zarr_group, "CHUNK", 64)
    monkeypatch.setattr(stack_positions, "CHUNK", 64)
    latitude, longitude = positions()
    whole = RadarGeometry(**dict(zip(layers, (latitude, longitude, latitude * 3, longitude * 2), strict=False)))
    write_stack(stack_on(whole), tmp_path / "stack")
    held = read_stack(tmp_path / "stack")
    assert isinstance(held.geometry, RadarGeometry)
    monkeypatch.setattr(stack_positions, "_HELD_BYTES", 1000)
    large = read_stack(tmp_path / "stack")
    assert isinstance(large.geometry, StoredRadarGeometry)
    assert large.geometry.extents.shape == (3, 4, 4)
    assert large.geometry.bounds == pytest.approx(whole.bounds, abs=1e-12)
    part = large.crop(slice(10, 90), slice(100, 200)).geometry
    np.testing.assert_array_equal(part.latitude, latitude[10:90, 100:200])
    assert (part.height is not None) == ("height" in layers)
    # Written again from one on disk, band by band.
    write_stack(large, tmp_path / "again")
    np.testing.assert_array_equal(read_stack(tmp_path / "again").geometry.extents, large.geometry.extents)
    tile = tile_at(4.998, 50.001)
    recipe = Recipe(pairs=all_pairs(DATES), window=Window(rows=3, cols=8), intensities=False)
    chips = []
    for name, stack in (("held", held), ("large", large), ("again", read_stack(tmp_path / "again"))):
        archive = ChipArchive.create(tmp_path / f"{name}-chips")
        make_chips(stack, archive, [tile], recipe)
        chips.append(archive.read(tile.identifier, "coherence", "20230101_20230113").array)
    assert np.isfinite(chips[0]).all()
    np.testing.assert_allclose(chips[1], chips[0], atol=1e-5)
    np.testing.assert_array_equal(chips[2], chips[1])


def test_a_geometry_replaced_while_the_run_reads_it_fails_the_tiles_that_follow(tmp_path, monkeypatch):
    monkeypatch.setattr(stack_positions, "_HELD_BYTES", 1000)
    latitude, longitude = positions()
    write_stack(stack_on(RadarGeometry(latitude, longitude)), tmp_path / "stack")
    write_stack(stack_on(RadarGeometry(latitude + 0.001, longitude)), tmp_path / "other")
    corners = [(4.985 + 0.006 * col, 49.997) for col in range(4)]
    grid = TileGrid([(west, south, west + 0.005, south + 0.004) for west, south in corners], pixels=16)
    recipe = Recipe(pairs=all_pairs(DATES), window=Window(rows=3, cols=8), intensities=False)
    seen = []

    def replace(entry):
        if not seen:
            (tmp_path / "stack" / "geometry").rename(tmp_path / "old")
            (tmp_path / "other" / "geometry").rename(tmp_path / "stack" / "geometry")
        seen.append(entry)

    def run(watch):
        archive = ChipArchive.create(tmp_path / "chips")
        return bring_up_to_date(open_catalogue(tmp_path / "stack"), archive, grid, recipe, watch=watch)

    reported = run(Watch(settled=replace))
    assert reported.computed["coherence"] == 1
    assert len(reported.failed) == 3
    assert all("was changed while the run was reading it; run again" in reason for reason in reported.failed.values())
    # All of them anew, the first too, which was made from what is no longer there.
    assert run(Watch()).computed == {"coherence": 4}


def test_a_part_beyond_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(stack_positions, "_HELD_BYTES", 1000)
    write_stack(stack_on(RadarGeometry(*positions())), tmp_path / "stack")
    geometry = read_stack(tmp_path / "stack").geometry
    monkeypatch.setattr(limits, "LARGEST_RASTER", 100_000)
    assert geometry.read(slice(0, 10), slice(0, 20)).shape == (10, 20)
    with pytest.raises(ValueError, match="a part of latitude, longitude must be at most 100000 bytes"):
        geometry.read(slice(0, 150), slice(0, 230))


def test_what_does_not_fit_is_refused():
    whole = RadarGeometry(*positions())
    with pytest.raises(ValueError, match=r"extents must have shape \(10, 15, 4\), got \(5, 8, 4\)"):
        StoredRadarGeometry(shape=SHAPE, read=whole.crop, block=16, extents=block_extents(whole, 32))
    nowhere = np.full((5, 8, 4), np.nan)
    with pytest.raises(ValueError, match="must be known in some pixel"):
        StoredRadarGeometry(shape=SHAPE, read=whole.crop, block=32, extents=nowhere)


def test_a_footprint_lies_where_tiles_are_looked_for():
    latitude, longitude = positions(centre=(-12.0, 50.0))
    plain = footprint(stack_on(RadarGeometry(latitude, longitude)))
    turned = footprint(stack_on(RadarGeometry(latitude, longitude + 360)))
    assert turned.bounds == pytest.approx(plain.bounds, abs=1e-9)
    latitude, longitude = positions(centre=(180.0, 20.0))
    both = footprint(stack_on(RadarGeometry(latitude, longitude)))
    assert both.bounds[0] == -180
    assert both.bounds[2] == 180
    assert both.area == pytest.approx(np.ptp(latitude) * np.ptp(longitude), rel=1e-9)
    with pytest.raises(ValueError, match="must be known in some pixel"):
        footprint(stack_on(RadarGeometry(latitude * np.nan, longitude)))


def test_bounds_leave_out_what_processors_fill_in():
    latitude, longitude = positions()
    bounds = RadarGeometry(latitude, longitude).bounds
    latitude[3, 5] = longitude[3, 5] = 0.0
    latitude[70, 90] = np.nan
    assert RadarGeometry(latitude, longitude).bounds == bounds
    assert np.isnan(RadarGeometry(latitude * np.nan, longitude).bounds).all()
