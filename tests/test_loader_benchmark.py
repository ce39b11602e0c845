"""The loader's benchmark runs once on tiny input, so that it does not rot."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import loader


def test_the_loader_is_measured():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = loader.measure(tiles=2, pixels=32, dates=3, batch=2, blocks=1, steps=2, widths=(4, 8))
    finally:
        torch.set_num_threads(threads)
    for tier in ("memory", "disk"):
        assert found[f"{tier}: headroom"] > 0
        assert found[f"{tier}: stall ratio"] > -1
        assert found[f"{tier}: step, ms"] > 0
    stored = loader.chips(tiles=1, pairs=2, pixels=40)
    assert stored["zarr uint8: kB per chip"] < 0.7 * stored["zarr float32: kB per chip"]
    assert stored["geotiff uint8: ms per chip"] > 0
    opened = loader.opening(1000)
    assert opened["tiles"] == 1000
    assert opened["seconds"] > 0
