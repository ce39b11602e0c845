"""Windows of an image in a flat binary file, whose layout another file states."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """Layout of the pixels in a flat file.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Rows and columns.
    dtype : str
        NumPy's name of the stored numbers with their byte order, such as ``">f4"``, ``"<i2"`` or ``"<c8"``.
    is_pairs : bool
        Whether each pixel is two numbers, the real and the imaginary part.
    header, line_header : int
        Bytes before the first line, and before the pixels of each line.

    Raises
    ------
    ValueError
        If a size is not positive, or the file is shorter than its layout requires.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> numbers = np.arange(2 * 3 * 2, dtype=">i2")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.slc"
    ...     numbers.tofile(path)
    ...     RawImage(path=path, shape=(2, 3), dtype=">i2", is_pairs=True).read(slice(1, 2), slice(0, 2))
    array([[6.+7.j, 8.+9.j]], dtype=complex64)
    """

    path: Path
    shape: tuple[int, int]
    dtype: str
    is_pairs: bool = False
    header: int = 0
    line_header: int = 0

    def __post_init__(self) -> None:
        name = self.path.name
        if min(self.shape) < 1 or min(self.header, self.line_header) < 0:
            raise ValueError(
                f"{name} must have rows and columns and no negative offset, got {self.shape[0]} x {self.shape[1]}, "
                f"{self.header} and {self.line_header} bytes"
            )
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no file {self.path}")
        size, expected = os.path.getsize(self.path), self.header + self.shape[0] * self._line
        if size < expected:
            raise ValueError(f"{name} is cut short: its header requires {expected} bytes, it has {size}")

    def read(self, rows: slice, cols: slice) -> NDArray[Any]:
        """Read a window in the byte order of this machine.

        Parameters
        ----------
        rows, cols : slice
            Inside the image, with step 1.

        Returns
        -------
        (rows, cols) complex64, complex128, float32, float64 or integer
            Pairs of integers or of float16 are complex64 of the same values.

        Raises
        ------
        ValueError
            If the window is too large, or the file has become shorter.
        """
        dtype, count = np.dtype(self.dtype), self._count
        size = (rows.stop - rows.start, (cols.stop - cols.start) * count)
        limits.require_array(f"a window of {self.path.name}", size, dtype.itemsize, limits.LARGEST_RASTER)
        numbers = np.empty(size, dtype)
        with open(self.path, "rb", buffering=0) as stream:
            start = self.header + self.line_header + cols.start * self._pixel
            if size[1] == self.shape[1] * count and self.line_header == 0:
                self._fill(stream, start + rows.start * self._line, numbers)
            else:
                for row, line in enumerate(numbers, start=rows.start):
                    self._fill(stream, start + row * self._line, line)
        return _native(numbers, is_pairs=self.is_pairs)

    @property
    def _count(self) -> int:
        return 2 if self.is_pairs else 1

    @property
    def _pixel(self) -> int:
        return np.dtype(self.dtype).itemsize * self._count

    @property
    def _line(self) -> int:
        return self.line_header + self.shape[1] * self._pixel

    def _fill(self, stream: Any, start: int, numbers: NDArray[Any]) -> None:
        left = memoryview(numbers.view(np.uint8).data).cast("B")
        stream.seek(start)
        while left:
            done = stream.readinto(left)
            if not done:
                raise ValueError(f"{self.path.name} is cut short: it ends {len(left)} bytes too early")
            left = left[done:]


def _native(numbers: NDArray[Any], *, is_pairs: bool) -> NDArray[Any]:
    if not is_pairs:
        return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    wide = np.float64 if numbers.dtype.itemsize == 8 else np.float32
    return numbers.astype(wide, copy=False).view(np.complex128 if wide is np.float64 else np.complex64)
