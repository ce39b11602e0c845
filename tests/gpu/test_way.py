"""The way from a block of a stack to tensors and bytes stays on the device, and its script runs without a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from gpu_way import NO_DATA, chips, run, tile_positions  # noqa: E402


def test_nothing_comes_back_to_the_host_and_the_cpu_gets_the_same(backend, monkeypatch, rng):
    from m3leo_sar._backend import choose

    shape = (3, 24 + 16, 24 + 40)
    block = (rng.normal(size=shape) + 1j * rng.normal(size=shape) + 1).astype(np.complex64)
    block[1, 20, 30] = np.nan
    positions, held = tile_positions(24), backend.array(block)

    def refuse(array):
        raise AssertionError("an array was copied to the host on the way")

    with monkeypatch.context() as watched:
        watched.setattr(choose.backend_of(held), "to_host", refuse, raising=False)
        got = chips(held, positions)
    expected = chips(block, positions)
    assert {type(part) for part in got} == {type(held)}
    np.testing.assert_allclose(backend.numpy(got.values), expected.values, atol=2e-5)
    np.testing.assert_array_equal(backend.numpy(got.mask), expected.mask)
    stored = backend.numpy(got.stored)
    np.testing.assert_array_equal(stored == NO_DATA, np.asarray(expected.stored) == NO_DATA)
    assert abs(stored.astype(int) - np.asarray(expected.stored).astype(int)).max() <= 1


def test_the_way_is_timed_without_a_gpu():
    found = run("cpu", tiles=2, dates=3, pixels=16)
    assert found["chips per s"] > 0


def test_a_part_that_fails_leaves_the_others_running(tmp_path):
    script = ROOT / "benchmarks/gpu.sh"
    done = subprocess.run(
        ["sh", script, "--dry-run", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false"},
    )
    assert done.returncode == 1
    assert "way: failed with status 1" in done.stdout
    assert "training: failed with status 1" in done.stdout
    assert "### training: failed" in (tmp_path / "gpu.md").read_text()
    assert subprocess.run(["sh", script, "--help"], capture_output=True, check=False).returncode == 2
