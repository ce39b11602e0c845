"""A track that passes at midnight UTC: days between dates count from passing to passing, everywhere."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from pair_store import BOX, grid_of

from m3leo_sar import SlcStack, Window
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.stack.events import event_triplets
from m3leo_sar.stack.networks import annual_pairs, connection, delaunay_pairs, spanning_pairs, star_pairs
from m3leo_sar.stack.pairs import all_pairs

#: Passings twelve days apart, a second before midnight or at it.
TIMES = [
    datetime.datetime(2022, 12, 14, 0, 0, 0),
    datetime.datetime(2022, 12, 25, 23, 59, 59),
    datetime.datetime(2023, 1, 6, 23, 59, 59),
    datetime.datetime(2023, 1, 19, 0, 0, 0),
]
DATES = [time.date() for time in TIMES]


def lags(pairs):
    return sorted(pair.days for pair in pairs)


def stack_of(count=4, times=True):
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(count, *BOX.shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    known = {"times": TIMES[:count]} if times else {}
    return SlcStack.from_arrays(pixels, DATES[:count], geometry=BOX, polarisation="VV", **known)


def test_networks_count_by_the_time_of_passing():
    heights = dict(zip(TIMES, (0.0, 90.0, -70.0, 30.0), strict=True))
    assert lags(star_pairs(TIMES, reference=DATES[0])) == [12, 24, 36]
    assert lags(spanning_pairs(TIMES)) == [12, 12, 12]
    assert lags(spanning_pairs(TIMES, baselines=heights, metres=1e9)) == [12, 12, 12]
    assert set(lags(delaunay_pairs(heights))) <= {12, 24, 36}
    assert connection(TIMES, all_pairs(TIMES)).components == (tuple(DATES),)
    late = [TIMES[0], datetime.datetime(2023, 12, 28, 23, 59, 59)]
    # 380 days by the time, 379 by the date.
    assert lags(annual_pairs(late, tolerance=14)) == []


def test_lags_of_an_event_count_by_the_time_of_passing():
    found = event_triplets(TIMES, start=datetime.date(2023, 1, 1))
    assert [str(pair) for pair in found[0]] == ["20221214_20221225", "20221225_20230106", "20230106_20230119"]
    with pytest.raises(ValueError, match="one time per day, got 5 times of 4 days"):
        event_triplets([*TIMES, TIMES[0].replace(hour=3)], start=datetime.date(2023, 1, 1))


def test_a_store_of_tiles_keeps_the_times(tmp_path):
    tiles = list(grid_of(2))
    build_slc_tiles(stack_of(), tiles, tmp_path / "tiles", window=Window(rows=3, cols=8))
    store = SlcTileStore(tmp_path / "tiles")
    (name, _) = store.identifiers
    assert store.dates(name) == tuple(DATES)
    passings = {tile: store.passings(tile) for tile in store.identifiers}
    assert passings[name] == tuple(TIMES)
    index = PairIndex.of_lags(passings, days=(12, 24))
    assert len(index) == 2 * 5
    assert index.complete(passings).all()
    assert index.complete({tile: store.dates(tile) for tile in passings}).all()
    assert len(PairIndex.of_events(passings, start=datetime.date(2023, 1, 1))) == 2


def test_a_store_without_times_counts_by_dates(tmp_path):
    tiles = list(grid_of(1))
    build_slc_tiles(stack_of(times=False), tiles, tmp_path / "tiles", window=Window(rows=3, cols=8))
    store = SlcTileStore(tmp_path / "tiles")
    (name,) = store.identifiers
    assert store.passings(name) == tuple(DATES)
    # Where some dates have a time and some do not, no day is counted from a time to a date.
    part = SlcTileStore(tmp_path / "tiles")
    held = datetime.datetime(2023, 2, 1, 5)
    slc = np.zeros((1, *part.frame(name).shape), np.complex64)
    part.write(name, slc, [held.date()], frame=part.frame(name), times=[held])
    assert part.passings(name) == (*DATES, held.date())
    with pytest.raises(ValueError, match="times must hold a time of each of the 1 dates, got 1 others"):
        part.write(name, slc, [datetime.date(2023, 3, 1)], frame=part.frame(name), times=[held])


def test_tiles_of_known_and_unknown_times_keep_their_own_days():
    index = PairIndex.of_pairs({"a": TIMES[:2], "b": DATES[:2]}, all_pairs)
    assert [sample.pairs[0].days for sample in index] == [12, 11]


def test_labelled_images_count_by_the_time_of_passing():
    xarray = pytest.importorskip("xarray")
    import m3leo_sar

    pixels = stack_of(2).window()
    images = xarray.DataArray(pixels, dims=("time", "y", "x"), coords={"time": np.array(TIMES[:2], "datetime64[ns]")})
    window = Window(rows=3, cols=5)
    assert int(m3leo_sar.coherence(images, window=window, pairs=[(0, 1)]).days[0]) == 12
    assert int(m3leo_sar.coherence(images[0], images[1], window=window).days) == 12
