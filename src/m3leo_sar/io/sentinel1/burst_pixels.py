"""Pixels of bursts, which lie one below the other in the measurement of their swath."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from m3leo_sar._check import INT16_NO_DATA
from m3leo_sar.io.files.raster import GEOTIFF, open_raster
from m3leo_sar.io.sentinel1.annotation import SwathAnnotation

#: Bytes of GDAL's cache of blocks, by default a share of the machine's memory: few lines of a burst are read twice.
_CACHE = 16 << 20
#: Rows that are read at a time where they are converted.
_ROWS = 64


@contextmanager
def open_measurement(name: str, note: SwathAnnotation) -> Iterator[Any]:
    """Open the measurement of a swath for :func:`burst_pixels`.

    Bursts that are read from one opening in their order are read from a zip in one pass: each opening unpacks it from
    the beginning.

    Raises
    ------
    ValueError
        If it cannot be read, or has another size than the annotation specifies.
    """
    with rasterio.Env(GDAL_CACHEMAX=_CACHE), open_raster(name, driver=GEOTIFF) as source:
        expected = len(note.bursts) * note.lines, note.samples
        if source.shape != expected:
            raise ValueError(
                f"{PurePosixPath(name).name} must have the {expected} pixels that its annotation specifies, "
                f"got {source.shape}"
            )
        yield source


def burst_pixels(
    source: Any, note: SwathAnnotation, index: int, rows: slice = slice(None), cols: slice = slice(None)
) -> NDArray[np.complex64]:
    """Pixels of one burst, or a part of it, from an open measurement; pixels annotated as invalid are NaN.

    Raises
    ------
    ValueError
        If they cannot be read.
    """
    row, col = range(*rows.indices(note.lines)), range(*cols.indices(note.samples))
    first = (index % len(note.bursts)) * note.lines + row.start
    window = rasterio.windows.Window(col.start, first, len(col), len(row))
    try:
        pixels: NDArray[np.complex64] = source.read(1, window=window).astype(np.complex64, copy=False)
    except (RasterioError, UnicodeDecodeError) as error:
        # Here and not where the file is opened: a loop over opened files does not pass them the errors of its body.
        raise ValueError(
            f"{PurePosixPath(source.name).name} is cut short or damaged, lines {row.start} to {row.stop} of burst "
            f"{index} cannot be read: {error.__cause__ or error}"
        ) from error
    pixels[~valid_pixels(note, index, row, col)] = complex(np.nan, np.nan)
    return pixels


def burst_int16(source: Any, note: SwathAnnotation, index: int, rows: slice = slice(None)) -> NDArray[np.int16]:
    """Pixels of one burst as stored: (rows, samples, 2) with -32768 where they are annotated as invalid.

    Half the memory of :func:`burst_pixels`; rows may have a step.
    """
    row = range(*rows.indices(note.lines))
    out = np.empty((len(row), note.samples, 2), np.int16)
    at_once = _ROWS if row.step == 1 else 1
    for start in range(0, len(row), at_once):
        some = row[start : start + at_once]
        parts = burst_pixels(source, note, index, slice(some[0], some[-1] + 1)).view(np.float32)
        parts[np.isnan(parts)] = INT16_NO_DATA
        out[start : start + len(some)] = parts.reshape(len(some), note.samples, 2)
        del parts
    return out


def valid_pixels(note: SwathAnnotation, index: int, rows: range, cols: range) -> NDArray[np.bool_]:
    """Whether pixels lie within the valid samples of their lines."""
    timing, column = note.bursts[index], np.arange(cols.start, cols.stop)
    low, high = timing.first_valid[rows.start : rows.stop, None], timing.last_valid[rows.start : rows.stop, None]
    return (low >= 0) & (column >= low) & (column <= high)
