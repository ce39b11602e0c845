"""Complex samples in two real bands are no amounts."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.sources.raster_source import RasterSource

rasterio = pytest.importorskip("rasterio")
BOX = GeoBox.from_bounds((500_000, 0, 500_700, 500), shape=(5, 7), crs="EPSG:32631")


@pytest.mark.parametrize("names", [("i_VV", "q_VV"), ("Real", "Imaginary"), ("I", "Q")])
def test_real_and_imaginary_parts_as_bands_are_refused(tmp_path, names):
    path, shape = tmp_path / "parts.tif", {"width": 7, "height": 5, "count": 3, "dtype": "float32"}
    with rasterio.open(path, "w", crs=BOX.crs, transform=BOX.affine, **shape) as sink:
        sink.write(np.ones((3, 5, 7), np.float32))
        sink.descriptions = (*names, "coherence")
    with pytest.raises(ValueError, match=f"complex samples in two real bands, '{names[0]}' and '{names[1]}'; write"):
        RasterSource(path)
    assert len(RasterSource(path, indexes=[3]).bands) == 1
