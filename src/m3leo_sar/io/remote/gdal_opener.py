"""A file on a server as a file of GDAL, which names all tiles of a window before it reads them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from rasterio.abc import MultiByteRangeResourceContainer

from m3leo_sar.io.remote.ranged_file import RangedFile
from m3leo_sar.io.remote.ranged_reader import RangedReader


class GdalOpener(MultiByteRangeResourceContainer):  # type: ignore[misc]
    """Opener for ``rasterio.open``; GDAL finds no other file beside the one on the server.

    Unlike GDAL's own /vsicurl, it tries again when a server is overloaded, refuses a file that changes, and shows no
    token.

    Parameters
    ----------
    file : RangedFile
    """

    def __init__(self, file: RangedFile) -> None:
        self._file = file
        #: Name for ``rasterio.open``; a name has one opener at a time, so that each opening has its own.
        self.name = f"remote-{uuid.uuid4().hex}/{file.file.name}"
        self._readers: list[RangedReader] = []

    @property
    def fault(self) -> Exception | None:
        """First fault of a transfer: whoever reads has to look, as GDAL goes on with zeros."""
        return next((reader.fault for reader in self._readers if reader.fault), None)

    def open(self, path: str, mode: str = "r", **_: Any) -> Any:
        """A reader of the file; no other path is there."""
        self._require(path)
        reader = _Reader(self._file)
        self._readers.append(reader)
        return reader

    def isfile(self, path: str) -> bool:
        """Whether it is the file."""
        return self._is_file(path)

    def isdir(self, path: str) -> bool:
        """Never."""
        return False

    def ls(self, path: str) -> list[str]:
        """The file alone."""
        return [self._file.file.name]

    def rm(self, path: str) -> None:
        """Refused."""
        raise PermissionError(path)

    def mtime(self, path: str) -> int:
        """Unknown."""
        self._require(path)
        return 0

    def size(self, path: str) -> int:
        """Bytes."""
        self._require(path)
        return self._file.version.size

    def _is_file(self, path: str) -> bool:
        return path.endswith(self.name)

    def _require(self, path: str) -> None:
        if not self._is_file(path):
            raise FileNotFoundError(path)


class _Reader(RangedReader):
    """Notes faults in place of raising them: rasterio 1.4 loses exceptions of such a file, and complains of them."""

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except Exception:
            return 0

    def get_byte_ranges(self, offsets: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
        ranges = [(offset, offset + size) for offset, size in zip(offsets, sizes, strict=True)]
        try:
            self.file.take(self.file.prefetch(ranges))
            found = [self.file.read(*one) for one in ranges]
        except Exception as error:
            self.fault = self.fault or error
            found = []
        # GDAL takes as many bytes as it has asked for.
        return [data.ljust(size, b"\0") for data, size in zip(found or [b""] * len(sizes), sizes, strict=True)]
