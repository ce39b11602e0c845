"""Terrain models on planes of known heights: tiles of different widths, sea, the 180th meridian, datums and holes."""

from __future__ import annotations

import struct
import warnings

import numpy as np
import pytest
import rasterio

from m3leo_sar import GeoBox
from m3leo_sar.grid import geoid
from m3leo_sar.grid.geoid import undulation
from m3leo_sar.grid.projection import transformer_between
from m3leo_sar.io.sources.dem_tiles import DemTiles
from m3leo_sar.io.sources.terrain import height_fingerprint, open_terrain

#: Rows of a tile of one degree.
ROWS = 60


def plane(lon, lat):
    return 100.0 + 7.0 * lon + 3.0 * lat


def height_of_geoid(lon, lat):
    return 40.0 + 0.1 * lon - 0.2 * lat


def write(path, values, affine, crs="EPSG:4326", **profile):
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1], dtype=values.dtype,
        crs=crs, transform=affine, **profile,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def copernicus(folder, west, south, *, cols=ROWS, turn=0.0):
    """A tile as the Copernicus DEM has them: posts on whole steps, the first on the north-west corner."""
    name = f"Copernicus_DSM_COG_10_{'NS'[south < 0]}{abs(south):02d}_00_{'EW'[west < 0]}{abs(west):03d}_00_DEM"
    lon, lat = west + np.arange(cols) / cols, south + 1 - np.arange(ROWS) / ROWS
    values = plane(lon[None] + turn, lat[:, None]).astype("f4")
    affine = rasterio.Affine(1 / cols, 0, west - 0.5 / cols, 0, -1 / ROWS, south + 1 + 0.5 / ROWS)
    return write(folder / name / f"{name}.tif", values, affine)


def expected(box, of=plane):
    return of(*box.centres())


@pytest.fixture(scope="module")
def gtx(tmp_path_factory):
    """A global geoid grid: a plane, but for the seam of longitudes."""
    path = tmp_path_factory.mktemp("geoid") / "plane.gtx"
    lon, lat = np.arange(1440) * 0.25 - 180, np.arange(721) * 0.25 - 90
    with open(path, "wb") as file:
        file.write(struct.pack(">4d2i", -90, -180, 0.25, 0.25, 721, 1440))
        file.write(height_of_geoid(lon[None], lat[:, None]).astype(">f4").tobytes())
    return path


def test_tiles_are_joined_on_their_posts(tmp_path):
    for west in (-10, -9):
        for south in (30, 31):
            copernicus(tmp_path, west, south)
    terrain = open_terrain(tmp_path, vertical_crs="ellipsoid")
    heights, box = terrain.window((-9.31, 30.72, -8.82, 31.24))
    np.testing.assert_allclose(heights, expected(box), atol=1e-4)
    assert heights.dtype == np.float32
    assert box.crs == "EPSG:4326"
    west, south, east, north = box.bounds
    assert (west <= -9.31, south <= 30.72, east >= -8.82, north >= 31.24) == (True,) * 4
    # The bounds of a window give it again, whichever tile states the lattice.
    assert height_fingerprint(*terrain.window(box.bounds)) == height_fingerprint(heights, box)
    part, inside = terrain.window((-9.31, 30.72, -9.05, 30.9))
    rows, cols = (int(np.round(one)) for one in box.to_pixels(*(axis[0, 0] for axis in inside.centres())))
    np.testing.assert_array_equal(part, heights[rows : rows + part.shape[0], cols : cols + part.shape[1]])
    assert box.shape < (40, 40)
    # A post is where the file has it: half a pixel inside its corner.
    row, col = (np.asarray(axis) for axis in box.to_pixels(-9.0, 31.0))
    assert abs(row - np.round(row)) < 1e-6
    assert abs(col - np.round(col)) < 1e-6
    assert heights[int(row.round()), int(col.round())] == pytest.approx(plane(-9, 31))


@pytest.mark.parametrize(
    ("edge", "widths"),
    [(50, (60, 40)), (60, (40, 30)), (70, (30, 20)), (80, (20, 12)),
     (-50, (40, 60)), (-60, (30, 40)), (-80, (12, 20))],
)  # fmt: skip
def test_tiles_whose_width_changes_with_latitude(tmp_path, edge, widths):
    """The finer lattice is taken, and the coarser one is interpolated across the edges of its tiles."""
    for west in (9, 10):
        for south, cols in zip((edge - 1, edge), widths, strict=True):
            copernicus(tmp_path, west, south, cols=cols)
    heights, box = open_terrain(tmp_path, vertical_crs="ellipsoid").window((9.4, edge - 0.6, 10.6, edge + 0.6))
    assert box.resolution[0] == pytest.approx(1 / max(widths))
    np.testing.assert_allclose(heights, expected(box), atol=1e-3)


