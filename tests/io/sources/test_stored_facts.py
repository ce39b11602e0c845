"""A source is what its file stores: sensor geometry is no map, codes stay codes, complex zero is one value."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.chips.land_cover import legend_of
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.quantity import kind_of
from m3leo_sar.io.sources.open_source import open_source
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.stored_type import StoredType, flag_classes
from m3leo_sar.io.sources.xarray_source import XarraySource
from m3leo_sar.run.retile import retile

rasterio = pytest.importorskip("rasterio")
xarray = pytest.importorskip("xarray")
BOX = GeoBox.from_bounds((9.0, 50.0, 9.09, 50.06), shape=(30, 45), crs="EPSG:4326")
TILE = TileGrid.exact((9.03, 50.03, 9.04, 50.04), pixels=32)[0]


def write(path: Path, array: np.ndarray, *, box: GeoBox | None = BOX, driver: str = "GTiff", **more: object) -> Path:
    array = array if array.ndim == 3 else array[None]
    place = {} if box is None else {"crs": box.crs, "transform": box.affine}
    facts = {"count": len(array), "height": array.shape[1], "width": array.shape[2], "dtype": str(array.dtype)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver=driver, **facts, **place, **more) as file:
            file.write(array)
    return path


def test_a_sicd_is_refused_by_what_it_is(tmp_path, rng):
    parts = rng.standard_normal((2, *BOX.shape)).astype(np.float32)
    path = write(tmp_path / "sicd.nitf", parts, driver="NITF", ICAT="SAR", IREP="NODISPLY", ICORDS="G")
    with rasterio.open(path) as file:
        assert file.crs is not None
        assert not file.transform.is_identity
    with pytest.raises(ValueError, match=r"sicd.nitf has no map grid: it is a SAR image in NITF \(SICD\).*geocode it"):
        RasterSource(path)
    with pytest.raises(ValueError, match=r"SICD"):
        RasterSource(path, crs="EPSG:4326")
    optical = write(tmp_path / "map.nitf", parts[:1], driver="NITF", ICAT="VIS", ICORDS="G")
    assert RasterSource(optical).bands[0].name == "band1"


def test_ground_control_points_and_rpcs_are_no_grid(tmp_path, rng):
    from rasterio.control import GroundControlPoint
    from rasterio.rpc import RPC

    image = rng.standard_normal(BOX.shape).astype(np.float32)
    points = [GroundControlPoint(row, col, 9 + col / 1000 + row / 5000, 50 - row / 1000)
              for row in (0, 13, 29) for col in (0, 21, 44)]  # fmt: skip
    path = write(tmp_path / "grd.tif", image, box=None, gcps=points, crs="EPSG:4326")
    for crs in (None, "EPSG:4326"):
        with pytest.raises(ValueError, match=r"grd.tif has no map grid: it is placed by 9 ground control points"):
            RasterSource(path, crs=crs)
    path = write(tmp_path / "l1.tif", image)
    line, one = [0.0] * 20, [1.0, *[0.0] * 19]
    with rasterio.open(path, "r+") as file:
        file.rpcs = RPC(0.0, 1.0, 50.0, 1.0, line, one, 15.0, 15.0, 9.0, 1.0, line, one, 20.0,
                        20.0)  # fmt: skip
    with pytest.raises(ValueError, match=r"placed by rational polynomial coefficients \(RPCs\); state crs="):
        RasterSource(path)
    assert RasterSource(path, crs="EPSG:4326").geobox == BOX


def test_complex_no_data_is_the_whole_number_and_not_its_real_part(tmp_path, rng):
    array = (rng.standard_normal(BOX.shape) + 1j * rng.standard_normal(BOX.shape)).astype(np.complex64)
    array[4:9] = 1j * array[4:9].imag
    array[12, 3:7] = 0
    found = RasterSource(write(tmp_path / "a.tif", array, nodata=0)).read(BOX)[0].array[0]
    np.testing.assert_array_equal(np.isnan(found), array == 0)
    np.testing.assert_array_equal(found[array != 0], array[array != 0])
    stated = RasterSource(write(tmp_path / "b.tif", array), nodata=0).read(BOX)[0].array[0]
    np.testing.assert_array_equal(np.isnan(stated), array == 0)
    path = write(tmp_path / "c.tif", array)
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.arange(BOX.shape[1])[None, :] * np.ones((BOX.shape[0], 1), int) > 5)
    masked = RasterSource(path).read(BOX)[0].array[0]
    np.testing.assert_array_equal(np.isnan(masked).any(axis=0), np.arange(BOX.shape[1]) <= 5)


def test_bands_that_share_a_description_are_chips_of_their_own(tmp_path, rng):
    path = write(tmp_path / "a.tif", rng.standard_normal((4, *BOX.shape)).astype(np.float32))
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("coherence", "coherence", "a b", "a-b")
    source = RasterSource(path)
    assert [band.name for band in source.bands] == ["coherence_band1", "coherence_band2", "a b_band3", "a-b_band4"]
    archive = ChipArchive.create(tmp_path / "chips")
    assert retile(source, archive, [TILE], dataset="x").failed == {}
    assert archive.keys(TILE.identifier, "x") == ["a-b_band3", "a-b_band4", "coherence_band1", "coherence_band2"]
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("???", "", "c", "d")
    assert [band.name for band in RasterSource(path).bands] == ["band1", "band2", "c", "d"]


CODES = np.array([10, 50, 80, 95], np.uint8)
FLAGS = {"flag_values": CODES, "flag_meanings": "tree built water mangrove"}
LAT, LON = 50.10 - 0.0005 * (np.arange(200) + 0.5), 9.00 + 0.0005 * (np.arange(210) + 0.5)


def land_cover(rng: np.random.Generator, attributes: object) -> xarray.Dataset:
    codes = rng.choice(CODES, (40, 42)).repeat(5, 0).repeat(5, 1)
    return xarray.Dataset({"lccs": (("lat", "lon"), codes, attributes)}, {"lat": LAT, "lon": LON})


@pytest.mark.parametrize("fill", [np.uint8(0), None])
@pytest.mark.parametrize("form", ["netcdf", "zarr", "decoded"])
@pytest.mark.parametrize("word", [None, "mode", "bilinear"])
def test_codes_stay_codes_whatever_a_decoder_makes_of_them(tmp_path, rng, form, fill, word):
    data, encoding = land_cover(rng, FLAGS), {"lccs": {"_FillValue": fill}}
    path = tmp_path / ("a.zarr" if form == "zarr" else "a.nc")
    if form == "zarr":
        data.to_zarr(path, encoding=encoding, consolidated=False)
    else:
        data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    decoded = form == "decoded"
    source = XarraySource(xarray.open_dataset(path, engine="h5netcdf"), name="a") if decoded else open_source(path)
    assert source.resampling == "mode"
    assert kind_of(source.bands[0]) == "code"
    archive = ChipArchive.create(tmp_path / "chips")
    assert retile(source, archive, [TILE], dataset="cover", resampling=word).failed == {}
    chip = archive.read(TILE.identifier, "cover", "lccs")
    assert chip.array.dtype == np.uint8
    assert set(np.unique(chip.array).tolist()) == set(CODES.tolist())
    assert chip.nodata == 0
    legend = legend_of("cover", "lccs", chip.metadata)
    assert list(zip(legend.codes, legend.names, strict=True)) == [
        (10, "tree"), (50, "built"), (80, "water"), (95, "mangrove")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (FLAGS, ((50, "built"), (80, "water"), (95, "mangrove"))),
        ({**FLAGS, "flag_meanings": "tree built"}, ()),
        ({**FLAGS, "flag_meanings": "tree tree water mangrove"}, ()),
        ({"flag_masks": CODES, "flag_meanings": "a b c d"}, ()),
        ({}, ()),
    ],
)
def test_classes_are_one_name_per_code_and_not_the_fill(rng, attributes, expected):
    array = land_cover(rng, attributes)["lccs"]
    assert flag_classes(array, StoredType(np.dtype("u1"), 10)) == expected
    assert flag_classes(array, StoredType(np.dtype("f4"), None)) == ()
    # Signed bytes that stand for unsigned ones.
    signed = array.assign_attrs(flag_values=np.array([-56], "i1"), flag_meanings="ice")
    assert flag_classes(signed, StoredType(np.dtype("u1"), 255)) == ((200, "ice"),)


def test_integers_without_flags_ask_for_their_rule_and_take_a_stated_fill(tmp_path, rng):
    path = tmp_path / "a.nc"
    land_cover(rng, {}).to_netcdf(path, engine="h5netcdf", encoding={"lccs": {"_FillValue": None}})
    assert open_source(path).resampling is None
    archive = ChipArchive.create(tmp_path / "chips")
    failed = retile(open_source(path), archive, [TILE], dataset="cover", resampling="mode").failed
    assert "state nodata=" in failed[TILE.identifier]
    assert retile(open_source(path, nodata=255), archive, [TILE], dataset="cover", resampling="mode").failed == {}
    assert archive.read(TILE.identifier, "cover", "lccs").nodata == 255
    scaled = tmp_path / "b.nc"
    data = land_cover(rng, {}).astype(float)
    data.to_netcdf(scaled, engine="h5netcdf", encoding={"lccs": {"scale_factor": 0.5, "dtype": "u1", "_FillValue": 0}})
    assert open_source(scaled).resampling == "bilinear"


def test_an_unsigned_fill_of_a_signed_file_is_kept(tmp_path):
    import h5py

    path = tmp_path / "a.nc"
    codes = np.full((200, 210), -56, np.int8)
    codes[:, 100:] = -1
    xarray.Dataset({"v": (("lat", "lon"), codes)}, {"lat": LAT, "lon": LON}).to_netcdf(path, engine="h5netcdf")
    with h5py.File(path, "a") as file:
        file["v"].attrs.update({"_Unsigned": "true", "_FillValue": np.int8(-1), "flag_values": np.int8([-56])})
    piece = open_source(path).read(GeoBox.from_bounds((9.01, 50.02, 9.09, 50.08), shape=(9, 11), crs="EPSG:4326"))[0]
    assert piece.array.dtype == np.uint8
    assert set(np.unique(piece.array).tolist()) == {200, 255}
    assert piece.nodata == 255


def test_complex_variables_are_read_with_the_library_that_can(tmp_path, rng, monkeypatch):
    values = (rng.standard_normal((200, 210)) + 1j).astype(np.complex64)
    data = xarray.Dataset({"ifg": (("lat", "lon"), values), "coh": (("lat", "lon"), np.abs(values))},
                          {"lat": LAT, "lon": LON})  # fmt: skip
    path = tmp_path / "a.nc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.to_netcdf(path, engine="h5netcdf", invalid_netcdf=True)
    asked = []
    real = xarray.open_dataset
    monkeypatch.setattr(xarray, "open_dataset", lambda *args, **facts: asked.append(facts) or real(*args, **facts))
    assert [band.name for band in open_source(path).bands] == ["ifg", "coh"]
    assert asked == [{"engine": "h5netcdf"}]
    # As where only netCDF4 is installed, which leaves complex variables out.
    monkeypatch.setattr("m3leo_sar.io.sources.xarray_source.find_spec", lambda name: None)
    monkeypatch.setattr(xarray, "open_dataset", lambda *args, **facts: real(*args, engine="h5netcdf").drop_vars("ifg"))
    with pytest.raises(ValueError, match=r"ifg are complex, which needs h5netcdf installed"):
        open_source(path)


def test_a_cf_grid_mapping_needs_no_wkt_and_axes_no_known_names(tmp_path):
    import pyproj

    mapping = pyproj.CRS(TILE.geobox.crs).to_cf()
    mapping.pop("crs_wkt")
    left, _, _, top = TILE.geobox.bounds
    steps = np.arange(50.0)
    data = xarray.Dataset(
        {
            "v": (("northing", "easting"), np.ones((40, 50), np.float32), {"grid_mapping": "crs"}),
            "crs": ((), 0, mapping),
        },
        {"northing": top - 50 - 100 * steps[:40], "easting": left + 50 + 100 * steps},
    )
    data.to_netcdf(tmp_path / "cf.nc", engine="h5netcdf")
    assert open_source(tmp_path / "cf.nc").geobox.crs == TILE.geobox.crs
    odd = data.rename(northing="a", easting="b")
    with pytest.raises(ValueError, match=r"must have coordinates y, x; lat, lon; .*; it has .*"):
        XarraySource(odd, name="odd")
    odd["a"].attrs["standard_name"], odd["b"].attrs["axis"] = "projection_y_coordinate", "X"
    assert XarraySource(odd, name="odd").geobox.shape == (40, 50)
    data["crs"].attrs = {"grid_mapping_name": "of_nowhere"}
    with pytest.raises(ValueError, match=r"the grid mapping 'of_nowhere' cannot be understood .*; state crs="):
        XarraySource(data, name="cf")


def test_stores_with_axes_of_text_and_of_unknown_types_are_not_damaged(tmp_path):
    from m3leo_sar.io.files.zarr_metadata import require_safe_store

    data = xarray.Dataset({"v": (("pol", "lat", "lon"), np.ones((2, 200, 210), np.float32))}, {"lat": LAT, "lon": LON})
    for number, pols in enumerate((np.array(["vv", "vh"]), np.array(["vv", "vh"], object))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data.assign_coords(pol=pols).to_zarr(tmp_path / f"{number}.zarr", zarr_format=3, consolidated=False)
        assert [band.name for band in open_source(tmp_path / f"{number}.zarr").bands] == ["v_vv", "v_vh"]
    array = tmp_path / "x.zarr" / "a"
    array.mkdir(parents=True)
    regular = '{"name": "regular", "configuration": {"chunk_shape": [3]}}'
    for dtype, grid in (('{"name": "of.a.later.day"}', regular), ('"of_a_later_day"', regular)):
        text = (
            f'{{"node_type": "array", "shape": [3], "data_type": {dtype}, "chunk_grid": {grid}, "codecs": ["bytes"]}}'
        )
        (array / "zarr.json").write_text(text)
        require_safe_store(tmp_path / "x.zarr")
    (array / "zarr.json").write_text('{"node_type": "array", "chunk_grid": {"name": "rectilinear"}}')
    with pytest.raises(ValueError, match="a has chunks on a grid of the kind 'rectilinear', which this"):
        require_safe_store(tmp_path / "x.zarr")
    (array / "zarr.json").write_text('{"node_type": "array", "data_type": "int8", "codecs": ["numcodecs.pickle"]}')
    with pytest.raises(ValueError, match="packed with pickle"):
        require_safe_store(tmp_path / "x.zarr")
