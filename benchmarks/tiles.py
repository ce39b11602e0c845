"""A million tiles built, written, opened and searched: ``python benchmarks/tiles.py``.

Each step in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import datetime
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import TileGrid
from m3leo_sar.grid.tiles import tile_identifiers
from m3leo_sar.io.tables.tile_file import read_tiles, write_tiles

#: Europe and what lies around it, in one box: a little over a million tiles.
AREA = (-20.0, 35.0, 60.0, 72.0)


def build(file: Path) -> str:
    grid = TileGrid.exact(AREA)
    return f"{len(grid)} tiles, {len(grid.identifiers)} identifiers"


def build_and_write(file: Path) -> str:
    write_tiles(file, TileGrid.exact(AREA))
    return f"{file.stat().st_size / 1e6:.0f} MB of GeoParquet with outlines and true areas"


def open_cold(file: Path) -> str:
    return f"{len(read_tiles(file, verify=False))} tiles"


def find(file: Path) -> str:
    grid = read_tiles(file, verify=False)
    names = np.random.default_rng(0).choice(grid.identifiers, 200).tolist()
    first = time.perf_counter()
    grid[names[0]]
    since = time.perf_counter()
    by_name, by_point = [], []
    for name in names:
        start = time.perf_counter()
        tile = grid[name]
        middle = time.perf_counter()
        west, south, east, north = tile.bounds
        grid.at((west + east) / 2, (south + north) / 2)
        by_point.append(time.perf_counter() - middle)
        by_name.append(middle - start)
    return (
        f"by identifier {1e3 * statistics.median(by_name):.3f} ms (the first {1e3 * (since - first):.0f} ms), "
        f"by position {1e3 * statistics.median(by_point):.3f} ms"
    )


def identify(file: Path) -> str:
    random = np.random.default_rng(0)
    west, south = random.uniform(-179, 179, 1_000_000), random.uniform(-60, 70, 1_000_000)
    start = time.perf_counter()
    tile_identifiers(np.stack([west, south, west + 0.05, south + 0.04], axis=1))
    return f"1 000 000 legacy identifiers in {time.perf_counter() - start:.2f} s"


def measured(step: Callable[[Path], str], file: Path, results: Any) -> None:
    start = time.perf_counter()
    result = step(file)
    results.put((result, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def main() -> None:
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n")
    print("| | s | peak GiB | |\n|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tiles.parquet"
        for step in (build, build_and_write, open_cold, find, identify):
            results = context.Queue()
            process = context.Process(target=measured, args=(step, file, results))
            process.start()
            result, seconds, peak = results.get()
            process.join()
            print(f"| {step.__name__.replace('_', ' ')} | {seconds:.1f} | {peak:.2f} | {result} |")


if __name__ == "__main__":
    main()
