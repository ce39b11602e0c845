import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import normalise_reference

from m3leo_sar import normalise
from m3leo_sar._backend.kernel_sizes import BINS
from m3leo_sar.chips.accumulate import RANGES, StatisticsAccumulator
from m3leo_sar.chips.normalise import NormalisedChip, denormalise
from m3leo_sar.chips.presets import PRESETS, preset
from m3leo_sar.chips.statistics import ENCODINGS, BandStatistics, Statistics

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


def chip_of(rng, dtype, shape):
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 250, shape).astype(dtype)
    return (0.02 + rng.random(shape)).astype(dtype)


@pytest.mark.parametrize("encoding", ["ratio", "log_ratio", "difference"])
@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float32", "float64"), ("uint8", "int16")])
def test_two_planes_make_one_channel(backend, rng, encoding, dtypes):
    planes = [chip_of(rng, dtype, (21, 67)) for dtype in dtypes]
    if dtypes[0] == "float32":
        planes[0][2, 3], planes[1][4, 5], planes[1][6, 7] = np.nan, np.inf, 0
    bands = (BandStatistics("x", encoding, -2.5, 3, 0.1, 0.7),)
    got = normalise([backend.array(plane) for plane in planes], Statistics(bands))
    values, mask = normalise_reference(planes, bands)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=4e-6)


@pytest.mark.parametrize("looks", [None, 5.0])
def test_a_coherence_weighs_its_phasor(backend, rng, looks):
    phasors = (rng.standard_normal((23, 45)) + 1j * rng.standard_normal((23, 45))).astype(np.complex64) * 1e-22
    coherence = (1.3 * rng.random((23, 45)) - 0.1).astype(np.float32)
    phasors[1, 2], coherence[3, 4] = 0, np.nan
    bands = (BandStatistics("x", "weighted_phasor", equivalent_looks=looks),)
    got = normalise([backend.array(phasors), backend.array(coherence)], Statistics(bands))
    values, mask = normalise_reference([phasors, coherence], bands)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=2e-6)


@pytest.mark.parametrize("encoding", ["linear", "fisher"])
def test_the_bias_of_a_coherence_is_taken_off(backend, rng, encoding):
    chip = rng.random((1, 19, 31)).astype(np.float32)
    bands = (BandStatistics("x", encoding, equivalent_looks=9.5, centre=0.2, scale=0.3),)
    got = normalise(backend.array(chip), Statistics(bands))
    # Below the level of no coherence the root is flat zero, and just above it as steep as a root is.
    np.testing.assert_allclose(backend.numpy(got.values), normalise_reference(chip, bands)[0], atol=2e-3)
    # Near one, float32 itself does not know 1 - x better.
    far = (chip > 0.4) & (chip < 0.95)
    np.testing.assert_allclose(backend.numpy(got.values)[far], normalise_reference(chip, bands)[0][far], atol=4e-6)
    assert (chip**2 < 1 / 9.5).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_stored_numbers_are_decoded(backend, rng, dtype):
    chip = chip_of(rng, dtype, (2, 14, 61)) * np.dtype(dtype).type(1 if dtype[0] in "iu" else 200)
    bands = tuple(BandStatistics(f"b{i}", "linear", gain=0.25, offset=-30, nodata=float(chip[i, 3, 4]), centre=-9,
                                 scale=2.5) for i in range(2))  # fmt: skip
    got = normalise(backend.array(chip), Statistics(bands))
    values, mask = normalise_reference(chip, bands)
    assert not mask[1, 3, 4]
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=1e-5)


def test_complex_int16_gives_its_phasor(backend, rng):
    stored = rng.integers(-300, 300, (17, 29, 2)).astype(np.int16)
    stored[5, 6] = 0
    bands = (BandStatistics("x", "phasor"),)
    got = normalise([backend.array(stored)], Statistics(bands))
    values, mask = normalise_reference([stored], bands)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=1e-6)


