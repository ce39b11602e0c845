"""Each chip leaves and comes back with its own facts; nothing goes that is not proved bad."""

from __future__ import annotations

import itertools
import json
import os

import numpy as np
import pytest

from m3leo_sar import TileGrid
from m3leo_sar.app.cli import app
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer, pixel_checksum
from m3leo_sar.run.layout_export import export_archive
from m3leo_sar.run.layout_import import import_layout

rasterio = pytest.importorskip("rasterio")
TILES = TileGrid.exact((9.0, 50.0, 9.2, 50.1), pixels=24)[:3]
DATES = ("2023-03-01", "2023-03-13", "2023-03-25", "2023-04-06")


def name(first: str, second: str) -> str:
    return f"{first}_{second}".replace("-", "")


KEYS = [name(*pair) for pair in itertools.pairwise(DATES)]


def facts_of(pixels: np.ndarray, reference: str, secondary: str) -> dict[str, object]:
    return {"product": "coherence", "key": name(reference, secondary), "reference": reference, "secondary": secondary,
            "crc32": pixel_checksum(pixels), "unit": "1", "days": 12, "parameters": {"window": [3, 5], "of": reference},
            "sources": ["a.h5", reference]}  # fmt: skip


def filled(root, rng, storage="geotiff", skip=()):
    archive = ChipArchive.create(root, storage=storage)
    for tile in TILES:
        layers = []
        for pair in itertools.pairwise(DATES):
            pixels = rng.random(tile.geobox.shape, dtype=np.float32)
            if (tile.identifier, name(*pair)) not in skip:
                layers.append(Layer(name(*pair), pixels, facts_of(pixels, *pair)))
        archive.write_layers(tile.identifier, "coherence", layers, tile.geobox)
    return archive


@pytest.mark.parametrize("form", ["geotiff", "cog"])
@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_every_band_keeps_the_facts_of_its_own_chip(tmp_path, rng, form, storage):
    archive = filled(tmp_path / "a", rng)
    export_archive(archive, tmp_path / "out", form=form)
    back = ChipArchive.create(tmp_path / "b", storage=storage)
    assert import_layout(tmp_path / "out", back).left_out == {}
    assert list(back.chips()) == list(archive.chips())
    for chip in archive.chips():
        assert back.facts(*chip) == archive.facts(*chip)
        np.testing.assert_array_equal(back.read(*chip).array, archive.read(*chip).array)
        assert back.has(*chip, parameters=archive.facts(*chip)[1]["parameters"])
    assert list(back.verify()) == []


def test_tags_of_a_file_are_what_all_bands_share(tmp_path, rng):
    export_archive(filled(tmp_path / "a", rng), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "coherence" / f"{TILES[0].identifier}.tif") as file:
        tags = file.tags()
        own = [json.loads(file.tags(band)["M3LEO_SAR"])["reference"] for band in file.indexes]
    assert (tags["product"], tags["unit"]) == ("coherence", "1")
    assert not {"reference", "secondary", "crc32", "key"} & set(tags)
    assert own == list(DATES[:3])


def test_files_of_earlier_exports_have_only_what_holds_for_every_band(tmp_path, rng):
    """They have the first band's facts as the file's: dates come from the keys, checksums from the pixels."""
    archive = filled(tmp_path / "a", rng)
    export_archive(archive, tmp_path / "out")
    first = archive.facts(TILES[0].identifier, "coherence", KEYS[0])[1]
    for path in (tmp_path / "out" / "coherence").glob("*.tif"):
        with rasterio.open(path) as file:
            profile, pixels, names = file.profile, file.read(), file.descriptions
        with rasterio.open(path, "w", **profile) as file:
            file.write(pixels)
            file.descriptions = names
            file.update_tags(**{key: str(value) for key, value in first.items() if isinstance(value, str)})
    back = ChipArchive.create(tmp_path / "b")
    import_layout(tmp_path / "out", back)
    assert list(back.verify()) == []
    for key, reference, secondary in zip(KEYS, DATES, DATES[1:], strict=False):
        facts = back.facts(TILES[1].identifier, "coherence", key)[1]
        assert (facts["reference"], facts["secondary"], facts["unit"]) == (reference, secondary, "1")


def test_pixels_that_were_edited_outside_have_no_recipe_any_more(tmp_path, rng):
    archive = filled(tmp_path / "a", rng)
    export_archive(archive, tmp_path / "out")
    tile = TILES[1].identifier
    with rasterio.open(tmp_path / "out" / "coherence" / f"{tile}.tif", "r+") as file:
        file.write(np.full(file.shape, 0.5, np.float32), 2)
    back = ChipArchive.create(tmp_path / "b")
    import_layout(tmp_path / "out", back)
    assert list(back.verify()) == []
    assert "parameters" not in back.facts(tile, "coherence", KEYS[1])[1]
    assert "parameters" in back.facts(tile, "coherence", KEYS[0])[1]


