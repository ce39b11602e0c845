from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.io.remote.byte_ranges import coalesced

RANGES = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)).map(lambda one: (one[0], sum(one))), max_size=90)


@given(RANGES, st.integers(0, 200), st.integers(1, 400))
def test_all_bytes_are_there_once_in_order_and_in_small_requests(ranges, gap, largest) -> None:
    found = coalesced(ranges, gap=gap, largest=largest, many=100)
    assert all(0 < stop - first <= largest for first, stop in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
    held = {place for first, stop in found for place in range(first, stop)}
    wanted = {place for first, stop in ranges for place in range(first, stop)}
    assert wanted <= held
    # What is read in vain lies in gaps between wanted bytes.
    needless = sorted(held - wanted)
    runs = sum(place - 1 not in held - wanted for place in needless)
    assert len(needless) <= runs * gap


def test_many_ranges_become_few() -> None:
    scattered = [(place, place + 10) for place in range(0, 50_000_000, 500_000)]
    assert len(coalesced(scattered, gap=0, largest=1 << 30, many=64)) <= 64
    assert len(coalesced(scattered[:50], gap=0)) == 50
