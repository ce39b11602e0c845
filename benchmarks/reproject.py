"""A raster to a tile beside GDAL: ``python benchmarks/reproject.py``.

2048 x 2048 to 448 x 448, the transform included, and shared by 16 layers; then a tile's places in a radar image from
orbit and terrain, and resampling by areas. Medians of interleaved runs.
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

from m3leo_sar import GeoBox, TileGrid, reproject
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp import pixel_map
from m3leo_sar.warp.geo2rdr import radar_map, radar_view, rdr2geo

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


def geometry_jobs(pixels: int) -> Jobs:
    """A tile of 4480 m in the middle of an image, with hills of 250 m."""
    image = {
        "orbit": circular_orbit(),
        "radar_grid": RadarGrid((3000, 20000), -3.0, 0.002, 8.2e5, 2.33, 0.0555),
    }
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    middle = rdr2geo(**image, dem=np.zeros((2, 2)), dem_geobox=world, rows=[1500], cols=[9000])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=pixels)
    box = GeoBox.from_bounds((lon - 0.3, lat - 0.2, lon + 0.3, lat + 0.2), shape=(1440, 2160), crs="EPSG:4326")
    row, col = np.indices(box.shape)
    terrain = {"dem": 300 + 250 * np.sin(row / 70) * np.cos(col / 90), "dem_geobox": box}
    radar = {"rows": np.indices((pixels, pixels))[0] + 1300.0, "cols": np.indices((pixels, pixels))[1] + 8700.0}
    return {
        "places in the radar image (`radar_map`)": lambda: radar_map(tile.geobox, **image, **terrain),
        "and incidence, layover, shadow (`radar_view`)": lambda: radar_view(tile.geobox, **image, **terrain),
        "ground of as many radar pixels (`rdr2geo`)": lambda: rdr2geo(**image, **terrain, **radar),
    }


def area_jobs(size: int, pixels: int) -> Jobs:
    """Four source pixels per tile pixel, in the next zone."""
    source, tile = grids(size, pixels, "EPSG:32632")
    coarse = GeoBox(tuple(side // 2 for side in tile.shape), tile.affine @ tile.affine.scale(2), tile.crs)
    values = np.random.default_rng(0).standard_normal((size, size), np.float32)
    labels = np.random.default_rng(0).integers(0, 11, (size, size), np.uint8)
    found: Jobs = {
        rule: lambda rule=rule: reproject(values, source, coarse, resampling=rule) for rule in ("average", "sum", "max")
    }
    return {**found, "mode": lambda: reproject(labels, source, coarse, resampling="mode", nodata=255)}


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
        print("| | ms | ms per layer | GDAL takes |\n|---|---|---|---|")
        for name, seconds in taken.items():
            if name.startswith("GDAL"):
                continue
            peer = taken[name.replace("m3leo_sar", "GDAL")]
            line = f"{1e3 * seconds:.1f} | {1e3 * seconds / layers:.2f} | {peer / seconds:.1f} x"
            print(f"| {name.removeprefix('m3leo_sar, ')} | {line} |")
    print("\n| a tile of 448 x 448, or 224 x 224 by areas | ms |\n|---|---|")
    for jobs_ in (geometry_jobs(448), area_jobs(asked.size, 448)):
        for name, seconds in interleaved(jobs_, rounds=asked.rounds).items():
            print(f"| {name} | {1e3 * seconds:.1f} |")


if __name__ == "__main__":
    main()
