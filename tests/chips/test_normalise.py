import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import normalise_reference

from m3leo_sar import normalise
from m3leo_sar.chips.accumulate import BINS, RANGES, StatisticsAccumulator
from m3leo_sar.chips.statistics import BandStatistics, Statistics

REAL = ("linear", "decibel", "amplitude_decibel", "fisher", "phase")


def statistics_of(encodings):
    return Statistics(tuple(BandStatistics(f"b{i}", name, -3, 2.5, 0.3, 0.7) for i, name in enumerate(encodings)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_real_encoding_equals_its_formula(backend, rng, dtype):
    chip = rng.standard_normal((5, 13, 17)).astype(dtype)
    chip[:, 2, 3], chip[:, 4, 5], chip[:, 6, 7] = np.nan, np.inf, 0
    before = chip.copy()
    got = normalise(backend.array(chip), statistics_of(REAL))
    values, mask = normalise_reference(chip, statistics_of(REAL).bands)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=2e-6)
    np.testing.assert_array_equal(chip, before)


def test_phasors_keep_only_the_phase(backend, rng):
    chip = (rng.standard_normal((2, 9, 14)) + 1j * rng.standard_normal((2, 9, 14))).astype(np.complex64)
    chip[0, 0, 0], chip[1, 2, 3] = 0, complex(np.nan, 1)
    got = normalise(backend.array(chip), statistics_of(["phasor", "phasor"]))
    values, mask = normalise_reference(chip, statistics_of(["phasor", "phasor"]).bands)
    assert backend.numpy(got.values).shape == (4, 9, 14)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=1e-6)


def test_no_data_is_zero_and_masked(rng):
    got = normalise(np.full((1, 3, 4), np.nan, np.float32), statistics_of(["linear"]))
    assert not got.mask.any()
    assert (got.values == 0).all()


ONES = np.ones((1, 3, 4), np.float32)


@pytest.mark.parametrize(
    ("chip", "encodings", "error", "message"),
    [
        (ONES, ["linear", "linear"], ValueError, r"chip must be \(2, rows, cols\) for these statistics"),
        (ONES, ["phasor"], ValueError, "band b0: encoding 'phasor' does not fit a chip of float32"),
        (ONES.astype("c8"), ["linear"], ValueError, "encoding 'linear' does not fit a chip of complex64"),
        (ONES.astype(int), ["linear"], TypeError, "chip must be an array of .*, got int64"),
        (ONES[0], ["linear"], ValueError, "chip must be"),
    ],
)
def test_bad_chips_are_named(chip, encodings, error, message):
    with pytest.raises(error, match=message):
        normalise(chip, statistics_of(encodings))
    with pytest.raises(TypeError, match="statistics must be Statistics, got dict"):
        normalise(ONES, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "log"}, "encoding must be one of linear, decibel"),
        ({"low": 1, "high": 1}, "x: low must be below high"),
        ({"scale": 0}, "x: centre must be finite and scale above 0"),
        ({"centre": math.nan}, "x: centre must be finite"),
    ],
)
def test_bad_statistics_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        BandStatistics("x", **options)


def test_statistics_survive_json_and_a_change_is_refused():
    statistics = Statistics((BandStatistics("a", "decibel", -30, math.inf, -10, 5), BandStatistics("b", "phase")))
    text = statistics.to_json()
    assert Statistics.from_json(text) == statistics
    with pytest.raises(ValueError, match="statistics were changed: digest"):
        Statistics.from_json(text.replace("-10", "-11"))
    with pytest.raises(ValueError, match="statistics cannot be read: JSONDecodeError"):
        Statistics.from_json("{")


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 1000))
def test_neither_order_nor_partition_changes_a_bit(parts, seed):
    rng = np.random.default_rng(seed)
    chips = [rng.random((2, 3, size)).astype(np.float32) for size in parts]
    forward, backward, merged = (StatisticsAccumulator(["a", "b"], ["linear", "decibel"]) for _ in range(3))
    for chip in chips:
        forward.update(chip)
        other = StatisticsAccumulator(["a", "b"], ["linear", "decibel"])
        other.update(chip)
        merged.merge(other)
    for chip in chips[::-1]:
        backward.update(chip)
    np.testing.assert_array_equal(forward.histograms, backward.histograms)
    assert forward.finish() == backward.finish() == merged.finish()


@pytest.mark.parametrize("encoding", ["linear", "decibel", "fisher"])
def test_quantiles_are_right_to_a_bin(rng, encoding):
    chip = (0.05 + 0.9 * rng.random((1, 90, 110))).astype(np.float32)
    chip[0, :10] = np.nan
    seen = StatisticsAccumulator(["x"], [encoding])
    seen.update(chip)
    band = seen.finish().bands[0]
    values = {"linear": lambda x: x, "decibel": lambda x: 10 * np.log10(x), "fisher": np.arctanh}[encoding](
        chip[0, 10:]
    )
    step = (RANGES[encoding][1] - RANGES[encoding][0]) / BINS
    low, first, centre, third, high = np.quantile(values, [0.001, 0.25, 0.5, 0.75, 0.999])
    np.testing.assert_allclose([band.low, band.centre, band.high], [low, centre, high], atol=2 * step)
    assert band.scale == pytest.approx((third - first) / 1.349, abs=3 * step)


def test_a_band_without_pixels_and_foreign_merges_are_refused():
    seen = StatisticsAccumulator(["x"], ["linear"])
    with pytest.raises(ValueError, match="band x has no valid pixel"):
        seen.finish()
    with pytest.raises(ValueError, match="only accumulators of the same bands"):
        seen.merge(StatisticsAccumulator(["y"], ["linear"]))
    with pytest.raises(ValueError, match="encodings must hold one for each of the 1 bands"):
        StatisticsAccumulator(["x"], [])
