"""What looks after an archive: the index, the exchange with M3LEO's layout, statistics, damage found and mended."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
import rasterio

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.app.cli import app
from m3leo_sar.chips.grouped import GroupedStatistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import read_index, write_index
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.component import ComponentChip
from m3leo_sar.io.components.component_writer import write_component
from m3leo_sar.io.files.run_lock import NAME, RunLock
from m3leo_sar.io.tables.tile_file import write_tiles
from m3leo_sar.run.archive_statistics import archive_statistics
from m3leo_sar.run.layout_export import export_archive
from m3leo_sar.run.layout_import import component_on_tile, import_layout

PAIRS = ("20230301_20230313", "20230313_20230325")
GRID = TileGrid.legacy((9.0, 49.9, 9.2, 50.05), pixels=56)


def facts(product, key, **more):
    return {"product": product, "key": key, "polarisation": "VV", "orbit": "ascending", "unit": "1", **more}


@pytest.fixture(params=["geotiff", "zarr"])
def archive(request, tmp_path, rng):
    made = ChipArchive.create(tmp_path / "chips", storage=request.param)
    for number, tile in enumerate(list(GRID)[:3]):
        shape = tile.geobox.shape
        pairs = [
            Layer(
                key,
                (rng.random(shape) / (1 + number)).astype("f4"),
                facts("coherence", key, reference="2023-03-01", secondary="2023-03-13"),
            )
            for key in PAIRS
        ]
        made.write_layers(tile.identifier, "coherence", pairs, tile.geobox)
        power = rng.gamma(1, 0.1, shape).astype("f4")
        date = Layer("20230301", power, facts("intensity", "20230301", date="2023-03-01"))
        made.write_layers(tile.identifier, "intensity", [date], tile.geobox)
        codes = rng.choice([10, 50], shape).astype("u1")
        made.write_layers(tile.identifier, "label", [Layer("landcover", codes, {"unit": "class"}, 0)], tile.geobox)
    return made


def run(*arguments):
    try:
        return app([str(argument) for argument in arguments], standalone_mode=False) or 0
    except SystemExit as stopped:
        return stopped.code


def reported(capsys):
    """What was printed, however it was wrapped."""
    return " ".join(capsys.readouterr().out.split())


def test_the_index_tells_of_every_tile(archive):
    assert write_index(archive) == 3
    rows = read_index(archive.root)
    assert [row["id"] for row in rows] == archive.identifiers
    tile = GRID[archive.identifiers[0]]
    assert rows[0]["keys"] == {"coherence": list(PAIRS), "intensity": ["20230301"], "label": ["landcover"]}
    assert rows[0]["start_datetime"] == "2023-03-01T00:00:00Z"
    assert rows[0]["end_datetime"] == "2023-03-13T00:00:00Z"
    assert tuple(rows[0]["bbox"].values()) == pytest.approx(tile.bounds, abs=1e-9)
    assert rows[0]["proj:transform"] == pytest.approx([*tile.geobox.affine][:6])
    collection = json.loads((archive.root / "collection.json").read_text())
    assert collection["type"] == "Collection"
    assert collection["summaries"]["product"] == ["coherence", "intensity", "label"]
    assert collection["extent"]["temporal"]["interval"] == [["2023-03-01T00:00:00Z", "2023-03-13T00:00:00Z"]]
    assert archive.identifiers == [row["id"] for row in rows]
    geopandas = pytest.importorskip("geopandas")
    assert len(geopandas.read_parquet(archive.root / "index.parquet").geometry) == 3


def test_the_index_refuses_what_is_none(tmp_path):
    empty = ChipArchive.create(tmp_path / "chips")
    with pytest.raises(ValueError, match="holds no chip to index"):
        write_index(empty)
    with pytest.raises(FileNotFoundError, match="m3leo-sar index creates it"):
        read_index(empty.root)
    (empty.root / "index.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="is not an index of an archive"):
        read_index(empty.root)


@pytest.mark.parametrize("form", ["geotiff", "cog"])
@pytest.mark.parametrize("nodata", [255, 0, None])
def test_an_export_keeps_the_value_of_no_data(archive, tmp_path, form, nodata, rng):
    """Class 0 stays a class where 255 is none, and what has a value for every pixel gets no hole."""
    tile = GRID[archive.identifiers[0]]
    codes = rng.choice([0, 3, 255], tile.geobox.shape).astype("u1")
    layers = [Layer("cover", codes, {}, nodata), Layer("other", codes, {}, 3)]
    archive.write_layers(tile.identifier, "classes", layers, tile.geobox)
    assert archive.read(tile.identifier, "classes", "cover").nodata == nodata
    assert archive.read(tile.identifier, "coherence", PAIRS[0]).nodata is None
    export_archive(archive, tmp_path / "out", form=form)
    for key, value in (("cover", nodata), ("other", 3)):
        with rasterio.open(tmp_path / "out" / f"classes-{key}" / f"{tile.identifier}.tif") as source:
            assert source.nodata == value
            np.testing.assert_array_equal(source.read(1), codes)
    back = ChipArchive.create(tmp_path / "back", storage="zarr")
    import_layout(tmp_path / "out", back, tiles=GRID)
    assert back.read(tile.identifier, "classes-cover", "cover").nodata == nodata


@pytest.mark.parametrize("form", ["geotiff", "cog"])
def test_an_export_comes_back(archive, tmp_path, form):
    done = export_archive(archive, tmp_path / "out", form=form)
    assert (done.files, done.chips, done.left_out) == (9, 12, {})
    identifier = archive.identifiers[1]
    with rasterio.open(tmp_path / "out" / "coherence" / f"{identifier}.tif") as source:
        assert source.descriptions == PAIRS
        assert source.tags()["UNIT"] == "1" if "UNIT" in source.tags() else source.tags()["unit"] == "1"
        assert source.shape == (56, 56)
        assert (source.profile["tiled"], bool(source.overviews(1))) == (form == "cog", False)
    back = ChipArchive.create(tmp_path / "back", storage="zarr")
    taken = import_layout(tmp_path / "out", back, tiles=GRID)
    assert (taken.files, taken.chips, taken.left_out) == (9, 12, {})
    for chip in archive.chips():
        one, other = archive.read(*chip), back.read(*chip)
        np.testing.assert_array_equal(one.array, other.array)
        assert one.geobox == other.geobox


def test_a_netcdf_export_opens_in_xarray(archive, tmp_path):
    xr = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    complexes = np.full((56, 56), 1 + 2j, np.complex64)
    identifier = archive.identifiers[0]
    codes = np.arange(56 * 56).reshape(56, 56).astype("u1")
    archive.write(identifier, "label", "landcover", codes, GRID[identifier].geobox, metadata={}, nodata=255)
    archive.write(identifier, "interferogram", PAIRS[0], complexes, GRID[identifier].geobox, metadata={})
    assert export_archive(archive, tmp_path / "out", form="netcdf").files == 10
    with xr.open_dataset(tmp_path / "out" / "coherence" / f"{identifier}.nc", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened[PAIRS[1]], archive.read(identifier, "coherence", PAIRS[1]).array)
        x, y = GRID[identifier].geobox.centres()
        np.testing.assert_allclose(opened.x, x[0])
        np.testing.assert_allclose(opened.y, y[:, 0])
        assert opened[PAIRS[1]].attrs["polarisation"] == "VV"
    with xr.open_dataset(tmp_path / "out" / "interferogram" / f"{identifier}.nc", engine="h5netcdf") as opened:
        assert (opened[f"{PAIRS[0]}_imaginary"] == 2).all()
    with xr.open_dataset(tmp_path / "out" / "label-landcover" / f"{identifier}.nc", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(opened["landcover"], np.where(codes == 255, np.nan, codes))


def test_low_resolution_components_come_onto_the_tile(tmp_path, rng):
    """A built-up area keeps its sum, biomass its mean, codes stay codes, and other tiles' files are left out."""
    tile = list(GRID)[4]
    west, south, east, north = tile.bounds
    coarse = GeoBox.from_bounds((west - 0.01, south - 0.01, east + 0.01, north + 0.01), shape=(12, 17), crs="EPSG:4326")
    built = ComponentChip(np.full((1, 12, 17), 7, "f4"), np.ones((1, 12, 17), bool), coarse,
                          (Band("built_surface", "built surface", "m2", "ghsbuilts"),))  # fmt: skip
    write_component(tmp_path / "in" / "ghsbuilts-2020" / f"{tile.identifier}.tif", built)
    mass = np.broadcast_to(np.float32([[[100]], [[9]]]), (2, 12, 17)).copy()
    bands = tuple(Band(name, name, "Mg/ha", "agb") for name in ("agb", "agb_se"))
    write_component(tmp_path / "in" / "biomass-2020" / f"{tile.identifier}.nc",
                    ComponentChip(mass, mass > 0, coarse, bands))  # fmt: skip
    codes = np.full((1, 12, 17), 50, "u1")
    cover = ComponentChip(codes, codes > 0, coarse, (Band("Map", "land cover", "class", "esawc"),))
    write_component(tmp_path / "in" / "esaworldcover-2020" / f"{tile.identifier}.tif", cover)
    (tmp_path / "in" / "esaworldcover-2020" / "elsewhere.tif").write_bytes(b"II*")
    (tmp_path / "in" / "gssic").mkdir()
    (tmp_path / "in" / "gssic" / f"{tile.identifier}.nc").write_bytes(b"no")
    archive = ChipArchive.create(tmp_path / "chips", storage="zarr")
    done = import_layout(tmp_path / "in", archive, tiles=GRID)
    assert (done.files, done.chips) == (3, 4)
    assert list(done.left_out) == ["esaworldcover-2020/elsewhere.tif", f"gssic/{tile.identifier}.nc"]
    assert "tile elsewhere is not among the" in done.left_out["esaworldcover-2020/elsewhere.tif"]
    assert archive.keys(tile.identifier, "label") == ["agb_2020", "agb_se_2020", "built_surface_2020", "esawc_2020"]
    chip = archive.read(tile.identifier, "label", "built_surface_2020")
    assert chip.geobox == tile.geobox
    share = (east - west) * (north - south) / (coarse.resolution[0] * -coarse.resolution[1])
    assert chip.array.sum(dtype=float) == pytest.approx(7 * share, rel=1e-5)
    assert chip.metadata["resampling"] == "sum"
    assert np.unique(archive.read(tile.identifier, "label", "agb_2020").array) == pytest.approx([100])
    assert (archive.read(tile.identifier, "label", "esawc_2020").array == 50).all()