def test_a_missing_tile_is_sea_at_the_height_of_the_geoid(tmp_path, gtx):
    copernicus(tmp_path, -10, 30)
    copernicus(tmp_path, -10, 31)
    terrain = open_terrain(tmp_path, vertical_crs="egm2008", geoid=gtx)
    with pytest.warns(UserWarning, match=r"cells without a tile are taken as sea, height 0 .*: N30W009, N31W009$"):
        heights, box = terrain.window((-9.5, 30.6, -8.6, 31.3))
    lon, lat = box.centres()
    is_land = lon < -9 - 1e-9
    np.testing.assert_allclose(heights, np.where(is_land, plane(lon, lat), 0) + height_of_geoid(lon, lat), atol=1e-3)
    with warnings.catch_warnings():
        # Once per cell.
        warnings.simplefilter("error")
        terrain.window((-9.5, 30.6, -8.7, 31.3))
    with pytest.raises(ValueError, match=r"it covers 5\d\.\d % of that; its own bounds are .* N30W009, N31W009"):
        open_terrain(tmp_path, vertical_crs="ellipsoid", missing="refuse").window((-9.5, 30.6, -8.6, 31.3))
    # Without any tile, the folder is of another place.
    with pytest.raises(ValueError, match=r"dem must cover 20.000, 30.000, 20.500, 30.500 .* it covers 0.0 %"):
        terrain.window((20, 30, 20.5, 30.5))


def test_across_the_180th_meridian(tmp_path):
    copernicus(tmp_path, 179, -17)
    copernicus(tmp_path, -180, -17, turn=360)
    terrain = open_terrain(tmp_path, vertical_crs="ellipsoid")
    heights, box = terrain.window((179.6, -16.8, 180.4, -16.2))
    np.testing.assert_allclose(heights, expected(box), atol=1e-3)
    again, other = terrain.window((-180.4, -16.8, -179.6, -16.2))
    np.testing.assert_array_equal(again, heights)
    assert other.bounds[0] == pytest.approx(box.bounds[0] - 360)


@pytest.mark.parametrize(("edge", "widths"), [(70, (30, 20)), (80, (20, 12)), (-60, (30, 40))])
def test_across_the_180th_meridian_where_the_width_of_tiles_changes(tmp_path, edge, widths):
    for west, turn in ((179, 0), (-180, 360)):
        for south, cols in zip((edge - 1, edge), widths, strict=True):
            copernicus(tmp_path, west, south, cols=cols, turn=turn)
    terrain = open_terrain(tmp_path, vertical_crs="ellipsoid")
    bounds = (179.3, edge - 0.4, 180.6, edge + 0.3)
    heights, box = terrain.window(bounds)
    assert box.resolution[0] == pytest.approx(1 / max(widths))
    np.testing.assert_allclose(heights, expected(box), atol=1e-3)
    again, _ = terrain.window((bounds[0] - 360, bounds[1], bounds[2] - 360, bounds[3]))
    np.testing.assert_array_equal(again, heights)


def test_heights_above_a_geoid_come_to_the_ellipsoid(tmp_path, gtx):
    copernicus(tmp_path, 10, 45)
    heights, box = open_terrain(tmp_path, vertical_crs="egm96", geoid=gtx).window((10.1, 45.1, 10.8, 45.9))
    lon, lat = box.centres()
    np.testing.assert_allclose(heights, plane(lon, lat) + height_of_geoid(lon, lat), atol=1e-3)
    # Longitudes go on beyond 180 degrees.
    np.testing.assert_allclose(undulation(gtx, [10.1, -179.0, 181.0], [45.0, 3.0, 3.0]), [32.01, 21.5, 21.5], atol=1e-4)


