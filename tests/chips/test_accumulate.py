"""Statistics of values whose range nobody knows: found in a few passes, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar.chips.accumulate import StatisticsAccumulator, fitted
from m3leo_sar.chips.statistics import BandStatistics


def passes_over(*chips, bands=("x",)):
    """Counts chips over ranges, and keeps the ranges of each pass."""
    asked = []

    def count(ranges):
        asked.append(list(ranges))
        seen = StatisticsAccumulator([BandStatistics(name) for name in bands], ranges=ranges)
        for chip in chips:
            seen.update(np.asarray(chip, np.float32))
        return seen

    return count, asked


def lognormal(rng, **options):
    values = rng.lognormal(np.log(100), 0.5, (1, 91, 233)).astype(np.float32)
    for place, value in options.items():
        values[0, 7, int(place[1:])] = value
    return values


def test_values_of_the_first_range_take_one_pass(rng):
    values = rng.random((1, 21, 34))
    count, asked = passes_over(values)
    assert fitted(count, [None]) == count([None]).finish()
    assert len(asked) == 2  # That of the line above among them.


def test_values_of_a_range_of_their_own_take_two(rng):
    values = rng.normal(-12, 5, (1, 91, 33))
    count, asked = passes_over(values)
    found = fitted(count, [None]).bands[0]
    assert asked == [[None], [(pytest.approx(values.min()), pytest.approx(values.max()))]]
    assert found.centre == pytest.approx(np.median(values), abs=0.05)


@pytest.mark.parametrize("far", [{"p3": 1e8}, {"p3": 1e12, "p9": 4e11}, {"p0": -9999.0}, {"p1": 1e8, "p2": -1e8}])
def test_a_few_far_values_do_not_blur_the_others(rng, far):
    values = lognormal(rng, **far)
    count, asked = passes_over(values)
    found = fitted(count, [None]).bands[0]
    low, start, centre, end, high = np.quantile(values, (0.001, 0.25, 0.5, 0.75, 0.999))
    assert found.centre == pytest.approx(centre, rel=0.02)
    assert found.scale == pytest.approx((end - start) / 1.349, rel=0.05)
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.1)
    assert len(asked) <= 5


def test_what_fits_no_scale_is_refused(rng):
    for values, message in (
        # Fill values that nobody masked.
        (np.where(rng.random((1, 91, 233)) < 0.05, -3.4e38, lognormal(rng)), r"from -3.4e\+38 to"),
        # So far out that the range narrows for ever.
        (lognormal(rng, p3=3e38), "band x: 5 passes did not find the range of most of its values"),
        # Two values, one of them rare.
        (255.0 * (rng.random((1, 91, 233)) < 0.1), "half of its values lie within .* of each other .* from 0 to 255"),
    ):
        count, asked = passes_over(values)
        with pytest.raises(ValueError, match=message):
            fitted(count, [None])
        assert len(asked) <= 5


def test_a_constant_band_keeps_a_scale_above_zero():
    count, _ = passes_over(np.full((1, 5, 7), 30.0))
    found = fitted(count, [None]).bands[0]
    assert found.centre == pytest.approx(30, abs=1e-3)
    assert found.scale > 0


def test_each_band_gets_its_own_range_and_the_others_keep_theirs(rng):
    chip = np.concatenate([rng.random((1, 91, 233)), lognormal(rng, p3=1e8), rng.uniform(-1, 1, (1, 91, 233))])
    count, asked = passes_over(chip, bands=("a", "b", "c"))
    span = (-1.0, 1.0)
    found = fitted(count, [None, None, span]).bands
    assert [ranges[0] for ranges in asked] == [None] * 3
    assert [ranges[2] for ranges in asked] == [span] * 3
    assert found[1].centre == pytest.approx(100, rel=0.03)
    alone, _ = passes_over(chip[:1])
    assert fitted(alone, [None]).bands[0].centre == found[0].centre


def test_other_rules_count_once(rng):
    values = lognormal(rng)
    count, asked = passes_over(values)
    assert fitted(count, [None], rule="mean_std").bands[0].centre == pytest.approx(values.mean(), rel=1e-5)
    assert len(asked) == 1


def test_a_band_without_a_value_is_named():
    count, _ = passes_over(np.full((1, 5, 7), np.nan))
    with pytest.raises(ValueError, match="band x has no valid pixel"):
        fitted(count, [None])


@pytest.mark.parametrize("seed", range(40))
def test_few_values_are_enough_whatever_rounding_does(seed):
    """The smallest value may come out just below a range that ends at it."""
    rng = np.random.default_rng(seed)
    values = 10 ** rng.uniform(0, 6) + rng.normal(0, 1 + rng.random(), (1, 3, 11))
    count, _ = passes_over(values)
    assert fitted(count, [None]).bands[0].centre == pytest.approx(np.median(values), rel=1e-3, abs=0.5)