def test_codes_kept_as_numbers_are_not_blended():
    box = GeoBox.from_bounds((0, 0, 0.3, 0.2), shape=(2, 3), crs="EPSG:4326")
    fine = GeoBox.from_bounds((0, 0, 0.3, 0.2), shape=(20, 30), crs="EPSG:4326")
    plane = np.array([[1, 5, 9], [1, 5, 9]], np.float32)
    bands = (Band("lsmap", "layover", "class", "gssic"), Band("inc", "incidence", "degree", "gssic"))
    chip = ComponentChip(np.stack([plane, plane]), np.ones((2, 2, 3), bool), box, bands)
    got = component_on_tile(chip, fine, resampling="bilinear")
    assert set(np.unique(got.array[0])) == {1, 5, 9}
    assert len(np.unique(got.array[1])) > 3


def test_statistics_by_group(archive, tmp_path):
    values = [archive.read(tile, "coherence", key).array for tile in archive.identifiers for key in PAIRS]
    found = archive_statistics(archive).finish("mean_std")
    band = found.band(product="coherence", polarisation="VV", orbit="ascending")
    assert band.centre == pytest.approx(np.mean(values), abs=1e-6)
    assert set(group[0] for group in found.groups) == {"coherence", "intensity"}
    assert run("stats", archive.root, tmp_path / "s.json", "--rule", "mean_std") == 0
    assert GroupedStatistics.from_json((tmp_path / "s.json").read_text()) == found
    splits = tmp_path / "x_splits.csv"
    splits.write_text("identifier,split\n" + f"{archive.identifiers[0]},train\n{archive.identifiers[1]},val\n")
    assert run("stats", archive.root, tmp_path / "t.json", "--splits", splits, "--by", "product,aoi", "--aoi", "x") == 0
    other = GroupedStatistics.from_json((tmp_path / "t.json").read_text())
    assert ("coherence", "x") in other.groups
    assert other.digest != found.digest