def test_a_tile_that_lacks_a_key_has_an_empty_band_in_its_place(tmp_path, rng):
    missing = (TILES[0].identifier, KEYS[1])
    archive = filled(tmp_path / "a", rng, skip=(missing,))
    export_archive(archive, tmp_path / "out")
    for tile in TILES:
        with rasterio.open(tmp_path / "out" / "coherence" / f"{tile.identifier}.tif") as file:
            assert file.descriptions == tuple(KEYS)
            assert np.isnan(file.read(2)).all() == (tile == TILES[0])
    back = ChipArchive.create(tmp_path / "b")
    import_layout(tmp_path / "out", back)
    assert list(back.chips()) == list(archive.chips())


def test_a_damaged_chip_leaves_an_empty_band_and_the_others(tmp_path, rng, capsys):
    archive, tile = filled(tmp_path / "a", rng), TILES[0].identifier
    chip = archive.path(tile, "coherence", KEYS[1])
    chip.write_bytes(chip.read_bytes()[:200])
    assert app(["export", str(archive.root), str(tmp_path / "out")], standalone_mode=False) == 1
    assert f"left out {tile}/coherence/{KEYS[1]}: " in capsys.readouterr().out.replace("\n", " ")
    with rasterio.open(tmp_path / "out" / "coherence" / f"{tile}.tif") as file:
        assert file.descriptions == tuple(KEYS)
        assert [bool(np.isnan(band).all()) for band in file.read()] == [False, True, False]


def test_chips_of_several_bands_come_back_whole(tmp_path, rng):
    archive = ChipArchive.create(tmp_path / "a")
    box = TILES[0].geobox
    pixels = rng.random((3, *box.shape), dtype=np.float32)
    archive.write_layers(TILES[0].identifier, "optical", [Layer("rgb", pixels, {}), Layer("nir", pixels[0], {})], box)
    export_archive(archive, tmp_path / "out")
    back = ChipArchive.create(tmp_path / "b")
    import_layout(tmp_path / "out", back)
    np.testing.assert_array_equal(back.read(TILES[0].identifier, "optical", "rgb").array, pixels)
    np.testing.assert_array_equal(back.read(TILES[0].identifier, "optical", "nir").array, pixels[0])


def damage_pixels(archive: ChipArchive, key: str) -> None:
    """Pixels other than those whose checksum stands beside them."""
    tile = TILES[0].identifier
    facts = archive.facts(tile, "coherence", key)[1]
    archive.write(tile, "coherence", key, np.zeros(TILES[0].geobox.shape, np.float32), TILES[0].geobox, metadata=facts)


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_only_the_chip_that_is_proved_bad_goes(tmp_path, rng, storage):
    archive = filled(tmp_path / "a", rng, storage)
    damage_pixels(archive, KEYS[1])
    archive.compact()
    before = {chip: archive.read(*chip).array for chip in archive.chips()}
    paths = [path for path, _ in archive.verify()]
    assert len(paths) == 1
    assert archive.discard(paths) == 1
    gone = (TILES[0].identifier, "coherence", KEYS[1])
    assert set(archive.chips()) == set(before) - {gone}
    for chip in archive.chips():
        np.testing.assert_array_equal(archive.read(*chip).array, before[chip])
    assert list(archive.verify()) == []


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_a_checksum_that_other_chips_carry_too_proves_nothing(tmp_path, rng, storage):
    """As earlier imports copied the first band's to all."""
    archive = ChipArchive.create(tmp_path / "a", storage=storage)
    box, pixels = TILES[0].geobox, rng.random((3, *TILES[0].geobox.shape), dtype=np.float32)
    copied = {"crc32": pixel_checksum(pixels[0])}
    layers = [Layer(key, plane, copied) for key, plane in zip(KEYS, pixels, strict=True)]
    archive.write_layers(TILES[0].identifier, "coherence", layers, box)
    faults = list(archive.verify())
    assert len(faults) == 2
    assert archive.discard(path for path, _ in faults) == 0
    assert archive.keys(TILES[0].identifier, "coherence") == KEYS


