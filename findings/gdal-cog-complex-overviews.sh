#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): the COG driver cannot write a complex image of more than 512 pixels by its defaults.
# It builds overviews with cubic resampling, which is not defined for complex values, and raises. With
# OVERVIEW_RESAMPLING=AVERAGE the same image is written. For integers without a palette the default cubic overviews
# hold values that no pixel has: a map of the codes 10 and 90 gets codes between them.
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

folder = Path(sys.argv[1])
profile = {
    "driver": "COG", "height": 1100, "width": 1300, "count": 1, "crs": "EPSG:32631",
    "transform": from_origin(500000, 5500000, 10, 10),
}
print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
slc = np.exp(1j * np.arange(1100 * 1300).reshape(1100, 1300)).astype("complex64")


def write(name, array, **options):
    with rasterio.open(folder / name, "w", dtype=str(array.dtype), **profile, **options) as file:
        file.write(array, 1)


try:
    write("slc.tif", slc)
    raised = None
except Exception as error:
    raised = error
print("complex, defaults:", type(raised).__name__, str(raised).splitlines()[0][:100])
assert raised is not None, "complex COGs are written by default now"
write("average.tif", slc, overview_resampling="AVERAGE")
print("complex, OVERVIEW_RESAMPLING=AVERAGE: written")
codes = np.where(np.random.default_rng(0).random((1100, 1300)) < 0.5, 10, 90).astype("uint8")
write("codes.tif", codes)
with rasterio.open(folder / "codes.tif", overview_level=0) as file:
    small = file.read(1)
invented = np.setdiff1d(small, [10, 90])
print("codes in the overview that no pixel has:", invented.size)
assert invented.size > 10, "overviews of codes hold codes only"
PY
"$work/env/bin/python" "$work/show.py" "$work"