def test_the_datum_is_read_or_stated_and_a_missing_grid_is_an_error(tmp_path, monkeypatch, gtx):
    tile = copernicus(tmp_path / "tiles", 10, 45)
    with pytest.raises(ValueError, match=r"vertical_crs must state what the heights of Copernicus.*tif are above"):
        open_terrain(tile)
    monkeypatch.setattr(geoid, "proj_folders", lambda: [str(tmp_path / "proj")])
    monkeypatch.setattr(geoid, "_SYSTEM", ())
    for word, names in (("egm2008", "us_nga_egm08_25.tif or egm08_25.gtx"), ("egm96", "us_nga_egm96_15.tif or egm96")):
        message = rf"geoid must name the grid of EPSG:\d+, as none was found: {names}.* in .*proj"
        with pytest.raises(ValueError, match=message):
            open_terrain(tile, vertical_crs=word)
    (tmp_path / "proj").mkdir()
    (tmp_path / "proj" / "egm96_15.gtx").write_bytes(gtx.read_bytes())
    found = open_terrain(tile, vertical_crs="egm96")
    assert found.geoid == tmp_path / "proj" / "egm96_15.gtx"
    assert open_terrain(tile, vertical_crs="EPSG:5773").fingerprint == found.fingerprint
    assert open_terrain(tile, vertical_crs="ellipsoid").fingerprint != found.fingerprint
    # EGM96 does not take the place of EGM2008, unless the user names it.
    with pytest.raises(ValueError, match="geoid must name the grid of EPSG:3855"):
        open_terrain(tile, vertical_crs="egm2008")
    assert open_terrain(tile, vertical_crs="egm2008", geoid=found.geoid).vertical_crs == "EPSG:3855"
    with pytest.raises(ValueError, match="geoid must be left out, as the heights"):
        open_terrain(tile, vertical_crs="ellipsoid", geoid=gtx)
    with pytest.raises(FileNotFoundError, match="there is no geoid grid"):
        open_terrain(tile, vertical_crs="egm96", geoid=tmp_path / "none.gtx")
    (tmp_path / "bad.gtx").write_bytes(b"no grid")
    with pytest.raises(ValueError, match="geoid must be a grid that PROJ reads"):
        open_terrain(tile, vertical_crs="egm96", geoid=tmp_path / "bad.gtx")


def test_the_crs_of_a_file_states_the_datum(shared_data, gtx):
    """A real model of EPSG:9707: heights above EGM96."""
    path = shared_data / "rome-dem" / "Rome-30m-DEM.tif"
    terrain = open_terrain(path, geoid=gtx)
    assert (terrain.crs, terrain.vertical_crs) == ("EPSG:4326", "EPSG:5773")
    west, south, east, north = terrain.tiles.grid(path).bounds
    heights, box = terrain.window((west + 0.02, south + 0.02, east - 0.02, north - 0.02))
    with rasterio.open(path) as file:
        stored = file.read(1)
    rows, cols = (np.round(axis).astype(int) for axis in terrain.tiles.grid(path).to_pixels(*box.centres()))
    np.testing.assert_allclose(heights - expected(box, height_of_geoid), stored[rows, cols], atol=0.01)
    with pytest.raises(ValueError, match=r"CRS of Rome-30m-DEM.tif, EPSG:5773, or left out, got egm2008"):
        open_terrain(path, vertical_crs="egm2008", geoid=gtx)


def test_a_projected_model(tmp_path, gtx):
    box = GeoBox.from_bounds((500_000, 4_980_000, 510_000, 4_992_000), shape=(120, 100), crs="EPSG:32632")
    lon, lat = transformer_between(box.crs, "EPSG:4326").transform(*box.centres())
    path = write(tmp_path / "utm.tif", plane(lon, lat).astype("f4"), box.affine, crs=box.crs)
    terrain = open_terrain(path, vertical_crs="egm96", geoid=gtx)
    bounds = (9.02, 45.0, 9.1, 45.05)
    heights, found = terrain.window(bounds)
    assert found.crs == "EPSG:32632"
    lon, lat = transformer_between(found.crs, "EPSG:4326").transform(*found.centres())
    np.testing.assert_allclose(heights, plane(lon, lat) + height_of_geoid(lon, lat), atol=2e-3)
    with pytest.raises(
        ValueError, match=r"dem must cover 9.020, 45.000, 9.300, 45.050 .*, it covers 3\d\.\d % of that"
    ):
        terrain.window((9.02, 45.0, 9.3, 45.05))
    heights, found = terrain.window((9.02, 45.0, 9.3, 45.05), minimum_share=0.1)
    assert 0.5 < np.isnan(heights).mean() < 0.8


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_codes_for_no_data_are_read_stated_or_refused(tmp_path, dtype):
    lon, lat = 10 + np.arange(50) / 100, 46 - np.arange(40) / 100
    values = np.round(plane(lon[None], lat[:, None])).astype(dtype)
    values[10:20, 5:15] = -9999
    affine = rasterio.Affine(0.01, 0, 9.995, 0, -0.01, 46.005)
    bounds = (10.02, 45.65, 10.4, 45.98)
    silent = write(tmp_path / "silent.tif", values, affine)
    with pytest.raises(ValueError, match=r"heights of -500 to 9000 m, silent.tif .* have -9999; .* nodata=-9999"):
        open_terrain(silent, vertical_crs="ellipsoid").window(bounds)
    declared = write(tmp_path / "declared.tif", values, affine, nodata=-9999)
    found = [open_terrain(declared, vertical_crs="ellipsoid").window(bounds)[0],
             open_terrain(silent, vertical_crs="ellipsoid", nodata=-9999).window(bounds)[0]]  # fmt: skip
    np.testing.assert_array_equal(*found)
    assert 90 <= np.isnan(found[0]).sum() - np.isnan(found[0][:, :2]).sum() <= 200


