"""The manifest that identifies a folder of this library: written first, and checked before other files are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from m3leo_sar.io.files.atomic import is_free, write_text
from m3leo_sar.io.files.limits import read_text


class Kind(NamedTuple):
    """A kind of folder."""

    #: Name of its manifest.
    file: str
    #: Its name in the manifest.
    format: str
    #: Layout of the folder; a reader refuses a later one.
    version: int
    #: Its name in messages.
    words: str


def read_manifest(folder: Path, kind: Kind) -> dict[str, Any]:
    """Facts in a folder's manifest.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is of another kind, its manifest is damaged, or it has a later version.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    file = folder / kind.file
    if not file.is_file():
        raise ValueError(f"{folder} is not a {kind.words}: it holds no {kind.file}")
    try:
        document = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(document, dict) or document.get("format") != kind.format:
        raise ValueError(f"{file} does not describe a {kind.words}")
    version = document.get("version", 0)
    if not isinstance(version, int) or version > kind.version:
        raise ValueError(f"{folder} has version {version}; this library reads up to {kind.version}")
    return document


def require_no_file(folder: Path) -> None:
    """Refuse a file in the place of a folder to write.

    Raises
    ------
    NotADirectoryError
        If there is one.
    """
    if folder.is_file():
        raise NotADirectoryError(f"{folder} is a file; give a folder")


def make_manifest(folder: Path, kind: Kind, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a new folder, with ``facts`` of plain values; an existing one is kept.

    Raises
    ------
    OSError
        If the path is a file, or the folder cannot be created or written to.
    ValueError
        If the folder holds files but no manifest.
    """
    require_no_file(folder)
    if (folder / kind.file).is_file():
        return
    if not is_free(folder):
        raise ValueError(f"{folder} holds files but is not a {kind.words}; give a new or empty folder")
    document = {"format": kind.format, "version": kind.version, **facts}
    write_text(folder / kind.file, json.dumps(document, indent=2, sort_keys=True) + "\n")
