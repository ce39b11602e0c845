"""Real rasters between grids, beside GDAL."""

import numpy as np
import pytest

from m3leo_sar import GeoBox, reproject

rasterio = pytest.importorskip("rasterio")
warp = pytest.importorskip("rasterio.warp")

#: Raster of the shared data and a CRS of the tile: the same, the neighbouring zone, geographic, equal-area, polar.
CASES = [
    ("eotools-morocco/amp_prm_vv.tif", "EPSG:32629"),
    ("eotools-morocco/coh_vv.tif", "EPSG:32628"),
    ("eotools-morocco/amp_sec_vv.tif", "EPSG:4326"),
    ("terramind-chips/S1RTC/282D_485L_3_3.tif", "same"),
    ("terramind-chips/S1RTC/38D_378R_2_3.tif", "EPSG:4326"),
    ("pyrosar-s1-gamma0/S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif", "EPSG:32632"),
    ("pyrosar-s1-gamma0/S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif", "EPSG:3035"),
    ("rome-dem/Rome-30m-DEM.tif", "EPSG:32633"),
    ("rome-dem/Rome-30m-DEM.tif", "EPSG:3413"),
]


def read(path):
    with rasterio.open(path) as file:
        band = file.read(1).astype(np.float64)
        band[band == file.nodata] = np.nan
        crs = file.crs.to_wkt() if file.crs.to_epsg() is None else str(file.crs)
        if "coh" in path.name or "amp" in path.name:
            band[band == 0] = np.nan
        return band, GeoBox(file.shape, file.transform, crs)


def tile_within(box, crs):
    """A tile of about the source's pixels over the middle of it, off its lattice."""
    crs = box.crs if crs == "same" else crs
    rows, cols = box.shape
    inner = box.crop(slice(rows // 4, rows * 3 // 4), slice(cols // 4, cols * 3 // 4))
    left, low, right, high = inner.bounds_in(crs)
    return GeoBox.from_bounds((left, low, right, high), shape=(rows // 2 + 3, cols // 2 + 5), crs=crs)


def gdal(source, box, tile, resampling, **options):
    """In strips, as GDAL takes the transform for linear along a row whatever tolerance it is given."""
    out = np.full(tile.shape, options.get("dst_nodata", np.nan), source.dtype)
    for first in range(0, tile.shape[1], 16):
        cols = slice(first, min(first + 16, tile.shape[1]))
        strip = np.ascontiguousarray(out[:, cols])
        part = tile.crop(slice(None), cols)
        warp.reproject(source, strip, src_transform=box.affine, src_crs=box.crs, dst_transform=part.affine,
                       dst_crs=tile.crs, resampling=warp.Resampling[resampling], tolerance=0,
                       XSCALE=1, YSCALE=1, **options)  # fmt: skip
        out[:, cols] = strip
    return out


def far_from_holes(source, box, tile):
    """Tile pixels all of whose neighbours in reach have data."""
    from scipy.ndimage import minimum_filter

    whole = minimum_filter((~np.isnan(source)).astype(np.uint8), 9, mode="constant")
    return reproject(whole, box, tile, resampling="nearest", nodata=0) == 1


@pytest.mark.parametrize(("name", "crs"), CASES)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_agrees_with_gdal(shared_data, name, crs, resampling):
    source, box = read(shared_data / name)
    tile = tile_within(box, crs)
    expected = gdal(source, box, tile, resampling, src_nodata=np.nan, dst_nodata=np.nan)
    got = reproject(source, box, tile, resampling=resampling, antialias=False)
    inside = far_from_holes(source, box, tile)
    assert inside.mean() > 0.25
    if resampling == "nearest":
        assert np.mean(got[inside] == expected[inside]) >= 0.999
    else:
        assert abs(got - expected)[inside].max() < 1e-4 * np.nanmax(abs(source - np.nanmedian(source))) * 2


@pytest.mark.parametrize("crs", ["same", "EPSG:4326", "EPSG:3857"])
def test_labels_are_gdals(shared_data, crs):
    with rasterio.open(shared_data / "terramind-chips/LULC/38D_378R_2_3.tif") as file:
        labels, box = file.read(1), GeoBox(file.shape, file.transform, str(file.crs))
    tile = tile_within(box, crs)
    expected = gdal(labels, box, tile, "nearest", src_nodata=255, dst_nodata=255)
    got = reproject(labels, box, tile, resampling="nearest", nodata=255)
    assert np.mean(got == expected) >= 0.999
    # Five times coarser pixels, aligned: the commonest label.
    coarse = GeoBox(tuple(size // 5 for size in box.shape), box.affine @ box.affine.scale(5), box.crs)
    expected = gdal(labels, box, coarse, "mode", src_nodata=255, dst_nodata=255)
    got = reproject(labels, box, coarse, resampling="mode", nodata=255)
    blocks = labels[: 5 * coarse.shape[0], : 5 * coarse.shape[1]].reshape(coarse.shape[0], 5, coarse.shape[1], 5)
    counts = np.sort([(blocks == label).sum((1, 3)) for label in range(256)], axis=0)
    clear = counts[-1] > counts[-2]
    np.testing.assert_array_equal(got[clear], expected[clear])


def test_a_checkerboard_of_one_pixel_keeps_its_phase():
    """Half a pixel off anywhere and the board is grey or turned over."""
    board = (np.indices((60, 70)).sum(0) % 2).astype(np.float64)
    box = GeoBox.from_bounds((500000, 5800000, 501400, 5801200), shape=(60, 70), crs="EPSG:32631")
    moved = GeoBox((40, 50), box.affine @ box.affine.translation(7, 12), box.crs)
    for resampling in ("nearest", "bilinear", "cubic", "lanczos", "average"):
        np.testing.assert_array_equal(reproject(board, box, moved, resampling=resampling), board[12:52, 7:57])
    half = GeoBox((40, 50), box.affine @ box.affine.translation(7.5, 12), box.crs)
    np.testing.assert_allclose(reproject(board, box, half), 0.5)
    with rasterio.io.MemoryFile() as memory:
        profile = {"driver": "GTiff", "height": 60, "width": 70, "count": 1, "dtype": "float64"}
        with memory.open(**profile, crs=box.crs, transform=box.affine) as file:
            file.write(board, 1)
        with memory.open() as file:
            read_box = GeoBox(file.shape, file.transform, str(file.crs))
            np.testing.assert_array_equal(reproject(file.read(1), read_box, moved), board[12:52, 7:57])
