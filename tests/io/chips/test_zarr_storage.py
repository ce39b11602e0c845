"""Chips as sharded Zarr: any reader of Zarr sees them, damage is found, batches join."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec

from m3leo_sar import GeoBox
from m3leo_sar.io.chips import zarr_storage
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.files.zarr_shard import read_chunks

BOX = GeoBox.from_bounds((5.5, 49.6, 5.57, 49.64), shape=(24, 31), crs="EPSG:4326")
TILE = "0123456789abc"


@pytest.fixture
def archive(tmp_path):
    return ChipArchive.create(tmp_path / "chips", storage="zarr")


def layers(rng, count=3, **metadata):
    return [Layer(f"k{k}", rng.random((24, 31)).astype("f4"), {"parameters": k, **metadata}) for k in range(count)]


def shard_of(archive, key="k0"):
    return next(path for path in archive.path(TILE, "coherence", key).rglob("0") if path.is_file())


def test_zarr_reads_what_is_written(archive, rng):
    made = layers(rng)
    archive.write_layers(TILE, "coherence", made, BOX)
    array = zarr.open_group(archive.root / TILE, mode="r")["coherence/000000"]
    assert array.chunks == (1, 24, 31)
    assert array.shards == (3, 24, 31)
    np.testing.assert_array_equal(array[...], np.stack([layer.array for layer in made]))
    assert array.metadata.dimension_names == ("chip_3", "y", "x")
    assert [entry["key"] for entry in array.attrs["m3leo_sar"]["layers"]] == ["k0", "k1", "k2"]


@pytest.mark.parametrize(("dtype", "value"), [("f4", np.nan), ("c8", complex(np.nan, np.nan)), ("u1", 0)])
def test_a_batch_without_data_is_stored_and_read_as_such(archive, dtype, value):
    empty = np.full((24, 31), value, dtype)
    archive.write_layers(TILE, "coherence", [Layer(f"k{k}", empty, {"parameters": k}) for k in range(2)], BOX)
    assert shard_of(archive).is_file()
    for k in range(2):
        np.testing.assert_array_equal(archive.read(TILE, "coherence", f"k{k}").array, empty)
        assert archive.has(TILE, "coherence", f"k{k}", parameters=k)
    assert list(archive.verify()) == []


def lose_shard(archive):
    """Take the chunks of the first batch away; what is left is as an earlier version wrote a batch without data."""
    batch = archive.path(TILE, "coherence", "k0")
    shutil.rmtree(batch / "c")
    return batch / "zarr.json"


@pytest.mark.parametrize(("dtype", "value"), [("f4", np.nan), ("c8", complex(np.nan, np.nan)), ("u1", 0)])
def test_an_earlier_version_wrote_no_shard_where_there_was_no_data(archive, dtype, value):
    archive.write_layers(TILE, "coherence", [Layer("k0", np.ones((24, 31), dtype), {"parameters": 1})], BOX)
    described = lose_shard(archive)
    document = json.loads(described.read_text())
    del document["attributes"]["m3leo_sar"]["has_shard"]
    described.write_text(json.dumps(document))
    old = ChipArchive(archive.root)
    np.testing.assert_array_equal(old.read(TILE, "coherence", "k0").array, np.full((24, 31), value, dtype))
    assert old.has(TILE, "coherence", "k0", parameters=1)
    assert list(old.verify()) == []


def test_a_lost_shard_is_no_chip_without_data(archive, rng):
    archive.write_layers(TILE, "coherence", layers(rng), BOX)
    lose_shard(archive)
    with pytest.raises(FileNotFoundError):
        archive.read(TILE, "coherence", "k0")
    assert not archive.has(TILE, "coherence", "k0")
    assert len(list(archive.verify())) == 3


def test_an_earlier_version_wrote_no_chunk_where_there_was_no_data(tmp_path):
    codecs = [BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"), Crc32cCodec()]
    shape = (2, 24, 31)
    array = zarr.create_array(
        tmp_path / "a", shape=shape, shards=shape, chunks=(1, 24, 31), dtype="f4", compressors=codecs, fill_value=np.nan
    )
    array[...] = np.stack([np.full((24, 31), np.nan), np.ones((24, 31))])
    out, shard = np.empty((24, 31), np.float32), tmp_path / "a" / "c" / "0" / "0" / "0"
    table = read_chunks(shard, [0], 2, [out], fill=-7)
    assert (out == -7).all()
    assert read_chunks(shard, [1], 2, [out], fill=-7) > table
    assert (out == 1).all()


def test_slcs_are_kept_as_complex_int16_to_half_a_unit(archive, rng):
    slc = (rng.standard_normal((24, 31)) + 1j * rng.standard_normal((24, 31))).astype(np.complex64)
    slc[2, 3] = np.nan
    archive.write(TILE, "slc", "20230301", slc, BOX, metadata={"scale": 0.001})
    stored = zarr.open_array(archive.path(TILE, "slc", "20230301"), mode="r")
    assert stored.dtype == np.int16
    assert stored.shape == (1, 24, 31, 2)
    chip = archive.read(TILE, "slc", "20230301")
    assert np.isnan(chip.array[2, 3])
    error = np.nanmax(np.abs(chip.array - slc))
    assert 0 < error <= chip.metadata["quantisation_error"] * 1.001 == pytest.approx(0.001 / np.sqrt(2), rel=2e-3)
    with pytest.raises(ValueError, match="scale must be at least"):
        archive.write(TILE, "slc", "20230301", slc * 1e6, BOX, metadata={"scale": 0.001})
    with pytest.raises(ValueError, match="needs an archive with storage='zarr'"):
        ChipArchive.create(archive.root.parent / "tif").write(TILE, "slc", "x", slc, BOX, metadata={"scale": 0.001})


@pytest.mark.parametrize("byte", [0, 5, 700, -1, -4, -20, -60])
def test_any_changed_byte_is_found(archive, rng, byte):
    archive.write_layers(TILE, "coherence", layers(rng, 2), BOX)
    shard = shard_of(archive)
    content = bytearray(shard.read_bytes())
    content[byte] ^= 0x10
    shard.write_bytes(content)
    faults = dict(archive.verify())
    assert list(faults) == [shard]
    assert "damaged" in faults[shard]


@given(position=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans(), seed=st.integers(0, 9))
def test_damage_never_crashes_nor_gives_other_pixels(tmp_path_factory, position, value, cut, seed):
    archive = ChipArchive.create(tmp_path_factory.mktemp("a") / "chips", storage="zarr")
    made = layers(np.random.default_rng(seed), 2)
    archive.write_layers(TILE, "coherence", made, BOX)
    target = [shard_of(archive), archive.path(TILE, "coherence", "k0") / "zarr.json"][seed % 2]
    content = bytearray(target.read_bytes())
    at = int(position * (len(content) - 1))
    target.write_bytes(content[:at] if cut else bytes(content[:at]) + bytes([value]) + bytes(content[at + 1 :]))
    for layer in made:
        try:
            chip = ChipArchive(archive.root).read(TILE, "coherence", layer.key)
        except (ValueError, FileNotFoundError):
            continue
        np.testing.assert_array_equal(chip.array, layer.array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [1, 24, 31]}, "2 chips are named, 1 are there"),
        ({"shape": [2, 24, 10**9]}, "must be at most 1024 MiB"),
        ({"shape": [2, 24, 32]}, "does not hold 3072 bytes"),
        ({"data_type": "object"}, "damaged"),
        ({"attributes": {}}, "damaged: KeyError"),
    ],
)
def test_a_changed_description_is_refused(archive, rng, change, message):
    archive.write_layers(TILE, "coherence", layers(rng, 2), BOX)
    path = archive.path(TILE, "coherence", "k0") / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        ChipArchive(archive.root).read(TILE, "coherence", "k0")


def test_batches_join_without_what_is_outdated(archive, rng):
    first, second = layers(rng, 3), layers(rng, 2, days=12)
    archive.write_layers(TILE, "coherence", first, BOX)
    archive.write_layers(TILE, "coherence", second, BOX)
    assert archive.compact() == 2
    batches = [path.name for path in (archive.root / TILE / "coherence").iterdir() if path.is_dir()]
    assert batches == ["000002"]
    for layer in (first[2], *second):
        chip = archive.read(TILE, "coherence", layer.key)
        np.testing.assert_array_equal(chip.array, layer.array)
        assert chip.metadata == layer.metadata
    assert archive.compact() == 0


def write_each(archive, made):
    for layer in made:
        archive.write_layers(TILE, "coherence", [layer], BOX)


def test_a_damaged_batch_takes_only_its_own_chips_along(archive, rng):
    made = layers(rng, 4)
    write_each(archive, made)
    damaged = archive.path(TILE, "coherence", "k1")
    (damaged / "zarr.json").write_text("{")
    again = ChipArchive(archive.root)
    assert again.keys(TILE, "coherence") == ["k0", "k2", "k3"]
    assert not again.has(TILE, "coherence", "k1", parameters=1)
    assert again.has(TILE, "coherence", "k2", parameters=2)
    with pytest.raises(ValueError, match=r"there is no chip .*k1 that can be read: .*000001.zarr.json is damaged"):
        again.read(TILE, "coherence", "k1")
    # Written anew it is found, and the damage is still reported, also when the others have been joined.
    again.write_layers(TILE, "coherence", [made[1]], BOX)
    assert again.compact() == 4
    for layer in made:
        np.testing.assert_array_equal(again.read(TILE, "coherence", layer.key).array, layer.array)
    assert [path for path, _ in again.verify()] == [damaged]
    assert again.compact() == 0
    assert again.discard([damaged]) == 1
    assert list(again.verify()) == []
    assert again.keys(TILE, "coherence") == ["k0", "k1", "k2", "k3"]


def test_other_chips_are_checked_beside_a_damaged_batch(archive, rng):
    write_each(archive, layers(rng, 2))
    shard = shard_of(archive, "k1")
    shard.write_bytes(shard.read_bytes()[:99])
    damaged = archive.path(TILE, "coherence", "k0")
    (damaged / "zarr.json").write_text("{")
    assert [path for path, _ in archive.verify()] == [damaged, shard]


def test_a_batch_that_is_mended_is_seen(archive, rng):
    write_each(archive, layers(rng, 2))
    time.sleep(0.1)
    description = archive.path(TILE, "coherence", "k1") / "zarr.json"
    text = description.read_text()
    description.write_text("{")
    other = ChipArchive(archive.root)
    assert other.keys(TILE, "coherence") == ["k0"]
    description.write_text(text)
    assert other.keys(TILE, "coherence") == ["k0", "k1"]


@pytest.mark.parametrize("what", ["compact", "discard"])
def test_a_removal_that_is_killed_leaves_no_half_batch(archive, rng, monkeypatch, what):
    made = layers(rng, 3)
    write_each(archive, made)
    first = archive.path(TILE, "coherence", "k0")
    if what == "discard":
        shard_of(archive, "k0").write_bytes(b"no shard")

    def killed(path):
        (path / "zarr.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            archive.compact() if what == "compact" else archive.discard([first])
    assert not first.exists()
    left = made[1:] if what == "discard" else made
    again = ChipArchive.create(archive.root)
    assert again.keys(TILE, "coherence") == [layer.key for layer in left]
    assert list(again.verify()) == []
    assert not list(archive.root.rglob("*.partial-*"))


@pytest.mark.parametrize("moment", ["read_place", "described_batch", "is_stored"])
def test_a_reader_finds_what_is_joined_while_it_looks(archive, rng, monkeypatch, moment):
    made = layers(rng, 3)
    write_each(archive, made)
    other, joined, original = ChipArchive(archive.root), [], getattr(zarr_storage, moment)

    def late(*arguments):
        if not joined:
            joined.append(True)
            assert other.compact() == 3
        return original(*arguments)

    monkeypatch.setattr(zarr_storage, moment, late)
    reader = ChipArchive(archive.root)
    if moment == "is_stored":
        assert reader.has(TILE, "coherence", "k1", parameters=1)
    else:
        np.testing.assert_array_equal(reader.read(TILE, "coherence", "k1").array, made[1].array)
    assert joined


def test_a_batch_that_comes_within_a_step_of_the_folders_time_is_seen(archive, rng, monkeypatch):
    """Times of folders move in steps of some milliseconds: two batches within one have the same."""
    first, second = layers(rng, 2)
    archive.write_layers(TILE, "coherence", [first], BOX)
    folder = archive.path(TILE, "coherence", "k0").parent
    moment = os.stat(folder).st_mtime_ns
    reader = ChipArchive(archive.root)
    monkeypatch.setattr(time, "time_ns", lambda: moment + 5_000_000)
    assert reader.has(TILE, "coherence", "k0", parameters=0)
    archive.write_layers(TILE, "coherence", [second], BOX)
    os.utime(folder, ns=(moment, moment))
    assert reader.has(TILE, "coherence", "k1", parameters=1)
    # Long after, what was listed is kept, and a folder whose time is another is listed again.
    monkeypatch.setattr(time, "time_ns", lambda: moment + 10**9)
    assert reader.has(TILE, "coherence", "k1", parameters=1)
    archive.write_layers(TILE, "coherence", [Layer("k2", first.array, {"parameters": 2})], BOX)
    assert reader.has(TILE, "coherence", "k2", parameters=2)


def test_writers_at_once_lose_nothing(archive, rng):
    chips = {f"t{number}": rng.random((24, 31)).astype("f4") for number in range(12)}

    def write(key):
        ChipArchive(archive.root).write(TILE, "coherence", key, chips[key], BOX, metadata={})

    threads = [threading.Thread(target=write, args=(key,)) for key in chips]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.keys(TILE, "coherence") == sorted(chips)
    for key, chip in chips.items():
        np.testing.assert_array_equal(archive.read(TILE, "coherence", key).array, chip)
    assert not list(archive.root.rglob("*.partial-*"))


def test_another_process_sees_a_chip_that_comes(archive, rng):
    other = ChipArchive(archive.root)
    assert other.keys(TILE, "coherence") == []
    for layer in layers(rng, 4):
        archive.write_layers(TILE, "coherence", [layer], BOX)
        np.testing.assert_array_equal(other.read(TILE, "coherence", layer.key).array, layer.array)


@pytest.mark.filterwarnings("ignore:Object at .* is not recognized as a component")
def test_xarray_opens_an_archive_and_each_of_its_groups(archive, rng):
    """Batches of unlike length and of several bands lie in one group."""
    xarray = pytest.importorskip("xarray")
    made = layers(rng, 3)
    archive.write_layers(TILE, "coherence", made[:2], BOX)
    archive.write_layers(TILE, "coherence", made[2:], BOX)
    colours = rng.random((3, *BOX.shape), dtype=np.float32)
    archive.write_layers(TILE, "coherence", [Layer("colours", colours, {})], BOX)
    found = xarray.open_zarr(archive.root / TILE / "coherence", chunks=None, consolidated=False)
    np.testing.assert_array_equal(found["000000"].values[1], made[1].array)
    assert found["000002"].dims == ("chip_1", "band_3", "y", "x")
    tree = xarray.open_datatree(archive.root, engine="zarr", chunks=None, consolidated=False)
    np.testing.assert_array_equal(tree[f"{TILE}/coherence"]["000001"].values[0], made[2].array)
