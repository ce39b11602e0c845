"""Coherence of a real 12-day Sentinel-1 pair in radar geometry, brought to a north-up tile.

    python examples/amsterdam.py DATA_FOLDER OUTPUT_FOLDER [--pixel-size METRES]

DATA_FOLDER holds dev_half.npz (two co-registered SLCs with latitude and longitude of each pixel). The scene is
mirrored: latitude falls with the line, longitude falls with range. Writes coherence.tif, a cloud-optimised GeoTIFF,
and coherence.png.
"""

import argparse
import math
from pathlib import Path

import numpy as np

from m3leo_sar import GeoBox, Window, coherence, geolocate
from m3leo_sar.io.files.raster import write_geotiff

WINDOW = Window(rows=3, cols=11)
METRES_A_DEGREE = 111_320.0


def tile_around(latitude: np.ndarray, longitude: np.ndarray, pixel_size: float) -> GeoBox:
    """Smallest longitude-latitude tile around the scene with pixels of about ``pixel_size`` metres."""
    west, east = float(longitude.min()), float(longitude.max())
    south, north = float(latitude.min()), float(latitude.max())
    high = pixel_size / METRES_A_DEGREE
    wide = high / math.cos(math.radians((south + north) / 2))
    shape = math.ceil((north - south) / high), math.ceil((east - west) / wide)
    return GeoBox.from_bounds(
        (west, north - shape[0] * high, west + shape[1] * wide, north), shape=shape, crs="EPSG:4326"
    )


def write_figure(path: Path, radar: np.ndarray, tile: np.ndarray, geobox: GeoBox) -> None:
    """Radar geometry beside the tile."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(radar, cmap="gray", vmin=0, vmax=1, aspect="auto")
    left.set(title="coherence, radar geometry", xlabel="range pixel", ylabel="azimuth line")
    west, south, east, north = geobox.bounds
    image = right.imshow(tile, cmap="gray", vmin=0, vmax=1, extent=(west, east, south, north), aspect="auto")
    right.set(title="coherence, tile", xlabel="longitude, degrees", ylabel="latitude, degrees")
    figure.colorbar(image, ax=right)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pixel-size", type=float, default=10.0, help="metres, default 10")
    options = parser.parse_args()
    with np.load(options.data / "dev_half.npz") as pair:
        reference, secondary = pair["slc_20230319"], pair["slc_20230331"]
        latitude, longitude = pair["lat"], pair["lon"]
    radar = coherence(reference, secondary, window=WINDOW)
    geobox = tile_around(latitude, longitude, options.pixel_size)
    tile = geolocate(radar, latitude, longitude, geobox)
    options.output.mkdir(parents=True, exist_ok=True)
    write_geotiff(options.output / "coherence.tif", tile, geobox, nodata=math.nan, overviews="average")
    write_figure(options.output / "coherence.png", radar, tile, geobox)
    print(f"{np.isfinite(tile).sum()} of {tile.size} pixels, mean coherence {np.nanmean(tile):.3f}")


if __name__ == "__main__":
    main()
