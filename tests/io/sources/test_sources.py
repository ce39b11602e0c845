"""Sources give their own pixels around a tile: the same numbers as plain indexing, none of them resampled."""

import http.server
import os
import threading

import h5py
import numpy as np
import pytest
from affine import Affine

from m3leo_sar import GeoBox
from m3leo_sar.io.components.band import SEASONS
from m3leo_sar.io.sources.gssic_source import GssicSource
from m3leo_sar.io.sources.gunw_source import QUANTITIES, GunwSource
from m3leo_sar.io.sources.open_source import kind_of, open_source
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.tile_source import cover
from m3leo_sar.io.sources.xarray_source import XarraySource, earth_engine_source, open_xarray_source

rasterio = pytest.importorskip("rasterio")
xr = pytest.importorskip("xarray")
BOX = GeoBox.from_bounds((500_000, 5_000_000, 500_900, 5_000_700), shape=(70, 90), crs="EPSG:32631")
TILE = GeoBox.from_bounds((500_300, 5_000_200, 500_450, 5_000_330), shape=(13, 15), crs="EPSG:32631")
AWAY = GeoBox.from_bounds((600_000, 5_000_000, 600_100, 5_000_100), shape=(11, 12), crs="EPSG:32631")


def write(path, array, box, *, names=(), **profile):
    array = array if array.ndim == 3 else array[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"count": len(array), "height": array.shape[1], "width": array.shape[2], "dtype": array.dtype}
    crs = {} if box is None else {"crs": box.crs, "transform": box.affine}
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **crs, **profile}) as file:
        file.write(array)
        for number, name in enumerate(names, start=1):
            file.set_band_description(number, name)
    return path


def place(array, box, piece):
    """What the piece must hold: the array at the piece's pixel centres, by their coordinates alone."""
    x, y = piece.geobox.centres()
    rows = np.rint((y[:, 0] - (box.affine.f + box.affine.e / 2)) / box.affine.e).astype(int)
    cols = np.rint((x[0] - (box.affine.c + box.affine.a / 2)) / box.affine.a).astype(int)
    return array[..., rows[:, None], cols]


def holds(outer, inner):
    left, bottom, right, top = outer.bounds
    inside = inner.bounds_in(outer.crs)
    return left <= inside[0] and bottom <= inside[1] and right >= inside[2] and top >= inside[3]


def test_a_rasters_window_is_its_own_pixels_with_a_margin(tmp_path, rng):
    array = rng.normal(size=(2, 70, 90)).astype("f4")
    array[1, 25, 35] = -9
    path = write(tmp_path / "dem.tif", array, BOX, names=("height", "slope"), nodata=-9)
    source = RasterSource(path)
    assert [band.name for band in source.bands] == ["height", "slope"]
    assert (source.name, source.resampling) == ("dem.tif", "bilinear")
    for tile in (
        TILE,
        GeoBox.from_bounds(TILE.bounds_in("EPSG:4326"), shape=(17, 9), crs="EPSG:4326"),
        GeoBox((20, 30), Affine.translation(500_500, 5_000_300) @ Affine.rotation(30) @ Affine.scale(4, -4), BOX.crs),
    ):
        (piece,) = source.read(tile)
        expected = place(np.where(array == -9, np.nan, array), BOX, piece)
        np.testing.assert_array_equal(piece.array, expected)
        assert piece.array.dtype == np.float32
        assert holds(piece.geobox, tile)
        assert piece.array.shape[1:] < (70, 90)
    assert source.read(AWAY) == []
    corner = GeoBox.from_bounds((499_900, 5_000_650, 500_020, 5_000_800), shape=(15, 12), crs=BOX.crs)
    (piece,) = source.read(corner)
    np.testing.assert_array_equal(piece.array, array[:, : piece.array.shape[1], : piece.array.shape[2]])
    touching = GeoBox.from_bounds((499_900, 5_000_300, 500_000, 5_000_400), shape=(10, 11), crs=BOX.crs)
    assert source.read(touching) == []
    north = GeoBox.from_bounds((500_300, 5_000_700, 500_400, 5_000_800), shape=(10, 11), crs=BOX.crs)
    assert source.read(north) == []
    # A value that the file does not name.
    array[0, 40, 40] = -7
    (piece,) = RasterSource(write(path, array, BOX), nodata=-7).read(TILE)
    np.testing.assert_array_equal(piece.array, place(np.where(array == -7, np.nan, array), BOX, piece))
    assert np.isnan(piece.array).sum() == 1


def test_the_margin_grows_with_the_tiles_pixels():
    fine, coarse = (
        GeoBox.from_bounds((500_300, 5_000_200, 500_540, 5_000_320), shape=shape, crs=BOX.crs)
        for shape in ((24, 48), (3, 6))
    )
    # 3 pixels at least, for a kernel 6 wide; 3 times 4 where a tile's pixel spans 4.
    assert cover(BOX, fine).rows.start <= 38 - 3
    assert cover(BOX, coarse).rows.start <= 38 - 12
    assert cover(BOX, coarse).parts[0][0].stop >= 54 + 12


