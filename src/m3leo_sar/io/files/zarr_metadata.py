"""Metadata of a Zarr store of any origin, checked before a library acts on them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.io.files import limits

#: Most levels of groups; a store of this library has three.
_DEPTH = 8
#: Assumed bytes of an element of unknown length.
_UNTOLD = 16


class _UnknownGrid(Exception):
    """The layout of the chunks is unknown to this library."""


def require_safe_store(store: str | os.PathLike[str], *, skip: str | None = None) -> None:
    """Refuse a store that would run code, exceed the size limit of a chunk, or lead out of its own folder.

    Parameters
    ----------
    store : path
    skip : str, optional
        Folders with this in their name are not checked. Only for a store whose reader never opens them.

    Raises
    ------
    ValueError
        If metadata cannot be read, name pickle as a codec, or describe a chunk over ``limits.LARGEST_CHIP``; or
        a folder of an array or group is a link that leads out.
    """
    root = Path(store)
    for folder, document in _arrays(root, root, 0, skip):
        if folder != root and root.resolve() not in folder.resolve().parents:
            raise ValueError(f"{folder} is a link that leads out of {root.name}")
        require_safe_array(folder, document)


def require_safe_array(place: Any, document: dict[str, Any]) -> None:
    """Refuse an array by its metadata, of Zarr v2 or v3; ``place`` names it.

    Raises
    ------
    ValueError
        As :func:`require_safe_store`.
    """
    # At any level: a codec within a codec counts too.
    if _names_pickle(document):
        raise ValueError(f"{place} is packed with pickle, which could run any code; it is not read")
    try:
        shape = _chunk_shape(document)
        itemsize = _itemsize(document.get("data_type", document.get("dtype")))
    except _UnknownGrid as error:
        raise ValueError(f"{place} {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{place} has damaged metadata: {type(error).__name__} {error}") from error
    limits.require_array(f"a chunk of {place}", shape, itemsize, limits.LARGEST_CHIP)


def _arrays(folder: Path, root: Path, depth: int, skip: str | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and metadata of every array, without the chunks."""
    if depth > _DEPTH:
        raise ValueError(f"{root} must have at most {_DEPTH} groups within each other")
    for name in ("zarr.json", ".zarray"):
        if (folder / name).is_file():
            document = read_document(folder / name)
            if name == ".zarray" or document.get("node_type") == "array":
                yield folder, document
                return
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and (skip is None or skip not in entry.name):
            # A run may rename its own files, and remove leftover ones, meanwhile.
            with suppress(FileNotFoundError):
                yield from _arrays(entry, root, depth + 1, skip)


def read_document(path: Path) -> dict[str, Any]:
    """A document of metadata, ``zarr.json`` or ``.zarray``; ValueError if it is damaged."""
    try:
        document = json.loads(limits.read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__} {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is damaged: it must be a mapping, got {type(document).__name__}")
    return document


def _names_pickle(value: Any) -> bool:
    if isinstance(value, dict):
        named = any("pickle" in str(value.get(word)) for word in ("id", "name", "object_codec_id"))
        return named or any(_names_pickle(part) for key, part in value.items() if key != "attributes")
    if isinstance(value, list):
        return any(_names_pickle(part) or (isinstance(part, str) and "pickle" in part) for part in value)
    return False


def _chunk_shape(document: dict[str, Any]) -> list[int]:
    """Shape of the part unpacked at once: a chunk, or an inner chunk if several share a file."""
    shape = document["chunks"] if "chunks" in document else _regular_chunks(document["chunk_grid"])
    for codec in document.get("codecs") or ():
        if isinstance(codec, dict) and codec["name"] == "sharding_indexed":
            shape = codec["configuration"]["chunk_shape"]
    sizes = [int(size) for size in shape]
    if min(sizes, default=1) < 1:
        raise ValueError(f"chunks must be at least 1 along each axis, got {sizes}")
    return sizes


def _regular_chunks(grid: Any) -> Any:
    name = grid if isinstance(grid, str) else grid["name"]
    if name != "regular":
        # Not damage: a later version of Zarr may add another kind of grid.
        raise _UnknownGrid(f"has chunks on a grid of the kind {name!r}, which this library does not read")
    return grid["configuration"]["chunk_shape"]


def _itemsize(dtype: Any) -> int:
    """Bytes of an element; 16 if the metadata do not specify its length, such as for texts."""
    if isinstance(dtype, dict):
        # In Zarr v3, a name and its configuration: fixed_length_utf32, numpy.datetime64, struct and extensions.
        configuration = dtype.get("configuration")
        length = configuration.get("length_bytes", _UNTOLD) if isinstance(configuration, dict) else _UNTOLD
        return max(int(length), 1)
    try:
        return np.dtype(dtype).itemsize
    except (TypeError, ValueError):
        return _UNTOLD