def test_an_unwrapped_phase_loses_ramp_and_offset(backend, rng):
    rows, cols = np.mgrid[0:33, 0:71]
    phase = (200 + 0.3 * rows - 0.8 * cols + rng.standard_normal((33, 71))).astype(np.float32)
    phase[:4, 9] = np.nan
    bands = (BandStatistics("x", "deramped", -3, 3, 0.1, 1.5),)
    got = normalise(backend.array(phase[None]), Statistics(bands))
    values, mask = normalise_reference(phase[None], bands)
    np.testing.assert_array_equal(backend.numpy(got.mask), mask)
    np.testing.assert_allclose(backend.numpy(got.values), values, atol=3e-5)
    # Another offset and ramp are the same to a network.
    other = normalise(
        backend.array(phase[None] + (50 - 0.25 * rows + 0.5 * cols).astype(np.float32)), Statistics(bands)
    )
    np.testing.assert_allclose(backend.numpy(other.values), values, atol=1e-4)


def test_planes_are_named_and_used_twice(backend, rng):
    chip = chip_of(rng, "float32", (2, 27, 83))
    bands = (
        BandStatistics("vh", "decibel", planes=(1,)),
        BandStatistics("vv", "decibel", planes=(0,)),
        BandStatistics("cross ratio", "log_ratio", planes=(1, 0)),
    )
    values = backend.numpy(normalise(backend.array(chip), Statistics(bands)).values)
    np.testing.assert_allclose(values[2], values[0] - values[1], atol=1e-5)
    np.testing.assert_allclose(values[0], 10 * np.log10(chip[1].astype(float)), atol=1e-5)


def test_values_at_the_ends_of_the_range_and_pieces_of_any_size(backend):
    powers = np.array([1e-44, 1e-38, 1e-30, 0.70710677, 0.70710683, 1, 1.4142135, 1.4142137, 3e38], np.float32)
    chip = np.resize(powers, (1, 37, 463))
    statistics = Statistics((BandStatistics("x", "decibel"),))
    got = backend.numpy(normalise(backend.array(chip), statistics).values)
    np.testing.assert_allclose(got, 10 * np.log10(chip.astype(float)), rtol=3e-7, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e30, 3e38])
def test_phasors_of_any_size(backend, scale):
    chip = np.full((1, 3, 5), (3 + 4j) / 5, np.complex64) * np.float32(scale)
    got = backend.numpy(normalise(backend.array(chip), Statistics((BandStatistics("x", "phasor"),))).values)
    np.testing.assert_allclose(got[:, 1, 2], [0.6, 0.8], atol=1e-4)


def test_a_result_goes_into_a_place_of_a_batch(backend, rng):
    chip = chip_of(rng, "float32", (2, 13, 17))
    statistics = statistics_of(["linear", "phase"])
    whole = normalise(backend.array(chip), statistics)
    values = backend.array(np.full((4, 3, 13, 17), 7, np.float32))
    mask = backend.array(np.zeros((4, 3, 13, 17), bool))
    normalise(backend.array(chip), statistics, out=NormalisedChip(values[2], mask[2]))
    np.testing.assert_array_equal(backend.numpy(values)[2], backend.numpy(whole.values))
    assert (backend.numpy(values)[[0, 1, 3]] == 7).all()
    assert backend.numpy(mask)[2].all()
    with pytest.raises(ValueError, match=r"out.values must be C-contiguous float32 of shape \(3, 13, 17\)"):
        normalise(backend.array(chip), statistics, out=NormalisedChip(values[:, :, 0], mask[2]))


def test_a_large_result_written_past_the_caches_is_the_same(rng):
    chip = chip_of(rng, "float32", (4, 1500, 1601))
    whole = normalise(chip, statistics_of(["decibel", "linear", "phase", "fisher"]))
    small = normalise(chip[:, 700:720].copy(), statistics_of(["decibel", "linear", "phase", "fisher"]))
    np.testing.assert_array_equal(whole.values[:, 700:720], small.values)
    assert whole.mask.all()