@pytest.mark.parametrize("west", [-180.0, 0.0, 20.0])
def test_a_tile_across_the_seam_of_a_globe_finds_both_ends(west):
    globe = GeoBox.from_bounds((west, -90, west + 360, 90), shape=(90, 180), crs="EPSG:4326")
    tile = GeoBox.from_bounds((west - 5, 10, west + 7, 20), shape=(10, 12), crs="EPSG:4326")
    part = cover(globe, tile)
    longitude = globe.centres()[0][:1]
    found = part.gather(lambda rows, cols: np.repeat(longitude[:, cols], rows.stop - rows.start, axis=0), np.nan)
    assert len(part.parts) == 2
    x, _ = part.geobox.centres()
    turn = (found - x) / 360
    np.testing.assert_allclose(turn, np.round(turn), atol=1e-9)
    assert found.shape == part.geobox.shape
    assert found.shape[1] < 40
    # In metres the longitudes of the two halves are far apart.
    seam = (west + 540) % 360 - 180
    zone = 32601 + int((seam + 180) // 6)
    x, y = (
        GeoBox.from_bounds((seam, 10, seam + 1, 11), shape=(1, 1), crs="EPSG:4326")
        .transformer_to(f"EPSG:{zone}")
        .transform(seam, 10.5)
    )
    metres = GeoBox.from_bounds((x - 9000, y - 7000, x + 9000, y + 7000), shape=(14, 18), crs=f"EPSG:{zone}")
    part = cover(globe, metres)
    assert len(part.parts) == 2
    assert part.geobox.shape[1] < 40
    # A raster that is no globe has a gap there, which is filled.
    piece = GeoBox.from_bounds((west, -90, west + 358, 90), shape=(90, 179), crs="EPSG:4326")
    part = cover(piece, tile)
    longitude = piece.centres()[0][:1]
    found = part.gather(lambda rows, cols: np.repeat(longitude[:, cols], rows.stop - rows.start, axis=0), np.nan)
    assert np.isnan(found).all(axis=0).sum() == 1


def test_a_tile_on_the_pole_reads_the_whole_turn():
    globe = GeoBox.from_bounds((-180, 60, 180, 90), shape=(30, 360), crs="EPSG:4326")
    tile = GeoBox.from_bounds((-200_000, -200_000, 200_000, 200_000), shape=(40, 44), crs="EPSG:3995")
    part = cover(globe, tile)
    assert part.rows.start == 0
    covered = np.zeros(360, bool)
    for cols, _ in part.parts:
        covered[cols] = True
    assert covered.all()


def test_integers_keep_their_values_and_what_stands_for_no_data(tmp_path, rng):
    codes = rng.choice([0, 10, 50], (70, 90)).astype("u1")
    path = write(tmp_path / "cover.tif", codes, BOX, nodata=0)
    source = RasterSource(path)
    assert source.resampling is None
    (piece,) = source.read(TILE)
    assert (piece.array.dtype, piece.nodata) == (np.uint8, 0)
    np.testing.assert_array_equal(piece.array[0], place(codes, BOX, piece))
    stated = RasterSource(path, nodata=255, resampling="mode")
    (piece,) = stated.read(TILE)
    # The file's own value counts beside the stated one.
    np.testing.assert_array_equal(piece.array[0], place(np.where(codes == 0, 255, codes), BOX, piece))
    assert (piece.nodata, stated.resampling) == (255, "mode")
    assert stated.parameters(TILE) != source.parameters(TILE)
    heights = write(tmp_path / "dem.tif", (codes.astype("i2") - 20), BOX)
    with rasterio.open(heights, "r+") as file:
        file.scales, file.offsets = (0.5,), (100.0,)
    (piece,) = RasterSource(heights, indexes=[1]).read(TILE)
    np.testing.assert_array_equal(piece.array[0], place((codes.astype(float) - 20) * 0.5 + 100, BOX, piece))
    assert piece.array.dtype == np.float32
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {10: (0, 100, 0, 255)})
    assert RasterSource(path).resampling == "mode"
    assert RasterSource(path).bands[0].unit == "class"


def test_a_mask_is_no_data(tmp_path, rng):
    array, mask = rng.normal(size=(70, 90)).astype("f4"), rng.random((70, 90)) > 0.3
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        for name, values in (("a.tif", array), ("b.tif", array.astype("i2"))):
            path = write(tmp_path / name, values, BOX)
            with rasterio.open(path, "r+") as file:
                file.write_mask(mask)
    (piece,) = RasterSource(tmp_path / "a.tif").read(TILE)
    np.testing.assert_array_equal(piece.array[0], place(np.where(mask, array, np.nan), BOX, piece))
    with pytest.raises(ValueError, match=r"b.tif masks integer pixels but specifies no no-data value; state nodata="):
        RasterSource(tmp_path / "b.tif").read(TILE)


