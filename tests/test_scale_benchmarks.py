"""The benchmarks of large runs run on tiny input, and agree with what they compare."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import iw_like
import local_stacks
import out_of_core
import pipeline
import scale

from m3leo_sar.io.stacks.zarr_stack import read_stack


def test_the_plain_way_gives_what_ours_gives():
    found = pipeline.compare(1, 2, kinds=(("zarr", "float32"),))
    assert found["difference"] < 1e-5
    name = "zarr float32"
    ours = {f"ours, {name}", f"reading and normalising it, {name}", f"bytes, {name}"}
    assert found.keys() == ours | {"plain", "difference"}


def test_the_profile_tells_where_the_time_goes():
    undisturbed = pipeline.tile_images.sample
    found = pipeline.profile("zarr", "uint8", tiles=2, count=3)
    assert pipeline.tile_images.sample is undisturbed
    parts = dict(found)
    assert all(milliseconds > 0 for milliseconds in parts.values())
    assert sum(parts.values()) - parts["all"] < parts["all"]


def test_a_stack_of_repeated_chunks_reads_as_if_each_were_its_own(tmp_path):
    stack = read_stack(iw_like.write_iw_like(tmp_path / "stack", (700, 1100), 2))
    pixels = stack.window()
    assert pixels.shape == (2, 700, 1100)
    assert not np.isnan(pixels).any()
    np.testing.assert_array_equal(pixels[:, 512:700, :512], pixels[:, :188, :512])
    assert not np.array_equal(pixels[0], pixels[1])


def test_memory_and_time_of_a_size_are_reported():
    found = out_of_core.measure(1.0, full=(1500, 2600))
    assert found.tiles >= 1
    assert found.chips == 6 * found.tiles
    assert 10 < found.main < 2000
    assert 10 < found.worker < 2000
    line = [found._replace(chips=count, cpu=0.1 * count) for count in (10, 20, 50)]
    assert out_of_core.slope(line) == (pytest.approx(1.0), pytest.approx(100.0))


def test_reading_from_disk_is_timed_beside_h5py():
    found = local_stacks.local((300, 260), 2, rounds=1)
    assert found.h5py > 0
    assert found.ours > 0
    assert found.megabytes == pytest.approx(2 * 300 * 260 * 8 / 1e6)
    assert len(local_stacks.frame(2000)) == 3


def test_plans_and_pools_are_timed():
    assert set(scale.plan_seconds(30, 3)) == {"an empty archive", "nothing missing", "one date more"}
    assert len(scale.overhead(jobs=4, seconds=0.05)) == 2
    rows = scale.six_aois(seconds_a_chip=1.0, bytes_a_chip=2.0)
    assert rows[0][:3] == ("all pairs", 1770 * 1_048_827, pytest.approx(1770 * 1_048_827 / 3600))
    assert rows[1][1] == 59 * 1_048_827