def test_physical_values_come_back(rng):
    real = (0.05 + 0.9 * rng.random((6, 12, 19))).astype(np.float32)
    real[2, 3, 4] = np.nan
    names = ("linear", "decibel", "amplitude_decibel", "fisher", "phase")
    bands = [BandStatistics(name, name, centre=0.3, scale=2.0) for name in names]
    statistics = Statistics((*bands, BandStatistics("debiased", "fisher", equivalent_looks=900.0)))
    back = denormalise(normalise(real, statistics), statistics)
    for plane, got in zip(real, back, strict=True):
        np.testing.assert_allclose(got, plane, atol=2e-6)
    phasor = np.exp(1j * real[:1]).astype(np.complex64) * 5
    weighted = Statistics((BandStatistics("w", "weighted_phasor"),))
    got = denormalise(normalise([phasor[0], real[1]], weighted), weighted)[0]
    np.testing.assert_allclose(got, real[1] * np.exp(1j * real[0]), atol=1e-6)
    with pytest.raises(ValueError, match="chip must hold 2 channels"):
        denormalise(NormalisedChip(real, real > 0), weighted)


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
        ([ONES[0], ONES[0, 1:]], ["linear"] * 2, ValueError, "planes of a chip must have one shape"),
        ([ONES[0], ONES], ["linear"] * 2, ValueError, "chip must hold planes"),
        (ONES[:, :0], ["linear"], ValueError, "that are not empty"),
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
        ({"equivalent_looks": 1}, "x: equivalent_looks must be above 1 and of a coherence"),
        ({"equivalent_looks": 9, "encoding": "decibel"}, "x: equivalent_looks must be above 1 and of a coherence"),
        ({"gain": 2}, "x: gain and offset must be given both or neither"),
        ({"gain": 0, "offset": 1}, "x: gain must be finite and not 0"),
        ({"planes": (0, 1)}, "x: planes must be 1 indices"),
        ({"planes": (-1,)}, "x: planes must be 1 indices"),
    ],
)
def test_bad_statistics_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        BandStatistics("x", **options)


def test_statistics_survive_json_and_a_change_is_refused():
    statistics = Statistics((BandStatistics("a", "decibel", -30, math.inf, -10, 5), BandStatistics("b", "phase")))
    text = statistics.to_json()
    assert Statistics.from_json(text) == statistics
    with pytest.raises(ValueError, match="statistics were changed: they name the digest"):
        Statistics.from_json(text.replace("-10", "-11"))
    with pytest.raises(ValueError, match="statistics cannot be read: JSONDecodeError"):
        Statistics.from_json("{")


def test_the_equivalent_looks_keep_their_name_on_disk():
    band = {
        "name": "coherence",
        "encoding": "linear",
        "low": 0.0,
        "high": 1.0,
        "centre": 0.5,
        "scale": 0.25,
        "looks": 40.0,
    }
    text = json.dumps({"digest": "fe7364171295c4f5", "bands": [band]})
    statistics = Statistics((preset("coherence", equivalent_looks=40),))
    assert Statistics.from_json(text) == statistics
    assert '"looks": 40.0' in statistics.to_json()


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 1000))
def test_neither_order_nor_partition_changes_a_bit(parts, seed):
    rng = np.random.default_rng(seed)
    chips = [rng.random((2, 3, size)).astype(np.float32) for size in parts]
    forward, backward, merged = (
        StatisticsAccumulator([BandStatistics("a"), BandStatistics("b", "decibel")]) for _ in range(3)
    )
    for chip in chips:
        forward.update(chip)
        other = StatisticsAccumulator([BandStatistics("a"), BandStatistics("b", "decibel")])
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
    seen = StatisticsAccumulator([BandStatistics("x", encoding)])
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
    seen = StatisticsAccumulator([BandStatistics("x")])
    with pytest.raises(ValueError, match="band x has no valid pixel"):
        seen.finish()
    with pytest.raises(ValueError, match="only accumulators of the same bands"):
        seen.merge(StatisticsAccumulator([BandStatistics("y")]))
    with pytest.raises(ValueError, match="ranges must hold one for each of the 1 bands"):
        StatisticsAccumulator([BandStatistics("x")], ranges=[])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_takes_the_planes_it_names(rng, name):
    band = preset(name)
    real = [rng.random((9, 11)).astype(np.float32) for _ in range(2)]
    planes = [(real[0] + 1j * real[1]).astype(np.complex64), real[1]] if "phasor" in band.encoding else real
    if "decibel" in name:
        planes = [10 * np.log10(plane) for plane in planes]
    count = ENCODINGS[band.encoding].planes
    values, mask = normalise(planes[:count], Statistics((band,)))
    assert mask.all()
    # What a network sees is of order one.
    assert 0.05 < np.abs(values).mean() < 4


def test_a_preset_may_be_changed_and_none_is_made_up():
    assert preset("coherence", equivalent_looks=40).equivalent_looks == 40
    with pytest.raises(ValueError, match="name must be one of coherence, .*, got 'best'"):
        preset("best")
