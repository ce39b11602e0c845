"""Whether a file or folder is still what it was: a quick signature, and a checksum of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from m3leo_sar.io.atomic import PARTIAL

_BLOCK = 1 << 20


def signature(path: str | os.PathLike[str]) -> str:
    """Digest of the names, sizes, times and inodes of a file or of all files of a folder.

    Another signature means that the bytes may have changed, so that a checksum is worth taking. Times are compared for
    equality only: a clock that was set back does no harm.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    """
    found = hashlib.sha256()
    for name, file in _files(Path(path)):
        facts = os.stat(file)
        found.update(f"{name}\0{facts.st_size} {facts.st_mtime_ns} {facts.st_ino}\0".encode())
    return found.hexdigest()[:16]


def checksum(*paths: str | os.PathLike[str]) -> str:
    """SHA-256, in hexadecimal, of a file's bytes, or of the names and bytes of all files of folders.

    Raises
    ------
    FileNotFoundError
        If there is nothing at a path.
    OSError
        If a file cannot be read.
    """
    found = hashlib.sha256()
    for path in paths:
        for name, file in _files(Path(path)):
            if name:
                found.update(f"{name}\0{os.path.getsize(file)}\0".encode())
            with open(file, "rb") as stream:
                while block := stream.read(_BLOCK):
                    found.update(block)
    return found.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """Name below ``path``, and place, of each file in order; the name is empty for a file itself."""
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}")
        yield "", os.fspath(path)
        return
    for folder, inside, names in os.walk(path):
        inside[:] = sorted(name for name in inside if PARTIAL not in name)
        for name in sorted(name for name in names if PARTIAL not in name):
            file = os.path.join(folder, name)
            yield os.path.relpath(file, path), file
