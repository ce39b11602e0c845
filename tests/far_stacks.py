"""Products of a stack as a server holds them, written with h5py and rasterio alone."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray

DATES = (datetime.date(2024, 4, 1), datetime.date(2024, 4, 13), datetime.date(2024, 4, 25))
#: UTM zone 31, 10 m; near Luxembourg.
WEST, NORTH, CRS = 680_000.0, 5_501_300.0, 32631


def speckle(shape: tuple[int, ...], seed: int = 1) -> NDArray[Any]:
    """Complex noise with NaN in a corner, in ten bits of mantissa as OPERA and NISAR write them."""
    rng = np.random.default_rng(seed)
    pixels = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    pixels.view(np.float32).view(np.uint32)[...] &= 0xFFFFE000
    pixels[..., :9, :7] = np.nan
    return pixels


def write_cslc(folder: Path, pixels: NDArray[Any], date: datetime.date, chunks: tuple[int, int] = (64, 96)) -> Path:
    """An OPERA CSLC of one date."""
    path = folder / f"OPERA_L2_CSLC-S1_T087-185683-IW2_{date:%Y%m%d}T161651Z_20240504T181714Z_S1A_VV_v1.1.h5"
    rows, cols = pixels.shape
    with h5py.File(path, "w") as file:
        file.create_dataset("data/VV", data=pixels, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True)
        file["data/x_coordinates"] = WEST + 10.0 * (np.arange(cols) + 0.5)
        file["data/y_coordinates"] = NORTH - 10.0 * (np.arange(rows) + 0.5)
        file["data/projection"] = CRS
        file["metadata/orbit/orbit_direction"] = np.bytes_("Descending")
        file["metadata/processing_information/input_burst_metadata/wavelength"] = 0.05546576
    return path


def write_geotiff(folder: Path, pixels: NDArray[Any], date: datetime.date) -> Path:
    """A tiled GeoTIFF of one date."""
    path = folder / f"{date:%Y%m%d}.slc.tif"
    affine = rasterio.Affine(10.0, 0.0, WEST, 0.0, -10.0, NORTH)
    profile = {"width": pixels.shape[1], "height": pixels.shape[0], "count": 1, "dtype": "complex64", "crs": CRS}
    tiles = {"tiled": True, "blockxsize": 48, "blockysize": 32, "compress": "deflate", "transform": affine}
    with rasterio.open(path, "w", driver="GTiff", **profile, **tiles) as target:
        target.write(pixels, 1)
    return path
