"""One burst and polarisation as a stack: every date on the grid of a reference, as complex int16 with its origin."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.atomic import atomic_path, partial_path, remove, remove_stale
from m3leo_sar.io.files.manifest import require_no_file
from m3leo_sar.io.stacks.stack_positions import read_acquisition, read_geometry, write_geometry
from m3leo_sar.io.stacks.stored_image import read_image, write_int16_image
from m3leo_sar.io.stacks.zarr_group import attributes_of, open_group, plain_errors, whole_array, write_group
from m3leo_sar.io.stacks.zarr_stack import FORMAT, LATEST, is_stack
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.pairs import parse_date

_HEIGHTS = "heights"


class BurstStack:
    """The stack of one burst and polarisation, to which co-registration adds dates.

    Parameters
    ----------
    path : path
        Folder of the stack, such as ``STACKS/T052-110431-IW1-VV``; :meth:`create` makes one.

    Raises
    ------
    ValueError
        If the folder is no such stack.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.root = Path(path)
        #: Attributes of the stack: burst, reference, terrain, timing and so on.
        self.facts = attributes_of(open_group(self.root))
        if not _is_of_burst(self.facts):
            raise ValueError(f"{self.root} is not a stack that m3leo-sar coregister wrote")
        #: Attributes of each date, and the time at which its file was written.
        self._dates: dict[str, tuple[int, dict[str, Any]]] = {}

    @staticmethod
    def exists(path: str | os.PathLike[str]) -> bool:
        """Whether there is a stack at a path."""
        return Path(path).is_dir() and is_stack(path)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        facts: Mapping[str, Any],
        geometry: OrbitGeometry,
        heights: NDArray[np.floating],
        *,
        steps: tuple[int, int],
    ) -> BurstStack:
        """Make a stack without a date; all of it appears at once.

        Parameters
        ----------
        path : path
        facts : mapping
            Attributes; ``burst``, ``polarisation`` and ``reference`` at least.
        geometry : OrbitGeometry
            Orbit and grid of the reference, and the terrain around it.
        heights : (post rows, post cols) float
            Heights of the reference's pixels, every ``steps`` rows and columns.
        steps : (int, int)

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        folder = Path(path)
        require_no_file(folder)
        attributes = {"format": FORMAT, "version": LATEST, "dtype": "complex64", "shape": list(geometry.shape)}
        attributes |= {name: value for name, value in facts.items() if name != "polarisation"}
        with atomic_path(folder) as partial:
            zarr.create_group(partial, attributes={**attributes, "polarisations": [facts["polarisation"]]})
            write_geometry(partial, geometry)
            write_group(partial / _HEIGHTS, {"height": np.asarray(heights, np.float32)}, {"steps": list(steps)})
        return cls(folder)

    @property
    def polarisation(self) -> str:
        """Its only polarisation."""
        return str(self.facts["polarisations"][0])

    @property
    def is_flattened(self) -> bool:
        """Whether its dates are written without the phase of flat earth and terrain."""
        return bool(self.facts.get("flattened"))

    @property
    def reference(self) -> datetime.date:
        """Date of the reference."""
        return parse_date(self.facts["reference"])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.facts["shape"]
        return int(rows), int(cols)

    def dates(self) -> dict[datetime.date, dict[str, Any]]:
        """Attributes of each date that is complete, in order of the dates."""
        found = sorted(entry for entry in self.root.iterdir() if entry.name.isdigit() and len(entry.name) == 8)
        with plain_errors(self.root):
            return {parse_date(entry.name): dict(self._attributes(entry)) for entry in found}

    def _attributes(self, entry: Path) -> dict[str, Any]:
        """Attributes of a date, which are read again only where they were written again."""
        written = (entry / "zarr.json").stat().st_mtime_ns
        if self._dates.get(entry.name, (None,))[0] != written:
            self._dates[entry.name] = written, attributes_of(open_group(entry))
        return self._dates[entry.name][1]

    def geometry(self) -> OrbitGeometry:
        """Orbit and grid of the reference, and the terrain."""
        with plain_errors(self.root):
            found = read_geometry(self.root, self.facts)
            if not isinstance(found, OrbitGeometry):
                raise ValueError("it has no orbit")
            return found

    @property
    def radar_grid(self) -> RadarGrid:
        """Azimuth times and ranges of the reference."""
        return self._acquisition[1]

    @property
    def orbit(self) -> Orbit:
        """Orbit of the reference."""
        return self._acquisition[0]

    @cached_property
    def _acquisition(self) -> tuple[Orbit, RadarGrid]:
        """Orbit and grid, without the terrain beside them."""
        with plain_errors(self.root):
            return read_acquisition(open_group(self.root / "geometry"))

    def heights(self) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """Heights of the reference's pixels, and the rows and columns from one to the next."""
        with plain_errors(self.root):
            group = open_group(self.root / _HEIGHTS)
            rows, cols = attributes_of(group)["steps"]
            return whole_array(group, "height"), (int(rows), int(cols))

    def window(self, date: datetime.date, rows: slice, cols: slice) -> NDArray[np.complexfloating]:
        """Pixels ``[rows, cols]`` of a date, NaN for no data."""
        spans = (slice(*part.indices(size)[:2]) for part, size in zip((rows, cols), self.shape, strict=True))
        return read_image(self._place(date) / self.polarisation, self.shape, *spans)

    def write(
        self,
        date: datetime.date,
        blocks: Iterable[tuple[int, NDArray[np.int16]]],
        *,
        scale: float,
        facts: Mapping[str, Any],
    ) -> None:
        """Write a date, or replace it; it appears complete.

        Parameters
        ----------
        date : datetime.date
        blocks : iterable of (int, (rows, cols, 2) int16)
            As of :func:`m3leo_sar.io.stacks.stored_image.write_int16_image`. They may add to ``facts`` while they are
            made, such as a count.
        scale : float
            Unit of a part.
        facts : mapping
            Attributes of the date, read when all blocks are written.

        Raises
        ------
        OSError
            If it cannot be written; an earlier version of the date is kept then.
        """
        place = self._place(date)
        # A folder is not replaced by another in one step: the old one goes aside when the new one is complete.
        aside = partial_path(place.with_name(f"{place.name}-old"))
        with atomic_path(place) as partial:
            group = zarr.create_group(partial)
            write_int16_image(partial / self.polarisation, self.shape, blocks, scale=scale)
            group.attrs.put({"date": date.isoformat(), **facts})
            if place.exists():
                os.rename(place, aside)
        remove(aside)

    def clean(self) -> None:
        """Remove what killed writers left."""
        remove_stale(self.root)

    def _place(self, date: datetime.date) -> Path:
        return self.root / f"{date:%Y%m%d}"


def is_burst_stack(path: str | os.PathLike[str]) -> bool:
    """Whether there is a stack of one burst, which co-registration wrote, at a path."""
    return BurstStack.exists(path) and _is_of_burst(attributes_of(open_group(Path(path))))


def _is_of_burst(facts: Mapping[str, Any]) -> bool:
    return facts.get("format") == FORMAT and {"burst", "reference", "polarisations", "shape"} <= facts.keys()