def test_bad_rasters_are_named(tmp_path, rng):
    array = rng.normal(size=(70, 90)).astype("f4")
    path = write(tmp_path / "dem.tif", array, BOX)
    path.write_bytes(path.read_bytes()[:-9000])
    tile = GeoBox.from_bounds((500_300, 5_000_000, 500_500, 5_000_100), shape=(10, 20), crs=BOX.crs)
    with pytest.raises(ValueError, match=r"dem.tif cannot be read as a raster"):
        RasterSource(path).read(tile)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        RasterSource(tmp_path / "none.tif")
    (tmp_path / "notes.tif").write_text("no raster")
    with pytest.raises(ValueError, match=r"notes.tif cannot be read as a raster"):
        RasterSource(tmp_path / "notes.tif")
    bare = write(tmp_path / "bare.tif", array, None, transform=BOX.affine)
    with pytest.raises(ValueError, match=r"bare.tif has no CRS; state crs="):
        RasterSource(bare)
    (piece,) = RasterSource(bare, crs="EPSG:32631").read(TILE)
    np.testing.assert_array_equal(piece.array[0], place(array, BOX, piece))
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(tmp_path / "flat.tif", array, None)
    with pytest.raises(ValueError, match=r"flat.tif has no map grid"):
        RasterSource(tmp_path / "flat.tif", crs="EPSG:32631")
    with pytest.raises(ValueError, match=r"indexes must be bands 1 to 1 of bare.tif, got \[2\]"):
        RasterSource(bare, crs="EPSG:32631", indexes=[2])


class Server(http.server.BaseHTTPRequestHandler):
    """A file by ranges; the first requests may fail."""

    content = b""
    failures = 0

    def do_GET(self):
        kind = type(self)
        if kind.failures:
            kind.failures -= 1
            self.send_error(503)
            return
        first, _, last = self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
        part = self.content[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(self.content)}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Handler", (Server,), {})
    try:
        running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    except OSError as error:
        pytest.skip(f"no server can listen here: {error}")
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield handler, f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_raster_by_url_is_the_file_and_keeps_the_urls_secrets(tmp_path, rng, server):
    handler, address = server
    array = rng.normal(size=(70, 90)).astype("f4")
    handler.content = write(tmp_path / "dem.tif", array, BOX).read_bytes()
    handler.failures = 4
    url = f"{address}/some/dem.tif?signature=s3cr3t"
    source, reported = None, []
    while source is None and len(reported) < 4:
        try:
            source = RasterSource(url)
        except OSError as error:
            reported.append(str(error))
    # The server answers at last, and GDAL does not remember that it did not.
    assert reported
    assert all(text.startswith(f"{address}/some/dem.tif cannot be read: ") for text in reported)
    assert not any("s3cr3t" in text for text in reported)
    (piece,) = source.read(TILE)
    np.testing.assert_array_equal(piece.array[0], place(array, BOX, piece))
    assert source.name == f"{address}/some/dem.tif"
    handler.content = b"a page that tells what went wrong"
    with pytest.raises(OSError, match="cannot be read: ") as fault:
        RasterSource(url.replace("dem.tif", "page.tif"))
    assert "s3cr3t" not in str(fault.value)
    assert "s3cr3t" not in str(source.parameters(TILE))


def dataset(rng, *, y="y", x="x", up=False, **attributes):
    array = rng.normal(size=(3, 70, 90)).astype("f4")
    xs, ys = BOX.centres()
    rows = slice(None, None, -1) if up else slice(None)
    dates = np.array(["2020-01-08", "2020-01-20", "2020-02-01"], "datetime64[ns]")
    data = xr.Dataset(
        {"vv": (("time", y, x), array[:, rows], {"units": "dB"})},
        coords={"time": dates, y: ys[rows, 0], x: xs[0]},
        attrs=attributes,
    )
    return data, array


@pytest.mark.parametrize("up", [False, True])
def test_xarray_gives_the_slice_whichever_way_rows_run(rng, up):
    data, array = dataset(rng, up=up, crs="EPSG:32631")
    source = XarraySource(data, name="stack")
    assert [band.name for band in source.bands] == ["vv_20200108", "vv_20200120", "vv_20200201"]
    assert {(band.unit, band.product) for band in source.bands} == {("dB", "stack")}
    (piece,) = source.read(TILE)
    np.testing.assert_array_equal(piece.array, place(array, BOX, piece))
    assert (piece.geobox.affine.e > 0) == up
    assert holds(piece.geobox, TILE)
    assert piece.array.shape[1:] < (70, 90)
    assert source.read(AWAY) == []
    # The order of the axes is the data's own affair.
    (turned,) = XarraySource(data.transpose("x", "time", "y"), name="stack").read(TILE)
    np.testing.assert_array_equal(turned.array, piece.array)


