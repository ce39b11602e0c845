"""Sentinel-1 IW single-look complex products as bursts: whole slices and repacked single bursts."""

from __future__ import annotations

import datetime
import itertools
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.sentinel1.annotated_bursts import annotated_bursts
from m3leo_sar.io.sentinel1.annotation import EmptySwath, SwathAnnotation, read_annotation
from m3leo_sar.io.sentinel1.burst_pixels import burst_pixels, open_measurement
from m3leo_sar.io.sentinel1.safe_burst import SafeBurst
from m3leo_sar.io.sentinel1.safe_files import SafeFiles, is_safe
from m3leo_sar.io.sentinel1.safe_manifest import read_manifest

SWATHS, POLARISATIONS = ("IW1", "IW2", "IW3"), ("VV", "VH", "HH", "HV")


@dataclass(frozen=True, slots=True, eq=False)
class SafeProduct:
    """A product: its facts, and its bursts of all swaths and polarisations.

    Parameters
    ----------
    path : Path
        Folder or zip.
    name : str
        Without ``.SAFE``.
    mission : str
        ``"S1A"``, ``"S1B"``, ``"S1C"`` or ``"S1D"``.
    track : int
        Relative orbit at the start, from the manifest.
    direction : str
        ``"ascending"`` or ``"descending"``.
    processor : str
        Version of the Sentinel-1 IPF; empty if it is not stated.
    orbit_number : int
        Absolute orbit at the start.
    polarisations : tuple of str
    start, stop : datetime.datetime
        Zero-Doppler times of the first and the last line of all bursts, UTC.
    orbit_source : str
        Origin of the annotation's state vectors, ``"Auxiliary"`` or ``"Downlink"``.
    bursts : tuple of SafeBurst
        By swath, polarisation and time.
    """

    path: Path
    name: str
    mission: str
    track: int
    direction: str
    processor: str
    orbit_number: int
    polarisations: tuple[str, ...]
    start: datetime.datetime
    stop: datetime.datetime
    orbit_source: str
    bursts: tuple[SafeBurst, ...]

    def __repr__(self) -> str:
        return f"SafeProduct({self.name}, {len(self.bursts)} bursts)"


def open_product(
    path: str | os.PathLike[str], *, swaths: Collection[str] = SWATHS, polarisations: Collection[str] = POLARISATIONS
) -> SafeProduct:
    """Open a product: a SAFE folder or a zip of one, a whole slice or repacked bursts.

    Pixels are not needed until a burst is read. Burst identifiers are those of the annotation, or computed where it has
    none (before IPF 3.40).

    Parameters
    ----------
    path : str or path
    swaths, polarisations : collection of str
        Those to open, such as ``["IW2"]`` and ``["VV"]``; the others are not read.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is not a product or only a part of one, has none of the swaths and polarisations, no burst in any of them,
        an annotation that is damaged or lacks an entry, or bursts whose identifiers contradict their times.
    """
    files = SafeFiles.of(path)
    notes = _annotations(files, swaths, polarisations)
    manifest = read_manifest(files)
    bursts = [burst for note in notes for burst in annotated_bursts(files, manifest, note)]
    date = min(burst.start for burst in bursts).date()
    first = notes[0]
    return SafeProduct(
        path=files.root,
        name=files.product,
        mission=first.mission,
        track=manifest.track,
        direction=first.orbit_direction,
        processor=manifest.processor,
        orbit_number=bursts[0].orbit_number,
        polarisations=tuple(dict.fromkeys(note.polarisation for note in notes)),
        start=min(burst.start for burst in bursts),
        stop=max(burst.stop for burst in bursts),
        orbit_source=first.orbit_source,
        bursts=tuple(replace(burst, date=date) for burst in bursts),
    )


