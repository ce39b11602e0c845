"""Blocks of samples at regular places all over an image of a stack, for a view of a whole scene."""

from __future__ import annotations

import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.checked_chunks import is_checked
from m3leo_sar.io.files.chunk_blocks import read_chunk_blocks
from m3leo_sar.io.files.zarr_products import open_array
from m3leo_sar.io.stacks.stored_image import scale_of
from m3leo_sar.io.stacks.zarr_group import plain_errors
from m3leo_sar.io.stacks.zarr_stack import _read_slc
from m3leo_sar.stack.complex_int16 import from_complex_int16
from m3leo_sar.stack.slc import SlcStack

#: Rows between two blocks that are read with them rather than left out, as a share of a block's rows.
_GAP = 3
#: Most samples that are read at once.
_BAND = 4 << 20


def sparse_samples(
    stack: SlcStack, polarisation: str, date: datetime.date, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> NDArray[Any]:
    """Samples of one image at some rows and columns, (rows, cols) complex.

    Of our own container on this machine, only the lines that hold them are read, and checksums, which are of whole
    chunks, are not compared. Of other stacks, strips of rows are read.

    Parameters
    ----------
    stack : SlcStack
    polarisation : str
    date : datetime.date
    rows, cols : (n,) int
        Increasing.

    Raises
    ------
    OSError, ValueError
        If they cannot be read.
    """
    read = stack.read
    if isinstance(read, partial) and read.func is _read_slc and isinstance(read.args[0], Path):
        folder, dates, shape = read.args
        place = folder / f"{date:%Y%m%d}" / read.keywords["names"][stack.polarisations.index(polarisation)]
        if date in dates:
            with plain_errors(place.parent):
                array = open_array(place, zarr_format=3)
                is_int16 = array.shape == (*shape, 2) and array.dtype == np.int16
                if is_checked(array) and (is_int16 or (array.shape == shape and array.dtype.kind == "c")):
                    found = read_chunk_blocks(array, place, rows, cols)
                    return from_complex_int16(found, scale=scale_of(array.attrs)) if is_int16 else found
    return _in_strips(stack, polarisation, date, rows, cols)


def _in_strips(
    stack: SlcStack, polarisation: str, date: datetime.date, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> NDArray[Any]:
    along = slice(int(cols[0]), int(cols[-1]) + 1)
    most = max(1, _BAND // (along.stop - along.start))
    found = []
    for strip in _strips(rows, most):
        down = slice(int(strip[0]), int(strip[-1]) + 1)
        pixels = stack.images([(polarisation, date)], down, along)[0]
        found.append(pixels[strip - down.start][:, cols - along.start])
    return np.concatenate(found)


def _strips(rows: NDArray[np.intp], most: int) -> list[NDArray[np.intp]]:
    """Rows in groups without wide gaps, each over at most ``most`` rows."""
    strips: list[list[int]] = [[int(rows[0])]]
    run = 1
    for row in rows[1:].tolist():
        gap = row - strips[-1][-1] - 1
        if gap > _GAP * run or row - strips[-1][0] >= most:
            strips.append([row])
        else:
            strips[-1].append(row)
        run = 1 if gap else run + 1
    return [np.array(strip, np.intp) for strip in strips]
