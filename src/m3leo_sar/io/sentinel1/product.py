"""Sentinel-1 IW single-look complex products as bursts: whole slices and repacked single bursts."""

from __future__ import annotations

import datetime
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.burst_identifier import BEAM_CYCLE, BurstIdentifier, burst_identifier
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tops import TopsCarrier
from m3leo_sar.io.sentinel1.annotation import EmptySwath, SwathAnnotation, read_annotation
from m3leo_sar.io.sentinel1.burst_pixels import burst_int16, burst_pixels, open_measurement
from m3leo_sar.io.sentinel1.safe_files import SafeFiles, is_safe
from m3leo_sar.io.sentinel1.safe_manifest import SafeManifest, read_manifest

SWATHS, POLARISATIONS = ("IW1", "IW2", "IW3"), ("VV", "VH", "HH", "HV")


@dataclass(frozen=True, slots=True, eq=False)
class SafeBurst:
    """One burst and polarisation of a product; pixels are read on demand.

    Parameters
    ----------
    identifier : BurstIdentifier
        Burst on the ground, equal on all dates.
    date : datetime.date
        UTC day of the first burst of the product, or of the pass where :func:`m3leo_sar.io.sentinel1.passes.passes`
        returns it.
    processor : str
        Version of the Sentinel-1 IPF, such as ``"003.61"``; empty if it is not stated.
    orbit_number : int
        Absolute orbit at the start of the product.
    annotation : SwathAnnotation
        Of its swath and polarisation.
    index : int
        Position in the swath.
    product : Path
        Folder or zip.
    name : str
        Name of the product.
    measurement : str
        Name under which GDAL opens the pixels of the swath; empty if they are missing.
    """

    identifier: BurstIdentifier
    date: datetime.date
    processor: str
    orbit_number: int
    annotation: SwathAnnotation
    index: int
    product: Path
    name: str
    measurement: str

    @property
    def swath(self) -> str:
        """Such as ``"IW2"``."""
        return self.annotation.swath

    @property
    def polarisation(self) -> str:
        """Such as ``"VV"``."""
        return self.annotation.polarisation

    @property
    def mission(self) -> str:
        """Such as ``"S1A"``."""
        return self.annotation.mission

    @property
    def epoch(self) -> datetime.datetime:
        """UTC that the times of ``radar_grid`` count from in seconds."""
        return self.annotation.epoch

    @property
    def start(self) -> datetime.datetime:
        """Zero-Doppler time of the first line, UTC."""
        return self.epoch + datetime.timedelta(seconds=self.annotation.bursts[self.index].azimuth_time)

    @property
    def stop(self) -> datetime.datetime:
        """Zero-Doppler time of the last line, UTC."""
        note = self.annotation
        return self.start + datetime.timedelta(seconds=(note.lines - 1) * note.azimuth_interval)

    @property
    def sensing_start(self) -> datetime.datetime:
        """Raw time of the first line, UTC."""
        time = self.annotation.bursts[self.index].sensing_time
        assert time is not None, "a burst without it has no identifier"
        return time

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and samples."""
        return self.annotation.lines, self.annotation.samples

    @property
    def radar_grid(self) -> RadarGrid:
        """Azimuth times since ``epoch`` and ranges."""
        return self.annotation.radar_grid(self.index)

    @property
    def carrier(self) -> TopsCarrier:
        """Azimuth carrier; raises ValueError where the annotation has no estimate near the burst."""
        return self.annotation.carrier(self.index)

    @property
    def wavelength(self) -> float:
        """Metres."""
        return self.annotation.wavelength

    @property
    def valid(self) -> NDArray[np.int64]:
        """First and last valid column of each line, (lines, 2); -1 for a line without valid pixels."""
        timing = self.annotation.bursts[self.index]
        return np.stack([timing.first_valid, timing.last_valid], axis=1)

    @property
    def valid_lines(self) -> int:
        """Lines with valid pixels."""
        return int((self.annotation.bursts[self.index].first_valid >= 0).sum())

    @property
    def is_in_zip(self) -> bool:
        """Whether each opening of the pixels unpacks them from the beginning of their swath."""
        return self.measurement.startswith("/vsizip/")

    def annotated_orbit(self) -> Orbit:
        """State vectors of the annotation, with times since ``epoch``.

        Raises
        ------
        ValueError
            If they are the satellite's own navigation, which is not the orbit that the product was focused with.
        """
        if self.annotation.orbit_source.lower() == "downlink":
            raise ValueError(
                f"{self.name} has the orbit of the satellite's navigation (orbitSource Downlink), which is up to 3 m "
                "off; give a folder of orbit files (POEORB or RESORB)"
            )
        return self.annotation.orbit

    def read(self, rows: slice = slice(None)) -> NDArray[np.complex64]:
        """Pixels (lines, samples), or the rows of a slice; NaN where they are annotated as invalid.

        Of several bursts in a zip, use :func:`read_bursts`.

        Raises
        ------
        ValueError
            If they are missing, cannot be read, or differ in number from the annotation.
        """
        self.require_pixels()
        with open_measurement(self.measurement, self.annotation) as source:
            return burst_pixels(source, self.annotation, self.index, rows)

    def require_pixels(self) -> None:
        """Refuse a product without the measurement of this swath and polarisation.

        Raises
        ------
        ValueError
            If it is missing.
        """
        if not self.measurement:
            raise ValueError(
                f"{self.product.name} has no measurement of {self.swath} {self.polarisation}, only its annotation; "
                "download the whole product"
            )

    def __repr__(self) -> str:
        return f"SafeBurst({self.identifier}, {self.polarisation}, {self.start:%Y-%m-%dT%H:%M:%S}, {self.name})"


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
    bursts = [burst for note in notes for burst in _bursts(files, manifest, note)]
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
) -> list[SafeProduct]:
    """Open all products at paths: SAFE folders, zips, and folders that hold them at any depth.

    Products without any of the swaths and polarisations are left out.

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
    found, absent = [], []
    for place in places:
        try:
            found.append(open_product(place, swaths=swaths, polarisations=polarisations))
        except AbsentSwath as error:
            absent.append(error)
    if not found:
        raise absent[0]
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


