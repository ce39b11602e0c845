#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): where a complex raster states the no-data value 0, GDAL masks by the real part alone.
# The sample 3j is valid (magnitude 3), and yet read_masks, dataset_mask, read(masked=True), a WarpedVRT and reproject
# take it as no data. Of an SLC in complex int16 that is every sample whose real part rounds to 0: here 4.0 % of the
# samples, of which 0.16 % are really 0. A caller has to compare both parts, and to warp without the stated value.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check rasterio==1.4.4 numpy==2.4.6
cat >"$work/show.py" <<'PY'
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling, reproject

folder = Path(sys.argv[1])
place = {"crs": "EPSG:32631", "transform": from_origin(500000, 5500000, 10, 10)}
print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)


def write(name, pixels, dtype):
    rows, cols = pixels.shape
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": 1, "dtype": dtype, "nodata": 0, **place}
    with rasterio.open(folder / name, "w", **profile) as file:
        file.write(pixels.astype("complex64"), 1)
    return folder / name


samples = np.array([[0, 1, 3j, 2 + 2j, -3j]])
for dtype in ("complex64", "complex_int16"):
    with rasterio.open(write(f"{dtype}.tif", samples, dtype)) as file, WarpedVRT(file) as warped_file:
        masks = [
            file.read_masks(1)[0] > 0,
            file.dataset_mask()[0] > 0,
            ~file.read(1, masked=True).mask[0],
            warped_file.read_masks(1)[0] > 0,
        ]
        warped = np.full((1, 5), 9, "complex64")
        reproject(
            rasterio.band(file, 1), warped, dst_transform=file.transform, dst_crs=file.crs, dst_nodata=9,
            resampling=Resampling.nearest,
        )
    print(dtype, "valid:", [mask.astype(int).tolist() for mask in masks], "warped:", warped[0].tolist())
    assert all(mask.tolist() == [False, True, False, True, False] for mask in masks), masks
    assert warped[0].tolist() == [9, 1, 9, 2 + 2j, 9], warped

speckle = np.random.default_rng(7).normal(scale=10, size=(2, 500, 700)).round()
with rasterio.open(write("slc.tif", speckle[0] + 1j * speckle[1], "complex_int16")) as file:
    hidden = (file.read_masks(1) == 0).mean()
    zero = (file.read(1) == 0).mean()
print(f"an SLC of complex int16: {hidden:.2%} of the samples are masked, {zero:.2%} are 0")
assert round(hidden, 3) == 0.04 and 0 < zero < 0.002, (hidden, zero)
PY
"$work/env/bin/python" "$work/show.py" "$work"
