"""One burst and polarisation of a Sentinel-1 product."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tops import TopsCarrier
from m3leo_sar.io.sentinel1.annotation import SwathAnnotation
from m3leo_sar.io.sentinel1.burst_pixels import burst_pixels, open_measurement


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

        Of several bursts in a zip, use :func:`m3leo_sar.io.sentinel1.product.read_bursts`.

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