def test_intensities_may_be_squares_of_digital_numbers(tmp_path, rng):
    archive, tile = ChipArchive.create(tmp_path / "chips"), next(iter(GRID))
    power = rng.gamma(1, 1e5, tile.geobox.shape).astype("f4")
    archive.write(tile.identifier, "intensity", "20230301", power, tile.geobox, metadata={"unit": "intensity"})
    band = archive_statistics(archive).finish("robust").band(product="intensity")
    assert band.centre == pytest.approx(np.median(10 * np.log10(power)), abs=0.3)


def test_damage_is_found_discarded_and_made_again(archive, capsys):
    tile = archive.identifiers[2]
    held = archive.path(tile, "coherence", PAIRS[0])
    path = held if held.is_file() else next(path for path in held.rglob("0") if path.is_file())
    assert run("verify", archive.root) == 0
    assert "all 12 chips can be read" in reported(capsys)
    path.write_bytes(path.read_bytes()[:-9])
    assert run("verify", archive.root) == 1
    assert "damaged; verify --discard removes them, and the next prepare, retile or import writes" in reported(capsys)
    assert archive.has(tile, "coherence", PAIRS[0]) or archive.storage == "geotiff"
    assert run("verify", archive.root, "--discard") == 1
    assert not ChipArchive(archive.root).has(tile, "coherence", PAIRS[0])
    assert run("verify", archive.root) == 0
    assert ChipArchive(archive.root).has(archive.identifiers[0], "coherence", PAIRS[0])
    with pytest.raises(ValueError, match="does not lie in"):
        archive.discard([archive.root / ".." / "a" / "b" / "c"])