def test_small_holes_are_filled_and_large_ones_are_not(tmp_path):
    tile = copernicus(tmp_path, 10, 45)
    with rasterio.open(tile, "r+") as file:
        values = file.read(1)
        values[20:23, 20:23] = np.nan
        values[30:40, 30:40] = np.nan
        file.write(values, 1)
    heights, box = open_terrain(tmp_path, vertical_crs="ellipsoid").window((10.1, 45.1, 10.8, 45.9))
    rows, cols = (np.round(axis).astype(int) for axis in box.to_pixels(10 + 21 / ROWS, 46 - 21 / ROWS))
    assert heights[rows, cols] == pytest.approx(plane(10 + 21 / ROWS, 46 - 21 / ROWS), abs=0.5)
    assert np.isnan(heights).sum() == 100


def test_folders_of_srtm_tiles_share_their_edges(tmp_path):
    """Tiles of 1201 posts, whose last row and column are the first of the neighbour; the driver moves half a pixel."""
    for west in (8, 9):
        lon, lat = west + np.arange(1201) / 1200, 46 - np.arange(1201) / 1200
        np.round(plane(lon[None], lat[:, None])).astype(">i2").tofile(tmp_path / f"N45E{west:03d}.hgt")
    heights, box = open_terrain(tmp_path, vertical_crs="ellipsoid").window((8.97, 45.4, 9.03, 45.45))
    assert abs(heights - expected(box)).max() <= 0.5 + 1e-3


def test_a_vrt_of_tiles_stands_for_its_tiles(tmp_path):
    names = [copernicus(tmp_path, 10, 49, cols=60), copernicus(tmp_path, 10, 50, cols=40)]
    sources = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name.relative_to(tmp_path)}</SourceFilename>'
        f'<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="{cols}" ySize="60"/>'
        f'<DstRect xOff="0" yOff="{top}" xSize="60" ySize="60"/></SimpleSource>'
        for name, cols, top in zip(names, (60, 40), (60, 0), strict=True)
    )
    (tmp_path / "all.vrt").write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="120"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>9.99166, {1 / 60}, 0, 51.00833, 0, {-1 / 60}</GeoTransform>"
        f'<VRTRasterBand dataType="Float32" band="1">{sources}</VRTRasterBand></VRTDataset>'
    )
    assert sorted(DemTiles.of(tmp_path / "all.vrt").cells) == [(10, 49), (10, 50)]
    heights, box = open_terrain(tmp_path / "all.vrt", vertical_crs="ellipsoid").window((10.2, 49.5, 10.7, 50.5))
    np.testing.assert_allclose(heights, expected(box), atol=1e-3)


def test_what_is_no_terrain_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no terrain model"):
        open_terrain(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"dem must hold a raster .*, found none in .*empty"):
        open_terrain(tmp_path / "empty")
    copernicus(tmp_path / "a", 10, 45)
    box = GeoBox.from_bounds((500_000, 4_980_000, 510_000, 4_992_000), shape=(12, 10), crs="EPSG:32632")
    wrong = write(tmp_path / "a" / "utm.tif", np.zeros((12, 10), "f4"), box.affine, crs=box.crs)
    with pytest.raises(ValueError, match="dem must be in one CRS, "):
        open_terrain(tmp_path / "a", vertical_crs="ellipsoid").window((10.2, 45.2, 10.3, 45.3))
    wrong.rename(tmp_path / "N10E010.tif")
    with pytest.raises(ValueError, match=r"N10E010.tif must lie in the cell of its name in degrees"):
        open_terrain([tmp_path / "N10E010.tif", tmp_path / "a"], vertical_crs="ellipsoid")
    with pytest.raises(ValueError, match="missing must be sea or refuse, got 'zero'"):
        open_terrain(tmp_path / "a", vertical_crs="ellipsoid", missing="zero")


def test_heights_are_known_by_their_content():
    box = GeoBox.from_bounds((10, 45, 11, 46), shape=(4, 5), crs="EPSG:4326")
    heights = np.arange(20, dtype=np.float32).reshape(4, 5)
    one = height_fingerprint(heights, box)
    assert one == height_fingerprint(heights.copy(), box)
    changed = heights.copy()
    changed[2, 2] += 0.25
    assert one != height_fingerprint(changed, box)
    assert one != height_fingerprint(heights, GeoBox.from_bounds((10, 45, 11, 47), shape=(4, 5), crs="EPSG:4326"))
