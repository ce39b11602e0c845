"""HDF5 files of any origin: every fault is reported; values come from this file only and have a checked size."""

from __future__ import annotations

import itertools
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.remote.collection_pause import pause
from m3leo_sar.io.remote.open_remote import ranged_file
from m3leo_sar.io.remote.ranged_reader import RangedReader, reader_name
from m3leo_sar.io.remote.remote_address import RemoteFile, file_at
from m3leo_sar.io.remote.remote_dataset import read_remote

#: Exceptions of h5py on damaged files.
FAULTS = (
    KeyError, OSError, TypeError, AttributeError, IndexError, ValueError, RuntimeError, OverflowError, MemoryError
)  # fmt: skip
#: Largest expansion of a byte by deflate.
_DEFLATE = 1032
#: Most chunks per read.
_CHUNKS = 200_000


@contextmanager
def open_hdf5(path: str | os.PathLike[str], *, kind: str = "readable HDF5 file") -> Iterator[h5py.File]:
    """Open a file for reading; exceptions of h5py inside the block become a ValueError that names the file.

    Parameters
    ----------
    path : path
        Of this machine, or a :class:`m3leo_sar.io.remote.remote_address.RemoteFile`.
    kind : str
        Expected kind of file, for the message if it is no HDF5.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    PermissionError, OSError
        If a server refuses or fails to send the file.
    ValueError
        If it is no HDF5, or an error occurs in the block. A ValueError that names the file passes unchanged.
    """
    place = file_at(path)
    if isinstance(place, RemoteFile):
        reader = RangedReader(ranged_file(place))
        try:
            with pause.during(), _opened(reader, place.name, kind) as file:
                yield file
        except ValueError as error:
            # HDF5 has its own words for a server that fails.
            raise reader.fault or error from None
        return
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {os.fspath(path)}")
    with _opened(path, place.name, kind) as file:
        yield file


@contextmanager
def _opened(path: Any, name: str, kind: str) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except FAULTS as error:
        raise ValueError(f"{name} is not a {kind}: {error}") from error
    try:
        with file:
            yield file
    except FAULTS as error:
        if isinstance(error, ValueError) and name in str(error):
            raise
        raise ValueError(f"{name} cannot be read: {error.args[0] if error.args else error}") from error


def read_values(
    dataset: Any, path: str | os.PathLike[str], part: Sequence[slice] = (), *, largest: int | None = None
) -> Any:
    """Read a data set, or a part of it.

    Parameters
    ----------
    dataset : h5py.Dataset
    path : path
        File that was opened; a data set behind a link into another file is refused.
    part : sequence of slice
        Part along the first axes; by default all.
    largest : int, optional
        Most bytes to read, by default ``limits.LARGEST_CHIP``.

    Raises
    ------
    ValueError
        If the data set lies in another file, is none, or it or a chunk, packed or unpacked, is too large.
    """
    require_own(dataset, path)
    if dataset.shape is None:
        raise ValueError(f"{dataset.name} must hold values, it is empty")
    limit = limits.LARGEST_CHIP if largest is None else largest
    whole = [*part, *(slice(None) for _ in dataset.shape[len(part) :])]
    spans = [range(*one.indices(size)) for one, size in zip(whole, dataset.shape, strict=True)]
    limits.require_array(dataset.name, [len(span) for span in spans], dataset.dtype.itemsize, limit)
    place = file_at(path)
    if dataset.chunks is not None:
        limits.require_array(f"a chunk of {dataset.name}", dataset.chunks, dataset.dtype.itemsize, limits.LARGEST_CHIP)
    if isinstance(place, RemoteFile) and spans and not dataset.dtype.hasobject:
        return read_remote(dataset, ranged_file(place), spans, largest=limits.LARGEST_CHIP)
    if dataset.chunks is not None:
        _check_chunks(dataset, spans)
    return dataset[tuple(part) if part else ()]


def require_own(dataset: Any, path: str | os.PathLike[str]) -> None:
    """Refuse objects that are no data set, or hold values in another file than ``path``."""
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{getattr(dataset, 'name', dataset)} must be a data set, it is a group")
    place = file_at(path)
    name = reader_name(place.identity) if isinstance(place, RemoteFile) else os.fspath(path)
    if dataset.file.filename != name or dataset.external is not None or dataset.is_virtual:
        raise ValueError(f"{dataset.name} must lie in {place.name} itself, it leads to another file")


def own_group(file: h5py.File, name: str) -> Any:
    """Group of a file by name; raises KeyError if there is none, ValueError if a link leads to another file."""
    group = file[name]
    if not isinstance(group, h5py.Group) or group.file.filename != file.filename:
        raise ValueError(f"{name} must be a group of {Path(file.filename).name} itself")
    return group


def _check_chunks(dataset: Any, spans: Sequence[range]) -> None:
    """Refuse packed chunks that would unpack to more than a chunk: HDF5 allocates any size they request."""
    if dataset.id.get_create_plist().get_nfilters() == 0:
        return
    raw = math.prod(dataset.chunks) * dataset.dtype.itemsize
    starts = [
        range(span.start // size * size, span.stop, size) if len(span) else range(0)
        for span, size in zip(spans, dataset.chunks, strict=True)
    ]
    if math.prod(len(axis) for axis in starts) > _CHUNKS:
        raise ValueError(f"{dataset.name} must have larger chunks than {dataset.chunks}")
    for start in itertools.product(*starts):
        chunk = dataset.id.get_chunk_info_by_coord(start)
        if chunk.byte_offset is None:
            continue
        # Filters add at most a few bytes to incompressible data.
        limits.require_size(f"a packed chunk of {dataset.name}", chunk.size, raw + raw // 8 + 4096)
        if chunk.size * _DEFLATE > limits.LARGEST_CHIP and dataset.compression == "gzip":
            _check_deflate(dataset, start, raw)


def _check_deflate(dataset: Any, start: tuple[int, ...], raw: int) -> None:
    mask, packed = dataset.id.read_direct_chunk(start)
    if mask == 0:
        try:
            unpacked = zlib.decompressobj().decompress(packed, raw + 4097)
        except zlib.error as error:
            raise ValueError(f"{dataset.name} is damaged: {error}") from error
        limits.require_size(f"a chunk of {dataset.name}", len(unpacked), raw + 4096)


def as_float32(values: Any) -> NDArray[np.float32]:
    """Numbers as float32; values beyond its range become no data, and texts and records are refused."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"values must be real numbers, got {array.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32)


def complex_datasets(path: str | os.PathLike[str]) -> set[str]:
    """Names of the complex data sets in the root of an HDF5 file; links out of it are not followed."""
    with h5py.File(path, "r") as file:
        held = {name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)}
        return {name for name in held if getattr(file[name], "dtype", np.dtype("f4")).kind == "c"}
