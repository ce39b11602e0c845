"""From a block of a stack in a file to tensors and bytes of chips on one device, with nothing copied back between.

    python benchmarks/gpu_way.py [--device gpu|simt|cpu] [--tiles 16] [--dates 12] [--pixels 448]

The samples of a tile are read from its file into page-locked memory while the tile before is computed; a stream of its
own copies them to the device. There every pair goes through coherence, the tile's pixels and normalisation into a torch
tensor (by DLPack), and through one byte per pixel. ``simt`` and ``cpu`` take the same way on small tiles without a GPU.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import Window, coherence, normalise
from m3leo_sar._backend.simt import as_simt
from m3leo_sar.chips.quantise import quantise
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.warp.pixel_map import PixelMap, Places
from m3leo_sar.warp.sample import sample

WINDOW = Window(rows=5, cols=20)
#: Bytes that stand for coherence 0 to 1, and the one for no data.
LEVELS, NO_DATA = 254, 255


class Chips(NamedTuple):
    """Of every pair of a tile, (pairs, rows, cols) each: input of a network, its mask, and bytes."""

    values: Any
    mask: Any
    stored: Any


def tile_positions(pixels: int) -> PixelMap:
    """Positions of a tile's pixels in its block, turned a little against the image."""
    along = np.arange(pixels, dtype=float)
    down = np.zeros((2, pixels, 2))
    right = np.zeros((2, 2, pixels))
    down[0], right[0] = np.stack([8.25 + 0.99 * along, np.full(pixels, 0.01)], -1), np.stack([np.ones(pixels), along])
    down[1], right[1] = np.stack([16.5 - 0.01 * along, np.full(pixels, 0.99)], -1), np.stack([np.ones(pixels), along])
    shape = (pixels + 16, pixels + 40)
    return PixelMap.from_places(Places(down, right, 2, (pixels, pixels)), shape, error=0.0, scale=(1.0, 1.0))


@cache
def statistics_of(pairs: int) -> Statistics:
    """The same statistics for each pair, so that one launch normalises all."""
    bands = (BandStatistics(f"coherence {k}", "fisher", centre=0.5, scale=0.5) for k in range(pairs))
    return Statistics(tuple(bands))


def chips(block: Any, positions: PixelMap) -> Chips:
    """Chips of all pairs of (dates, rows, cols) complex64, computed where the block is."""
    pairs = list(itertools.combinations(range(len(block)), 2))
    planes = sample(coherence(block, pairs=pairs, window=WINDOW), positions)
    values, mask = normalise(planes, statistics_of(len(pairs)))
    return Chips(values, mask, quantise(planes, levels=LEVELS, no_data=NO_DATA))


def write_blocks(folder: Path, *, tiles: int, dates: int, shape: tuple[int, int]) -> list[Path]:
    """One file of samples per tile, half of each date common to all."""
    draw = np.random.default_rng(11)
    paths = [folder / f"{number}.c64" for number in range(tiles)]
    scene = draw.normal(size=(*shape, 2)).astype(np.float32)
    for path in paths:
        (scene + draw.normal(size=(dates, *shape, 2)).astype(np.float32)).tofile(path)
    return paths


class HostReader:
    """Blocks in ordinary memory, for arrays of the CPU and of the emulation."""

    def __init__(self, shape: tuple[int, ...], wrap: Any) -> None:
        self.shape, self.wrap = shape, wrap

    def blocks(self, paths: list[Path]) -> Iterator[Any]:
        """Each file's samples."""
        for path in paths:
            yield self.wrap(np.fromfile(path, np.complex64).reshape(self.shape))


class PinnedReader:
    """Blocks on a GPU: one is read into page-locked memory and copied by its own stream while another is in use."""

    def __init__(self, shape: tuple[int, ...], cupy: Any) -> None:
        import cupyx

        self.cupy = cupy
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.host = [cupyx.empty_pinned(shape, np.complex64) for _ in range(2)]
        self.device = [cupy.empty(shape, np.complex64) for _ in range(2)]
        self.free = [cupy.cuda.Event() for _ in range(2)]

    def _load(self, path: Path, turn: int) -> Any:
        """Event after which the block is on the device."""
        self.cupy.cuda.Device(0).use()
        # The host's copy is free once the last copy from it has ended, the device's once its chips are made.
        self.stream.synchronize()
        with path.open("rb", buffering=0) as file:
            file.readinto(memoryview(self.host[turn]).cast("B"))
        self.stream.wait_event(self.free[turn])
        self.device[turn].set(self.host[turn], stream=self.stream)
        return self.stream.record()

    def blocks(self, paths: list[Path]) -> Iterator[Any]:
        """Each file's samples; one is in use until the next is asked for."""
        with ThreadPoolExecutor(1) as pool:
            loads = pool.submit(self._load, paths[0], 0)
            for number in range(len(paths)):
                turn, ready = number % 2, loads.result()
                if number + 1 < len(paths):
                    loads = pool.submit(self._load, paths[number + 1], 1 - turn)
                self.cupy.cuda.get_current_stream().wait_event(ready)
                yield self.device[turn]
                self.free[turn].record()


def run(device: str, *, tiles: int, dates: int, pixels: int) -> dict[str, float]:
    """Seconds per tile of the whole way and of reading alone, and chips per second."""
    positions = tile_positions(pixels)
    shape = (dates, pixels + 16, pixels + 40)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_blocks(Path(folder), tiles=tiles, dates=dates, shape=shape[1:])
        reader, wait = _device(device, shape)
        for block in reader.blocks(paths[:1]):
            chips(block, positions)
        wait()
        started = time.perf_counter()
        for block in reader.blocks(paths):
            last = chips(block, positions)
        wait()
        whole = time.perf_counter() - started
        started = time.perf_counter()
        for _ in reader.blocks(paths):
            pass
        wait()
        reading = time.perf_counter() - started
    if device == "gpu":
        import torch

        assert torch.from_dlpack(last.values).is_cuda
    count = tiles * len(last.stored)
    return {
        "ms per tile": 1e3 * whole / tiles,
        "reading alone, ms": 1e3 * reading / tiles,
        "chips per s": count / whole,
    }


def _device(name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Reader, and the function that waits for the device."""
    if name != "gpu":
        return HostReader(shape, as_simt if name == "simt" else np.asarray), lambda: None
    import cupy

    return PinnedReader(shape, cupy), cupy.cuda.Device().synchronize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("gpu", "simt", "cpu"), default="gpu")
    parser.add_argument("--tiles", type=int, default=16)
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--pixels", type=int, default=448)
    options = parser.parse_args()
    found = run(options.device, tiles=options.tiles, dates=options.dates, pixels=options.pixels)
    print("| whole way, " + ", ".join(f"{value} {name}" for name, value in vars(options).items()) + " | |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.2f} |")


if __name__ == "__main__":
    main()
