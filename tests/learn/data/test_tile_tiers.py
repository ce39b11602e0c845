"""Tiers of tiles: budgets are kept, the least recently used goes, and no bit depends on where a tile was found."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_store import DATES, prepared

from m3leo_sar.learn.data.tile_tiers import TileTiers


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("tiers"))


def test_a_tile_is_read_once_while_it_fits(held):
    names, size = list(held.grid.identifiers), held.store.read(held.grid.identifiers[0]).nbytes
    tiers = TileTiers(held.store, memory_bytes=int(2.7 * size))
    for name in (names[0], names[1], names[0], names[1], names[0]):
        tiers.get(name)
    assert (tiers.counts.disk, tiers.counts.memory) == (2, 3)
    assert tiers.counts.disk_bytes == sum(held.store.read(name).nbytes for name in names[:2])
    # The third pushes out what was used longest ago, which is the second.
    tiers.get(names[2])
    tiers.get(names[0])
    assert tiers.counts.disk == 3
    tiers.get(names[1])
    assert tiers.counts.disk == 4


def test_a_tile_that_does_not_fit_at_all_pushes_nothing_out(held):
    names = list(held.grid.identifiers)
    small, large = (held.store.read(names[number]).nbytes for number in (0, 2))
    assert small < large
    tiers = TileTiers(held.store, memory_bytes=large - 1)
    for name in (names[0], names[2], names[0]):
        tiers.get(name)
    assert (tiers.counts.disk, tiers.counts.memory) == (2, 1)


@given(
    asked=st.lists(st.integers(0, 5), min_size=1, max_size=14),
    memory=st.integers(0, 300_000),
    device=st.integers(1, 200_000),
)
def test_budgets_hold_and_no_bit_changes(held, asked, memory, device):
    tiers = TileTiers(held.store, memory_bytes=memory, device_bytes=device, to_device=np.array)
    for number in asked:
        tile = tiers.get(held.grid.identifiers[number])
        np.testing.assert_array_equal(tile.slc, held.store.read(tile.identifier).slc)
        assert tiers.held_bytes[0] <= memory
        assert tiers.held_bytes[1] <= device
    assert tiers.counts.device + tiers.counts.memory + tiers.counts.disk == len(asked)


def test_the_device_is_asked_before_the_host(held):
    moved = []
    tiers = TileTiers(held.store, device_bytes=1 << 24, to_device=lambda array: moved.append(1) or array.copy())
    for _ in range(3):
        tiers.get(held.grid.identifiers[1])
    assert (len(moved), tiers.counts.device, tiers.counts.disk) == (1, 2, 1)


def test_only_the_dates_that_are_needed_are_held(held):
    tiers = TileTiers(held.store, dates={DATES[3], DATES[0]})
    tile = tiers.get(held.grid.identifiers[2])
    assert tile.dates == (DATES[0], DATES[3])
    np.testing.assert_array_equal(tile.slc, held.store.read(tile.identifier).slc[[0, 3]])


def test_a_copy_for_a_worker_starts_empty_with_the_same_budget(held):
    tiers = TileTiers(held.store, memory_bytes=1 << 24)
    tiers.get(held.grid.identifiers[0])
    copy = pickle.loads(pickle.dumps(tiers))
    assert copy.held_bytes == (0, 0)
    assert tiers.held_bytes[0] > 0
    copy.get(held.grid.identifiers[0])
    copy.get(held.grid.identifiers[0])
    assert (copy.counts.disk, copy.counts.memory) == (1, 1)


def test_bad_budgets_are_named(held):
    with pytest.raises(ValueError, match="memory_bytes must be at least 0, got -1"):
        TileTiers(held.store, memory_bytes=-1)
    with pytest.raises(ValueError, match="device_bytes and to_device must go together, got 5 and None"):
        TileTiers(held.store, device_bytes=5)
    with pytest.raises(FileNotFoundError, match="there is no tile 77 in"):
        TileTiers(held.store).get("77")
