"""Phase and coherence of a real geocoded Sentinel-1 pair, reprojected to 448-pixel M3LEO tiles.

    python examples/morocco.py DATA_FOLDER OUTPUT_FOLDER

DATA_FOLDER holds phi_vv.tif (radians, no data -9999) and coh_vv.tif (no data 0). Phase travels as a unit phasor, so
that it may wrap between pixels. Writes <tile>_phase.tif and <tile>_coherence.tif for each tile with data.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import shapely

from m3leo_sar import TileGrid, reproject
from m3leo_sar.io.files.raster import read_raster, write_geotiff


def read_valid(path: Path, nodata: float) -> tuple:
    """Pixels as float32 with NaN for no data, and their grid."""
    raster = read_raster(path)
    return np.where(raster.array == nodata, np.float32(np.nan), raster.array), raster.geobox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    phase, geobox = read_valid(options.data / "phi_vv.tif", -9999)
    coherence, _ = read_valid(options.data / "coh_vv.tif", 0)
    # exp of a NaN phase is NaN in both parts: no data stays no data.
    phasor = np.exp(1j * phase).astype(np.complex64)
    options.output.mkdir(parents=True, exist_ok=True)
    for tile in TileGrid.legacy(shapely.box(*geobox.bounds)):
        tile_coherence = reproject(coherence, geobox, tile.geobox)
        if np.isnan(tile_coherence).all():
            continue
        tile_phase = np.angle(reproject(phasor, geobox, tile.geobox))
        for name, array in (("phase", tile_phase), ("coherence", tile_coherence)):
            write_geotiff(options.output / f"{tile.identifier}_{name}.tif", array, tile.geobox, nodata=math.nan)
        print(f"{tile.identifier}: {np.isfinite(tile_coherence).mean():.0%} of the pixels")


if __name__ == "__main__":
    main()