def test_xarray_reads_no_more_than_the_slice(rng):
    dask = pytest.importorskip("dask.array")
    touched = []

    def block(_, block_info=None):
        touched.append(tuple(start for start, _ in block_info[None]["array-location"]))
        return np.zeros((10, 10), np.float32)

    lazy = dask.map_blocks(block, dask.zeros((70, 90), chunks=(10, 10)), dtype="f4", meta=np.zeros((0, 0), "f4"))
    xs, ys = BOX.centres()
    array = xr.DataArray(lazy, dims=("y", "x"), coords={"y": ys[:, 0], "x": xs[0]}, attrs={"crs": BOX.crs})
    source = XarraySource(array.rename("vv"), name="lazy")
    assert touched == []
    source.read(TILE)
    assert 0 < len(set(touched)) <= 12


def test_xarray_by_files_and_kinds_of_coordinates(tmp_path, rng):
    pytest.importorskip("scipy")
    degrees = GeoBox.from_bounds((9.0, 50.0, 9.45, 50.7), shape=(70, 45), crs="EPSG:4326")
    array = rng.normal(size=(70, 45))
    xs, ys = degrees.centres()
    tile = GeoBox.from_bounds((9.103, 50.204, 9.154, 50.265), shape=(12, 10), crs="EPSG:4326")
    for y, x in (("lat", "lon"), ("latitude", "longitude")):
        data = xr.Dataset({"agb": ((y, x), array)}, coords={y: ys[:, 0].astype("f4"), x: xs[0].astype("f4")})
        data["note"] = 3
        data.to_netcdf(tmp_path / f"{y}.nc", engine="scipy")
        data.to_zarr(tmp_path / f"{y}.zarr", consolidated=False)
        for path in (tmp_path / f"{y}.nc", tmp_path / f"{y}.zarr"):
            source = open_source(path)
            (piece,) = source.read(tile)
            assert piece.geobox.crs == "EPSG:4326"
            np.testing.assert_array_equal(piece.array[0], place(array, degrees, piece))
            assert source.name == path.name
    named = data.rename(latitude="north", longitude="east")
    (piece,) = XarraySource(named, name="a", y="north", x="east", crs="EPSG:4326").read(tile)
    np.testing.assert_array_equal(piece.array[0], place(array, degrees, piece))
    # Longitudes from 0 to 360 are the same ground.
    east = data.assign_coords(longitude=data.longitude.astype("f8") + 360)
    (turned,) = XarraySource(east, name="a").read(tile)
    np.testing.assert_array_equal(turned.array, piece.array)


def test_the_crs_of_xarray_in_all_its_places(rng):
    from pyproj import CRS

    plain, _ = dataset(rng)
    wkt = CRS("EPSG:32631").to_wkt()
    mapped = plain.assign_coords(utm=0)
    mapped["utm"].attrs["crs_wkt"] = wkt
    mapped["vv"].attrs["grid_mapping"] = "utm"
    spatial = plain.assign_coords(spatial_ref=0)
    spatial["spatial_ref"].attrs["spatial_ref"] = wkt
    on_variable = plain.copy()
    on_variable["vv"].attrs["crs"] = "EPSG:32631"
    for data in (mapped, spatial, on_variable):
        assert XarraySource(data, name="a").geobox.crs == "EPSG:32631"
    assert XarraySource(spatial, name="a", crs="EPSG:32632").geobox.crs == "EPSG:32632"


def test_integers_and_fills_that_xarray_left(rng):
    xs, ys = BOX.centres()
    coords = {"y": ys[:, 0], "x": xs[0]}
    codes = rng.integers(0, 5, (70, 90)).astype("i2")
    values = codes.astype("f4")
    data = xr.Dataset(
        {"cover": (("y", "x"), codes, {"_FillValue": 3}), "depth": (("y", "x"), values, {"_FillValue": 3.0})},
        coords=coords,
        attrs={"crs": BOX.crs},
    )
    source = XarraySource(data, name="a")
    assert source.resampling is None
    cover_piece, depth_piece = source.read(TILE)
    assert (cover_piece.array.dtype, cover_piece.nodata) == (np.int16, 3)
    np.testing.assert_array_equal(cover_piece.array[0], place(codes, BOX, cover_piece))
    np.testing.assert_array_equal(depth_piece.array[0], place(np.where(values == 3, np.nan, values), BOX, depth_piece))


