"""Sentinel-1 IW single-look complex products in SAFE format, as a folder or a zip."""

from __future__ import annotations

import itertools
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import rasterio
from numpy.typing import NDArray

from m3leo_sar.grid.pixel_polynomial import bilinear_grid
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raster import GEOTIFF, open_raster
from m3leo_sar.io.sentinel1.annotation import SwathAnnotation, read_annotation

#: First major version of the processor with this form of annotations.
_FIRST_VERSION = 2


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
        timing = note.bursts[index]
        index %= len(note.bursts)
        row, col = range(*rows.indices(note.lines)), range(*cols.indices(note.samples))
        with open_raster(self.measurement, driver=GEOTIFF) as source:
            expected = len(note.bursts) * note.lines, note.samples
            if source.shape != expected:
                raise ValueError(
                    f"{PurePosixPath(self.measurement).name} must have the {expected} pixels that its annotation "
                    f"specifies, got {source.shape}"
                )
            first = index * note.lines + row.start
            window = rasterio.windows.Window(col.start, first, len(col), len(row))
            pixels = source.read(1, window=window).astype(np.complex64)
        column = np.arange(col.start, col.stop)
        low, high = timing.first_valid[row.start : row.stop, None], timing.last_valid[row.start : row.stop, None]
        pixels[(low < 0) | (column < low) | (column > high)] = complex(np.nan, np.nan)
        return pixels

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
        If it is no product, a file of the swath is missing or occurs twice, the annotation is damaged or of another
        swath or polarisation, or the product is from a processor before version 2.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"there is no product {root}")
    files = _files(root)
    _check_version(root, files)
    stem = f"-{swath.lower()}-slc-{polarisation.lower()}-"
    found = {
        kind: _one(files, kind, lambda name, kind=kind, start=start: stem in name and name.startswith(start), root)
        for kind, start in (("annotation", "s1"), ("annotation/calibration", "calibration-s1"), ("measurement", "s1"))
    }
    annotation = read_annotation(_read(root, found["annotation"]))
    if (annotation.swath, annotation.polarisation) != (swath.upper(), polarisation.upper()):
        raise ValueError(
            f"{found['annotation'].name} must be of {swath} {polarisation}, "
            f"got {annotation.swath} {annotation.polarisation}"
        )
    measurement = root / found["measurement"] if root.is_dir() else f"/vsizip/{root}/{found['measurement']}"
    return SafeSwath(annotation, str(measurement), _read(root, found["annotation/calibration"]))


def _check_version(root: Path, files: list[PurePosixPath]) -> None:
    """Refuse a product of a processor before version 2, whose annotations differ.

    Later products, and those whose manifest is missing or states no version, are judged by their files.
    """
    manifests = [name for name in files if name.name == "manifest.safe"]
    if not manifests:
        return
    manifest = parse_xml(_read(root, manifests[0]), f"manifest.safe of {root.name}")
    named = [item for item in manifest.iter() if item.tag.rpartition("}")[2] == "software"]
    versions = [item.get("version", "") for item in named if "Sentinel-1 IPF" in item.get("name", "")]
    numbers = [int(found[0]) for version in versions if (found := re.match(r"\d+", version.strip()))]
    if numbers and max(numbers) < _FIRST_VERSION:
        raise ValueError(f"{root.name} must be of the Sentinel-1 IPF version 2 or later, got {versions[0]}")


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


def _files(root: Path) -> list[PurePosixPath]:
    """Relative names of the files of a product; those of a zip must stay inside it."""
    if root.is_dir():
        inside = [file for file in root.rglob("*") if file.is_file()]
        for file in inside:
            if root.resolve() not in file.resolve().parents:
                raise ValueError(f"{root.name} holds a link that leads out of it: {file.relative_to(root)}")
        return [PurePosixPath(file.relative_to(root).as_posix()) for file in inside]
    try:
        with zipfile.ZipFile(root) as archive:
            names = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ValueError(f"{root.name} must be a SAFE folder or a zip of one: {error}") from error
    for name in names:
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{root.name} holds a name that leads out of it: {name}")
    if len(set(names)) != len(names):
        raise ValueError(f"{root.name} holds a name twice")
    return names


def _one(files: list[PurePosixPath], folder: str, wanted: object, root: Path) -> PurePosixPath:
    suffix = ".tiff" if folder == "measurement" else ".xml"
    found = [
        name
        for name in files
        if name.parent.as_posix().endswith(folder) and name.suffix == suffix and wanted(name.name)  # type: ignore[operator]
    ]
    if len(found) != 1:
        raise ValueError(f"{root.name} must hold one file of this swath and polarisation in {folder}, got {len(found)}")
    return found[0]


def _read(root: Path, name: PurePosixPath) -> bytes:
    if root.is_dir():
        limits.require_size(name.name, (root / name).stat().st_size, limits.LARGEST_TEXT)
        return (root / name).read_bytes()
    try:
        with zipfile.ZipFile(root) as archive, archive.open(str(name)) as stream:
            # The size stated in a zip is not trusted: unpacked bytes are counted.
            content = stream.read(limits.LARGEST_TEXT + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{name.name} of {root.name} is damaged: {error}") from error
    limits.require_size(name.name, len(content), limits.LARGEST_TEXT)
    return content
