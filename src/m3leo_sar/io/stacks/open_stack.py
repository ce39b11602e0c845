"""One function to open every kind of stack."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.stacks.cslc import cslc_paths, read_cslc_stack
from m3leo_sar.io.stacks.other_processors import look_of
from m3leo_sar.io.stacks.own_reader import read_own_stack, recognised
from m3leo_sar.io.stacks.raster_stack import SUFFIXES, read_raster_stack
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack
from m3leo_sar.stack.slc import Read, SlcStack


def open_stack(
    path: str | os.PathLike[str],
    *,
    burst: str | None = None,
    polarisation: str | None = None,
    nodata: float | None = None,
    reader: str | None = None,
) -> SlcStack:
    """Open the stack at ``path``: our Zarr container, a folder of OPERA CSLC-S1 files, or one of complex rasters.

    Parameters
    ----------
    path
        Folder.
    burst : str, optional
        Burst to open from a CSLC folder with several.
    polarisation : str, optional
        Polarisation to open from a folder with several; VV for rasters that specify none.
    nodata : float, optional
        No-data value, in addition to NaN and the values specified by the files; 0 for images filled with zeros.

    reader : str, optional
        Custom reader: a file ending in ``.py``, a module, or an entry point of the group ``m3leo_sar.stacks``; see
        :func:`m3leo_sar.io.stacks.own_reader.own_reader`. Installed readers that recognise a folder are found
        automatically.

    Warns
    -----
    UserWarning
        If files are skipped, dates were processed differently, or entire lines are exactly zero while zero is a value.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is none of the three kinds, or is damaged.
    """
    if reader is not None:
        return with_nodata(read_own_stack(path, reader, burst=burst, polarisation=polarisation), nodata)
    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(f"there is no file or folder {folder}")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; a stack is a folder")
    if is_stack(folder):
        return with_nodata(read_stack(folder), nodata)
    if cslc_paths(folder):
        return read_cslc_stack(folder, burst=burst, polarisation=polarisation, nodata=nodata)
    found = recognised(folder)
    if found is not None:
        return with_nodata(read_own_stack(folder, found, burst=burst, polarisation=polarisation), nodata)
    inside = [entry for entry in folder.iterdir() if entry.is_file()]
    # An export next to the processor's own output is read.
    is_export = any(entry.suffix.lower() in (".tif", ".tiff", ".vrt") for entry in inside)
    look = "" if is_export else look_of(folder)
    if look:
        raise ValueError(f"{folder} is no stack: {look}")
    if any(entry.suffix.lower() in SUFFIXES for entry in inside):
        return read_raster_stack(folder, polarisation=polarisation, nodata=nodata)
    raise ValueError(
        f"{folder} is no stack: expected our Zarr container, CSLC-S1 files (OPERA_L2_CSLC-S1_*.h5 or "
        f"t087_185683_iw2_*.h5) or complex rasters ({', '.join(SUFFIXES)}), found {len(inside)} other files"
    )


def with_nodata(stack: SlcStack, nodata: float | None) -> SlcStack:
    """The stack with one additional no-data value."""
    return stack if nodata is None else replace(stack, read=partial(_valid, stack.read, nodata))


def _valid(read: Read, nodata: float, index: int, rows: slice, cols: slice) -> NDArray[Any]:
    return as_valid(read(index, rows, cols), nodata)
