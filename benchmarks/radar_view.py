"""Cost of layover and shadow by relief: ``python benchmarks/radar_view.py``.

A tile of 448 x 448 in the middle of an image, on hills and with one square mountain; CPU time, medians of interleaved
runs. ``PYTHONPATH`` of another state's ``src`` measures that one.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from interleaved import interleaved

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.geo2rdr import radar_view, rdr2geo


def jobs(reliefs: list[int], pixels: int) -> dict[str, Callable[[], Any]]:
    """``radar_view`` of one tile per relief in metres and shape of the ground."""
    image = {"orbit": circular_orbit(), "radar_grid": RadarGrid((3000, 20000), -3.0, 0.002, 8.2e5, 2.33, 0.0555)}
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    middle = rdr2geo(**image, dem=np.zeros((2, 2)), dem_geobox=world, rows=[1500], cols=[9000])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=pixels)
    box = GeoBox.from_bounds((lon - 0.3, lat - 0.2, lon + 0.3, lat + 0.2), shape=(1440, 2160), crs="EPSG:4326")
    row, col = np.indices(box.shape)
    found: dict[str, Callable[[], Any]] = {}
    for relief in reliefs:
        mountain = np.full(box.shape, 100.0)
        mountain[705:735, 1065:1095] += relief
        shapes = {"hills": 100 + relief / 2 * (1 + np.sin(row / 70) * np.cos(col / 90)), "mountain": mountain}
        for shape, dem in shapes.items():
            found[f"{relief} m | {shape}"] = lambda dem=dem: radar_view(tile.geobox, **image, dem=dem, dem_geobox=box)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reliefs", type=int, nargs="+", default=[0, 900, 2900])
    asked = parser.parse_args()
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print("\n| relief | ground | CPU s |\n|---|---|---|")
    for name, seconds in interleaved(jobs(asked.reliefs, 448), rounds=asked.rounds, clock=time.process_time).items():
        print(f"| {name} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
