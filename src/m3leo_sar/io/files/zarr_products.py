"""Zarr stores of this machine or on servers, of Zarr v2 and v3: arrays, their dimensions and windows of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.blosc_chunks import is_blosc, require_sound_blosc, require_sound_header
from m3leo_sar.io.files.zarr_metadata import require_safe_array, require_safe_store
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile

# zarr takes as long to import as the rest of a command that lists the dates of a stack: functions that need it do so.
if TYPE_CHECKING:
    import zarr

#: What zarr raises on damaged stores.
_FAULTS = (
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, OverflowError, MemoryError
)  # fmt: skip


#: Suffixes of a store on a server; others are not asked for their metadata.
_SUFFIXES = ("", ".zarr", ".znap")


def is_zarr(path: AnyFile) -> bool:
    """Whether a folder, of this machine or on a server, is a Zarr group of either version."""
    if isinstance(path, RemoteFile):
        from m3leo_sar.io.remote.remote_zarr import remote_zarr

        return path.suffix.lower() in _SUFFIXES and remote_zarr(path) is not None
    return path.is_dir() and any((path / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata"))


@contextmanager
def plain_zarr_errors(path: AnyFile) -> Iterator[None]:
    """Exceptions of zarr inside the block become a ValueError that names the store; those of a server stay."""
    try:
        yield
    except _FAULTS as error:
        if is_of_server(path, error) or (isinstance(error, ValueError) and path.name in str(error)):
            raise
        raise ValueError(f"{path.name} cannot be read: {type(error).__name__} {error}") from error


def is_of_server(path: AnyFile, error: Exception) -> bool:
    """Whether an exception says that a server failed, or has no such file."""
    return isinstance(path, RemoteFile) and isinstance(error, OSError) and not isinstance(error, ValueError)


def store_at(path: AnyFile, *, zarr_format: int | None = None) -> Any:
    """A folder of this machine, or a node on a server, as zarr takes it.

    Raises
    ------
    FileNotFoundError
        If a server has no node there.
    """
    if not isinstance(path, RemoteFile):
        return path
    from m3leo_sar.io.remote.remote_zarr import remote_zarr

    found = remote_zarr(path, zarr_format=zarr_format)
    if found is None:
        raise FileNotFoundError(f"there is no Zarr array or group {path}")
    return found


def names_in(path: AnyFile, group: str = "") -> list[str]:
    """Names of the arrays and groups of a store, or of a group in it, sorted.

    Raises
    ------
    ValueError
        If a store on a server does not say them.
    """
    if isinstance(path, RemoteFile):
        return list(store_at(path).documents.children(group))
    place = path / group
    return sorted(entry.name for entry in place.iterdir() if entry.is_dir())


def open_array(path: AnyFile, name: str = "", *, zarr_format: Any = None) -> Any:
    """An array of a store; of one on a server, after a check of its metadata.

    Parameters
    ----------
    path : Path or RemoteFile
    name : str
        Array in the store; the store itself by default.
    zarr_format : int, optional
        2 or 3, if it is known.

    Raises
    ------
    FileNotFoundError, OSError
        If a server has no such array, or fails.
    ValueError
        If it would run code or use too much memory; zarr has exceptions of its own for damaged metadata.
    """
    if not isinstance(path, RemoteFile):
        import zarr

        return zarr.open_array(path / name if name else path, mode="r", zarr_format=zarr_format)
    node = store_at(path, zarr_format=zarr_format)
    node = node.child(name) if name else node
    require_safe_array(node.root, node.documents.metadata())
    return node.array


def read_array(array: Any, part: Sequence[slice | int]) -> NDArray[Any]:
    """Read a part of an open array; of one on a server, its chunks at the same time.

    Raises
    ------
    OSError
        If the server fails.
    ValueError
        If a chunk was changed on its server, or is packed by blosc with a damaged header; zarr has exceptions of its
        own for other damage.
    """
    from m3leo_sar.io.remote.remote_zarr import RemoteZarr
    from m3leo_sar.io.remote.zarr_window import read_remote_part

    if not isinstance(array.store, RemoteZarr):
        return np.asarray(array[tuple(part)])
    node = array.store.child(array.path) if array.path else array.store
    return read_remote_part(node, part, check=partial(_check, array))


def _check(array: Any, name: str, data: bytes) -> None:
    if is_blosc(array):
        require_sound_header(name, data, len(data), prod(array.chunks) * np.dtype(array.dtype).itemsize)


def open_zarr(path: AnyFile) -> zarr.Group:
    """Open a group after a check of its metadata.

    Raises
    ------
    ValueError
        If it is damaged, or would run code or use too much memory.
    """
    import zarr

    with plain_zarr_errors(path):
        if not isinstance(path, RemoteFile):
            require_safe_store(path)
        # Consolidated metadata may name arrays that are no longer there.
        return zarr.open_group(store_at(path), mode="r", use_consolidated=False)


def group_of(path: AnyFile, name: str) -> zarr.Group:
    """A group of a store, of whose consolidated metadata a server is not asked again; zarr has its own exceptions."""
    import zarr

    return zarr.open_group(store_at(path), path=name, mode="r", use_consolidated=False)


def arrays_of(path: AnyFile) -> dict[str, Any]:
    """Arrays of a store by name, after a check of its metadata; raises as :func:`open_zarr`."""
    with plain_zarr_errors(path):
        found = dict(open_zarr(path).arrays())
        if isinstance(path, RemoteFile):
            for name in found:
                require_safe_array(path / name, store_at(path).documents.metadata(name))
        return found


def documents_at(path: AnyFile) -> tuple[AnyFile, ...]:
    """What states the version of an array or group: the folder itself, or its metadata on a server."""
    if not isinstance(path, RemoteFile):
        return (path,)
    from m3leo_sar.io.remote.remote_zarr import documents_of

    return documents_of(path)


def dimensions_of(array: Any) -> tuple[str, ...]:
    """Names of an array's dimensions, of Zarr v3 or as xarray writes them for v2; empty if it has none."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    return tuple(str(name) for name in names)


def read_plane(path: AnyFile, name: str, shape: tuple[int, int], rows: slice, cols: slice) -> NDArray[Any]:
    """Window of an array (rows, cols) of a store, as :func:`read_part`."""
    return read_part(path, name, (rows, cols), shape)


def read_part(path: AnyFile, name: str, part: tuple[Any, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Read a part of an array of a store.

    Parameters
    ----------
    path : Path or RemoteFile
        Folder of the store.
    name : str
        Array in it.
    part : tuple of slice or int
    shape : tuple of int
        Expected shape of the whole.

    Raises
    ------
    ValueError
        If it cannot be read, or has another shape now.
    """
    with plain_zarr_errors(path):
        array = open_array(path, name)
        if array.shape != shape:
            raise ValueError(f"{path.name}: {name} has shape {array.shape}, expected {shape}")
        size = [len(range(*one.indices(full))) for one, full in zip(part, shape, strict=True) if isinstance(one, slice)]
        limits.require_array(f"a window of {name}", size, array.dtype.itemsize, limits.LARGEST_RASTER)
        if not isinstance(path, RemoteFile):
            require_sound_blosc(array, path / name, part)
        return read_array(array, part)


def read_whole(path: AnyFile, name: str) -> NDArray[Any]:
    """Read an array of a store; raises as :func:`read_part`."""
    with plain_zarr_errors(path):
        array = open_array(path, name)
    return read_part(path, name, (slice(None),) * array.ndim, array.shape)
