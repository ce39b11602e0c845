"""Pairs made on the fly: how far the loader holds a small network up; how long chips and an index take to read."""

from __future__ import annotations

import argparse
import datetime
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from interleaved import interleaved

from m3leo_sar import GeoBox, TileGrid, Window, coherence
from m3leo_sar.chips.presets import preset
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import STORAGES, ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.io.chips.stored_coherence import DTYPES
from m3leo_sar.io.tables.tile_file import write_tiles
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.pair_datamodule import starting_bands
from m3leo_sar.learn.data.pair_dataset import PairDataset
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.samplers import TileBatches
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.learn.fit.throughput import headroom, stall_ratio
from m3leo_sar.learn.models.unet import UNet
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import all_pairs

#: Coherence, phase and both intensities: six channels.
PRODUCTS = ("coherence:5x20", "interferogram:5x20", "intensity:reference", "intensity:secondary")
START = datetime.date(2023, 1, 1)
#: Metres of a pixel of the scene.
SPACING = 10


def dataset(folder: Path, *, tiles: int, pixels: int, dates: int, memory_bytes: int) -> PairDataset:
    """All pairs of a row of tiles over a simulated scene."""
    cols = (pixels + 30) * tiles + 60
    box = GeoBox.from_bounds(
        (680_000, 5_500_000, 680_000 + cols * SPACING, 5_500_000 + (pixels + 90) * SPACING),
        shape=(pixels + 90, cols),
        crs="EPSG:32631",
    )
    days = [START + datetime.timedelta(days=12 * index) for index in range(dates)]
    back = box.transformer_to("EPSG:4326")
    bounds = []
    for number in range(tiles):
        left = 680_000 + (30 + number * (pixels + 30)) * SPACING
        west, south = back.transform(left, 5_500_000 + 45 * SPACING)
        east, north = back.transform(left + pixels * SPACING, 5_500_000 + (45 + pixels) * SPACING)
        bounds.append([west, south, east, north])
    grid = TileGrid(bounds, pixels=pixels)
    build_slc_tiles(simulate_scene(box, dates=days).stack, list(grid), folder, window=Window(rows=5, cols=20))
    store, products = SlcTileStore(folder), [PairProduct.parse(text) for text in PRODUCTS]
    index = PairIndex.of_pairs({name: days for name in grid.identifiers}, all_pairs)
    statistics = Statistics(tuple(starting_bands(products)))
    tiers = TileTiers(store, memory_bytes=memory_bytes)
    return PairDataset(tiers, index, compute=pair_products, products=products, statistics=statistics)


