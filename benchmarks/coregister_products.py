"""Co-registration of Sentinel-1 products of real size by one command: ``python benchmarks/coregister_products.py``.

The products are simulated as to orbits, annotation and terrain; their pixels are noise, as they do not change the work.
``--swaths IW1 IW2 IW3 --bursts 9`` is a pair of whole frames.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import coregister_products
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.simulate import safe_product
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.sentinel1_pass import PassOptions

DATES = [datetime.date(2023, 9, 4) + datetime.timedelta(days=12 * index) for index in range(3)]


def noise(scene: SafeScene, date: int) -> Any:
    """Bursts of noise in place of simulated ones, one array for all of a swath."""
    random = np.random.default_rng(date)
    images = {}
    for swath in scene.swaths:
        lines = safe_product.SWATHS[swath].lines
        pixels = random.integers(-200, 200, (lines, scene.columns, 2), np.int16)
        images |= {(swath, one, index): pixels for one in scene.polarisations for index in range(scene.bursts)}
    return images


def write_products(folder: Path, swaths: list[str], bursts: int, columns: int, dates: int, *, zipped: bool) -> Any:
    """Products, orbits and terrain of a scene whose pixels are noise."""
    passes = tuple(PassOptions(date=day, baseline=60.0 * index) for index, day in enumerate(DATES[:dates]))
    scene = SafeScene(passes=passes, swaths=tuple(swaths), bursts=bursts, lines=2000, columns=columns)
    original = safe_product.safe_products

    def files(scene: SafeScene, date: int, **options: Any) -> Any:
        for one in original(scene, date, **options):
            yield replace(one, images=lambda: noise(scene, date))

    import m3leo_sar.app.scene_files as home

    home.safe_products, home.truth_planes = files, lambda scene: {}  # type: ignore[assignment]
    return write_safe_scene(scene, folder, zipped=zipped)


def memory_of(entry: str) -> float:
    """MB of this process: resident now (VmRSS), or at most so far (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(entry))


def measured(folder: str, products: list[str], workers: int) -> tuple[float, float, float, int]:
    """Seconds of the clock and of all CPUs, MB of memory above the start, and images made; in a process of its own."""
    warnings.simplefilter("ignore", UserWarning)
    before = memory_of("VmRSS")
    started, cpu = time.perf_counter(), time.process_time()
    done = coregister_products(
        products, f"{folder}/stacks", orbits=f"{folder}/orbits", dem=f"{folder}/terrain", reference=str(DATES[0]),
        workers=workers,
    )  # fmt: skip
    seconds = time.perf_counter() - started, time.process_time() - cpu
    assert not done.summary.failed, done.summary.failed
    return (*seconds, memory_of("VmHWM") - before, sum(done.summary.computed.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaths", nargs="+", default=["IW1"])
    parser.add_argument("--bursts", type=int, default=2)
    parser.add_argument("--columns", type=int, default=23_000)
    parser.add_argument("--dates", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--zip", action="store_true", help="products as zips")
    asked = parser.parse_args()
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    folder = tempfile.mkdtemp(prefix="coregister-")
    try:
        files = write_products(Path(folder), asked.swaths, asked.bursts, asked.columns, asked.dates,
                               zipped=asked.zip)  # fmt: skip
        products = [str(path) for path in files.products]
        print(
            f"{asked.bursts} bursts of {asked.columns} columns in {len(asked.swaths)} swaths, {asked.dates} dates, "
            f"{asked.workers} workers, {'zips' if asked.zip else 'folders'}\n"
        )
        print("| step | s per burst | CPU s per burst | MB above the start | MB per worker |\n|---|---|---|---|---|")
        steps = {"reference: heights, terrain, copy": products[:1], "a date: shift, co-registration, writing": products}
        for name, some in steps.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                wall, cpu, memory, count = pool.submit(measured, folder, some, asked.workers).result()
            workers = min(asked.workers, asked.bursts * len(asked.swaths))
            print(f"| {name} | {wall / count:.2f} | {cpu / count:.2f} | {memory:.0f} | {memory / workers:.0f} |")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
