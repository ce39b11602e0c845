"""Simulated products against the parts that place, move and flatten them, none of which the simulation shares."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from seam_pair import SeamPair, seam_scene

from m3leo_sar import Window, resample
from m3leo_sar import coherence as coherence_map
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.insar.spectral_diversity import spectral_diversity
from m3leo_sar.simulate.safe_truth import pair_truth
from m3leo_sar.simulate.scene_echoes import reflectivity
from m3leo_sar.warp.burst_heights import burst_heights
from m3leo_sar.warp.burst_offsets import burst_offsets
from m3leo_sar.warp.coregister import coregister
from m3leo_sar.warp.range_phase import Acquisition

#: Radians at a seam per line, of the second burst's interferogram less the first's: 2 pi x 4808 Hz x 2.0555563 ms.
PER_LINE = 62.1


#: Lines by which later dates lie late, and coherence of still later ones with the first.
SHIFTS, LAWS = (-0.003, 0.01, 0.04), (0.3, 0.6, 0.9)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Pairs of the first date with: an ordinary one, one for each shift, one for each coherence, one far away."""
    later = [
        {},
        *({"azimuth_shift": shift} for shift in SHIFTS),
        *({"baseline": 10.0} for _ in LAWS),
        {"baseline": 180.0},
    ]
    alike = np.array([1.0] * (2 + len(SHIFTS)) + [*LAWS, 0.6])
    coherence = tuple(map(tuple, np.outer(alike, alike).tolist()))
    written = SeamPair.written(seam_scene(*later, coherence=coherence), tmp_path_factory.mktemp("pairs"))
    return [replace(written, second=index + 1) for index in range(len(later))]


@pytest.fixture(scope="module")
def pair(pairs):
    return pairs[0]


@pytest.fixture(scope="module")
def offsets(pair):
    return [pair.offsets(burst) for burst in (0, 1)]


def test_offsets_and_phase_agree_with_the_truth_to_rounding(pair, offsets):
    for burst, found in enumerate(offsets):
        rows, cols = pair.rows(burst), pair.cols
        row, col = np.arange(rows.start, rows.stop, 10)[:, None], np.arange(cols.start, cols.stop, 10)
        truth = pair_truth(pair.scene, reference=0, secondary=1, swath="IW1", burst=burst, rows=row, cols=col)
        every = (slice(None, None, 10),) * 2
        np.testing.assert_allclose(found.azimuth[every] + row - rows.start - row, truth.azimuth, atol=1e-6, rtol=0)
        np.testing.assert_allclose(found.range[every] + col - cols.start - col, truth.range, atol=1e-7, rtol=0)
        np.testing.assert_allclose(found.phase[every], truth.phase, atol=2e-5, rtol=0)


def test_a_pair_is_coherent_without_phase_and_without_a_step_at_the_seam(pair, offsets):
    products = []
    for burst in (0, 1):
        product, coherence = pair.interferogram(burst, offsets=offsets[burst])
        products.append(product)
        assert coherence > 0.997
        assert abs(np.angle(product.sum())) < 0.004
    assert abs(pair.seam(products)) < 0.002


def wrong_sign(pair, burst):
    carrier = pair.swaths[1].annotation.carrier(burst)
    return {"carrier": lambda row, col: -carrier(row, col)}