def test_commands_compact_export_and_import(archive, tmp_path, capsys):
    tile = archive.identifiers[0]
    chip = archive.read(tile, "coherence", PAIRS[0])
    archive.write(tile, "coherence", "20230325_20230406", chip.array, chip.geobox, metadata=chip.metadata)
    assert run("compact", archive.root) == 0
    assert f"merged {2 if archive.storage == 'zarr' else 0} batches" in reported(capsys)
    assert run("index", archive.root) == 0
    assert run("export", archive.root, tmp_path / "out", "--format", "cog") == 0
    assert run("import", tmp_path / "out", tmp_path / "back") == 0
    assert "took 13 chips of 9 files" in reported(capsys)
    write_tiles(tmp_path / "tiles.geojson", GRID)
    # A tile file's chips have 448 pixels, these have 56.
    assert run("import", tmp_path / "out", tmp_path / "back", "--tiles", tmp_path / "tiles.geojson") == 0
    assert "does not lie on its tile's grid" in reported(capsys)
    for bad, message in (
        (("export", archive.root, tmp_path / "x", "--format", "png"), "--format must be one of geotiff, cog, netcdf"),
        (("import", tmp_path / "none", tmp_path / "y"), "there is no folder"),
        (("stats", archive.root, tmp_path / "z", "--rule", "best"), "--rule must be one of"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            run(*bad)
    assert not (tmp_path / "y").exists()


def test_what_changes_an_archive_is_refused_while_a_run_works_on_it(archive, tmp_path):
    """A chip that is taken away meanwhile would count as held, and what is joined would outdate what comes."""
    export_archive(archive, tmp_path / "out")
    tile = archive.identifiers[0]
    chip = archive.read(tile, "coherence", PAIRS[0])
    archive.write(tile, "coherence", "20230325_20230406", chip.array, chip.geobox, metadata=chip.metadata)
    before = sorted(archive.root.rglob("*"))
    # What a worker on another machine is writing looks as if it were left by a dead one.
    partial = archive.root / tile / "coherence" / "0.partial-999999999"
    partial.write_bytes(b"half")
    with RunLock(archive.root):
        for words in (("verify", archive.root, "--discard"), ("compact", archive.root),
                      ("import", tmp_path / "out", archive.root)):  # fmt: skip
            with pytest.raises(BlockingIOError, match="chips is in use by process"):
                run(*words)
        assert partial.exists()
        # What only reads goes on.
        assert run("verify", archive.root) == 0
        assert run("export", archive.root, tmp_path / "more") == 0
    partial.unlink()
    assert sorted(archive.root.rglob("*")) == sorted([*before, archive.root / NAME])
    assert run("compact", archive.root) == 0
    assert (archive.root / NAME).read_bytes() == b""


def test_a_lock_is_no_content_of_an_archive(archive, tmp_path, capsys):
    assert run("export", archive.root, tmp_path / "out") == 0
    assert not (archive.root / NAME).exists()
    assert run("import", tmp_path / "out", tmp_path / "back", "--storage", archive.storage) == 0
    back = ChipArchive(tmp_path / "back")
    with RunLock(back.root):
        assert (back.identifiers, list(back.verify())) == (archive.identifiers, [])
        assert list(back.chips()) == list(archive.chips())
        assert write_index(back) == 3
    assert run("import", tmp_path / "out", back.root) == 0
    # A folder of something else gets no lock.
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "text").write_text("text")
    with pytest.raises(ValueError, match="holds files but is not a chip archive"):
        run("import", tmp_path / "out", tmp_path / "else")
    assert [path.name for path in (tmp_path / "else").iterdir()] == ["text"]


def test_a_read_only_archive_is_verified_and_has_nothing_to_join(archive, monkeypatch, capsys):
    # Not by chmod, which binds no root: as of a file system that is mounted for reading.
    real = os.open

    def refuse(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(archive.root)):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    for words in (("verify",), ("verify", "--discard"), ("compact",)):
        assert run(words[0], archive.root, *words[1:]) == 0
    assert "merged 0 batches" in reported(capsys)
