"""A Sentinel-1 burst onto the grid of another date: ``OMP_NUM_THREADS=2 python benchmarks/coregister.py``.

One burst of IW1 (1507 x 23055 samples) on hills, beside the other parts of the library plainly joined:
``geometric_offsets`` of every pixel, then ``resample`` with a carrier and the phase. That takes minutes, so it is run
on a part of the lines and scaled up. CPU seconds, medians of interleaved runs; wall seconds of the burst beside them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import GeoBox, resample
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.burst_heights import burst_heights
from m3leo_sar.warp.burst_offsets import burst_offsets
from m3leo_sar.warp.coregister import coregister
from m3leo_sar.warp.geo2rdr import rdr2geo
from m3leo_sar.warp.range_phase import Acquisition, geometric_offsets

INTERVAL = 0.0020555563


def scene(lines: int, samples: int) -> dict[str, Any]:
    """Two passes 130 m apart, hills of 600 m at a post every 30 m, and a burst of noise with its carrier."""
    grid = RadarGrid((lines, samples), -1.5, INTERVAL, 8.0e5, 2.3296, 0.0554658)
    orbit = circular_orbit()
    position = orbit.position * (1 + 130 / np.linalg.norm(orbit.position, axis=1, keepdims=True))
    other = Orbit(orbit.time, position, orbit.velocity * (1 + 130 / 7.07e6))
    secondary = Acquisition(other, replace(grid, azimuth_time=-1.5001, slant_range=8.0e5 - 12.0))
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    corners = rdr2geo(orbit=orbit, radar_grid=grid, dem=np.zeros((2, 2)), dem_geobox=world,
                      rows=[0, 0, lines, lines], cols=[0, samples, 0, samples])  # fmt: skip
    longitude, latitude = corners.longitude, corners.latitude
    west, east, south, north = longitude.min(), longitude.max(), latitude.min(), latitude.max()
    bounds = (west - 0.05, south - 0.05, east + 0.05, north + 0.05)
    shape = round((bounds[3] - bounds[1]) * 3600), round((bounds[2] - bounds[0]) * 3600)
    row, col = np.ogrid[: shape[0], : shape[1]]
    dem = (400 + 300 * np.sin(row / 70) * np.cos(col / 90)).astype(np.float32)
    rates = RangePolynomial(5.3e-3, (-2300.0, 4.0e5, -6.0e7)), RangePolynomial(5.3e-3, (-30.0, 2e4, 1e6))
    carrier = TopsCarrier(lines, INTERVAL, 5.34e-3, 1.554e-8, 5.51e-3, 6700.0, *rates)
    random = np.random.default_rng(0)
    slc = np.empty((lines, samples, 2), np.int16)
    for line in slc:
        line[...] = 60 * random.standard_normal((samples, 2), np.float32)
    box = GeoBox.from_bounds(bounds, shape=shape, crs="EPSG:4326")
    reference = Acquisition(orbit, grid)
    return {"reference": reference, "secondary": secondary, "terrain": {"dem": dem, "dem_geobox": box},
            "carrier": carrier, "slc": slc}  # fmt: skip


def parts(given: dict[str, Any], lines: int) -> Any:
    """The first lines of the burst by parts that know nothing of each other."""
    reference, carrier = given["reference"], given["carrier"]
    window = reference.radar_grid.crop(slice(0, lines), slice(None))
    found = geometric_offsets(
        reference=reference._replace(radar_grid=window), secondary=given["secondary"], **given["terrain"]
    )
    slc = given["slc"][: lines + 16].astype(np.float32).view(np.complex64)[..., 0]
    return resample(slc, azimuth_offset=found.azimuth, range_offset=found.range, carrier=carrier, flatten=-found.phase)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1507)
    parser.add_argument("--samples", type=int, default=23055)
    parser.add_argument("--part", type=int, default=16, help="lines that the plainly joined parts take")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}, triad {triad_bandwidth() / 1e9:.1f} GB/s"
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, {load}\n")
    given = scene(asked.lines, asked.samples)
    reference = given["reference"]
    began = time.process_time()
    heights = burst_heights(orbit=reference.orbit, radar_grid=reference.radar_grid, **given["terrain"])
    print(f"heights, once a burst: {time.process_time() - began:.2f} CPU s")
    began = time.process_time()
    offsets = burst_offsets(reference=reference, secondary=given["secondary"])
    print(f"polynomials: {time.process_time() - began:.3f} CPU s, {offsets.error}")
    options = {"offsets": offsets, "heights": heights, "carrier": given["carrier"], "output": "int16"}
    jobs: dict[str, Callable[[], Any]] = {
        "coregister, sinc": lambda: coregister(given["slc"], **options),
        "coregister, sinc12": lambda: coregister(given["slc"], **options, resampling="sinc12"),
        "parts joined": lambda: parts(given, asked.part),
    }
    for name in ("coregister, sinc", "coregister, sinc12"):
        jobs[name]()
        began = time.perf_counter()
        jobs[name]()
        print(f"{name}: {time.perf_counter() - began:.2f} s wall")
    taken = interleaved(jobs, rounds=asked.rounds, clock=time.process_time)
    taken["parts joined"] *= asked.lines / asked.part
    samples = asked.lines * asked.samples
    print("\n| one burst | CPU s | ns per sample | times coregister |\n|---|---|---|---|")
    for name, seconds in taken.items():
        ratio = seconds / taken["coregister, sinc"]
        print(f"| {name} | {seconds:.2f} | {1e9 * seconds / samples:.0f} | {ratio:.2f} |")
    print(f"\nlargest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
