"""One function to open every kind of stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from m3leo_sar.io.files.gdal_dataset import is_gdal, path_in_file
from m3leo_sar.io.stacks.registry import open_path
from m3leo_sar.io.stacks.stack_files import StackPath
from m3leo_sar.io.stacks.stack_reader import Choice
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.polarisation import parse_polarisations
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.stack_join import join_polarisations


def open_stack(
    path: StackPath | Any,
    *,
    burst: str | None = None,
    polarisation: str | None = None,
    frequency: str | None = None,
    nodata: float | None = None,
    geometry: Geometry | None = None,
    reader: str | None = None,
) -> SlcStack:
    """Open the stack at ``path``, of any kind in the table of :mod:`m3leo_sar.io.stacks.registry`.

    Parameters
    ----------
    path
        Folder, or a file that holds all dates, also as a Dataset of osgeo.gdal that lies in it, or a list of files.
        ``docs/open-a-stack.md`` shows the layout of each kind. Files may lie on servers (``https://``, ``s3://``): only
        the windows that are read are transferred.
    burst : str, optional
        Burst to open from a folder with several.
    polarisation : str, optional
        Polarisation to open from a folder with several, or several of them as ``"VV+VH"``; VV for rasters that specify
        none.
    frequency : str, optional
        Frequency band of NISAR, ``"A"`` or ``"B"``, to open from files with both.
    nodata : float, optional
        No-data value, in addition to NaN and the values specified by the files; 0 for images filled with zeros.
    geometry : GeoBox, RadarGeometry, StoredRadarGeometry or OrbitGeometry, optional
        Positions of the pixels, for files in radar geometry that do not state them.
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
    PermissionError, OSError
        If a server refuses access, serves no ranges, or fails.
    ValueError
        If it is none of these kinds, is damaged, or has several bursts, polarisations or frequencies and none is
        stated; the message lists them.
    """
    path = path_in_file(path, "path") if is_gdal(path) else path
    choice = Choice(burst=burst, polarisation=polarisation, frequency=frequency, nodata=nodata, geometry=geometry)
    wanted = parse_polarisations(polarisation) if polarisation else ()
    if len(wanted) < 2:
        return open_path(path, choice, reader=reader).stack
    return join_polarisations(
        [open_path(path, replace(choice, polarisation=one), reader=reader).stack for one in wanted]
    )
