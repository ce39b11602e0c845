#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): a VRT band whose pixel function `polar` makes a complex image from amplitude and phase
# turns a fill of -9999 in both sources into the number -9999 * exp(-9999j). The declared NoDataValue -9999 never
# equals it, so the mask says that every pixel is valid, and two dates with such fill have a coherence of exactly 1.
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
    "driver": "GTiff", "height": 4, "width": 6, "count": 1, "dtype": "float32", "nodata": -9999.0,
    "crs": "EPSG:32631", "transform": from_origin(500000, 5500000, 10, 10),
}
for name, value in (("amplitude", 2.0), ("phase", 0.5)):
    plane = np.full((4, 6), value, "float32")
    plane[1] = -9999
    with rasterio.open(folder / f"{name}.tif", "w", **profile) as file:
        file.write(plane, 1)
source = '<SimpleSource><SourceFilename relativeToVRT="1">{}.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
(folder / "slc.vrt").write_text(
    '<VRTDataset rasterXSize="6" rasterYSize="4"><SRS>EPSG:32631</SRS>'
    "<GeoTransform>500000, 10, 0, 5500000, 0, -10</GeoTransform>"
    '<VRTRasterBand dataType="CFloat32" band="1" subClass="VRTDerivedRasterBand"><NoDataValue>-9999</NoDataValue>'
    "<PixelFunctionType>polar</PixelFunctionType><SourceTransferType>Float32</SourceTransferType>"
    + source.format("amplitude") + source.format("phase") + "</VRTRasterBand></VRTDataset>"
)
with rasterio.open(folder / "slc.vrt") as file:
    pixels, mask = file.read(1), file.read_masks(1)
    print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__, "nodata", file.nodata)
print("fill reads as", pixels[1, 0], "of size", abs(pixels[1, 0]), "and the mask says", mask[1, 0])
assert np.isclose(abs(pixels[1, 0]), 9999, rtol=1e-6), "fill is not -9999 * exp(-9999j) any more"
assert pixels[1, 0] != -9999
assert (mask == 255).all(), "the mask knows the fill now"
PY
"$work/env/bin/python" "$work/show.py" "$work"
