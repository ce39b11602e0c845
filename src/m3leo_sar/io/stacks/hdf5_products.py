"""HDF5 files of a folder by the groups and data sets that they hold."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py

from m3leo_sar.io.files.hdf5_values import FAULTS, open_hdf5, read_values, require_own
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile

#: Levels of a file that are listed, and the most names of a group.
_LEVELS, _MOST_NAMES = 3, 200
_SUFFIXES = (".h5", ".hdf5", ".he5", ".hdf")


def hdf5_files(place: Path, *, depth: int = 1) -> list[Path]:
    """HDF5 files of a folder, by their suffix, sorted; of the folders below it if it has none; or a file itself."""
    if place.is_file():
        return [place] if place.suffix.lower() in _SUFFIXES else []
    for level in range(depth):
        found = [path for path in place.glob("*/" * level + "*") if path.suffix.lower() in _SUFFIXES and path.is_file()]
        if found:
            return sorted(found)
    return []


def holds(path: AnyFile, name: str) -> bool:
    """Whether an HDF5 file holds a group or data set in its first three levels; False for one that cannot be read."""
    if isinstance(path, RemoteFile):
        with open_hdf5(path) as remote:
            return name in remote
    facts = os.stat(path)
    return name in _listed(os.fspath(path), facts.st_mtime_ns, facts.st_size)


# Each kind of product asks about each file of a folder.
@lru_cache(maxsize=4096)
def _listed(path: str, _changed: int, _size: int) -> frozenset[str]:
    """Names in a file, three levels deep."""
    try:
        with h5py.File(path, "r") as file:
            return frozenset(_names(file, "", _LEVELS))
    except FAULTS:
        return frozenset()


def _names(group: Any, above: str, levels: int) -> Iterator[str]:
    for name in itertools.islice(group, _MOST_NAMES):
        yield above + name
        # Links that lead to another file, or up, are not followed.
        if levels > 1 and isinstance(group.get(name, getlink=True), h5py.HardLink):
            item = group[name]
            if isinstance(item, h5py.Group):
                yield from _names(item, f"{above}{name}/", levels - 1)


def dataset_of(file: h5py.File, path: AnyFile, name: str) -> h5py.Dataset:
    """Data set of an open file.

    Raises
    ------
    ValueError
        If there is none, or it lies in another file; the message names both.
    """
    try:
        dataset = file[name]
        require_own(dataset, path)
    except KeyError as error:
        raise ValueError(f"{path.name} has no data set {name}") from error
    except FAULTS as error:
        raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error
    return dataset


def image_of(file: h5py.File, path: AnyFile, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Data set of an open file, of the shape that it had when the stack was opened.

    Raises
    ------
    ValueError
        As :func:`dataset_of`, or if the shape differs.
    """
    dataset = dataset_of(file, path, name)
    if dataset.shape != shape:
        raise ValueError(f"{path.name}: {name} has shape {dataset.shape}, expected {shape}")
    return dataset


def value_of(file: h5py.File, path: AnyFile, name: str) -> Any:
    """Values of a small data set; None if there is none.

    Raises
    ------
    ValueError
        If it cannot be read; the message names it.
    """
    if name not in file:
        return None
    dataset = dataset_of(file, path, name)
    try:
        return read_values(dataset, path)
    except FAULTS as error:
        raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error


def text_of(file: h5py.File, path: AnyFile, name: str) -> str | None:
    """Text of a scalar data set; None if there is none."""
    value = value_of(file, path, name)
    if value is None:
        return None
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()
