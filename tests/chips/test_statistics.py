"""Statistics of many chips: exact, mergeable, by rule and by group."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.chips.accumulate import StatisticsAccumulator
from m3leo_sar.chips.exact_sum import ExactSum
from m3leo_sar.chips.grouped import GroupedAccumulator, GroupedStatistics
from m3leo_sar.chips.statistics import BandStatistics, Statistics

BANDS = (BandStatistics("vv", "decibel"), BandStatistics("coherence", "linear"), BandStatistics("phase", "phase"))


def chip(rng, rows=17, cols=301):
    made = (0.01 + rng.random((3, rows, cols))).astype(np.float32)
    made[0, 2, 3:9] = np.nan
    made[1, 5] = np.inf
    return made


def test_counts_and_moments_are_those_of_the_values(backend, rng):
    values = rng.normal(0.4, 0.4, (3, 23, 147)).astype(np.float32)
    mask = rng.random(values.shape) < 0.7
    mask[2] = False
    values[~mask] = 0
    counts, moments = backend_of(backend.array(values)).histogram(backend.array(values), backend.array(mask))
    counts, moments = backend.numpy(counts), backend.numpy(moments)
    for channel in range(3):
        x = values[channel][mask[channel]].astype(float)
        bins = np.clip(np.floor(x.astype(np.float32) * np.float32(4096)), 0, 4095).astype(int)
        np.testing.assert_array_equal(counts[channel], np.bincount(bins, minlength=4096))
        found = moments[channel]
        sums = [x.size, x.sum(), (x**2).sum(), (x < 0).sum(), (x > 1).sum()]
        np.testing.assert_allclose(found[:, [0, 1, 2, 5, 6]].sum(0), sums, rtol=1e-12)
        assert found[:, 3].min() == (x.min() if x.size else math.inf)
        assert found[:, 4].max() == (x.max() if x.size else -math.inf)


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), seed=st.integers(0, 99))
def test_exact_sums_know_no_order(numbers, seed):
    forward, mixed = ExactSum(), ExactSum()
    for number in numbers:
        forward.add(number)
    for number in np.random.default_rng(seed).permutation(numbers):
        one = ExactSum()
        one.add(float(number))
        mixed.merge(ExactSum.from_text(one.to_text()))
    assert forward.to_text() == mixed.to_text()
    try:
        wanted = math.fsum(numbers)
    except OverflowError:
        return
    assert forward.over(1) == wanted


@given(sizes=st.lists(st.integers(1, 50), min_size=2, max_size=6), seed=st.integers(0, 999))
def test_every_rule_is_the_same_for_any_order_and_partition(sizes, seed):
    rng = np.random.default_rng(seed)
    chips = [rng.gamma(1, 1, (1, 3, size)).astype(np.float32) for size in sizes]
    whole, merged = (StatisticsAccumulator([BandStatistics("x", "decibel")]) for _ in range(2))
    for part in chips:
        whole.update(part)
    for index in rng.permutation(len(chips)):
        other = StatisticsAccumulator([BandStatistics("x", "decibel")])
        other.update(chips[index])
        merged.merge(StatisticsAccumulator.from_json(other.to_json()))
    for rule in ("robust", "mean_std", "min_max", "percentiles", "m3leo"):
        assert whole.finish(rule).digest == merged.finish(rule).digest
    assert (whole.chips, whole.pixels) == (merged.chips, merged.pixels) == (len(sizes), 3 * sum(sizes))


def test_rules_are_their_formulas(rng):
    chips = [chip(rng) for _ in range(3)]
    seen = StatisticsAccumulator(BANDS)
    for part in chips:
        seen.update(part)
    power = np.concatenate([10 * np.log10(part[0][np.isfinite(part[0])].astype(float)) for part in chips])
    held = seen.finish("mean_std").bands[0]
    assert (held.centre, held.scale) == pytest.approx((power.mean(), power.std()), abs=1e-5)
    assert (held.low, held.high) == (-math.inf, math.inf)
    held = seen.finish("min_max").bands[0]
    assert (held.low, held.high) == pytest.approx((power.min(), power.max()), abs=1e-5)
    assert (held.centre, held.scale) == pytest.approx((power.min(), np.ptp(power)), abs=1e-5)
    held = seen.finish("percentiles", percentiles=(5, 90)).bands[0]
    wanted = np.percentile(power, [5, 90])
    assert (held.low, held.high) == pytest.approx(tuple(wanted), abs=0.05)
    assert (held.centre, held.scale) == (held.low, held.high - held.low)


def test_the_rule_of_m3leo_counts_missing_pixels_as_zeros(rng):
    chips = [chip(rng) for _ in range(2)]
    seen = StatisticsAccumulator([BANDS[1]])
    for part in chips:
        seen.update(part[1:2])
    x = np.stack([np.where(np.isfinite(part[1]), part[1], 0) for part in chips]).astype(float)
    held = seen.finish("m3leo").bands[0]
    assert held.centre == pytest.approx(x.mean(), abs=1e-9)
    assert held.scale == pytest.approx(np.sqrt((x**2).mean() - x.mean() ** 2) + 1e-5, abs=1e-9)


def test_values_outside_the_range_are_not_passed_over(rng):
    heights = rng.uniform(100, 900, (1, 21, 34)).astype(np.float32)
    seen = StatisticsAccumulator([BandStatistics("height")])
    seen.update(heights)
    message = r"band height: 100.00% of its values lie outside 0 to 1; give a range that holds them, they go from 10"
    with pytest.raises(ValueError, match=message):
        seen.finish()
    assert seen.finish("mean_std").bands[0].centre == pytest.approx(heights.mean(), rel=1e-6)
    wide = StatisticsAccumulator([BandStatistics("height")], ranges=[(0, 1000)])
    wide.update(heights)
    assert wide.finish().bands[0].centre == pytest.approx(np.median(heights), abs=2)


def test_bad_requests_are_named():
    seen = StatisticsAccumulator([BandStatistics("x")])
    with pytest.raises(ValueError, match="rule must be one of robust, mean_std"):
        seen.finish("best")
    with pytest.raises(ValueError, match="percentiles must rise within 0 and 100"):
        seen.finish("percentiles", percentiles=(99, 1))
    with pytest.raises(ValueError, match="range of band x must be two rising finite numbers, got 1 and 1"):
        StatisticsAccumulator([BandStatistics("x")], ranges=[(1, 1)])
    with pytest.raises(ValueError, match="counts cannot be read: KeyError"):
        StatisticsAccumulator.from_json("{}")


FACTS = {"product": "coherence", "polarisation": "VV", "orbit": "ascending", "aoi": "pakin"}


def test_groups_are_kept_apart_and_merge(rng):
    keys = ("product", "orbit", "aoi")
    planes = [rng.random((4, 55)).astype(np.float32) / (1 + k) for k in range(3)]
    facts = [FACTS, FACTS | {"orbit": "descending"}, FACTS | {"aoi": None}]
    one, two = (GroupedAccumulator({"coherence": "linear"}, keys=keys) for _ in range(2))
    for plane, fact in zip(planes, facts, strict=True):
        one.update(plane, fact)
    two.update(planes[2], facts[2])
    other = GroupedAccumulator({"coherence": "linear"}, keys=keys)
    for plane, fact in zip(planes[:2], facts, strict=False):
        other.update(plane, fact)
    two.merge(other)
    found = one.finish("mean_std")
    assert found.digest == two.finish("mean_std").digest
    assert len(found.groups) == 3
    assert found.band(**facts[1]).centre == pytest.approx(planes[1].mean(), abs=1e-6)
    assert found.band(product="coherence", orbit="ascending").centre == pytest.approx(planes[2].mean(), abs=1e-6)
    assert GroupedStatistics.from_json(found.to_json()) == found
    with pytest.raises(
        KeyError, match="no statistics for .*'aoi': 'x'.*; there are coherence, ascending, -; coherence"
    ):
        found.band(**(FACTS | {"aoi": "x"}))
    with pytest.raises(ValueError, match="statistics were changed"):
        GroupedStatistics.from_json(found.to_json().replace("pakin", "conus"))
    with pytest.raises(ValueError, match="product must be one of coherence, got 'height'"):
        one.update(planes[0], {"product": "height"})
    with pytest.raises(ValueError, match="keys must hold 'product'"):
        GroupedAccumulator({}, keys=("orbit",))
    with pytest.raises(ValueError, match="only accumulators of the same keys"):
        one.merge(GroupedAccumulator({"coherence": "linear"}))


def test_statistics_of_another_digest_are_refused():
    held, other = (Statistics((BandStatistics("x", centre=centre),)) for centre in (0, 1))
    held.require(held.digest, what="model")
    with pytest.raises(ValueError, match=f"model was made with statistics {other.digest}, these are {held.digest}"):
        held.require(other.digest, what="model")


@pytest.mark.parametrize("read", [Statistics.from_json, GroupedStatistics.from_json, StatisticsAccumulator.from_json])
def test_a_text_of_endless_brackets_is_refused(read):
    with pytest.raises(ValueError, match="cannot be read: RecursionError"):
        read("[" * 100_000)


def test_nan_that_counts_as_valid_leaves_the_table_whole(backend):
    """Normalised values hold none; a kernel that is handed one all the same must not write elsewhere."""
    values = np.full((1, 5, 70), np.nan, np.float32)
    mask = np.ones(values.shape, bool)
    counts, _ = backend_of(backend.array(values)).histogram(backend.array(values), backend.array(mask))
    assert backend.numpy(counts)[0, 0] == values.size
