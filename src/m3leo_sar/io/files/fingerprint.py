"""Detection of changed files and folders: a quick signature, and a checksum of the bytes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from m3leo_sar.io.files.atomic import PARTIAL
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.remote.open_remote import ranged_file
from m3leo_sar.io.remote.remote_address import RemoteFile, file_at

_BLOCK = 1 << 20
#: Description of a Zarr array, and bytes of a CRC-32C.
_DOCUMENT, _CRC = "zarr.json", 4


def signature(path: str | os.PathLike[str]) -> str:
    """Digest of the names, sizes, times and inodes of a file or of all files of a folder.

    A changed signature means that the bytes may have changed and need a checksum. Times are compared for equality only,
    so that a clock set back does no harm.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    """
    found = hashlib.sha256()
    place = file_at(path)
    if isinstance(place, RemoteFile):
        return hashlib.sha256(repr((place.identity, *ranged_file(place).version)).encode()).hexdigest()[:16]
    for name, file in _files(place):
        facts = os.stat(file)
        found.update(f"{name}\0{facts.st_size} {facts.st_mtime_ns} {facts.st_ino}\0".encode())
    return found.hexdigest()[:16]


def checksum(*paths: str | os.PathLike[str], stop: threading.Event | None = None, by_chunks: bool = False) -> str:
    """SHA-256, in hexadecimal, of a file's bytes, or of the names and bytes of all files of folders.

    Of a file on a server, which is never read whole, that of its size and of the ``ETag``, or else the date, that the
    server states; the bytes that are read have checksums of their own in the index.

    Parameters
    ----------
    *paths
        Files or folders.
    stop : threading.Event, optional
        Another thread sets it to end the reading.
    by_chunks : bool
        Of chunks of Zarr arrays that end with their CRC-32C, take this instead of all bytes: whoever reads a chunk
        compares it with its own.

    Raises
    ------
    FileNotFoundError
        If there is nothing at a path.
    OSError
        If a file cannot be read.
    InterruptedError
        If ``stop`` was set.
    """
    found = hashlib.sha256()
    for path in paths:
        place = file_at(path)
        if isinstance(place, RemoteFile):
            version = ranged_file(place).version
            found.update(f"{version.size}\0{version.etag or version.modified}\0".encode())
            continue
        is_checked = by_chunks and _has_checked_chunks(place)
        for name, file in _files(place):
            if name:
                found.update(f"{name}\0{os.path.getsize(file)}\0".encode())
            with open(file, "rb") as stream:
                if is_checked and name != _DOCUMENT:
                    stream.seek(-min(_CRC, os.path.getsize(file)), os.SEEK_END)
                while block := stream.read(_BLOCK):
                    found.update(block)
                    if stop is not None and stop.is_set():
                        raise InterruptedError(f"reading {file} was stopped")
    return found.hexdigest()


def _has_checked_chunks(path: Path) -> bool:
    """Whether a folder is an array of Zarr v3 whose chunks are files that end with their CRC-32C."""
    try:
        document = json.loads(read_text(path / _DOCUMENT))
        return [codec["name"] for codec in document["codecs"]] == ["bytes", "crc32c"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """Name below ``path``, and path, of each file in order; the name is empty for a file itself."""
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}")
        yield "", os.fspath(path)
        return
    yield from _below(os.fspath(path), "")


def _below(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Files of a folder in order, then those of its folders; links to folders are not followed."""
    with os.scandir(folder) as entries:
        found = sorted((entry for entry in entries if PARTIAL not in entry.name), key=lambda entry: entry.name)
    # A date of a large scene has thousands of files, and every block of tiles inspects them.
    for entry in found:
        if not entry.is_dir():
            yield prefix + entry.name, entry.path
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{entry.name}{os.sep}")
