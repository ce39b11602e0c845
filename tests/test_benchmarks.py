"""Each benchmark runs once on tiny input, so that none rots."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import coherence as bench
import interferogram as forming
import peers
import reproject
import resample as resample_bench
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import Looks, Window


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
        reproject.area_jobs(300, 60),
        resample_bench.jobs(150),
        forming.jobs(90),
    ],
)
def test_reprojection_jobs_run(jobs):
    assert all(taken > 0 for taken in interleaved(jobs, rounds=1).values())


@pytest.mark.parametrize(
    "jobs", [bench.windows(82), bench.options(64), bench.stack_jobs(30, 3, bench.WINDOW), bench.per_pixel_jobs(24, 4)]
)
def test_interleaved_times_every_job(jobs):
    seconds = interleaved(jobs, rounds=1)
    assert seconds.keys() == jobs.keys()
    assert all(taken > 0 for taken in seconds.values())


def test_triad_gives_a_plausible_bandwidth():
    assert 1e8 < triad_bandwidth(12, repeats=2) < 1e13


@pytest.mark.benchmark(group="coherence")
def test_coherence_kernel(benchmark):
    a, b = peers.pair(128)
    benchmark(bench.coherence, a, b, window=Window(rows=5, cols=20))
