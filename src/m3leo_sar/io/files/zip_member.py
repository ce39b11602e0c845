"""Names and texts inside a zip, of limited size and without a way out of it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from m3leo_sar.io.files import limits

#: Errors of a zip that is damaged, or of a kind that is not supported.
_FAULTS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, NotImplementedError, RuntimeError)


def names_in_zip(path: Path) -> list[PurePosixPath]:
    """Names of the files in a zip.

    Raises
    ------
    ValueError
        If it is not a zip, or holds a name twice or one that leads out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
    except (*_FAULTS, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read as a zip: {error}") from error
    for name in names:
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{path.name} holds a name that leads out of it: {name}")
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name} holds a name twice")
    return names


def read_text_in_zip(path: Path, name: PurePosixPath) -> bytes:
    """Bytes of a text in a zip, at most ``limits.LARGEST_TEXT``.

    Raises
    ------
    ValueError
        If it is larger or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(str(name)) as stream:
            # The size stated in a zip is not trusted: unpacked bytes are counted.
            content = stream.read(limits.LARGEST_TEXT + 1)
    except _FAULTS as error:
        raise ValueError(f"{name.name} of {path.name} is damaged: {error}") from error
    limits.require_size(name.name, len(content), limits.LARGEST_TEXT)
    return content
