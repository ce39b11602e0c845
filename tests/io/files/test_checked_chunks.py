"""Chunks with a checksum: read as zarr reads them, and known by their checksums."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import Crc32cCodec

from m3leo_sar.io.files.checked_chunks import is_checked, read_checked
from m3leo_sar.io.files.fingerprint import checksum
from m3leo_sar.io.files.ordered_threads import in_order

SHAPE = (23, 31)


CHECKED = (Crc32cCodec(),)


def written(folder, values, chunks=(7, 9), codecs=CHECKED, **options):
    array = zarr.create_array(
        folder, shape=values.shape, chunks=chunks, dtype=values.dtype, compressors=list(codecs), **options
    )
    array[...] = values
    return zarr.open_array(folder, mode="r")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    values = np.random.default_rng(1).standard_normal((*SHAPE, 2)).astype("f4").view("c8")[..., 0]
    values[:7, :9] = np.nan + 1j * np.nan
    folder = tmp_path_factory.mktemp("a") / "array"
    return written(folder, values, fill_value=complex("nan+nanj")), folder, values


@given(st.data())
def test_any_window_is_that_of_the_array(stored, data):
    array, folder, values = stored
    part = []
    for size in SHAPE:
        first = data.draw(st.integers(0, size - 1))
        part.append(slice(first, data.draw(st.integers(first, size))))
    np.testing.assert_array_equal(read_checked(array, folder, part), values[tuple(part)])


def test_parts_of_int16_and_a_chunk_that_is_not_there(tmp_path):
    values = np.arange(23 * 31 * 2, dtype=np.int16).reshape(23, 31, 2)
    values[:7, :9] = -32768
    array = written(tmp_path / "a", values, (7, 9, 2), fill_value=-32768)
    assert is_checked(array)
    assert not (tmp_path / "a" / "c" / "0" / "0" / "0").exists(), "zarr writes no chunk of the fill value"
    part = (slice(2, 20), slice(3, 31), slice(None))
    np.testing.assert_array_equal(read_checked(array, tmp_path / "a", part), values[part])


def test_other_arrays_are_left_to_zarr(tmp_path):
    values = np.ones(SHAPE, np.float32)
    assert not is_checked(written(tmp_path / "a", values, codecs=()))
    assert not is_checked(written(tmp_path / "b", values, shards=(14, 18)))
    assert not is_checked(written(tmp_path / "c", values, codecs=(zarr.codecs.GzipCodec(), Crc32cCodec())))


@pytest.mark.parametrize("how", ["changed", "short", "long"])
def test_a_damaged_chunk_is_named(tmp_path, how):
    array = written(tmp_path / "a", np.random.default_rng(2).random(SHAPE))
    chunk = tmp_path / "a" / "c" / "1" / "2"
    content = chunk.read_bytes()
    damaged = {"changed": b"x" + content[1:], "short": content[:-1], "long": content + b"x"}
    chunk.write_bytes(damaged[how])
    with pytest.raises(ValueError, match="chunk 1/2"):
        read_checked(array, tmp_path / "a", (slice(10, 12), slice(20, 22)))


def test_an_array_is_known_by_the_checksums_of_its_chunks(tmp_path):
    rng = np.random.default_rng(3)
    values = rng.random(SHAPE)
    written(tmp_path / "a", values)
    written(tmp_path / "b", values)
    known = checksum(tmp_path / "a", by_chunks=True)
    assert known == checksum(tmp_path / "b", by_chunks=True) != checksum(tmp_path / "a")
    values[22, 30] += 1
    zarr.open_array(tmp_path / "b", mode="r+")[...] = values
    assert checksum(tmp_path / "b", by_chunks=True) != known
    # A file, and an array without checksums, are known by all their bytes.
    written(tmp_path / "c", values, codecs=())
    for place in (tmp_path / "c", tmp_path / "a" / "zarr.json"):
        assert checksum(place, by_chunks=True) == checksum(place)


def test_results_come_in_order_and_an_error_ends_them():
    assert list(in_order(lambda item: item**2, range(13), threads=3)) == [item**2 for item in range(13)]
    assert list(in_order(abs, [], threads=2)) == []
    found = in_order(lambda item: 1 / item, [2, 1, 0, 5], threads=2)
    assert [next(found), next(found)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(found)
