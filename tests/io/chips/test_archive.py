"""Chips on disk: whole or not at all, and nothing outside the archive."""

from __future__ import annotations

import datetime
import json
import resource
import signal
import zlib

import numpy as np
import pytest
import rasterio

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.files.atomic import atomic_path, remove_stale
from m3leo_sar.io.stacks.zarr_stack import write_stack

BOX = GeoBox.from_bounds((5.5, 49.6, 5.57, 49.64), shape=(24, 31), crs="EPSG:4326")
TILE, KEY = "0123456789abc", "20230301_20230313"


@pytest.fixture(params=["geotiff", "zarr"])
def archive(request, tmp_path):
    return ChipArchive.create(tmp_path / "chips", storage=request.param, grid="legacy")


@pytest.mark.parametrize("dtype", ["float32", "complex64", "uint8"])
def test_round_trip(archive, rng, dtype):
    chip = (50 * rng.random((24, 31))).astype(dtype)
    if dtype == "float32":
        chip[3, 4] = np.nan
    metadata = {"product": "coherence", "days": 12, "parameters": {"window": [5, 20]}}
    archive.write(TILE, "coherence", KEY, chip, BOX, metadata=metadata)
    back = archive.read(TILE, "coherence", KEY)
    np.testing.assert_array_equal(back.array, chip)
    assert (back.array.dtype, back.geobox, back.metadata) == (np.dtype(dtype), BOX, metadata)
    assert (archive.identifiers, archive.datasets(TILE)) == ([TILE], ["coherence"])
    assert archive.keys(TILE, "coherence") == [KEY]


def test_other_parameters_mean_another_chip(archive):
    chip = np.ones((24, 31), np.float32)
    archive.write(TILE, "coherence", KEY, chip, BOX, metadata={"parameters": {"window": [5, 20]}})
    assert archive.has(TILE, "coherence", KEY)
    assert archive.has(TILE, "coherence", KEY, parameters={"window": [5, 20]})
    assert not archive.has(TILE, "coherence", KEY, parameters={"window": [5, 21]})
    assert not archive.has(TILE, "coherence", "20230301_20230325")


@pytest.mark.parametrize("name", ["..", "a/b", "/etc", "", ".hidden", "x.partial-1", "a\0b"])
def test_names_cannot_lead_out(archive, name):
    for place in ((name, "coherence", KEY), (TILE, name, KEY), (TILE, "coherence", name)):
        with pytest.raises(ValueError, match="must be letters, digits"):
            archive.path(*place)


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ChipArchive(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"is not a chip archive: it holds no archive.json"):
        ChipArchive(tmp_path)
    (tmp_path / "photo.jpg").write_text("dear")
    with pytest.raises(ValueError, match="holds files but is not a chip archive"):
        ChipArchive.create(tmp_path)
    (tmp_path / "archive.json").write_text("{")
    with pytest.raises(ValueError, match=r"archive.json is damaged"):
        ChipArchive(tmp_path)
    (tmp_path / "archive.json").write_text(json.dumps({"format": "m3leo_sar chip archive", "version": 99}))
    with pytest.raises(ValueError, match="has version 99; this library reads up to 4"):
        ChipArchive(tmp_path)


def test_strange_names_and_links_in_the_folder_are_not_followed(archive, tmp_path, rng):
    chip = rng.random((24, 31)).astype("f4")
    archive.write(TILE, "coherence", KEY, chip, BOX, metadata={})
    other = ChipArchive.create(tmp_path / "other", storage=archive.storage)
    other.write("outside", "secret", KEY, chip, BOX, metadata={})
    (archive.root / TILE / "-rf").mkdir()
    (archive.root / "outside").symlink_to(other.root / "outside")
    (archive.root / TILE / "secret").symlink_to(other.root / "outside" / "secret")
    assert list(archive.chips()) == [(TILE, "coherence", KEY)]
    for place in (("outside", "secret"), (TILE, "secret")):
        with pytest.raises(ValueError, match="is a link, which may lead out of the archive"):
            archive.read(*place, KEY)
        with pytest.raises(ValueError, match="is a link"):
            archive.write(*place, KEY, chip, BOX, metadata={})
    if archive.storage == "geotiff":
        (archive.root / TILE / "coherence" / "-rf.tif").write_bytes(b"")
        assert archive.keys(TILE, "coherence") == [KEY]


