"""Each benchmark runs once on tiny input, so that none rots; that of `window_map` beside what else Numba compiles."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import against
import archive as archive_bench
import bias as bias_bench
import coherence as bench
import interferogram as forming
import normalise as normalising
import peers
import radar_view
import reproject
import resample as resample_bench
import statistics_of_chips
from against_cases import CASES, Case
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import Looks, Window, normalise


def test_peers_compute_the_same_coherence_inside():
    maps = {name: job() for name, job in peers.full_resolution(40, Window(rows=5, cols=7)).items()}
    for name, got in maps.items():
        np.testing.assert_allclose(got[3:-3, 4:-4], maps["m3leo_sar"][3:-3, 4:-4], atol=1e-5, err_msg=name)
    maps = {name: job() for name, job in peers.decimating(41, Looks(rows=5, cols=7)).items()}
    for name, got in maps.items():
        np.testing.assert_allclose(got, maps["m3leo_sar"], atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    "jobs",
    [
        reproject.jobs(300, 60, 2),
        reproject.geometry_jobs(50),
        radar_view.jobs([700], 40),
        reproject.area_jobs(300, 60),
        resample_bench.jobs(150),
        forming.jobs(90),
    ],
)
def test_reprojection_jobs_run(jobs):
    assert all(taken > 0 for taken in interleaved(jobs, rounds=1).values())


@pytest.mark.parametrize(
    "jobs",
    [
        bench.windows(82),
        bench.options(64),
        bench.stack_jobs(30, 3, bench.WINDOW),
        bench.per_pixel_jobs(24, 4),
        bias_bench.jobs(17),
    ],
)
def test_interleaved_times_every_job(jobs):
    seconds = interleaved(jobs, rounds=1)
    assert seconds.keys() == jobs.keys()
    assert all(taken > 0 for taken in seconds.values())


@pytest.mark.parametrize("name", CASES)
def test_cases_for_two_builds_run(name):
    # Pixels on a side, or tiles of all pairs.
    CASES[name].prepare(48 if CASES[name].size > 48 else 1)()


def test_two_builds_take_turns(capsys, monkeypatch):
    """Here one process stands for both; a case that the base lacks is timed alone."""
    monkeypatch.setattr(against, "triad_bandwidth", lambda repeats: 8e9)
    worker = against.Worker(None)
    try:
        against.compare(["coherence"], (worker, worker), 3, size=40)
        assert "KeyError" in worker.prepare("a case that nobody wrote", 40)
    finally:
        worker.close()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("| coherence | ")
    assert len(line.split("|")) == 10
    alone = against.row("x", Case(lambda size: None, 10, 20), [], [against.Turn(0.5, 0.8)] * 3, 8e3)
    assert alone == "| x | not there | 500.00 |  |  | 20 | 50% | 0.0 |"
    with pytest.raises(SystemExit, match="no case contains 'nothing like it'"):
        against.chosen(["nothing like it"])


def test_normalising_jobs_run_and_agree_with_numpy():
    for name, (stack, statistics, plain, _) in normalising.jobs((2, 30, 41)).items():
        got = normalise(list(stack), statistics)
        wanted = plain(stack if name == "unit phasor" else np.stack(list(stack)))
        values = [np.atleast_3d(part).reshape(-1, 30, 41) for part in wanted[:-1]]
        # Two channels a band lie next to each other in ours, one after the other in NumPy's way.
        both = np.stack(values, axis=1).reshape(-1, 30, 41)
        np.testing.assert_allclose(got.values, both, atol=1e-4, err_msg=name)
        np.testing.assert_array_equal(got.mask[:: len(values)], np.broadcast_to(wanted[-1], (len(stack), 30, 41)))
        assert all(taken > 0 for taken in normalising.timed(stack, statistics, plain).values())


def test_archive_and_statistics_jobs_run(tmp_path):
    share, seconds = archive_bench.measured(2, 2, 24, 3)
    assert share > 0
    assert all(taken > 0 for taken in seconds.values())
    jobs = statistics_of_chips.jobs(tmp_path, (2, 21, 34), 3)
    assert all(taken > 0 for taken in interleaved(jobs, rounds=1).values())


def test_triad_gives_a_plausible_bandwidth():
    assert 1e8 < triad_bandwidth(12, repeats=2) < 1e13


@pytest.mark.benchmark(group="coherence")
def test_coherence_kernel(benchmark):
    a, b = peers.pair(128)
    benchmark(bench.coherence, a, b, window=Window(rows=5, cols=20))


def test_parts_joined_and_the_one_pass_give_the_same_burst():
    from coregister import parts, scene

    from m3leo_sar.warp.burst_heights import burst_heights
    from m3leo_sar.warp.burst_offsets import burst_offsets
    from m3leo_sar.warp.coregister import coregister

    given = scene(60, 200)
    reference = given["reference"]
    heights = burst_heights(orbit=reference.orbit, radar_grid=reference.radar_grid, **given["terrain"])
    offsets = burst_offsets(reference=reference, secondary=given["secondary"])
    ours = coregister(given["slc"], offsets=offsets, heights=heights, carrier=given["carrier"]).pixels[:40]
    theirs = parts(given, 40)
    known = np.isfinite(ours) & np.isfinite(theirs)
    assert known.mean() > 0.6
    agreement = np.vdot(ours[known], theirs[known]) / np.linalg.norm(ours[known]) / np.linalg.norm(theirs[known])
    assert abs(agreement) > 0.9999
    assert abs(np.angle(agreement)) < 1e-3