def test_foreign_xarray_is_refused_in_plain_words(tmp_path, rng):
    good, array = dataset(rng, crs="EPSG:32631")
    no_crs, _ = dataset(rng)
    swath = xr.Dataset(
        {"vv": (("line", "sample"), array[0])},
        coords={"lat": (("line", "sample"), array[1]), "lon": (("line", "sample"), array[2])},
    )
    uneven = good.assign_coords(x=good.x + np.where(np.arange(90) == 40, 1, 0))
    for data, options, message in (
        (no_crs, {}, r"stack specifies no CRS .* state crs="),
        (good, {"crs": "nowhere"}, r"crs must be known to PROJ, got 'nowhere'"),
        (good.rename(y="north"), {}, r"stack must have coordinates y, x; lat, lon; .* it has time, north, x"),
        (good, {"y": "up", "x": "x"}, r"stack must have coordinates up, x; it has time, y, x"),
        (good, {"y": "y"}, r"y and x must be given together"),
        (swath, {}, r"one-dimensional coordinates .* lat and lon have dimensions \('line', 'sample'\)"),
        (uneven, {}, r"coordinates x \(x\) and y \(y\) of stack: x must be evenly spaced"),
        (good, {"variables": ["vh"]}, r"variables must be among vv of stack, got vh"),
        (good.assign(day=("time", [1, 2, 3])), {"variables": ["day"]}, r"variable day of stack must be of numbers"),
        (good[["time"]], {}, r"stack must have coordinates"),
        (good.drop_vars("vv"), {}, r"stack has no variable of numbers over y and x"),
    ):
        with pytest.raises(ValueError, match=message):
            XarraySource(data, name="stack", **options)
    with pytest.raises(TypeError, match=r"data of stack must be an xarray.Dataset or DataArray, got ndarray"):
        XarraySource(array, name="stack")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        open_xarray_source(tmp_path / "none.nc")
    (tmp_path / "a.nc").write_bytes(b"CDF\x01 cut short")
    with pytest.raises(ValueError, match=r"a.nc cannot be read as netCDF or Zarr"):
        open_xarray_source(tmp_path / "a.nc")


def test_faults_of_the_library_below_are_such_that_a_retry_may_mend():
    dask = pytest.importorskip("dask.array")

    def block(_):
        raise RuntimeError("quota exceeded")

    lazy = dask.map_blocks(block, dask.zeros((70, 90)), dtype="f4", meta=np.zeros((0, 0), "f4"))
    xs, ys = BOX.centres()
    array = xr.DataArray(lazy, {"y": ys[:, 0], "x": xs[0]}, attrs={"crs": BOX.crs}, name="vv")
    with pytest.raises(OSError, match="stack cannot be read: RuntimeError quota exceeded"):
        XarraySource(array, name="stack").read(TILE)


def test_earth_engine_is_asked_for_the_grid_and_for_no_keys(rng, monkeypatch):
    data, array = dataset(rng)
    asked = {}

    def open_dataset(collection, **options):
        asked.update(options, collection=collection)
        return data

    with pytest.raises(ImportError, match="pip install xee"):
        earth_engine_source("ee://COPERNICUS/S1_GRD", geobox=BOX)
    monkeypatch.setattr(xr, "open_dataset", open_dataset)
    monkeypatch.setattr(xr.backends, "list_engines", lambda: {"ee": object()})
    source = earth_engine_source("ee://COPERNICUS/S1_GRD", geobox=BOX)
    assert asked == {
        "collection": "ee://COPERNICUS/S1_GRD",
        "engine": "ee",
        "crs": "EPSG:32631",
        "crs_transform": (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_700.0),
        # Xee has the width first.
        "shape_2d": (90, 70),
        "ee_init_if_necessary": True,
    }
    (piece,) = source.read(TILE)
    np.testing.assert_array_equal(piece.array, place(array, BOX, piece))
    assert source.name == "COPERNICUS/S1_GRD"
    with pytest.raises(TypeError, match="name must be given for a object"):
        earth_engine_source(object(), geobox=BOX)


SIZE = 40


def write_cell(folder, name, array, *, top=None, left=None):
    cell = name[:7]
    top = int(cell[1:3]) * (1 if cell[0] == "N" else -1) if top is None else top
    left = int(cell[4:7]) * (1 if cell[3] == "E" else -1) if left is None else left
    box = GeoBox.from_bounds((left, top - 1, left + 1, top), shape=array.shape, crs="EPSG:4326")
    return write(folder / cell / f"{name}.tif", array, box)


def tile_around(longitude, latitude, *, half=0.2):
    bounds = (longitude - half, latitude - half, longitude + half, latitude + half)
    return GeoBox.from_bounds(bounds, shape=(14, 16), crs="EPSG:4326")


@pytest.mark.parametrize(
    ("longitude", "latitude", "cells"),
    [
        (-89.0, 47.0, ("N48W090", "N48W089", "N47W090", "N47W089")),
        (0.0, 0.0, ("N01W001", "N01E000", "N00W001", "N00E000")),
        (12.0, -1.0, ("N00E011", "N00E012", "S01E011", "S01E012")),
        (180.0, -30.0, ("S29E179", "S29W180", "S30E179", "S30W180")),
    ],
)
def test_cells_of_gssic_join_at_their_corner(tmp_path, rng, longitude, latitude, cells):
    stored = rng.integers(0, 101, (2, 2, SIZE, SIZE)).astype("u1")
    for cell, array in zip(cells, stored.reshape(4, SIZE, SIZE), strict=True):
        write_cell(tmp_path, f"{cell}_winter_vv_COH12", array)
    source = GssicSource(tmp_path)
    (piece,) = source.read(tile_around(longitude, latitude))
    assert [band.name for band in piece.bands] == ["winter_coherence_12"]
    joined = stored.transpose(0, 2, 1, 3).reshape(2 * SIZE, 2 * SIZE)
    box = GeoBox.from_bounds(
        (longitude - 1, latitude - 1, longitude + 1, latitude + 1), shape=joined.shape, crs="EPSG:4326"
    )
    turn = 360 * round((piece.geobox.bounds[0] - longitude) / 360)
    moved = piece._replace(
        geobox=GeoBox(piece.geobox.shape, Affine.translation(-turn, 0) @ piece.geobox.affine, box.crs)
    )
    expected = np.where(joined > 0, joined / 100, np.nan)
    np.testing.assert_allclose(piece.array[0], place(expected, box, moved), rtol=1e-6)
    assert piece.notes == ()
    assert len(source.parameters(tile_around(longitude, latitude))["files"]) == 4


