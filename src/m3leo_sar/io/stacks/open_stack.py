"""One door for every kind of stack."""

from __future__ import annotations

import os
from pathlib import Path

from m3leo_sar.io.stacks.cslc import is_cslc, read_cslc_stack
from m3leo_sar.io.stacks.raster_stack import SUFFIXES, read_raster_stack
from m3leo_sar.io.stacks.zarr_stack import is_stack, read_stack
from m3leo_sar.stack.slc import SlcStack


def open_stack(path: str | os.PathLike[str], *, burst: str | None = None, polarisation: str | None = None) -> SlcStack:
    """Open what lies at ``path``: our Zarr container, a folder of OPERA CSLC-S1 files, or one of complex rasters.

    Parameters
    ----------
    path
        Folder.
    burst : str, optional
        Which burst of a CSLC folder that holds several.
    polarisation : str, optional
        Which polarisation of a CSLC folder that holds several; for rasters, which do not say, VV if not given.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is none of the three, or is damaged.
    """
    folder = Path(path)
    if not folder.exists():
        raise FileNotFoundError(f"there is no file or folder {folder}")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; a stack is a folder")
    if is_stack(folder):
        return read_stack(folder)
    inside = [entry for entry in folder.iterdir() if entry.is_file()]
    if any(is_cslc(entry) for entry in inside):
        return read_cslc_stack(folder, burst=burst, polarisation=polarisation)
    if any(entry.suffix.lower() in SUFFIXES for entry in inside):
        return read_raster_stack(folder, polarisation=polarisation or "VV")
    raise ValueError(
        f"{folder} is no stack: expected our Zarr container, OPERA_L2_CSLC-S1_*.h5 files or complex rasters "
        f"({', '.join(SUFFIXES)}), found {len(inside)} other files"
    )
