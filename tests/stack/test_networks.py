import datetime
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.stack.networks import (
    annual_pairs,
    connection,
    delaunay_pairs,
    hierarchical_pairs,
    pairs_within_baseline,
    spanning_pairs,
    star_pairs,
)
from m3leo_sar.stack.pairs import Pair, all_pairs, sequential_pairs

START = datetime.date(2022, 1, 3)
some_dates = st.lists(st.integers(0, 1500), min_size=3, max_size=14, unique=True).map(
    lambda days: [START + datetime.timedelta(days=day) for day in days]
)


def level(dates, seed=0):
    random = np.random.default_rng(seed)
    return {date: float(random.normal(0, 120)) for date in sorted(dates)}


@given(dates=some_dates)
def test_networks_that_claim_it_are_connected_and_count_by_formula(dates):
    count = len(dates)
    for pairs, number in (
        (star_pairs(dates, reference=dates[1]), count - 1),
        (spanning_pairs(dates, baselines=level(dates)), count - 1),
        (spanning_pairs(dates), count - 1),
        (hierarchical_pairs(dates, levels=3), sum((count - 1) // 2**k for k in range(3))),
        (sequential_pairs(dates, neighbours=2), 2 * count - 3),
        (all_pairs(dates), count * (count - 1) // 2),
    ):
        found = connection(dates, pairs)
        assert found.is_connected
        assert len(pairs) == number
        assert found.loops == number - count + 1
        assert pairs == sorted(set(pairs))
        assert all(pair.reference < pair.secondary for pair in pairs)
    triangles = delaunay_pairs(level(dates))
    assert connection(dates, triangles).is_connected
    assert len(triangles) <= 3 * count - 6 or count == 3


@given(dates=some_dates, seed=st.integers(0, 99))
def test_the_order_of_dates_does_not_matter(dates, seed):
    shuffled = [dates[k] for k in np.random.default_rng(seed).permutation(len(dates))]
    heights = level(dates)
    again = {date: heights[date] for date in shuffled}
    for network in (
        lambda d, b: star_pairs(d, reference=dates[0]),
        lambda d, b: spanning_pairs(d, baselines=b),
        lambda d, b: hierarchical_pairs(d, levels=2),
        lambda d, b: annual_pairs(d),
        lambda d, b: delaunay_pairs(b),
    ):
        assert network(dates, heights) == network(shuffled, again)


@given(dates=some_dates.map(lambda dates: dates[:5]))
def test_no_tree_is_lighter(dates):
    heights = level(dates, 3)

    def weight(pairs):
        return sum(pair.days / 100 + abs(heights[pair.secondary] - heights[pair.reference]) / 100 for pair in pairs)

    best = weight(spanning_pairs(dates, baselines=heights))
    for pairs in combinations(all_pairs(dates), len(dates) - 1):
        if connection(dates, pairs).is_connected:
            assert weight(pairs) >= best - 1e-9


def test_groups_are_reported_the_largest_first():
    dates = [START + datetime.timedelta(days=12 * k) for k in range(6)]
    found = connection(dates, [Pair(dates[0], dates[2]), Pair(dates[2], dates[5]), Pair(dates[1], dates[3])])
    assert [len(group) for group in found.components] == [3, 2, 1]
    assert found.components[0] == (dates[0], dates[2], dates[5])
    assert found.loops == 0
    with pytest.raises(ValueError, match="date 2022-01-03 is not in the stack"):
        connection(dates[1:], [Pair(dates[0], dates[1])])


def test_baselines_years_and_lines():
    dates = [START + datetime.timedelta(days=day) for day in (0, 12, 360, 372, 731)]
    assert [pair.days for pair in annual_pairs(dates)] == [360, 372, 360, 371, 359]
    assert [pair.days for pair in annual_pairs(dates, years=(2,), tolerance=1)] == [731]
    heights = dict(zip(dates, (0, 50, 100, 150, 200), strict=True))
    assert pairs_within_baseline(all_pairs(dates), heights, most=50) == sequential_pairs(dates)
    # All on one line there are no triangles.
    assert delaunay_pairs(dict.fromkeys(dates, 7.0)) == sequential_pairs(dates)
    assert [pair.days for pair in delaunay_pairs(heights, max_days=20)] == [12, 12]


def test_bad_requests_are_named():
    dates = [START + datetime.timedelta(days=12 * k) for k in range(4)]
    for call, message in (
        (lambda: star_pairs(dates, reference=datetime.date(2020, 1, 1)), "date 2020-01-01 is not in the stack"),
        (lambda: hierarchical_pairs(dates, levels=0), "levels must be at least 1, got 0"),
        (lambda: annual_pairs(dates, years=()), r"years must be at least 1 .* got \(\)"),
        (lambda: spanning_pairs(dates[:1]), "dates must hold at least two, got 1"),
        (
            lambda: spanning_pairs(dates, baselines={dates[0]: 1.0}),
            "baselines must hold every date, 2022-01-15 is missing",
        ),
        (lambda: delaunay_pairs({dates[0]: 1.0}), "baselines must hold at least three dates, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
