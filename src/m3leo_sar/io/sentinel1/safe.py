"""Sentinel-1 IW single-look complex products in SAFE format, as a folder or a zip."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.pixel_polynomial import bilinear_grid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.sentinel1.annotation import SwathAnnotation, read_annotation
from m3leo_sar.io.sentinel1.burst_pixels import burst_pixels, open_measurement
from m3leo_sar.io.sentinel1.safe_files import SafeFiles

_KINDS = ("annotation", "annotation/calibration", "measurement")


@dataclass(frozen=True, slots=True)
class SafeSwath:
    """One swath and polarisation of a product; pixels are read on demand.

    Parameters
    ----------
    annotation : SwathAnnotation
        Its annotation.
    measurement : str
        Name under which GDAL opens its pixels.
    calibration : bytes
        Text of its calibration tables.
    """

    annotation: SwathAnnotation
    measurement: str
    calibration: bytes

    def burst(self, index: int, rows: slice = slice(None), cols: slice = slice(None)) -> NDArray[np.complex64]:
        """Pixels of one burst, or a part of it; pixels annotated as invalid are NaN.

        Raises
        ------
        IndexError
            If there is no such burst.
        ValueError
            If the pixels cannot be read, or their number differs from the annotation.
        """
        note = self.annotation
        if not -len(note.bursts) <= index < len(note.bursts):
            raise IndexError(f"burst must be 0 to {len(note.bursts) - 1}, got {index}")
        with open_measurement(self.measurement, note) as source:
            return burst_pixels(source, note, index, rows, cols)

    def calibration_factor(self, index: int, kind: str = "sigma") -> NDArray[np.float64]:
        """Divisors (lines, samples) of the pixels of a burst that make their power the backscatter.

        Parameters
        ----------
        index : int
            The burst.
        kind : {"sigma", "beta", "gamma"}
            Backscatter per unit area of the ground, of the slant plane, or across the line of sight.

        Raises
        ------
        ValueError
            If the kind is unknown or the tables are damaged.

        Notes
        -----
        Bilinear between the entries of the tables.
        """
        entries = {"sigma": "sigmaNought", "beta": "betaNought", "gamma": "gamma"}
        if kind not in entries:
            raise ValueError(f"kind must be one of {', '.join(entries)}, got {kind!r}")
        try:
            vectors = parse_xml(self.calibration, "calibration").findall("calibrationVectorList/calibrationVector")
            lines = [int(vector.findtext("line", "")) for vector in vectors]
            columns = [int(word) for word in vectors[0].findtext("pixel", "").split()]
            table = np.array(
                [[float(word) for word in vector.findtext(entries[kind], "").split()] for vector in vectors]
            )
            note = self.annotation
            first = (index % len(note.bursts)) * note.lines
            return bilinear_grid(table, [line - first for line in lines], columns, (note.lines, note.samples))
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"calibration tables cannot be read: {error}") from error

    def deburst(self) -> NDArray[np.complex64]:
        """All bursts as one image, each up to the middle of its overlap with the next; NaN in gaps between bursts.

        Phases keep the carriers of their bursts: remove them (``annotation.carrier``) before interpolation.

        Returns
        -------
        (rows, samples) complex64
            Rows at the annotation's azimuth interval from the first row of the first burst on.
        """
        note = self.annotation
        starts = [
            round((burst.azimuth_time - note.bursts[0].azimuth_time) / note.azimuth_interval) for burst in note.bursts
        ]
        shape = starts[-1] + note.lines, note.samples
        limits.require_array("the image of all bursts", shape, 8, limits.LARGEST_RASTER)
        out = np.full((starts[-1] + note.lines, note.samples), complex(np.nan, np.nan), np.complex64)
        for index, low, high in _parts(note, starts):
            out[starts[index] + low : starts[index] + high] = self.burst(index, slice(low, high))
        return out


def open_safe(path: str | os.PathLike[str], *, swath: str, polarisation: str) -> SafeSwath:
    """Open one swath of a product.

    Parameters
    ----------
    path : str or path
        The ``.SAFE`` folder, or a zip that holds one.
    swath : str
        ``"IW1"``, ``"IW2"`` or ``"IW3"``.
    polarisation : str
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is not a product or a part of one, a file of the swath is missing or occurs twice, or the annotation is
        damaged, lacks an entry, or is of another swath or polarisation.
    """
    files = SafeFiles.of(path)
    found = {kind: files.one(kind, swath=swath, polarisation=polarisation) for kind in _KINDS}
    annotation = read_annotation(files.read(found["annotation"]))
    if (annotation.swath, annotation.polarisation) != (swath.upper(), polarisation.upper()):
        raise ValueError(
            f"{found['annotation'].name} must be of {swath} {polarisation}, "
            f"got {annotation.swath} {annotation.polarisation}"
        )
    return SafeSwath(annotation, files.opened_as(found["measurement"]), files.read(found["annotation/calibration"]))


def _parts(note: SwathAnnotation, starts: list[int]) -> list[tuple[int, int, int]]:
    """Burst, first row and row after the last of each burst's part of the whole image, in rows of the burst.

    Bursts without a valid line have no part. If two overlap, each extends to the middle; at a gap, each contributes all
    its rows.
    """
    valid = [np.flatnonzero(burst.first_valid >= 0) for burst in note.bursts]
    held = [index for index, rows in enumerate(valid) if rows.size]
    low = {index: int(valid[index][0]) for index in held}
    high = {index: int(valid[index][-1]) + 1 for index in held}
    for one, other in itertools.pairwise(held):
        last, first = starts[one] + high[one] - 1, starts[other] + low[other]
        if first <= last:
            seam = (last + first + 1) // 2
            high[one], low[other] = seam - starts[one], seam - starts[other]
    return [(index, low[index], high[index]) for index in held]