def test_files_of_others_and_what_cannot_be_read_now_stay(tmp_path, rng):
    archive = filled(tmp_path / "a", rng)
    folder = archive.root / TILES[0].identifier / "coherence"
    place = {"crs": TILES[0].crs, "transform": TILES[0].geobox.affine}
    with rasterio.open(folder / "mine.tif", "w", "GTiff", count=1, height=4, width=5, dtype="uint8", **place) as file:
        file.write(np.ones((1, 4, 5), np.uint8))
    good = folder / f"{KEYS[0]}.tif"
    locked = folder / f"{KEYS[1]}.tif"
    assert archive.discard([good, folder / "mine.tif", folder / "not-there.tif"]) == 0
    if os.geteuid():
        locked.chmod(0)
        assert archive.discard([locked]) == 0
        locked.chmod(0o644)
    cut = folder / f"{KEYS[2]}.tif"
    cut.write_bytes(cut.read_bytes()[:300])
    assert archive.discard([good, locked, cut]) == 1
    assert archive.keys(TILES[0].identifier, "coherence") == [*KEYS[:2], "mine"]


def test_overviews_follow_the_quantity(tmp_path, rng):
    """Codes stay codes, a phase stays one of its values, complex numbers and coherence are means."""
    tile = TileGrid.exact((9.03, 50.04, 9.04, 50.05), pixels=640)[0]
    box, archive = tile.geobox, ChipArchive.create(tmp_path / "a")
    codes = rng.choice(np.array([10, 80], np.uint8), box.shape)
    phase = rng.uniform(3.0, 3.2, box.shape)
    complex_ = np.exp(1j * rng.random(box.shape)).astype(np.complex64)
    number = rng.random(box.shape, dtype=np.float32)
    for dataset, key, pixels, facts, nodata in (
        ("label", "landcover", codes, {}, 0),
        ("wrapped", "phase", np.angle(np.exp(1j * phase)).astype(np.float32), {"quantity": "wrapped phase"}, None),
        ("interferogram", KEYS[0], complex_, {"product": "interferogram", "unit": "1"}, None),
        ("coherence", KEYS[0], number, {"product": "coherence", "unit": "1"}, None),
    ):
        archive.write(tile.identifier, dataset, key, pixels, box, metadata=facts, nodata=nodata)
    assert export_archive(archive, tmp_path / "out", form="cog").left_out == {}

    def small(folder):
        with rasterio.open(tmp_path / "out" / folder / f"{tile.identifier}.tif", overview_level=0) as file:
            return file.read(1)

    assert set(np.unique(small("label-landcover"))) <= {10, 80}
    assert np.abs(small("wrapped")).min() > 2.9
    for folder, pixels in (("interferogram", complex_), ("coherence", number)):
        np.testing.assert_allclose(small(folder), pixels.reshape(320, 2, 320, 2).mean(axis=(1, 3)), atol=1e-5)


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:4326"])
def test_a_netcdf_export_lies_where_its_tile_does(tmp_path, rng, crs):
    """For GDAL, for CF readers and for our own."""
    pyproj = pytest.importorskip("pyproj")
    from m3leo_sar import GeoBox
    from m3leo_sar.io.sources.open_source import open_source

    bounds = (9.0, 50.0, 9.06, 50.03) if crs == "EPSG:4326" else (500_000, 5_540_000, 500_600, 5_540_300)
    box = GeoBox.from_bounds(bounds, shape=(30, 45), crs=crs)
    archive = ChipArchive.create(tmp_path / "a")
    pixels = rng.random(box.shape, dtype=np.float32)
    archive.write("t", "intensity", "20230301", pixels, box, metadata={"unit": "dB", "quantity": "gamma0"})
    archive.write("t", "interferogram", "p", (pixels + 1j).astype(np.complex64), box, metadata={})
    export_archive(archive, tmp_path / "out", form="netcdf")
    path = tmp_path / "out" / "intensity" / "t.nc"
    for variable, file in (("20230301", path), ("p_imaginary", tmp_path / "out" / "interferogram" / "t.nc")):
        with rasterio.open(f"netcdf:{file}:{variable}") as raster:
            assert raster.crs == rasterio.crs.CRS.from_user_input(crs)
            assert raster.transform.almost_equals(box.affine, 1e-9)
    xarray = pytest.importorskip("xarray")
    data = xarray.open_dataset(path, engine="h5netcdf")
    assert data.attrs["Conventions"] == "CF-1.8"
    assert data["20230301"].attrs["units"] == "dB"
    assert data["20230301"].attrs["long_name"] == "gamma0 20230301"
    assert {data[axis].attrs["axis"] for axis in "xy"} == {"X", "Y"}
    mapping = data[data["20230301"].encoding.get("grid_mapping") or data["20230301"].attrs["grid_mapping"]]
    attributes = {name: value for name, value in mapping.attrs.items() if "wkt" not in name and "ref" not in name}
    there = pyproj.Transformer.from_crs(pyproj.CRS.from_cf(attributes), crs, always_xy=True)
    np.testing.assert_allclose(there.transform(*bounds[:2]), bounds[:2], rtol=1e-9)
    assert open_source(path).geobox.crs == crs