def test_gssic_is_decoded_as_the_chips_of_the_release_are(tmp_path):
    numbers = np.full((SIZE, SIZE), 250, np.uint16)
    numbers[20, 20] = 0
    for season in SEASONS:
        for name in ("vv_AMP", "vh_AMP", "vv_COH12", "vv_COH24", "vv_COH36", "vv_COH48", "vv_rho", "vv_tau", "vv_rmse"):
            write_cell(tmp_path, f"N48W090_{season}_{name}", numbers)
    write_cell(tmp_path, "N48W090_fall_hh_COH06", numbers)
    write_cell(tmp_path, "N48W090_124D_inc", numbers.astype("u1"))
    write_cell(tmp_path, "N48W090_124D_lsmap", (numbers // 100).astype("u1"))
    write_cell(tmp_path, "N48W090_012A_lsmap", (numbers // 50).astype("u1"))
    source = GssicSource(tmp_path)
    names = [band.name for band in source.bands]
    assert names[:9] == [
        "winter_vv_amplitude", "winter_vh_amplitude", "winter_coherence_12", "winter_coherence_24",
        "winter_coherence_36", "winter_coherence_48", "winter_rho", "winter_tau", "winter_rmse",
    ]  # fmt: skip
    assert names[-4:] == ["fall_rmse", "inc_124D", "lsmap_012A", "lsmap_124D"]
    values, codes = source.read(tile_around(-89.5, 47.5))
    value = {band.name: plane[0, 0] for band, plane in zip(values.bands, values.array, strict=True)}
    assert value["winter_vv_amplitude"] == pytest.approx(20 * np.log10(250) - 83, rel=1e-6)
    assert value["fall_hh_coherence_6"] == pytest.approx(2.5)
    assert value["summer_rho"] == pytest.approx(0.25)
    assert value["summer_rmse"] == pytest.approx(0.25)
    assert value["spring_tau"] == pytest.approx(0.25)
    assert value["inc_124D"] == 250
    empty = np.isnan(values.array)
    assert (empty.sum(axis=(1, 2)) == 1).all()
    assert (codes.array.dtype, codes.nodata) == (np.uint8, 0)
    assert codes.array[:, 0, 0].tolist() == [5, 2]
    assert [band.orbit_direction for band in codes.bands] == ["ascending", "descending"]
    units = {band.name: (band.quantity, band.unit) for band in source.bands}
    assert units["winter_vv_amplitude"] == ("gamma0", "dB")
    assert units["summer_tau"] == ("tau", "day")
    (only,) = GssicSource(tmp_path, layers=["summer_tau"]).read(tile_around(-89.5, 47.5))
    assert [band.name for band in only.bands] == ["summer_tau"]


def test_a_missing_layer_of_gssic_is_no_data_and_said(tmp_path):
    ones = np.full((SIZE, SIZE), 50, np.uint8)
    write_cell(tmp_path, "N48W090_winter_vv_COH12", ones)
    write_cell(tmp_path, "N48W089_winter_vv_COH12", ones)
    write_cell(tmp_path, "N48W090_summer_vv_COH12", ones)
    source = GssicSource(tmp_path)
    (piece,) = source.read(tile_around(-89.0, 47.5))
    middle = piece.array.shape[2] // 2
    assert (piece.array[0] == 0.5).all()
    assert (piece.array[1, :, :middle] == 0.5).all()
    assert np.isnan(piece.array[1, :, middle:]).all()
    assert piece.notes == ("summer_coherence_12 is missing in N48W089",)
    assert source.read(tile_around(20.5, 47.5)) == []


def test_bad_gssic_is_named(tmp_path):
    ones = np.ones((SIZE, SIZE), np.uint8)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        GssicSource(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no GeoTIFF named like N48W090_winter_vv_COH12.tif"):
        GssicSource(tmp_path)
    write_cell(tmp_path, "N48W090_winter_vv_COH12", ones)
    with pytest.raises(ValueError, match="layers must be among winter_coherence_12; got fall_tau"):
        GssicSource(tmp_path, layers=["fall_tau"])
    wrong = write_cell(tmp_path, "N48W089_winter_vv_COH12", ones, left=-88)
    with pytest.raises(ValueError, match=r"N48W089_winter_vv_COH12.tif must be 40 x 40 pixels from -89 E, 48 N"):
        GssicSource(tmp_path).read(tile_around(-88.5, 47.5))
    os.rename(wrong, wrong.with_name("N48W090_winter_vv_COH12.tif"))
    with pytest.raises(ValueError, match=r"N48W090_winter_vv_COH12.tif occurs twice"):
        GssicSource(tmp_path)


def granule(folder, name, west, north, shape, rng, *, step=0.01, **changes):
    lon, lat = west + step * (np.arange(shape[1]) + 0.5), north - step * (np.arange(shape[0]) + 0.5)
    parts = {
        "longitude": lon,
        "latitude": lat,
        "unwrappedPhase": rng.normal(0, 5, shape).astype("f4"),
        "coherence": rng.uniform(0.1, 1, shape).astype("f4"),
        "amplitude": rng.uniform(1, 9, shape).astype("f4"),
        "connectedComponents": rng.integers(0, 3, shape).astype("f4"),
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"{name}.nc", "w") as file:
        for key, values in parts.items():
            if values is not None:
                file[f"science/grids/data/{key}"] = values
    return parts, GeoBox.from_bounds(
        (west, north - step * shape[0], west + step * shape[1], north), shape=shape, crs="EPSG:4326"
    )


FIRST = "S1-GUNW-A-R-064-tops-20200320_20200308-015013-36885N_35006N-PP-a1b9-v2_0_2"
SECOND = "S1-GUNW-D-R-071-tops-20200320_20200308-141500-36885N_35006N-PP-c0de-v2_0_2"
THIRD = "S1-GUNW-A-R-064-tops-20200401_20200308-015014-36885N_35006N-PP-77aa-v2_0_2"
FRAME = "S1-GUNW-A-R-064-tops-20200320_20200308-015038-38885N_37006N-PP-beef-v2_0_2"
AGAIN = "S1-GUNW-A-R-064-tops-20200320_20200308-015013-36885N_35006N-PP-ffff-v3_0_0"
FAULT = tile_around(-117.5, 35.6)


def test_granules_of_gunw_stay_on_their_own_grids(tmp_path, rng):
    first, first_box = granule(tmp_path / "a", FIRST, -118.0, 36.0, (80, 100), rng)
    second, second_box = granule(tmp_path / "b", SECOND, -118.213, 36.104, (91, 120), rng, step=0.009)
    granule(tmp_path, THIRD, -110.0, 36.0, (30, 31), rng)
    first["unwrappedPhase"][40, 50] = 0
    first["connectedComponents"][40, 50] = -1
    granule(tmp_path / "a", FIRST, -118.0, 36.0, (80, 100), rng, **first)
    source = GunwSource(tmp_path)
    # Direction and track keep two pairs of the same dates apart; the earlier date comes first.
    assert [band.name for band in source.bands if band.quantity == "coherence"] == [
        "coherence_20200308_20200320_A064",
        "coherence_20200308_20200320_D071",
        "coherence_20200308_20200401_A064",
    ]
    pieces = source.read(FAULT)
    assert len(pieces) == 4
    for values, codes, parts, box, track in (
        (*pieces[:2], first, first_box, "A064"),
        (*pieces[2:], second, second_box, "D071"),
    ):
        assert [band.name for band in values.bands] == [
            f"{name}_20200308_20200320_{track}" for name in ("unwrappedPhase", "coherence", "amplitude")
        ]
        np.testing.assert_allclose(values.geobox.resolution, box.resolution)
        phase = np.where(parts["unwrappedPhase"] == 0, np.nan, parts["unwrappedPhase"])
        np.testing.assert_array_equal(values.array[0], place(phase, box, values))
        np.testing.assert_array_equal(codes.array[0], place(parts["connectedComponents"], box, codes))
        assert (codes.array.dtype, codes.nodata) == (np.int16, -1)
        # Zero is a component: what lies outside all others.
        assert (codes.array == 0).any()
    assert [band.orbit_direction for band in pieces[3].bands] == ["descending"]
    assert len(source.parameters(FAULT)["files"]) == 2
    assert source.read(tile_around(10, 50)) == []


def test_granules_of_one_pair_and_track_are_all_kept(tmp_path, rng):
    empty = np.zeros((80, 100), "f4")
    granule(tmp_path, FIRST, -118.0, 36.0, (80, 100), rng)
    granule(tmp_path, FRAME, -118.0, 36.3, (80, 90), rng)

    def names():
        return [piece.bands[0].name for piece in GunwSource(tmp_path, quantities=["coherence"]).read(FAULT)]

    assert names() == ["coherence_20200308_20200320_A064_015013", "coherence_20200308_20200320_A064_015038"]
    granule(tmp_path, AGAIN, -118.0, 36.0, (80, 95), rng)
    assert names() == [
        "coherence_20200308_20200320_A064_015013_36885N_35006N-PP-a1b9-v2_0_2",
        "coherence_20200308_20200320_A064_015013_36885N_35006N-PP-ffff-v3_0_0",
        "coherence_20200308_20200320_A064_015038",
    ]
    # A granule without data at the tile takes part in nothing.
    (tmp_path / f"{AGAIN}.nc").unlink()
    granule(tmp_path, FRAME, -118.0, 36.3, (80, 100), rng, coherence=empty)
    assert names() == ["coherence_20200308_20200320_A064"]


def test_a_granule_that_lacks_a_layer_gives_the_others_and_says_so(tmp_path, rng):
    granule(tmp_path, FIRST, -118.0, 36.0, (80, 100), rng)
    granule(tmp_path, FRAME, -118.0, 36.0, (80, 100), rng, amplitude=None, connectedComponents=None)
    pieces = GunwSource(tmp_path).read(FAULT)
    assert [[band.name.partition("_")[0] for band in piece.bands] for piece in pieces] == [
        ["unwrappedPhase", "coherence", "amplitude"],
        ["connectedComponents"],
        ["unwrappedPhase", "coherence"],
    ]
    assert [piece.notes for piece in pieces] == [(), (), (f"{FRAME}.nc holds no amplitude, connectedComponents",)]
    (tmp_path / f"{FIRST}.nc").unlink()
    assert len(GunwSource(tmp_path).bands) == 2
    with pytest.raises(ValueError, match=r"quantities must be in a granule of .*, none holds amplitude"):
        GunwSource(tmp_path, quantities=["coherence", "amplitude"])
    granule(tmp_path, FRAME, -118.0, 36.0, (80, 100), rng, **dict.fromkeys(QUANTITIES))
    with pytest.raises(ValueError, match=r"is damaged: it holds none of unwrappedPhase"):
        GunwSource(tmp_path)


def test_bad_granules_are_named(tmp_path, rng):
    with pytest.raises(ValueError, match="holds no granule named like"):
        GunwSource(tmp_path)
    with pytest.raises(ValueError, match=r"quantities must be among .* got phase"):
        GunwSource(tmp_path, quantities=["phase"])
    bad = tmp_path / "bad"
    for name, changes, message in (
        (FIRST, {"latitude": None}, r"a1b9-v2_0_2.nc is damaged: latitude is missing"),
        (FIRST, {"longitude": np.arange(100) ** 2.0}, r"a1b9-v2_0_2.nc is damaged: x must be evenly spaced"),
        (FIRST.replace("20200308", "20200320"), {}, r"must have two different dates in its name"),
        (FIRST.replace("20200308", "20201308"), {}, r"must have two dates in its name"),
    ):
        granule(bad, name, -118.0, 36.0, (80, 100), rng, **changes)
        with pytest.raises(ValueError, match=message):
            GunwSource(bad)
        (bad / f"{name}.nc").unlink()
    for changes, message in (
        ({"coherence": np.ones((80, 99), "f4")}, r"coherence must have the shape \(80, 100\) of its coordinates"),
    ):
        granule(bad, FIRST, -118.0, 36.0, (80, 100), rng, **changes)
        with pytest.raises(ValueError, match=message):
            GunwSource(bad).read(FAULT)
    for content in (b"", (bad / f"{FIRST}.nc").read_bytes()[:3000]):
        (bad / f"{FIRST}.nc").write_bytes(content)
        with pytest.raises(ValueError, match=r"a1b9-v2_0_2.nc is not a netCDF-4 file"):
            GunwSource(bad)
    with h5py.File(bad / f"{FIRST}.nc", "w") as file:
        file["other"] = 1
    with pytest.raises(ValueError, match=r"is not an S1-GUNW granule: it has no group science/grids/data"):
        GunwSource(bad)


def test_the_kind_of_a_source_shows_in_its_name_or_folder(tmp_path, rng):
    assert kind_of("https://server/dem.tif?x=1") == "raster"
    write_cell(tmp_path / "gssic", "N48W090_winter_vv_COH12", np.ones((SIZE, SIZE), np.uint8))
    granule(tmp_path / "gunw", FIRST, -118.0, 36.0, (8, 10), rng)
    write(tmp_path / "dem.vrt.tif", rng.normal(size=(70, 90)), BOX)
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "a.nc").write_bytes(b"")
    kinds = {"gssic": "gssic", "gunw": "gunw", "dem.vrt.tif": "raster", "a.zarr": "xarray", "a.nc": "xarray"}
    assert {name: kind_of(tmp_path / name) for name in kinds} == kinds
    assert isinstance(open_source(tmp_path / "gunw", resampling=None), GunwSource)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds neither S1-GUNW granules nor GSSIC files"):
        kind_of(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        kind_of(tmp_path / "none")
    with pytest.raises(ValueError, match="kind must be one of raster, gssic, gunw, xarray; got 'csv'"):
        open_source(tmp_path / "gunw", kind="csv")
    with pytest.raises(TypeError, match="a source of kind gunw takes no option 'nodata'"):
        open_source(tmp_path / "gunw", nodata=3)
