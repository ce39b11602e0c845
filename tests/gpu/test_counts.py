"""What the GPU kernels ask of memory, as the counting emulation finds it, stays within what RESULTS.md says."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from simt_counts import CountingDevice, build

from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar._backend.places import Places
from m3leo_sar._backend.simt import as_simt
from m3leo_sar.warp.kernel_table import kernel_table


def built(tmp_path_factory, *stems):
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    return build(tmp_path_factory.mktemp("counts"), stems)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory, "coherence_strips", "normalise")


def images(count, shape):
    draw = np.random.default_rng(4)
    return [
        as_simt((draw.normal(size=shape) + 1j * draw.normal(size=shape)).astype(np.complex64)) for _ in range(count)
    ]


def on_chip(counts):
    """Bytes through shared memory and first-level cache."""
    turns = counts["shared_cycles"] + counts["shuffle_cycles"]
    return counts["read_bytes"] + counts["written_bytes"] + 128 * turns


def test_one_pair_of_coherence_reads_each_sample_once_and_shares_little(library):
    device, shape = CountingDevice(library), (64, 108)
    device.kernels()["coherence_pairs"](images(2, shape), [(0, 1)], CoherenceRequest(window=(5, 20)))
    (counts,), pixels = device.counts.values(), 64 * 108
    assert counts["launch_read_bytes"] / pixels < 16.2
    assert counts["launch_written_bytes"] / pixels < 4.1
    assert on_chip(counts) / pixels < 170
    assert counts["shared_cycles"] == 0


def test_pairs_of_a_stack_share_dates_and_powers(library):
    device, shape, dates = CountingDevice(library), (64, 236), 7
    pairs = list(itertools.product(range(3), range(3, dates)))
    device.kernels()["coherence_pairs"](images(dates, shape), pairs, CoherenceRequest(window=(5, 20)))
    each = 64 * 236 * len(pairs)
    assert set(device.counts) == {"coherence_powers_f32", "coherence_group_f32", "coherence_strip_f32"}
    group, again = device.counts["coherence_group_f32"], device.counts["coherence_strip_f32"]
    # 7 dates of 8 bytes for 12 pairs, and the powers of those dates.
    assert group["block_read_bytes"] / each < 8
    assert on_chip(group) / each < 75
    assert group["shared_cycles"] == group["shared_ideal_cycles"]
    # No sample lacks data, so no pair is redone.
    assert again["written_bytes"] == 0


@pytest.mark.slow
def test_resample_reads_a_sample_once_for_three_pixels(tmp_path_factory):
    device, shape = CountingDevice(built(tmp_path_factory, "resample")), (48, 64)
    (image,), (rows, cols) = images(1, (64, 80)), np.mgrid[:48, :64]
    places = Places(as_simt(4.3 + 1e-3 * rows), as_simt(5.7 + 3e-4 * cols), -1, shape)
    device.kernels()["resample_image"](image, kernel_table("sinc"), places, None)
    counts, pixels = device.counts["resample_8_f32"], 48 * 64
    assert on_chip(counts) / pixels < 320
    assert (counts["block_read_bytes"] + counts["block_written_bytes"]) / pixels < 1.4 * 32


def test_a_known_access_counts_as_on_a_gpu(library):
    # Of a row of 96 float32, three warps read 4 sectors each and write 4 of values and 1 of the mask.
    from m3leo_sar._backend.normalise_request import NormaliseRequest

    recipe = np.array([[-1.0, 1.0, 0.0, 1.0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0]])
    request = NormaliseRequest(places=np.array([[0, 0, 0, -1]], np.int32), recipes=recipe, shape=(1, 1, 96))
    device = CountingDevice(library)
    device.kernels()["normalise"]([as_simt(np.ones((1, 96), np.float32))], request)
    counts = device.counts["normalise_f32"]
    assert counts["written_bytes"] == 3 * 5 * 32
    assert counts["launch_written_bytes"] >= 96 * 5
    assert counts["shared_cycles"] == counts["atomics"] == 0
    assert counts["lanes"] <= counts["lanes_possible"]
