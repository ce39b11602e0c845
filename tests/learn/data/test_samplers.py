"""Which samples there are and in what order: every one once, tiles read once, the same for any worker count."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_store import DATES, grid_of

from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.samplers import TileBatches
from m3leo_sar.stack.pairs import all_pairs, sequential_pairs

TILES = st.lists(st.integers(0, 9), min_size=1, max_size=70)


def flat(batches):
    return [index for batch in batches for index in batch]


@given(
    tile=TILES,
    batch=st.integers(1, 6),
    hold=st.integers(1, 3),
    lanes=st.integers(1, 4),
    world=st.integers(1, 3),
    shuffle=st.booleans(),
)
def test_parts_are_disjoint_even_and_whole(tile, batch, hold, lanes, world, shuffle):
    if len(tile) < world:
        return
    options = {"batch": batch, "hold": hold, "lanes": lanes, "seed": 3, "shuffle": shuffle, "world": world}
    parts = [TileBatches(tile, rank=rank, **options) for rank in range(world)]
    seen = [flat(part) for part in parts]
    assert {len(part) for part in seen} == {len(tile) // world}
    together = [index for part in seen for index in part]
    assert len(set(together)) == len(together)
    for part, order in zip(parts, seen, strict=True):
        assert len(part) == len(list(part)) == -(-len(order) // batch)
        assert all(len(one) == batch for one in list(part)[:-1])
    every = [flat(TileBatches(tile, rank=rank, even=False, **options)) for rank in range(world)]
    assert sorted(index for part in every for index in part) == list(range(len(tile)))


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_a_tile_is_read_by_one_worker_once(workers):
    """As many reads as tiles, for each worker that holds ``hold`` tiles a lane and forgets the others."""
    tile, hold, lanes = np.repeat(np.arange(36), 10), 2, 6
    order = list(TileBatches(tile, batch=5, hold=hold, lanes=lanes, seed=11))
    reads = 0
    for worker in range(workers):
        kept: dict[int, None] = {}
        for batch in order[worker::workers]:
            for number in tile[batch].tolist():
                if number in kept:
                    kept.pop(number)
                else:
                    reads += 1
                kept[number] = None
                if len(kept) > hold * lanes // workers:
                    kept.pop(next(iter(kept)))
    assert reads == 36


def test_the_order_is_shuffled_by_seed_and_epoch_alone():
    tile = np.repeat(np.arange(20), 6)
    one, two = (TileBatches(tile, batch=4, hold=3, lanes=2, seed=7) for _ in range(2))
    assert list(one) == list(two)
    first = list(one)
    one.set_epoch(1)
    assert list(one) != first
    one.set_epoch(0)
    assert list(one) == first
    assert list(TileBatches(tile, batch=4, hold=3, lanes=2, seed=8)) != first
    # Batches mix the tiles held, and pairs do not come in their order.
    assert np.mean([len(set(tile[batch])) for batch in first]) > 1.5
    assert any(np.diff(batch).min() < 0 for batch in first)


def test_a_run_goes_on_in_the_middle_of_an_epoch():
    tile = np.repeat(np.arange(7), 5)
    whole, rest = (TileBatches(tile, batch=4, hold=2, lanes=2, seed=1) for _ in range(2))
    whole.set_epoch(4)
    rest.set_epoch(4)
    rest.start = 3
    assert list(rest) == list(whole)[3:]
    assert len(rest) == len(whole)
    rest.set_epoch(5)
    assert rest.start == 0


def test_unshuffled_samples_come_by_tile():
    assert list(TileBatches([1, 0, 1, 0, 2], batch=2, lanes=1, shuffle=False)) == [[1, 3], [0, 2], [4]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"batch": 2, "hold": 0}, "hold must be at least 1, got 0"),
        ({"batch": 2, "rank": 2, "world": 2}, "rank must be 0 to 1, got 2"),
        ({"batch": 2, "world": 9}, "there must be at least 9 samples, one per part, got 4"),
    ],
)
def test_bad_orders_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TileBatches([0, 0, 1, 1], **options)


@pytest.fixture
def index():
    grid = grid_of(4)
    dates = dict(zip(grid.identifiers, (DATES, DATES[:3], DATES, DATES[1:]), strict=True))
    return grid, dates, PairIndex.of_pairs(dates, all_pairs)


def test_samples_by_tile_split_and_area(index):
    grid, _, samples = index
    assert len(samples) == 10 + 3 + 10 + 6
    assert len(samples.groups) == 10
    names = list(grid.identifiers)
    assert samples[12].identifier == names[1]
    assert samples[12].pairs == (all_pairs(DATES[:3])[2],)
    part = samples.by_tile([names[3], "unknown"])
    assert (len(part), part.used) == (6, [names[3]])
    splits = dict(zip(names, ("train", "val", "train", "test"), strict=True))
    assert samples.by_split(splits, "train").used == [names[0], names[2]]
    with pytest.raises(ValueError, match="splits must name every tile, 1 have none, first"):
        samples.by_split(dict.fromkeys(names[:3], "train"), "train")
    west, south, _, _ = grid.bounds[1]
    assert samples.by_area((west + 0.001, south + 0.001, west + 0.002, south + 0.0015), grid).used == [names[1]]
    with pytest.raises(ValueError, match="grid must hold every tile, 2 are missing"):
        samples.by_area((5, 49, 6, 50), grid[:2])


def test_samples_by_lag_season_and_rule(index):
    _, dates, samples = index
    lags = PairIndex.of_lags(dates, days=(12, 36))
    assert {lags[number].pairs[0].days for number in range(len(lags))} == {12, 36}
    assert len(lags) == (4 + 2) + 2 + (4 + 2) + (3 + 1)
    seasons = {"s": [datetime.date(2023, month, 1) for month in (1, 2, 7, 8)]}
    summer = PairIndex.of_lags(seasons, days=(31,), season="summer")
    assert [str(summer[number].pairs[0]) for number in range(len(summer))] == ["20230701_20230801"]
    short = samples.by_group(lambda pairs: pairs[0].days == 12)
    expected = PairIndex.of_pairs(dates, sequential_pairs)
    assert [short[i] for i in range(len(short))] == [expected[i] for i in range(len(expected))]
    with pytest.raises(ValueError, match="season must be one of"):
        PairIndex.of_lags(dates, days=(12,), season="monsoon")


def test_samples_of_an_event_are_complete_triplets(index):
    _, dates, _ = index
    events = PairIndex.of_events(dates, start=datetime.date(2023, 3, 30))
    # The second tile has no date after the event, the others one triplet of 12 days each.
    assert len(events) == 3
    for number in range(3):
        across, before, after = events[number].pairs
        assert before.secondary <= datetime.date(2023, 3, 30) <= across.secondary
        assert across.days == before.days == after.days == 12


def test_samples_alike_are_of_one_tile_lag_and_order_of_dates(index):
    _, dates, _ = index
    both = PairIndex.of_pairs(dates, lambda held: [p for pair in all_pairs(held) for p in (pair, pair.swapped())])
    part = both.where(np.random.default_rng(2).random(len(both)) < 0.6)
    for number, sample in enumerate(part):
        same = [
            other
            for other in range(len(part))
            if part[other].identifier == sample.identifier and part[other].pairs[0].days == sample.pairs[0].days
        ]
        assert part.alike(number).tolist() == same
    events = PairIndex.of_events(dates, start=datetime.date(2023, 3, 30), tolerance_days=12)
    assert len(events) > len(events.used)
    assert [events.alike(number).tolist() for number in range(len(events))] == [[n] for n in range(len(events))]


def test_completeness_is_counted_by_tile(index):
    grid, dates, samples = index
    assert samples.complete(dates).all()
    name = grid.identifiers[0]
    fewer = {**dates, name: [date for date in DATES if date != DATES[2]], grid.identifiers[1]: ()}
    whole = samples.complete(fewer)
    for number in range(len(samples)):
        sample = samples[number]
        needed = {date for pair in sample.pairs for date in (pair.reference, pair.secondary)}
        assert whole[number] == (needed <= set(fewer[sample.identifier]))
    assert not whole.all()
    assert samples.dates == set(DATES)
    with pytest.raises(IndexError, match="sample must be 0 to 28, got 29"):
        samples[29]


def test_a_million_samples_are_planned_in_bulk():
    """Vectorised: the index is arrays, and the order takes no Python step a sample."""
    tile = np.repeat(np.arange(50_000, dtype=np.int32), 20)
    order = TileBatches(tile, batch=64, hold=32, lanes=8)
    assert len(order) == 15625
    first = next(iter(order))
    assert len(first) == 64