def read_bursts_int16(bursts: Iterable[SafeBurst]) -> Iterator[tuple[SafeBurst, NDArray[np.int16]]]:
    """Read bursts as stored, (lines, samples, 2) with -32768 where invalid: half the memory of :func:`read_bursts`."""
    for source, burst in _in_file_order(bursts):
        yield burst, burst_int16(source, burst.annotation, burst.index)


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


def _bursts(files: SafeFiles, manifest: SafeManifest, note: SwathAnnotation) -> Sequence[SafeBurst]:
    """Bursts of a swath, with identifiers that rise with their times."""
    place = {"swath": note.swath, "polarisation": note.polarisation}
    held = files.of_kind("measurement", **place)
    measurement = files.opened_as(files.one("measurement", **place)) if held else ""
    where = f"{files.root.name}, {note.swath} {note.polarisation}"
    if note.orbit_number is None:
        raise ValueError(f"{where}: absoluteOrbitNumber is missing")
    identifiers = _identifiers(note, manifest, where)
    return [
        SafeBurst(
            identifier=identifier,
            date=note.date,
            processor=manifest.processor,
            orbit_number=note.orbit_number,
            annotation=note,
            index=index,
            product=files.root,
            name=files.product,
            measurement=measurement,
        )
        for index, identifier in enumerate(identifiers)
    ]


def _identifiers(note: SwathAnnotation, manifest: SafeManifest, where: str) -> list[BurstIdentifier]:
    if note.ascending_node is None:
        raise ValueError(f"{where}: ascendingNodeTime is missing, which burst identifiers need")
    found = []
    for index, burst in enumerate(note.bursts):
        if burst.sensing_time is None:
            raise ValueError(f"{where}: burst {index} has no sensingTime, which its identifier needs")
        found.append(
            burst_identifier(
                burst.sensing_time,
                ascending_node=note.ascending_node,
                track=manifest.track,
                swath=note.swath,
                product_start=manifest.start,
                number=burst.number,
            )
        )
    for (one, other), (earlier, later) in zip(itertools.pairwise(found), itertools.pairwise(note.bursts), strict=True):
        steps = round((later.azimuth_time - earlier.azimuth_time) / BEAM_CYCLE)
        if other.number - one.number != steps and other.track == one.track:
            raise ValueError(
                f"{where}: burst identifiers must rise by {steps}, as their times do, got {one} and {other}"
            )
    return found


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