def test_facts_of_an_archive_may_be_dates_and_numbers_of_numpy(tmp_path):
    made = ChipArchive.create(tmp_path / "x", pixels=np.int64(448), begun=datetime.date(2023, 1, 1))
    assert (made.manifest["pixels"], made.manifest["begun"]) == (448, "2023-01-01")


@pytest.mark.parametrize("manifest", ["[" * 100_000, '{"format": "m3leo_sar chip archive", "version": "2"}', "\xff"])
def test_a_strange_manifest_is_refused(tmp_path, manifest):
    (tmp_path / "archive.json").write_bytes(manifest.encode("latin-1"))
    with pytest.raises(ValueError, match=r"archive\.json|has version 2"):
        ChipArchive(tmp_path)


def test_verify_names_a_damaged_chip(archive, rng):
    for key in (KEY, "20230301_20230325"):
        archive.write(TILE, "coherence", key, rng.random((24, 31)).astype("f4"), BOX, metadata={})
    assert list(archive.verify()) == []
    held = archive.path(TILE, "coherence", KEY)
    path = held if held.is_file() else next(path for path in held.rglob("0") if path.is_file())
    path.write_bytes(path.read_bytes()[:400])
    assert [found for found, _ in archive.verify()] == [path]
    with pytest.raises(
        ValueError, match=f"{KEY}.tif cannot be read as a raster|the checksum of its index does not match"
    ):
        archive.read(TILE, "coherence", KEY)
    assert archive.read(TILE, "coherence", "20230301_20230325").array.shape == (24, 31)
    with pytest.raises(FileNotFoundError, match="there is no (file|chip)"):
        archive.read(TILE, "coherence", "20240101_20240113")


def test_verify_compares_the_checksum_of_the_pixels(archive, rng):
    chip = rng.random((24, 31)).astype("f4")
    right = f"{zlib.crc32(chip.tobytes()):08x}"
    for key, stored in (("a", right), ("b", "00000000")):
        archive.write(TILE, "coherence", key, chip, BOX, metadata={"crc32": stored})
    ((_, fault),) = archive.verify()
    assert f"its pixels have the checksum {right}, the stored one is 00000000" in fault


def test_a_failed_write_keeps_the_old_chip(archive):
    old = np.ones((24, 31), np.float32)
    archive.write(TILE, "coherence", KEY, old, BOX, metadata={})
    with pytest.raises(ValueError, match=r"array must have the geobox's shape \(24, 31\), got \(3, 3\)"):
        archive.write(TILE, "coherence", KEY, old[:3, :3], BOX, metadata={})
    with pytest.raises(TypeError, match="metadata must be plain values, got object"):
        archive.write(TILE, "coherence", KEY, old, BOX, metadata={"x": object()})
    np.testing.assert_array_equal(archive.read(TILE, "coherence", KEY).array, old)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_file_or_folder_vanishes(tmp_path, error):
    (tmp_path / "file.txt").write_text("old")
    for name in ("file.txt", "folder"):
        with pytest.raises(error), atomic_path(tmp_path / name) as partial:  # noqa: PT012
            partial.mkdir() if name == "folder" else partial.write_text("half")
            raise error
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "old"


def test_only_what_dead_writers_left_is_removed(tmp_path):
    (tmp_path / "a.partial-999999999.tif").write_text("dead")
    (tmp_path / "b.partial-1.tif").write_text("alive")
    assert [path.name for path in remove_stale(tmp_path)] == ["a.partial-999999999.tif"]
    assert (tmp_path / "b.partial-1.tif").exists()


