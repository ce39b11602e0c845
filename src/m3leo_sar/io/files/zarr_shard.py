"""Our Zarr v3 arrays of one shard, described by zarr; chunks are packed, and read one by one, without it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numcodecs import blosc
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, BloscShuffle, Crc32cCodec

from m3leo_sar.io.files.atomic import flush, write_text
from m3leo_sar.io.files.limits import read_text

#: Name of this library's entry among an array's attributes.
_ATTRIBUTE = "m3leo_sar"
#: Entry which states that there is always a shard. Earlier versions left out a shard of fill values only.
_HAS_SHARD = "has_shard"
_SHUFFLES = {BloscShuffle.noshuffle: blosc.NOSHUFFLE, BloscShuffle.bitshuffle: blosc.BITSHUFFLE}
#: Effort of the compressor.
_LEVEL = 5
#: Offset and length of a chunk that is not written; bytes of a CRC-32C.
_MISSING = 2**64 - 1
_CHECKSUM = 4


def make_group(folder: Path) -> None:
    """Make a folder a Zarr group, if it is not one yet."""
    if not (folder / "zarr.json").is_file():
        document = {"zarr_format": 3, "node_type": "group", "attributes": {}}
        write_text(folder / "zarr.json", json.dumps(document, indent=2) + "\n")


def write_shard(
    path: Path,
    chunks: Sequence[NDArray[Any]],
    attributes: Mapping[str, Any],
    *,
    shape: tuple[int, ...],
    fill: Any,
    dimensions: Sequence[str],
    public: Mapping[str, Any] | None = None,
) -> None:
    """Write an array and its metadata as one shard, and flush it to disk.

    Parameters
    ----------
    path : Path
        Folder of the array.
    chunks : sequence of numpy.ndarray
        Parts of the array along its first axis, of one size and dtype.
    attributes : mapping
        This library's.
    shape : tuple of int
        Of the whole array.
    fill : scalar
    dimensions : sequence of str
    public : mapping, optional
        Attributes for other readers.

    Raises
    ------
    OSError
        If it cannot be written; the caller has to remove any part of it.
    """
    shuffle = _shuffle_of(chunks[0].dtype)
    target = zarr.create_array(
        store=path,
        shape=shape,
        shards=shape,
        chunks=(shape[0] // len(chunks), *shape[1:]),
        dtype=chunks[0].dtype,
        # lz4 unpacks several times faster than zstd here.
        compressors=[BloscCodec(cname="lz4", clevel=_LEVEL, shuffle=shuffle), Crc32cCodec()],
        fill_value=fill,
        attributes={**(public or {}), _ATTRIBUTE: {**attributes, _HAS_SHARD: True}},
        dimension_names=dimensions,
    )
    # Not by zarr, whose loop over codecs and events costs as much as packing.
    shard = path / target.metadata.encode_chunk_key((0,) * len(shape))
    shard.parent.mkdir(parents=True)
    with open(shard, "wb") as stream:
        stream.writelines(_packed(chunks, shuffle))
    for file in (shard, path / "zarr.json"):
        flush(file)


def _shuffle_of(dtype: np.dtype[Any]) -> BloscShuffle:
    """Order of the bits in which a dtype compresses best: by weight, but for the levels of neighbours, often equal."""
    return BloscShuffle.noshuffle if dtype.itemsize == 1 else BloscShuffle.bitshuffle


def _packed(chunks: Sequence[NDArray[Any]], shuffle: BloscShuffle) -> Iterator[bytes]:
    """Bytes of a shard: each chunk and its checksum, then the table of their places and its checksum."""
    table, start = [], 0
    for chunk in chunks:
        packed = blosc.compress(np.ascontiguousarray(chunk), b"lz4", _LEVEL, _SHUFFLES[shuffle])
        table.append((start, len(packed) + _CHECKSUM))
        start += len(packed) + _CHECKSUM
        yield packed
        yield _checksum(packed)
    index = np.array(table, "<u8").tobytes()
    yield index
    yield _checksum(index)


def _checksum(data: bytes) -> bytes:
    return int(google_crc32c.value(data)).to_bytes(_CHECKSUM, "little")


def described(path: Path) -> tuple[dict[str, Any], Any]:
    """An array's ``zarr.json``, and its metadata from :func:`write_shard`.

    Raises
    ------
    ValueError
        If there is none, or it is damaged.
    """
    try:
        document = json.loads(read_text(path / "zarr.json"))
        return document, document["attributes"][_ATTRIBUTE]
    except FileNotFoundError as error:
        raise ValueError(f"{path} is damaged: it holds no zarr.json") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path / 'zarr.json'} is damaged: {type(error).__name__} {error}") from error


def is_own_array(path: Path) -> bool:
    """Whether a folder is an array from :func:`write_shard`; metadata that cannot be read is taken as a damaged one."""
    try:
        document = json.loads(read_text(path / "zarr.json"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (ValueError, RecursionError):
        return True
    attributes = document.get("attributes") if isinstance(document, dict) else None
    return isinstance(attributes, dict) and _ATTRIBUTE in attributes


def is_stored(shard: str | os.PathLike[str]) -> bool:
    """Whether a shard can be read: it exists, or an earlier version left it out as it held only the fill value."""
    return os.path.isfile(shard) or _was_left_out(Path(shard))


def read_chunks(
    shard: str | os.PathLike[str], indices: Sequence[int], count: int, outs: Sequence[NDArray[Any]], *, fill: Any
) -> int:
    """Fill each of ``outs`` from a chunk of a shard whose chunks are blosc with a CRC-32C and whose index ends it.

    Parameters
    ----------
    shard : path
    indices : sequence of int
        Numbers of the chunks within the shard, of ``count``.
    count : int
        Chunks of the shard.
    outs : sequence of numpy.ndarray
        C-contiguous, each of a chunk's size.
    fill : scalar
        Value of a chunk, or a whole shard, that an earlier version did not write, as it held only this value.

    Returns
    -------
    int
        Bytes read.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the shard is cut short or a checksum does not match.
    """
    path = Path(shard)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        if not _was_left_out(path):
            raise
        for out in outs:
            out[...] = fill
        return 0
    try:
        size, table_bytes = os.fstat(handle).st_size, 16 * count + _CHECKSUM
        if size < table_bytes:
            raise ValueError(f"{path} is cut short: {size} bytes cannot hold the index of {count} chunks")
        body = _checked(os.pread(handle, table_bytes, size - table_bytes), path, "index")
        table, total = np.frombuffer(body, "<u8").reshape(count, 2).tolist(), table_bytes
        for index, out in zip(indices, outs, strict=True):
            start, length = table[index]
            if start == length == _MISSING:
                out[...] = fill
                continue
            if start + length > size - table_bytes or length <= _CHECKSUM:
                raise ValueError(f"{path} is damaged: chunk {index} would lie beyond its end")
            packed = _checked(os.pread(handle, length, start), path, f"chunk {index}")
            _unpack(packed, out, path, index)
            total += length
    finally:
        os.close(handle)
    return total


def _was_left_out(shard: Path) -> bool:
    """Whether an earlier version wrote no shard for fill values only, and so no folder of chunks."""
    chunks = next((place for place in shard.parents if place.name == "c"), None)
    if chunks is None or chunks.exists():
        return False
    try:
        _, facts = described(chunks.parent)
    except ValueError:
        return False
    return _HAS_SHARD not in facts


def _unpack(packed: bytes, out: NDArray[Any], path: Path, index: int) -> None:
    # Blosc's header states the unpacked size: a damaged one must not lead beyond the array.
    if len(packed) < 16 or int.from_bytes(packed[4:8], "little") != out.nbytes:
        raise ValueError(f"{path} is damaged: chunk {index} does not hold {out.nbytes} bytes")
    try:
        blosc.decompress(packed, out)
    except RuntimeError as error:
        raise ValueError(f"{path} is damaged: chunk {index}: {error}") from error


def _checked(data: bytes, path: Path, what: str) -> bytes:
    body, stored = data[:-_CHECKSUM], int.from_bytes(data[-_CHECKSUM:], "little")
    if google_crc32c.value(body) != stored:
        raise ValueError(f"{path} is damaged: the checksum of its {what} does not match")
    return body
