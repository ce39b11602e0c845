"""A raster to a tile beside GDAL: ``python benchmarks/reproject.py``.

2048 x 2048 to 448 x 448, the transform included, and shared by 16 layers. Medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import GeoBox, reproject
from m3leo_sar.warp import pixel_map

Jobs = dict[str, Callable[[], Any]]


def grids(size: int, pixels: int, zone: str) -> tuple[GeoBox, GeoBox]:
    """A source in UTM zone 31 and a tile of 10 m pixels in its middle, in the same or the neighbouring zone."""
    source = GeoBox.from_bounds(
        (690_000, 5_490_000, 690_000 + 10 * size, 5_490_000 + 10 * size), shape=(size, size), crs="EPSG:32631"
    )
    centre = 690_000 + 5 * size, 5_490_000 + 5 * size
    x, y = (centre[0], centre[1]) if zone == source.crs else source.transformer_to(zone).transform(*centre)
    half = 5 * pixels
    # Off the source's own lattice, so that there is something to interpolate.
    bounds = (x - half + 3.7, y - half - 2.1, x + half + 3.7, y + half - 2.1)
    return source, GeoBox.from_bounds(bounds, shape=(pixels, pixels), crs=zone)


def gdal(source: np.ndarray, box: GeoBox, tile: GeoBox, resampling: str) -> np.ndarray:
    from rasterio import warp

    out = np.full((*source.shape[:-2], *tile.shape), np.nan, source.dtype)
    warp.reproject(source, out, src_transform=box.affine, src_crs=box.crs, dst_transform=tile.affine, dst_crs=tile.crs,
                   resampling=warp.Resampling[resampling], num_threads=os.cpu_count() or 1)  # fmt: skip
    return out


def ours(source: np.ndarray, box: GeoBox, tile: GeoBox, resampling: str) -> Any:
    """With the transform, which is kept for the next call otherwise."""
    pixel_map._pixel_map.cache_clear()
    return reproject(source, box, tile, resampling=resampling)


def jobs(size: int, pixels: int, layers: int) -> Jobs:
    """Ours and GDAL's, in the same and in the neighbouring zone."""
    rng = np.random.default_rng(0)
    stack = rng.standard_normal((layers, size, size, 2), np.float32).view(np.complex64)[..., 0]
    source = stack[0] if layers == 1 else stack
    found: Jobs = {}
    for name, zone in (("same zone", "EPSG:32631"), ("next zone", "EPSG:32632")):
        box, tile = grids(size, pixels, zone)
        for resampling in ("bilinear", "cubic"):
            arguments = (source, box, tile, resampling)
            found[f"m3leo_sar, {resampling}, {name}"] = lambda arguments=arguments: ours(*arguments)
            found[f"GDAL, {resampling}, {name}"] = lambda arguments=arguments: gdal(*arguments)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}, triad {triad_bandwidth() / 1e9:.1f} GB/s"
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, {load}")
    for layers in (1, 16):
        taken = interleaved(jobs(asked.size, 448, layers), rounds=asked.rounds)
        print(f"\n{asked.size} x {asked.size} complex64 to 448 x 448, {layers} layers\n")
        print("| | ms | ms a layer | GDAL takes |\n|---|---|---|---|")
        for name, seconds in taken.items():
            if name.startswith("GDAL"):
                continue
            peer = taken[name.replace("m3leo_sar", "GDAL")]
            line = f"{1e3 * seconds:.1f} | {1e3 * seconds / layers:.2f} | {peer / seconds:.1f} x"
            print(f"| {name.removeprefix('m3leo_sar, ')} | {line} |")


if __name__ == "__main__":
    main()
