"""A Python file for libraries, such as HDF5 and GDAL, over a file on a server."""

from __future__ import annotations

import io
import os
from typing import Any

from m3leo_sar.io.remote.ranged_file import RangedFile


class RangedReader(io.RawIOBase):
    """A place in a file on a server, for reading from there on.

    Parameters
    ----------
    file : RangedFile
    """

    def __init__(self, file: RangedFile) -> None:
        super().__init__()
        self.file, self._place = file, 0
        #: First fault, for libraries that lose the exceptions of their files.
        self.fault: Exception | None = None

    def __repr__(self) -> str:
        # HDF5 takes this as the name of the file.
        return reader_name(self.file.file.identity)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The place."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.file.version.size}[whence]
        self._place = max(0, begin + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read at the place into a buffer, and go on by the bytes read."""
        view = memoryview(buffer).cast("B")
        try:
            data = self.file.read(self._place, self._place + len(view))
        except Exception as error:
            self.fault = self.fault or error
            raise
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


def reader_name(identity: str) -> str:
    """Name that HDF5 knows a file on a server by.

    Examples
    --------
    >>> reader_name("https://example.org/a.h5")
    '<remote https://example.org/a.h5>'
    """
    return f"<remote {identity}>"
