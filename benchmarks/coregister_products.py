"""Co-registration of Sentinel-1 products of real size by one command: ``python benchmarks/coregister_products.py``.

The products are simulated as to orbits, annotation and terrain; their pixels are noise, as they do not change the work.
``--swaths IW1 IW2 IW3 --bursts 9`` is a pair of whole frames.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import shutil
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import coregister_products
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.io.sentinel1.product import find_products
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


def write_products(folder: Path, swaths: list[str], bursts: int, columns: int, dates: int) -> Any:
    """Products, orbits and terrain of a scene whose pixels are noise."""
    passes = tuple(PassOptions(date=day, baseline=60.0 * index) for index, day in enumerate(DATES[:dates]))
    scene = SafeScene(passes=passes, swaths=tuple(swaths), bursts=bursts, lines=2000, columns=columns)
    original = safe_product.safe_products

    def files(scene: SafeScene, date: int, **options: Any) -> Any:
        for one in original(scene, date, **options):
            yield replace(one, images=lambda: noise(scene, date))

    import m3leo_sar.app.scene_files as home

    home.safe_products, home.truth_planes = files, lambda scene: {}  # type: ignore[assignment]
    return write_safe_scene(scene, folder)


def timed(work: Any) -> tuple[float, float, Any]:
    """Seconds of the clock and of all CPUs, and the result."""
    started, cpu = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - started, time.process_time() - cpu, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaths", nargs="+", default=["IW1"])
    parser.add_argument("--bursts", type=int, default=2)
    parser.add_argument("--columns", type=int, default=23_000)
    parser.add_argument("--dates", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    folder = Path(tempfile.mkdtemp(prefix="coregister-"))
    try:
        files = write_products(folder, asked.swaths, asked.bursts, asked.columns, asked.dates)
        bursts = len(find_products(files.products)[0].bursts)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        def run(products: Any) -> Any:
            return coregister_products(
                products, folder / "stacks", orbits=files.orbits, dem=files.terrain, reference=str(DATES[0]),
                workers=asked.workers,
            )  # fmt: skip

        wall, cpu, first = timed(lambda: run(files.products[:1]))
        assert not first.summary.failed, first.summary.failed
        print(f"\n{bursts} bursts of {asked.columns} columns, {asked.workers} workers\n")
        print("| step | s per burst | CPU s per burst |\n|---|---|---|")
        print(f"| reference: heights, terrain, copy | {wall / bursts:.2f} | {cpu / bursts:.2f} |")
        wall, cpu, done = timed(lambda: run(files.products))
        assert not done.summary.failed, done.summary.failed
        count = bursts * (asked.dates - 1)
        print(f"| a date: shift, co-registration, writing | {wall / count:.2f} | {cpu / count:.2f} |")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\nhighest memory {after:.0f} MB, {before:.0f} MB before the run")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
