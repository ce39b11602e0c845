"""Coherence stored as uint8 is read as float32, by us and by others, and stays exact from then on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import xarray
import zarr

from m3leo_sar import GeoBox
from m3leo_sar.io.chips import archive as archive_module
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_upgrade import upgrade_archive
from m3leo_sar.io.chips.chip import Layer, pixel_checksum
from m3leo_sar.io.chips.coherence_uint8 import from_uint8, to_uint8
from m3leo_sar.io.chips.geotiff_storage import read_chip
from m3leo_sar.io.chips.zarr_batch import read_batch
from m3leo_sar.io.sources.raster_source import RasterSource

BOX = GeoBox.from_bounds((5.5, 49.6, 5.57, 49.64), shape=(24, 31), crs="EPSG:4326")
TILE, KEYS = "0123456789abc", ("VV/20230301_20230313", "VV/20230313_20230325", "VV/20230301_20230325")


@pytest.fixture(params=["geotiff", "zarr"])
def storage(request):
    return request.param


@pytest.fixture
def values(rng):
    """Values in steps of 1/254, some without data: no step is lost."""
    planes = from_uint8(rng.integers(0, 255, (3, 24, 31)).astype(np.uint8))
    planes[:, 3:5, 7] = np.nan
    return planes


def filled(root, storage, values, dtype="uint8"):
    archive = ChipArchive.create(root, storage=storage, dtype=dtype)
    layers = [
        Layer(key, plane, {"product": "coherence", "parameters": key, "crc32": pixel_checksum(plane)})
        for key, plane in zip(KEYS, values, strict=True)
    ]
    archive.write_layers(TILE, "coherence", layers, BOX)
    return archive


def test_an_archive_of_uint8_gives_float32(tmp_path, storage, values, rng):
    archive = filled(tmp_path / "a", storage, values)
    assert (archive.dtype, archive.version) == ("uint8", 4)
    for key, plane in zip(KEYS, values, strict=True):
        chip = ChipArchive(archive.root).read(TILE, "coherence", key)
        assert chip.array.dtype == np.float32
        assert chip.nodata is None
        np.testing.assert_array_equal(chip.array, plane)
        assert (chip.metadata["stored"], chip.metadata["quantisation_error"]) == ("uint8", pytest.approx(1 / 508))
        assert archive.has(TILE, "coherence", key, parameters=key)
    rough = rng.random((24, 31), np.float32)
    archive.write(TILE, "coherence", "VH/20230301_20230313", rough, BOX, metadata={})
    assert np.abs(archive.read(TILE, "coherence", "VH/20230301_20230313").array - rough).max() <= 1 / 508 + 1e-7
    assert list(archive.verify()) == []


def test_its_files_are_bytes_that_other_readers_scale(tmp_path, storage, values):
    archive = filled(tmp_path / "a", storage, values)
    if storage == "geotiff":
        path = archive.path(TILE, "coherence", KEYS[0])
        with rasterio.open(path) as source:
            assert (source.dtypes, source.nodata, source.offsets) == (("uint8",), 255, (0.0,))
            np.testing.assert_array_equal(source.read(1), to_uint8(values[0]))
            assert source.scales[0] == pytest.approx(1 / 254, rel=1e-12)
        np.testing.assert_array_equal(read_chip(path).array, values[0])
        # As a source of other tiles, the values are those of the chip.
        piece = RasterSource(path).read(BOX)[0]
        np.testing.assert_allclose(np.squeeze(piece.array), values[0], atol=1e-6)
        return
    group = archive.root / TILE / "coherence" / "VV"
    array = zarr.open_group(group, mode="r")["000000"]
    assert (array.dtype, array.fill_value) == (np.uint8, 255)
    np.testing.assert_array_equal(array[...], to_uint8(values))
    opened = xarray.open_zarr(group, consolidated=False)["000000"].values
    np.testing.assert_allclose(opened, values, atol=1e-6)
    np.testing.assert_array_equal([chip.array for chip in read_batch(group / "000000")], values)


def test_other_products_keep_their_dtype(tmp_path, storage, rng):
    archive = ChipArchive.create(tmp_path / "a", storage=storage, dtype="uint8")
    power = rng.gamma(1, 1e3, (24, 31)).astype("f4")
    phasor = (rng.random((24, 31)) + 1j).astype("c8")
    codes = rng.integers(0, 255, (24, 31)).astype("u1")
    for dataset, key, array in (("intensity", "VV/20230301", power), ("interferogram", KEYS[0], phasor)):
        archive.write(TILE, dataset, key, array, BOX, metadata={})
        np.testing.assert_array_equal(archive.read(TILE, dataset, key).array, array)
    archive.write(TILE, "label", "landcover", codes, BOX, metadata={}, nodata=0)
    assert archive.read(TILE, "label", "landcover").array.dtype == np.uint8


def test_an_archive_holds_one_dtype(tmp_path, storage, values):
    filled(tmp_path / "a", storage, values)
    assert ChipArchive.create(tmp_path / "a").dtype == "uint8"
    assert ChipArchive.create(tmp_path / "a", dtype="uint8").dtype == "uint8"
    with pytest.raises(
        ValueError, match=r"dtype must be uint8 for .*a, which holds coherence of one dtype, got 'float"
    ):
        ChipArchive.create(tmp_path / "a", dtype="float32")
    plain = filled(tmp_path / "b", storage, values, None)
    assert (plain.dtype, plain.version) == ("float32", 3)
    with pytest.raises(ValueError, match="dtype must be float32 for"):
        ChipArchive.create(tmp_path / "b", dtype="uint8")
    with pytest.raises(ValueError, match="dtype must be one of float32, uint8, got 'int8'"):
        ChipArchive.create(tmp_path / "c", dtype="int8")
    assert not (tmp_path / "c").exists()


def test_software_that_knows_no_levels_refuses_the_archive(tmp_path, storage, values, monkeypatch):
    filled(tmp_path / "a", storage, values)
    filled(tmp_path / "b", storage, values, "float32")
    monkeypatch.setattr(archive_module, "KIND", archive_module.KIND._replace(version=3))
    with pytest.raises(ValueError, match="has version 4; this library reads up to 3"):
        ChipArchive(tmp_path / "a")
    assert ChipArchive(tmp_path / "b").dtype == "float32"


def test_an_unknown_dtype_and_levels_that_are_none_are_refused(tmp_path, storage, values):
    archive = filled(tmp_path / "a", storage, values)
    with pytest.raises(ValueError, match=r"coherence must lie in \[0, 1\]"):
        archive.write(TILE, "coherence", "x", values[0] + 1, BOX, metadata={})
    assert not archive.has(TILE, "coherence", "x")
    # Metadata that state levels, of pixels that are none.
    archive.write(TILE, "other", "x", np.zeros((24, 31), np.int16), BOX, metadata={})
    plain = filled(tmp_path / "b", storage, values, "float32")
    plain._storage.write(TILE, "wrong", [Layer("x", np.zeros((24, 31), "i2"), {"stored": "uint8"})], BOX)
    with pytest.raises(ValueError, match="its metadata state pixels stored as 'uint8', they are int16"):
        plain.read(TILE, "wrong", "x")
    document = json.loads((tmp_path / "a" / "archive.json").read_text()) | {"dtype": "int4"}
    (tmp_path / "a" / "archive.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="holds coherence as 'int4'; this library reads float32, uint8"):
        ChipArchive(tmp_path / "a")


def test_an_upgrade_leaves_it_alone(tmp_path, storage, values):
    archive = filled(tmp_path / "a", storage, values)
    assert upgrade_archive(archive.root) == 0
    assert ChipArchive(archive.root).version == 4


def test_levels_survive_what_rewrites_batches(tmp_path, values):
    archive = filled(tmp_path / "a", "zarr", values)
    archive.write(TILE, "coherence", KEYS[0], values[2], BOX, metadata={"parameters": "new"})
    assert archive.compact() == 2
    archive.remove(TILE, "coherence", KEYS[1])
    again = ChipArchive(archive.root)
    assert again.keys(TILE, "coherence") == sorted((KEYS[0], KEYS[2]))
    for key in (KEYS[0], KEYS[2]):
        np.testing.assert_array_equal(again.read(TILE, "coherence", key).array, values[2])
    assert list(again.verify()) == []
    batch = again.path(TILE, "coherence", KEYS[2])
    assert zarr.open_array(batch, mode="r").dtype == np.uint8


def test_a_changed_level_is_found(tmp_path, storage, values):
    archive = filled(tmp_path / "a", storage, values)
    archive._storage.write(
        TILE, "coherence/VV", [Layer("20230401", values[0], {"crc32": "00000000", "stored": "uint8"})], BOX
    )
    ((path, reason),) = archive.verify()
    assert "the stored one is 00000000" in reason
    assert archive.discard([path]) == 1
    assert list(archive.verify()) == []
    np.testing.assert_array_equal(archive.read(TILE, "coherence", KEYS[0]).array, values[0])


def test_chips_move_between_archives_of_both_dtypes(tmp_path, storage, values):
    small = filled(tmp_path / "a", storage, values)
    plain = ChipArchive.create(tmp_path / "b", storage=storage)
    chip = small.read(TILE, "coherence", KEYS[0])
    plain.write(TILE, "coherence", KEYS[0], chip.array, BOX, metadata=chip.metadata)
    moved = plain.read(TILE, "coherence", KEYS[0])
    np.testing.assert_array_equal(moved.array, values[0])
    assert moved.metadata == {"product": "coherence", "crc32": pixel_checksum(values[0])}
    assert not plain.has(TILE, "coherence", KEYS[0], parameters=KEYS[0]), "its pixels are rounded"
    back = ChipArchive.create(tmp_path / "c", storage=storage, dtype="uint8")
    back.write(TILE, "coherence", KEYS[0], chip.array, BOX, metadata=chip.metadata)
    assert back.facts(TILE, "coherence", KEYS[0]) == small.facts(TILE, "coherence", KEYS[0])


def test_several_chips_are_read_at_once_in_order(tmp_path, storage, values):
    archive = filled(tmp_path / "a", storage, values)
    names = [(TILE, "coherence", key) for key in reversed(KEYS)]
    for threads in (1, 3):
        found = archive.read_each(names, threads=threads)
        np.testing.assert_array_equal([chip.array for chip in found], values[::-1])
    with pytest.raises(FileNotFoundError, match="there is no"):
        list(archive.read_each([*names, (TILE, "coherence", "VV/20990101")], threads=2))