#: Fault to what it does: how burst products are made, and whether coherence and the seam show it.
FAULTS = {
    "no carrier": (lambda pair, burst: {"carrier": None}, (0.98, 1.0), (2.2, 2.5)),
    "carrier with the wrong sign": (wrong_sign, (0.96, 0.98), (1.4, 1.6)),
    "0.01 line": (lambda pair, burst: {"lines": 0.01}, (0.99, 1.0), (0.61, 0.63)),
    "0.001 line": (lambda pair, burst: {"lines": 0.001}, (0.997, 1.0), (0.058, 0.066)),
    "a whole line": (lambda pair, burst: {"lines": 1.0}, (0.0, 0.3), (0.0, 3.2)),
    "flattened with the wrong sign": (lambda pair, burst: {"flatten": 1.0}, (0.15, 0.3), (0, 0.01)),
    "not flattened": (lambda pair, burst: {"flatten": 0.0}, (0.2, 0.7), (0, 0.01)),
    "half a column": (lambda pair, burst: {"columns": 0.5}, (0.78, 0.86), (0, 0.03)),
    "the range offset twice": (lambda pair, burst: {"columns": 5.2}, (0.0, 0.1), (0.0, 3.2)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_where_it_must(pair, offsets, fault):
    disturb, (least, most), (low, high) = FAULTS[fault]
    found = [pair.interferogram(b, offsets=offsets[b], **disturb(pair, b)) for b in (0, 1)]
    assert all(least <= coherence <= most for _, coherence in found), [c for _, c in found]
    assert low <= abs(pair.seam([product for product, _ in found])) <= high


def test_an_orbit_of_another_day_or_another_satellite_is_no_orbit_of_the_pair(pair):
    """With the epoch a day off, vectors are those of another pass, as those of another satellite are."""
    orbit, grid = pair.acquisition(1, 0)
    late_orbit = Orbit(orbit.time + 86_400.0, orbit.position, orbit.velocity)
    with pytest.raises(ValueError, match="orbit"):
        burst_offsets(reference=pair.acquisition(0, 0), secondary=Acquisition(late_orbit, grid))
    flown = pair.scene.sentinel1_pass(1)
    # S1B is half a revolution of 12 days from S1A: here, what flies there 49 minutes later.
    times = orbit.time + 49 * 60.0
    other = Orbit(
        orbit.time, *flown.vectors(times - (flown.midnight - pair.swaths[1].annotation.epoch).total_seconds())
    )
    with pytest.raises(ValueError, match=r"orbit|secondary"):
        burst_offsets(reference=pair.acquisition(0, 0), secondary=Acquisition(other, grid))


def test_the_next_burst_sees_the_same_ground_in_another_band(pair):
    _, coherence = pair.interferogram(0, other=1)
    assert coherence < 0.1


def test_heights_of_a_geoid_leave_a_ramp(pair):
    _, right = pair.interferogram(0)
    wrong, _ = pair.interferogram(0, offsets=pair.offsets(0, dem=pair.scene.ground.heights - np.float32(49.0)))
    assert right > 0.997
    # 49 m at 29 m of baseline: 4 pi / wavelength x 29 / (8.2e5 x sin 34) x 49 m = 0.70 rad.
    assert abs(np.angle(wrong.sum())) == pytest.approx(0.70, abs=0.05)


def mean_coherence(pair):
    """Of both bursts, which see the same ground in other bands, so that their speckle is independent."""
    return float(np.mean([pair.interferogram(burst)[1] for burst in (0, 1)]))


def drawn_coherence(pair):
    """What the echoes of the two dates were drawn with."""
    echoes = [reflectivity(pair.scene, date, "VV") for date in (0, pair.second)]
    return abs(np.vdot(*echoes)) / np.linalg.norm(echoes[0]) / np.linalg.norm(echoes[1])


@pytest.mark.parametrize("index", [1, 2])
def test_coherence_follows_its_law(pairs, index):
    found = mean_coherence(pairs[1 + len(SHIFTS) + index])
    assert found == pytest.approx(LAWS[index], abs=0.01)
    assert found == pytest.approx(drawn_coherence(pairs[1 + len(SHIFTS) + index]), abs=0.01)


def test_little_coherence_follows_its_law(tmp_path):
    """At 0.3 the mean of some thousand samples is sure to a hundredth only: a wider scene."""
    wide = SeamPair.written(seam_scene({"baseline": 10.0}, coherence=LAWS[0], columns=700), tmp_path)
    wide.width = 700
    found = mean_coherence(wide)
    assert found == pytest.approx(LAWS[0], abs=0.01)
    assert found == pytest.approx(drawn_coherence(wide), abs=0.01)


def test_flattening_with_the_wrong_sign_far_away_takes_coherence_within_windows(pairs):
    pair = pairs[-1]
    offsets, swath = pair.offsets(0), pair.swaths[pair.second]
    first = pair.swaths[0].burst(0)[pair.rows(0), pair.cols]
    found = []
    for sign in (-1.0, 1.0):
        moved = resample(swath.burst(0), azimuth_offset=offsets.azimuth, range_offset=offsets.range,
                         carrier=swath.annotation.carrier(0), flatten=sign * offsets.phase)  # fmt: skip
        found.append(float(np.nanmean(coherence_map(first, moved, window=Window(rows=5, cols=20)))))
    assert found[0] == pytest.approx(0.6, abs=0.03)
    assert found[1] < 0.3


@pytest.mark.parametrize("index", range(len(SHIFTS)))
def test_an_injected_shift_is_seen_at_the_seam_and_undone(pairs, index):
    pair, shift = pairs[1 + index], SHIFTS[index]
    offsets = [pair.offsets(burst) for burst in (0, 1)]
    found = [pair.interferogram(burst, offsets=offsets[burst]) for burst in (0, 1)]
    assert min(coherence for _, coherence in found) > 0.99
    # Beyond half of 2 pi it comes back from the other side.
    wrapped = (shift * PER_LINE + math.pi) % (2 * math.pi) - math.pi
    assert pair.seam([product for product, _ in found]) == pytest.approx(wrapped, abs=2e-4 * PER_LINE)
    mended = [pair.interferogram(burst, offsets=offsets[burst], lines=shift)[0] for burst in (0, 1)]
    assert abs(pair.seam(mended)) < 0.01
    truth = pair_truth(pair.scene, reference=0, secondary=index + 2, swath="IW1", burst=0, rows=[[1400]], cols=[[99]])
    assert (truth.azimuth - truth.geometric_azimuth).item() == pytest.approx(shift)


def measured_shift(pair, offsets, **options):
    images = [pair.moved(burst, offsets[burst], **options) for burst in (0, 1)]
    earlier, later = zip(*(pair.shared(planes) for planes in zip(*images, strict=True)), strict=True)
    interval = pair.swaths[0].annotation.azimuth_interval
    return spectral_diversity(earlier, later, separation=pair.separation(), azimuth_interval=interval)


@pytest.mark.parametrize("index", range(1 + len(SHIFTS) + len(LAWS)))
def test_spectral_diversity_measures_the_injected_shift(pairs, index):
    pair, shift = pairs[index], (0.0, *SHIFTS, *(0.0 for _ in LAWS))[index]
    found = measured_shift(pair, [pair.offsets(burst) for burst in (0, 1)])
    coherence = (1.0, *(1.0 for _ in SHIFTS), *LAWS)[index]
    # Cramer-Rao: sqrt(1 - g^2) / (g sqrt(looks) x 62), with about 110 x 170 samples in cells of 2.7.
    bound = 2e-4 + 3 * math.sqrt(1 - coherence**2) / (coherence * math.sqrt(7000) * PER_LINE)
    assert found.lines == pytest.approx(shift, abs=bound)
    assert found.limit == pytest.approx(math.pi / PER_LINE, rel=0.01)
    assert found.spread < 3e-4 / coherence**2


def test_a_moved_resampler_is_read_back(pair, offsets):
    still = measured_shift(pair, offsets).lines
    assert still - measured_shift(pair, offsets, lines=0.001).lines == pytest.approx(0.001, abs=3e-5)


@pytest.fixture(scope="module")
def heights(pair):
    ground, found = pair.scene.ground, []
    for burst in (0, 1):
        orbit, grid = pair.acquisition(0, burst)
        dem = {"dem": ground.heights, "dem_geobox": ground.geobox("EPSG:4979")}
        found.append(burst_heights(orbit=orbit, radar_grid=grid, **dem))
    return found


def brought(pair, heights, burst, *, output="complex64", **options):
    """Reference and secondary on its grid, from polynomials and posts, whole."""
    secondary = pair.acquisition(pair.second, burst)
    offsets = burst_offsets(reference=pair.acquisition(0, burst), secondary=secondary, heights=(100.0, 600.0))
    swath = pair.swaths[pair.second]
    timing = swath.annotation.bursts[burst]
    own = {"valid": np.stack([timing.first_valid, timing.last_valid], axis=1)}
    made = coregister(
        np.nan_to_num(swath.burst(burst)),
        offsets=offsets,
        heights=heights[burst],
        carrier=swath.annotation.carrier(burst),
        output=output,
        resampling="sinc12",
        **(own | options),
    )
    return pair.swaths[0].burst(burst), made


def alike(first, second):
    known = np.isfinite(first) & np.isfinite(second)
    product = (first * second.conj())[known]
    power = np.linalg.norm(first[known]) * np.linalg.norm(second[known])
    return abs(product.sum()) / power, np.angle(product.sum()), int(known.sum())


@pytest.mark.parametrize("index", [0, 4, 5, 6])
def test_a_burst_in_one_pass_keeps_coherence_and_phase(pairs, heights, index):
    pair = pairs[index]
    echoes = [reflectivity(pair.scene, date, "VV") for date in (0, pair.second)]
    drawn = abs(np.vdot(*echoes)) / np.linalg.norm(echoes[0]) / np.linalg.norm(echoes[1])
    for burst in (0, 1):
        first, made = brought(pair, heights, burst)
        coherence, phase, count = alike(first, made.pixels)
        assert coherence == pytest.approx(drawn, abs=0.003 if index == 0 else 0.02)
        assert abs(phase) < (0.002 if index == 0 else 0.04)
        # Columns without a partner: 5.2 of range offset and no more than the kernel's reach.
        assert count > 140 * (201 - 5 - 12)
    images = [tuple(plane[pair.rows(b), pair.cols] for plane in _both(brought(pair, heights, b))) for b in (0, 1)]
    products = [one * other.conj() for one, other in images]
    assert abs(pair.seam(products)) < (0.002 if index == 0 else 0.15)


def _both(result):
    return result[0], result[1].pixels


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_shift_taken_off_leaves_no_step(pairs, heights, index):
    pair, shift = pairs[index], SHIFTS[index - 1]
    images = [brought(pair, heights, burst, azimuth_shift=shift) for burst in (0, 1)]
    for first, made in images:
        assert abs(alike(first, made.pixels)[1]) < 0.002
    products = [(first * made.pixels.conj())[pair.rows(b), pair.cols] for b, (first, made) in enumerate(images)]
    assert abs(pair.seam(products)) < 0.005


def test_whole_numbers_lose_nothing_that_matters(pair, heights):
    _, made = brought(pair, heights, 1, output="int16")
    parts = made.pixels.astype(np.float32) * made.scale
    parts[made.pixels[..., 0] == -32768] = np.nan
    _, exact = brought(pair, heights, 1)
    # 45 dB below the signal is 3e-5 of coherence.
    assert alike(exact.pixels, parts.view(np.complex64)[..., 0])[0] > 1 - 5e-5
    assert made.saturated == 0


def test_the_first_valid_line_is_whole_and_one_before_it_would_show(pair, heights):
    timing = pair.swaths[1].annotation.bursts[1]
    right = np.stack([timing.first_valid, timing.last_valid], axis=1)
    shares = []
    for valid in (right, np.roll(right, -1, axis=0)):
        power = np.abs(brought(pair, heights, 1, valid=valid)[1].pixels) ** 2
        known = np.flatnonzero(np.isfinite(power).mean(axis=1) > 0.5)
        shares.append(np.nanmean(power[known[0]]) / np.nanmean(power[known[0] + 1]))
    assert shares[0] > 0.6
    assert shares[1] < 0.2