def find_products(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    swaths: Collection[str] = SWATHS,
    polarisations: Collection[str] = POLARISATIONS,
    unreadable: dict[Path, str] | None = None,
) -> list[SafeProduct]:
    """Open all products at paths: SAFE folders, zips, and folders that hold them at any depth.

    Products without any of the swaths and polarisations are left out.

    Parameters
    ----------
    paths : path, or an iterable of them
    swaths, polarisations : collection of str
        As of :func:`open_product`.
    unreadable : dict, optional
        Gets the reason of each product that cannot be opened, as long as another can; by default the first one raises.

    Raises
    ------
    FileNotFoundError
        If there is nothing at a path.
    ValueError
        If there is no product, or one cannot be opened (:func:`open_product`).
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    places = sorted({place for path in given for place in _products_at(Path(path))}, key=lambda place: place.name)
    if not places:
        raise ValueError(f"there is no Sentinel-1 product (.SAFE folder or zip) in {', '.join(map(str, given))}")
    found: list[SafeProduct] = []
    absent: list[AbsentSwath] = []
    damaged: list[Exception] = []
    for place in places:
        try:
            found.append(open_product(place, swaths=swaths, polarisations=polarisations))
        except AbsentSwath as error:
            absent.append(error)
        except (ValueError, OSError) as error:
            if unreadable is None:
                raise
            damaged.append(error)
            unreadable[place] = str(error)
    if not found:
        raise (damaged or absent)[0]
    return found


class AbsentSwath(ValueError):
    """A product without the swaths and polarisations that are wanted."""


def holds_products(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a product, or a folder that has one directly below it."""
    place = Path(path)
    if is_safe(place) or place.name == "manifest.safe":
        return True
    return place.is_dir() and any(is_safe(below) for below in place.iterdir())


def read_bursts(bursts: Iterable[SafeBurst]) -> Iterator[tuple[SafeBurst, NDArray[np.complex64]]]:
    """Read bursts in the order of their files: each with its pixels, NaN where they are annotated as invalid.

    A swath in a zip is unpacked once for all of its bursts.

    Raises
    ------
    ValueError
        If pixels are missing, cannot be read, or differ in number from the annotation.
    """
    for source, burst in _in_file_order(bursts):
        yield burst, burst_pixels(source, burst.annotation, burst.index)


def _in_file_order(bursts: Iterable[SafeBurst]) -> Iterator[tuple[object, SafeBurst]]:
    wanted = sorted(bursts, key=lambda burst: (burst.name, burst.measurement, burst.index))
    for burst in wanted:
        burst.require_pixels()
    for measurement, group in itertools.groupby(wanted, key=lambda burst: burst.measurement):
        of_swath = list(group)
        with open_measurement(measurement, of_swath[0].annotation) as source:
            for burst in of_swath:
                yield source, burst


def _annotations(files: SafeFiles, swaths: Collection[str], polarisations: Collection[str]) -> list[SwathAnnotation]:
    """Annotations with bursts, by swath and polarisation."""
    names = files.of_kind("annotation")
    if not names:
        raise ValueError(f"{files.root.name} must be a Sentinel-1 SLC product, it has no annotation/s1?-iw?-slc-*.xml")
    wanted = [(swath.upper(), pol.upper()) for swath in SWATHS if swath in {s.upper() for s in swaths}
              for pol in POLARISATIONS if pol in {p.upper() for p in polarisations}]  # fmt: skip
    found, is_empty = [], False
    for swath, polarisation in wanted:
        if not files.of_kind("annotation", swath=swath, polarisation=polarisation):
            continue
        name = files.one("annotation", swath=swath, polarisation=polarisation)
        try:
            note = read_annotation(files.read(name))
        except EmptySwath:
            is_empty = True
            continue
        except ValueError as error:
            raise ValueError(f"{files.root.name}, {name.name}: {error}") from error
        if (note.swath, note.polarisation) != (swath, polarisation):
            raise ValueError(f"{name.name} must be of {swath} {polarisation}, got {note.swath} {note.polarisation}")
        found.append(note)
    if not found:
        asked = f"{'/'.join(swaths)} {'/'.join(polarisations)}"
        if is_empty:
            raise AbsentSwath(f"{files.root.name} has no burst in {asked}: the lists of bursts are empty")
        held = ", ".join(sorted({_label(name.name) for name in names}))
        raise AbsentSwath(f"{files.root.name} has no {asked}, it has {held}")
    return found


def _label(name: str) -> str:
    parts = name.split("-")
    return f"{parts[1].upper()} {parts[3].upper()}" if len(parts) > 3 else name


def _products_at(path: Path) -> list[Path]:
    if not path.exists():
        raise FileNotFoundError(f"there is no product or folder {path}")
    if path.name == "manifest.safe":
        return [path.parent]
    if is_safe(path) or not path.is_dir():
        return [path]
    return [place for below in sorted(path.iterdir()) if below.is_dir() or is_safe(below) for place in _below(below)]


def _below(place: Path) -> list[Path]:
    return [place] if is_safe(place) else _products_at(place)