def test_chips_of_a_product_are_written_together(archive, rng):
    pairs = {f"2023030{day}_20230313": rng.random((24, 31)).astype("f4") for day in range(1, 5)}
    archive.write_layers(TILE, "coherence", [Layer(key, chip, {"parameters": 1}) for key, chip in pairs.items()], BOX)
    archive.write_layers(TILE, "label", [Layer("landcover", np.full((24, 31), 7, np.uint8), {}, 0)], BOX)
    archive.write_layers(TILE, "nothing", [], BOX)
    for key, chip in pairs.items():
        np.testing.assert_array_equal(archive.read(TILE, "coherence", key).array, chip)
    assert archive.datasets(TILE) == ["coherence", "label"]


def test_a_chip_is_removed_and_the_others_stay(archive, rng):
    chips = {f"2023030{day}": rng.random((24, 31)).astype("f4") for day in range(1, 4)}
    for key, chip in chips.items():
        archive.write(TILE, "intensity", key, chip, BOX, metadata={"parameters": key})
    archive.remove(TILE, "intensity", "20230302")
    archive.remove(TILE, "intensity", "20240101")
    assert archive.keys(TILE, "intensity") == ["20230301", "20230303"]
    np.testing.assert_array_equal(archive.read(TILE, "intensity", "20230303").array, chips["20230303"])
    assert archive.has(TILE, "intensity", "20230301", parameters="20230301")
    for key in ("20230301", "20230303"):
        archive.remove(TILE, "intensity", key)
    assert archive.keys(TILE, "intensity") == []


def test_a_chip_of_several_bands(archive, rng):
    chip = rng.random((3, 24, 31)).astype("f4")
    archive.write(TILE, "optical", "2020", chip, BOX, metadata={"product": "optical"})
    np.testing.assert_array_equal(archive.read(TILE, "optical", "2020").array, chip)


def test_a_later_chip_outdates_an_earlier_one(archive):
    for value in (1, 2, 3):
        chip = np.full((24, 31), value, np.float32)
        archive.write(TILE, "coherence", KEY, chip, BOX, metadata={"parameters": value})
        assert archive.read(TILE, "coherence", KEY).array[3, 5] == value
    assert archive.has(TILE, "coherence", KEY, parameters=3)
    assert not archive.has(TILE, "coherence", KEY, parameters=1)


@pytest.fixture
def small_disk():
    """The kernel's limit on a file's size stands for a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("what", ["geotiff", "zarr", "stack"])
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, rng, what):
    box = GeoBox.from_bounds((0, 0, 4480, 4480), shape=(448, 448), crs="EPSG:32631")
    noise = rng.standard_normal((448, 448, 2), np.float32).view(np.complex64)[..., 0]

    def write():
        if what == "stack":
            slcs = SlcStack.from_arrays(noise[None], [datetime.date(2023, 3, 1)], geometry=box, polarisation="VV")
            write_stack(slcs, tmp_path / "stack")
        else:
            chips = ChipArchive.create(tmp_path / "chips", storage=what)
            chips.write("0123456789abc", "coherence", "x", noise.real.copy(), box, metadata={})

    with pytest.raises(OSError):
        write()
    assert not list(tmp_path.rglob("*.partial-*"))
    assert not list(tmp_path.rglob("x.tif"))
    assert not list(tmp_path.rglob("000000"))
    assert not list(tmp_path.glob("stack/2*"))


def test_chips_lie_in_few_strips_and_complex_ones_as_they_are(tmp_path, rng):
    archive, box = (
        ChipArchive.create(tmp_path / "chips"),
        GeoBox.from_bounds((0, 0, 9, 15), shape=(150, 90), crs="EPSG:4326"),
    )
    real = rng.random(box.shape, np.float32)
    for key, array in (("a", real), ("b", real.astype(np.complex64)), ("c", (255 * real).astype(np.uint8))):
        archive.write("tile", "coherence", key, array, box, metadata={})
        with rasterio.open(archive.path("tile", "coherence", key)) as source:
            assert source.block_shapes == [(64, 90)]
            assert (source.compression is None) == (array.dtype.kind == "c")
        np.testing.assert_array_equal(archive.read("tile", "coherence", key).array, array)