def trainer(channels: int, widths: tuple[int, ...]) -> Any:
    """A training step of a U-Net on labels that do not matter here."""
    net = UNet(channels, 11, widths=widths)
    optimiser = torch.optim.Adam(net.parameters())

    def step(batch: dict[str, Any]) -> None:
        logits = net(torch.where(batch["mask"], batch["image"], 0))
        target = torch.zeros(logits.shape[0], *logits.shape[2:], dtype=torch.long)
        loss = torch.nn.functional.cross_entropy(logits, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def measure(
    *,
    tiles: int = 6,
    pixels: int = 128,
    dates: int = 8,
    batch: int = 4,
    blocks: int = 5,
    steps: int = 10,
    widths: tuple[int, ...] = (8, 16, 32, 64),
) -> dict[str, float]:
    """Stall ratio, pair tax and headroom, with tiles in memory and with every tile read anew."""  # fmt: skip
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for tier, budget in (("memory", 1 << 30), ("disk", 0)):
            data = dataset(Path(folder, "tiles"), tiles=tiles, pixels=pixels, dates=dates, memory_bytes=budget)
            order = TileBatches(data.index.tile, batch=batch, hold=2, lanes=1)

            def live(data: PairDataset = data, order: TileBatches = order) -> Any:
                return (data.__getitems__(indices) for indices in order)

            step = trainer(data.statistics.channels, widths)
            options = {"blocks": blocks, "steps": steps, "warm_up": 1}
            stall = stall_ratio(step, live, **options)
            found |= {f"{tier}: stall ratio": stall.ratio, f"{tier}: wait fraction": stall.wait_fraction}
            found[f"{tier}: headroom"] = headroom(step, live, blocks=3, count=steps)
            # The very batches of the epoch, made before: what is left over is the making of them.
            taxed = stall_ratio(step, live, resident=[data.__getitems__(indices) for indices in order], **options)
            found |= {f"{tier}: pair tax": taxed.ratio, f"{tier}: step, ms": taxed.resident * 1e3}
    return found


def stored_chips(folder: Path, *, tiles: int, pairs: int, pixels: int, **kind: str) -> ChipArchive:
    """An archive of coherence of speckle, with the default window."""
    archive = ChipArchive.create(folder, **kind)
    keys = [f"VV/{START:%Y%m%d}_{START + datetime.timedelta(days=12 * index):%Y%m%d}" for index in range(1, pairs + 1)]
    for tile in range(tiles):
        parts = np.random.default_rng(tile).standard_normal((pairs + 1, pixels, pixels, 2), np.float32)
        images = parts.view(np.complex64)[..., 0]
        images[1:] = 0.6 * images[0] + 0.8 * images[1:]
        maps = coherence(images, pairs=[(0, index) for index in range(1, pairs + 1)], window=Window(rows=5, cols=20))
        box = GeoBox.from_bounds((680_000, 5_500_000, 684_480, 5_504_480), shape=(pixels, pixels), crs="EPSG:32631")
        layers = [Layer(key, chip, {"product": "coherence"}) for key, chip in zip(keys, maps, strict=True)]
        archive.write_layers(f"{tile:013x}", "coherence", layers, box)
    return archive


def chips(*, tiles: int = 6, pairs: int = 15, pixels: int = 448) -> dict[str, float]:
    """Milliseconds to read and normalise a chip of coherence, and its kB, by storage and dtype; from the page cache."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        archives = {
            f"{storage} {dtype}": stored_chips(
                Path(folder, storage, dtype), tiles=tiles, pairs=pairs, pixels=pixels, storage=storage, dtype=dtype
            )
            for storage in STORAGES
            for dtype in DTYPES
        }

        def read(archive: ChipArchive) -> None:
            channels = [Channel("coherence", key, "linear") for key in archive.keys(f"{0:013x}", "coherence")]
            statistics = Statistics((preset("coherence"),) * pairs)
            # A new one, as it would keep its tiles.
            data = ChipDataset(
                archive, archive.identifiers, channels=channels, target="", kind="none", statistics=statistics
            )
            assert sum(1 for _ in map(data.__getitem__, range(len(data)))) == tiles

        jobs = {name: (lambda archive=archive: read(archive)) for name, archive in archives.items()}
        for name, seconds in interleaved(jobs, rounds=5).items():
            files = (path for path in archives[name].root.rglob("*") if path.is_file())
            found[f"{name}: ms per chip"] = 1e3 * seconds / (tiles * pairs)
            found[f"{name}: kB per chip"] = sum(path.stat().st_size for path in files) / (1e3 * tiles * pairs)
    return found


_OPEN = """
import sys, time
from m3leo_sar.io.tables.tile_file import read_tiles
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
before, started, worked = peak(), time.perf_counter(), time.process_time()
import pyarrow.compute, pyarrow.parquet
libraries = peak() - before
grid = read_tiles(sys.argv[1], verify=False)
opened, seconds = time.perf_counter() - started, time.process_time() - worked
grid.positions[grid.identifiers[-1]]
print(len(grid), opened, seconds, peak() - before - libraries, libraries)
"""


def opening(count: int) -> dict[str, float]:
    """Seconds and memory to open the GeoParquet of many tiles in a process of its own, with Arrow's libraries apart."""
    side = int(np.ceil(np.sqrt(count)))
    row, col = np.divmod(np.arange(count), side)
    west, south = -60 + 0.05 * col, -30 + 0.04 * row
    bounds = np.stack([west, south, west + 0.05, south + 0.04], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tiles.parquet")
        write_tiles(path, TileGrid(bounds))
        command = [sys.executable, "-c", _OPEN, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        megabytes = path.stat().st_size / 1e6
        names = ("tiles", "seconds", "CPU seconds", "MB", "MB of libraries")
    return {**dict(zip(names, map(float, done), strict=True)), "file MB": megabytes}


def main() -> None:
    """Print what is measured; nothing here is a gate, as a shared machine is slow at its own times."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--index-tiles", type=int, default=1_000_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    for name, value in measure(pixels=arguments.pixels).items():
        print(f"{name}: {value:.3f}")
    for name, value in chips().items():
        print(f"chips, {name}: {value:.3f}")
    for name, value in opening(arguments.index_tiles).items():
        print(f"index: {name}: {value:.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - started:.0f} s, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
