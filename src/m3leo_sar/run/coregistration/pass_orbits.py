"""Which orbit serves which date: an orbit file, or the annotation's own state vectors."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from m3leo_sar.io.sentinel1.orbit_file import MissingOrbit, choose_orbit_file
from m3leo_sar.run.coregistration.burst_choice import Pass
from m3leo_sar.warp.range_phase import Acquisition

#: Kind of an orbit from the product's own annotation.
ANNOTATION = "annotation"
#: Kind of a precise orbit.
PRECISE = "POEORB"


class PassOrbit:
    """The orbit of one date.

    Parameters
    ----------
    file : OrbitFile, optional
        None for the state vectors of each annotation.
    """

    def __init__(self, file: Any = None) -> None:
        self.file = file

    @property
    def kind(self) -> str:
        """``"POEORB"``, ``"RESORB"`` or ``"annotation"``."""
        return ANNOTATION if self.file is None else str(self.file.kind)

    @property
    def name(self) -> str:
        """Name of the file, or ``"annotation"``."""
        return ANNOTATION if self.file is None else str(self.file.name)

    def acquisition(self, burst: Any) -> Acquisition:
        """Orbit and grid of a burst of the date, in the time of its annotation.

        Raises
        ------
        ValueError
            If the file lacks state vectors around the burst, or has degraded ones there; or the annotation's are those
            of the satellite's navigation.
        """
        if self.file is None:
            return Acquisition(burst.annotated_orbit(), burst.radar_grid)
        return Acquisition(self.file.orbit(burst.epoch, burst.start, burst.stop), burst.radar_grid)


def orbit_of(bursts: Pass, files: Sequence[Path], *, annotation: bool = False) -> PassOrbit:
    """Orbit of one pass: a precise file before a restituted one, never what the satellite sent down itself.

    Parameters
    ----------
    bursts : mapping
        Bursts of the pass, by identifier and polarisation.
    files : sequence of Path
        Orbit files to choose from.
    annotation : bool
        Whether the state vectors of the annotation are allowed where no file fits.

    Raises
    ------
    ValueError
        If no file covers the pass and the annotation's vectors are not allowed (:class:`MissingOrbit`) or are the
        satellite's own, or the file is damaged.
    """
    images = [image for some in bursts.values() for image in some.values()]
    start, stop = min(image.start for image in images), max(image.stop for image in images)
    try:
        return PassOrbit(choose_orbit_file(files, mission=images[0].mission, start=start, stop=stop))
    except MissingOrbit:
        if not annotation:
            raise
    for image in images:
        image.annotated_orbit()
    return PassOrbit()


def orbits_of(
    passes: Mapping[datetime.date, Pass], files: Sequence[Path], *, annotation: bool = False
) -> dict[datetime.date, PassOrbit]:
    """Orbit of each date.

    Raises
    ------
    ValueError
        As of :func:`orbit_of`; the message names every date without a file.
    """
    found: dict[datetime.date, PassOrbit] = {}
    missing: dict[datetime.date, MissingOrbit] = {}
    for date, bursts in passes.items():
        try:
            found[date] = orbit_of(bursts, files, annotation=annotation)
        except MissingOrbit as error:
            missing[date] = error
    if missing:
        first, *others = sorted(missing)
        also = f"; nor is there one for {', '.join(map(str, others))}" if others else ""
        raise ValueError(
            f"{missing[first]}{also}; annotation_orbits=True takes the state vectors of the products, unless they are "
            "those of the satellite's navigation"
        ) from missing[first]
    return found


def tell_restituted(orbits: dict[datetime.date, PassOrbit]) -> None:
    """Warn of dates whose orbit is no precise one."""
    for kind in ("RESORB", ANNOTATION):
        dates = [str(date) for date, orbit in sorted(orbits.items()) if orbit.kind == kind]
        if dates:
            warnings.warn(
                f"{', '.join(dates[:5])}{' and others' if len(dates) > 5 else ''}: {kind} orbit, some centimetres less "
                "precise than POEORB; a later run with the POEORB file makes the date again",
                stacklevel=3,
            )
