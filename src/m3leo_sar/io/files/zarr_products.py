"""Zarr stores of other producers, of Zarr v2 and v3: arrays, their dimensions and windows of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.blosc_chunks import require_sound_blosc
from m3leo_sar.io.files.zarr_metadata import require_safe_store

#: What zarr raises on damaged stores.
_FAULTS = (
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, OverflowError, MemoryError
)  # fmt: skip


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group of either version."""
    return path.is_dir() and any((path / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata"))


@contextmanager
def plain_zarr_errors(path: Path) -> Iterator[None]:
    """Exceptions of zarr inside the block become a ValueError that names the store."""
    try:
        yield
    except _FAULTS as error:
        if isinstance(error, ValueError) and path.name in str(error):
            raise
        raise ValueError(f"{path.name} cannot be read: {type(error).__name__} {error}") from error


def open_zarr(path: Path) -> zarr.Group:
    """Open a group after a check of its metadata.

    Raises
    ------
    ValueError
        If it is damaged, or would run code or use too much memory.
    """
    with plain_zarr_errors(path):
        require_safe_store(path)
        # Consolidated metadata may name arrays that are no longer there.
        return zarr.open_group(path, mode="r", use_consolidated=False)


def arrays_of(path: Path) -> dict[str, Any]:
    """Arrays of a store by name, after a check of its metadata; raises as :func:`open_zarr`."""
    with plain_zarr_errors(path):
        return dict(open_zarr(path).arrays())


def dimensions_of(array: Any) -> tuple[str, ...]:
    """Names of an array's dimensions, of Zarr v3 or as xarray writes them for v2; empty if it has none."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    return tuple(str(name) for name in names)


def read_part(path: Path, name: str, part: tuple[Any, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Read a part of an array of a store.

    Parameters
    ----------
    path : Path
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
        array = zarr.open_array(path / name, mode="r")
        if array.shape != shape:
            raise ValueError(f"{path.name}: {name} has shape {array.shape}, expected {shape}")
        require_sound_blosc(array, path / name, part)
        size = [len(range(*one.indices(full))) for one, full in zip(part, shape, strict=True) if isinstance(one, slice)]
        limits.require_array(f"a window of {name}", size, array.dtype.itemsize, limits.LARGEST_RASTER)
        return np.asarray(array[part])


def read_whole(path: Path, name: str) -> NDArray[Any]:
    """Read an array of a store; raises as :func:`read_part`."""
    with plain_zarr_errors(path):
        array = zarr.open_array(path / name, mode="r")
    return read_part(path, name, (slice(None),) * array.ndim, array.shape)
