"""What each reader of chips says to each thing that may be wrong with one; docs/formats.md has the policy."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import valid_files

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.component import read_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw
from m3leo_sar.io.components.parquet_release import ParquetRelease
from m3leo_sar.io.stacks.cslc import read_cslc_stack
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.io.tables.split_file import read_splits
from m3leo_sar.io.tables.tile_file import read_tiles

SEASONS = ("winter", "spring", "summer", "fall")
MONTHS = [f"{month:02d}" for month in range(1, 13)]
#: Folder, dtype and band names of every GeoTIFF component, and what a stored pixel without data is.
GEOTIFFS = {
    "s1grd": ("s1grd-2020", "u1", [f"{s}_{p}{w}" for s in SEASONS for p in ("vv", "vh") for w in ("asc", "des")], 0),
    "s1grdm": ("s1grdm-2020-asc", "u1", [f"{month}_{pol}" for month in MONTHS for pol in ("vv", "vh")], 0),
    "s2rgb": ("s2rgb-2020", "u1", [f"{s}_{colour}" for s in SEASONS for colour in ("red", "green", "blue")], 0),
    "esawc": ("esaworldcover-2020", "u1", ["Map"], 0),
    "modisveg": ("modis44b006veg", "u1", [f"Percent_Tree_Cover_{year}" for year in range(2016, 2021)], 200),
    "ghsbuilts": ("ghsbuilts-2020", "f4", ["built_surface"], np.nan),
    "srtm": ("srtm", "i2", ["elevation", "slope"], -32768),
}
NETCDFS = {
    "gssic": (valid_files.gssic, read_gssic),
    "agb": (valid_files.agb, read_agb),
    "gunw": (valid_files.gunw, read_gunw),
}
EVERY = [*GEOTIFFS, *NETCDFS]


def geotiff(root: Path, name: str, *, shape=(20, 30), values=50, names=None, dtype=None, count=None, **options) -> Path:
    folder, usual, bands, _ = GEOTIFFS[name]
    array = np.full((len(bands) if count is None else count, *shape), values, dtype or usual)
    return valid_files.write_bands(root / folder / "a.tif", array, names=bands if names is None else names, **options)


def written(root: Path, name: str):
    """A valid chip and what reads it."""
    if name in GEOTIFFS:
        return geotiff(root, name), read_component
    make, read = NETCDFS[name]
    return make(root), read


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("left", [0, 1, 100, 0.5, -1])
def test_cut_short(tmp_path, name, left):
    path, read = written(tmp_path, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left * len(whole)) if left == 0.5 else left])
    with pytest.raises(ValueError, match=r"a\.(tif cannot be read as a raster|nc is not a (netCDF4|chip))"):
        read(path)


@pytest.mark.parametrize("name", GEOTIFFS)
def test_too_few_bands_another_dtype_and_names_that_do_not_fit(tmp_path, name):
    count = len(GEOTIFFS[name][2])
    with pytest.raises(ValueError, match=rf"a.tif is not a chip of {name}: it must have \d+ bands, got {count + 1}"):
        read_component(geotiff(tmp_path, name, count=count + 1, names=()))
    with pytest.raises(
        ValueError, match=rf"a.tif is not a chip of {name}: it must be .*, got float64|a.tif is not a chip"
    ):
        read_component(geotiff(tmp_path, name, dtype="c8"))


@pytest.mark.parametrize("name", [name for name, facts in GEOTIFFS.items() if len(facts[2]) > 2])
def test_swapped_bands_are_put_right_by_their_names_and_refused_without_sense(tmp_path, name):
    folder, dtype, names, _ = GEOTIFFS[name]
    array = np.broadcast_to(np.arange(40, 40 + len(names))[:, None, None], (len(names), 20, 30)).astype(dtype)
    right = read_component(valid_files.write_bands(tmp_path / folder / "a.tif", array, names=names))
    back = read_component(valid_files.write_bands(tmp_path / folder / "b.tif", array[::-1], names=names[::-1]))
    np.testing.assert_array_equal(back.array, right.array)
    assert [band.name for band in back.bands] == names
    for wrong in ([names[0], *names[:-1]], ["../up", *names[1:]]):
        with pytest.raises(ValueError, match=rf"a.tif is not a chip of {name}: its bands must be .* do not fit"):
            read_component(geotiff(tmp_path, name, names=wrong))


@pytest.mark.parametrize("name", GEOTIFFS)
def test_without_any_data_all_is_masked(tmp_path, name):
    chip = read_component(geotiff(tmp_path, name, values=GEOTIFFS[name][3]))
    height = 1 if name == "srtm" else len(chip.mask)
    assert not chip.mask[:height].any()
    assert chip.array.dtype == np.uint8 or np.isnan(chip.array[:height]).all()


@pytest.mark.parametrize(("name", "fill"), [("gssic", np.nan), ("agb", np.nan), ("gunw", np.nan), ("gunw", np.inf)])
def test_nan_everywhere_is_no_data_everywhere(tmp_path, name, fill):
    path, read = written(tmp_path, name)
    with h5py.File(path, "a") as file:
        group = file["science/grids/data"] if name == "gunw" else file
        for dataset in group.values():
            if isinstance(dataset, h5py.Dataset) and dataset.ndim > 1:
                dataset[...] = fill
    chip = read(path)
    assert not chip.mask.any()
    assert np.isnan(chip.array).all()


def test_nan_in_every_coordinate_is_no_grid(tmp_path):
    for name, axis in (("gssic", "x"), ("agb", "lon"), ("gunw", "science/grids/data/longitude")):
        path, read = written(tmp_path, name)
        with h5py.File(path, "a") as file:
            file[axis][...] = np.nan
        with pytest.raises(
            ValueError, match=r"a.nc is not a chip of this component: x must be numbers that are finite"
        ):
            read(path)


@pytest.mark.parametrize("name", GEOTIFFS)
def test_another_crs_is_kept_and_none_is_refused(tmp_path, name):
    """A chip says where it lies and is never taken to lie on the tile that its name tells."""
    box = GeoBox.from_bounds((500_000, 5_000_000, 500_300, 5_000_200), shape=(20, 30), crs="EPSG:32632")
    assert read_component(geotiff(tmp_path, name, box=box)).geobox == box
    with pytest.raises(ValueError, match="a.tif has no grid"):
        read_component(geotiff(tmp_path, name, box=None))


def test_codes_that_mean_nothing_are_masked_and_reported(tmp_path):
    for name, value, note in (
        ("esawc", 13, "unknown codes 13"),
        ("modisveg", 177, "3000 values are neither percent nor water (200)"),
        ("srtm", 20_000, "1200 heights or slopes do not exist on Earth"),
    ):
        chip = read_component(geotiff(tmp_path, name, values=value))
        assert not chip.mask.any()
        assert chip.notes == (note,)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["", "20200206_20200125"], "datepair must be two dates, got ''"),
        (["20200401", "20200206_20200125"], "datepair must be two dates, got '20200401'"),
        (["20200401_20200401", "20200206_20200125"], "datepair must be two dates, got '20200401_20200401'"),
        (["20201301_20200308", "20200206_20200125"], "datepair must be two dates, got '20201301_20200308'"),
        (["20200206_20200125"] * 2, "datepair must name each pair once"),
        (["20200401_20200308"], r"direction must be one per pair, 1, got 2"),
        (["20200401_20200308", "20200206_20200125", "20200218_20200125"], "direction must be one per pair, 3, got 2"),
        (None, "datepair is missing"),
    ],
)
def test_missing_and_doubled_dates_of_pairs(tmp_path, pairs, message):
    path = valid_files.gunw(tmp_path)
    with h5py.File(path, "a") as file:
        del file["science/grids/data/datepair"]
        if pairs is not None:
            file["science/grids/data/datepair"] = np.array([pair.encode() for pair in pairs])
    with pytest.raises(ValueError, match=f"a.nc is not a chip of this component: .*{message}"):
        read_gunw(path)


def test_seasons_of_gssic_that_are_missing_or_doubled(tmp_path):
    for seasons in ([b"summer", b"fall", b"winter"], [b"summer", b"fall", b"winter", b"winter"]):
        path = valid_files.gssic(tmp_path)
        with h5py.File(path, "a") as file:
            del file["season"]
            file["season"] = np.array(seasons)
        with pytest.raises(ValueError, match=r"a.nc is not a chip of this component: .*'spring' is not in list"):
            read_gssic(path)


@pytest.mark.parametrize(
    ("name", "variable", "shape"),
    [
        ("gssic", "coherence", (4, 2, 20, 29)),
        ("gssic", "geometry", (20, 30)),
        ("agb", "agb", (30, 20)),
        ("gunw", "science/grids/data/coherence", (2, 30, 20)),
        ("gunw", "science/grids/data/coherence", (1, 20, 30)),
    ],
)
def test_variables_of_another_shape(tmp_path, name, variable, shape):
    path, read = written(tmp_path, name)
    with h5py.File(path, "a") as file:
        del file[variable]
        file[variable] = np.ones(shape, "f4")
    last = variable.rpartition("/")[2]
    with pytest.raises(
        ValueError, match=rf"a.nc is not a chip of this component: {last} must have shape \(.*\), got \("
    ):
        read(path)


def test_variables_that_are_no_numbers_or_lead_to_another_file(tmp_path):
    path, other = valid_files.agb(tmp_path), valid_files.agb(tmp_path / "other")
    (tmp_path / "raw").write_bytes(np.ones(600, "f4").tobytes())
    layout = h5py.VirtualLayout((20, 30), "f4")
    layout[:] = h5py.VirtualSource(str(other), "agb", (20, 30))
    leads = "must lie in a.nc itself, it leads to another file"
    with h5py.File(path) as file:
        axes = {axis: file[axis][...] for axis in ("lat", "lon", "agb_se")}
    for put, message in (
        (lambda file: file.create_dataset("agb", data=np.full((20, 30), b"text")), r"must be real numbers, got \|S4"),
        (lambda file: file.create_group("agb"), "/agb must be a data set, it is a group"),
        (lambda file: file.__setitem__("agb", h5py.ExternalLink(str(other), "agb")), leads),
        (lambda file: file.create_virtual_dataset("agb", layout), leads),
        (lambda file: file.create_dataset("agb", (20, 30), "f4", external=[(str(tmp_path / "raw"), 0, 2400)]), leads),
        (lambda file: file.__setitem__("agb", h5py.Empty("f4")), "/agb must hold values, it is empty"),
    ):
        with h5py.File(path, "w") as file:
            for axis, values in axes.items():
                file[axis] = values
            put(file)
        with pytest.raises(ValueError, match=rf"a.nc is not a chip of this component: .*{message}"):
            read_agb(path)
    # Our own file of a group that another file holds.
    path = valid_files.gunw(tmp_path)
    with h5py.File(path, "w") as file:
        file["science/grids/data"] = h5py.ExternalLink(str(valid_files.gunw(tmp_path / "other")), "science/grids/data")
    with pytest.raises(ValueError, match="science/grids/data must be a group of a.nc itself"):
        read_gunw(path)


def test_a_chip_that_is_a_recipe_for_other_files_is_no_chip(tmp_path):
    """GDAL takes a VRT by what is in it, whatever its name, and then reads any file or server that it names."""
    other = geotiff(tmp_path / "other", "esawc", values=10)
    path = geotiff(tmp_path, "esawc")
    recipe = (
        '<VRTDataset rasterXSize="30" rasterYSize="20"><SRS>EPSG:4326</SRS>'
        "<GeoTransform>9, 0.002, 0, 50.04, 0, -0.002</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{other}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    path.write_text(recipe)
    with pytest.raises(ValueError, match="a.tif cannot be read as a raster"):
        read_component(path)
    release = tmp_path / "release"
    release.mkdir()
    valid_files.release(release)
    tile = valid_files.TILES.identifiers[0]
    pq.write_table(
        pa.table({"path": [f"{tile}.tif"], "content": [recipe.encode()]}),
        release / "esaworldcover-2020" / "p0.zstd.parquet",
    )
    with pytest.raises(ValueError, match=f"{tile}.tif cannot be read as a raster"):
        ParquetRelease(release, {tile: "p0"}).chip(tile, "esaworldcover-2020")
    archive = ChipArchive(valid_files.archive(tmp_path))
    chip = next(iter(archive.chips()))
    archive.path(*chip).write_text(recipe)
    with pytest.raises(ValueError, match="cannot be read as a raster"):
        archive.read(*chip)


def test_tiles_that_stand_twice_are_refused(tmp_path):
    tiles = valid_files.TILES.identifiers
    shard = tmp_path / "esaworldcover-2020" / "p0.zstd.parquet"
    valid_files.release(tmp_path)
    content = pq.read_table(shard)["content"].to_pylist()
    paths = [f"a/{tiles[0]}.tif", f"b/{tiles[0]}.tif", f"{tiles[1]}.tif"]
    pq.write_table(pa.table({"path": paths, "content": content}), shard)
    with pytest.raises(ValueError, match=f"p0.zstd.parquet holds tile {tiles[0]} twice"):
        ParquetRelease(tmp_path, dict.fromkeys(tiles, "p0")).chip(tiles[1], "esaworldcover-2020")
    (tmp_path / "s.csv").write_text(f"identifier,split\n{tiles[0]},val\n{tiles[0]},test\n")
    with pytest.raises(ValueError, match=f"line 3: tile {tiles[0]} occurs twice"):
        read_splits(tmp_path / "s.csv")
    text = valid_files.READERS["tiles-geojson"][0](tmp_path).read_text()
    head, *features = text.splitlines()
    (tmp_path / "t.geojson").write_text("\n".join([head, features[0], *features]))
    with pytest.raises(ValueError, match=f"tile {tiles[0]} occurs twice"):
        read_tiles(tmp_path / "t.geojson")


def test_the_content_of_a_shard_must_be_bytes_of_its_tile(tmp_path):
    tile = valid_files.TILES.identifiers[0]
    (tmp_path / "esaworldcover-2020").mkdir()
    for column, message in (([None], "must hold the bytes of tile .* got NoneType"), ([1 << 34], "got int")):
        table = pa.table({"path": [f"{tile}.tif"], "content": pa.array(column)})
        pq.write_table(table, tmp_path / "esaworldcover-2020" / "p0.zstd.parquet")
        with pytest.raises(ValueError, match=message):
            ParquetRelease(tmp_path, {tile: "p0"}).content(tile, "esaworldcover-2020")
    pq.write_table(
        pa.table({"path": pa.array([None], "string"), "content": [b""]}),
        tmp_path / "esaworldcover-2020" / "p1.zstd.parquet",
    )
    with pytest.raises(ValueError, match="p1.zstd.parquet is not a parquet shard of chips: path 0 is NoneType"):
        ParquetRelease(tmp_path, {tile: "p1"}).content(tile, "esaworldcover-2020")


def test_stacks_with_a_date_that_is_empty_or_of_another_kind(tmp_path):
    folder = valid_files.cslc(tmp_path)
    paths = sorted(folder.glob("*.h5"))
    with h5py.File(paths[1], "a") as file:
        del file["data/VV"]
        file["data/VV"] = np.ones((20, 30), "f4")
    with pytest.raises(ValueError, match=r"20230313.*: data/VV has shape \(20, 30\) and float32"):
        read_cslc_stack(folder)
    with h5py.File(paths[1], "a") as file:
        del file["data/VV"], file["data/x_coordinates"]
        file["data/VV"], file["data/x_coordinates"] = np.ones((20, 30), "c8"), np.full(30, np.nan)
    with pytest.raises(ValueError, match=r"20230313.*h5 cannot be read: x must be evenly spaced"):
        read_cslc_stack(folder)
    stack = valid_files.stack(tmp_path)
    for date in ("20230301", "20230313"):
        (stack / date).rename(tmp_path / date)
    with pytest.raises(ValueError, match="holds no finished date"):
        read_stack(stack)


def test_every_word_of_the_policy_is_in_the_documentation():
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    section = text.partition("## Damaged and hostile files")[2].partition("\n## ")[0].lower()
    words = ("truncated", "zero bytes", "shape", "swapped", "dates", "crs", "twice", "nan", "unknown codes", "names",
             "link", "pickle", "64 mib", "1 gib", "m3leo_fuzz_seconds")  # fmt: skip
    assert [word for word in words if word not in section] == []
    assert list(itertools.chain(GEOTIFFS, NETCDFS)) == EVERY
