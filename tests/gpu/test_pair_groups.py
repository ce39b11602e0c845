"""Groups of pairs that share dates on a GPU."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import Window, coherence
from m3leo_sar._backend.device_coherence import group_table

DATES, PAIRS = 7, 12
place = st.integers(0, 11)


@given(st.lists(st.tuples(place, place), min_size=1, max_size=60))
def test_every_pair_is_in_one_group_of_few_dates(pairs):
    table = group_table(tuple(pairs))
    seen = []
    for dates, count, *rest in table.tolist():
        assert dates <= DATES
        assert 1 <= count <= PAIRS
        for first, second, index in np.reshape(rest[DATES : DATES + 3 * count], (-1, 3)):
            assert (rest[first], rest[second]) == pairs[index]
            seen.append(index)
    assert sorted(seen) == list(range(len(pairs)))


def test_all_pairs_of_thirty_dates_share_their_dates_well():
    table = group_table(tuple(itertools.combinations(range(30), 2)))
    # 37 groups of 12 pairs would be full; each date read twice as often as pairs have dates is 870.
    assert len(table) <= 39
    assert table[:, 0].sum() <= 245


@pytest.mark.parametrize("rows", [5, 9])
def test_groups_equal_each_pair_alone_also_with_more_shared_memory(backend, rng, monkeypatch, rows):
    monkeypatch.setenv("M3LEO_SIMT_SHARED_LIMIT", str(200 << 10))
    shape, pairs = (19, 43), list(itertools.combinations(range(4), 2))
    stack = (rng.normal(size=(4, *shape)) + 1j * rng.normal(size=(4, *shape)) + 0.5).astype(np.complex64)
    stack[1, 6, 7] = np.nan
    held, window = backend.array(stack), Window(rows=rows, cols=6)
    together = backend.numpy(coherence(held, pairs=pairs, window=window))
    for found, (first, second) in zip(together, pairs, strict=True):
        alone = backend.numpy(coherence(held[first], held[second], window=window))
        np.testing.assert_array_equal(found, alone)
