"""Bursts of one track as one stack for tiles: each pixel of a tile takes one burst, whatever the pair."""

from __future__ import annotations

import datetime
import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._display import as_line, as_table
from m3leo_sar.grid.antimeridian import bounds_of_all
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.concurrent_read import derived_read
from m3leo_sar.stack.pair_choice import chosen_pairs
from m3leo_sar.stack.pairs import require_date
from m3leo_sar.stack.slc import Read, SlcStack
from m3leo_sar.stack.valid_area import Outline, depth_within, measured_outline, pixel_spacing

#: Properties that bursts of one track share.
_SHARED = ("polarisation", "dtype", "orbit", "track", "frequency", "flattened")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BurstSet:
    """Overlapping bursts or frames of one track, each co-registered to a reference of its own.

    A tile over several bursts is made from each of them; every pixel takes the burst in which it lies farthest from
    the edges of the data, along rows and along columns (:func:`m3leo_sar.stack.valid_area.depth_within`), of equal ones
    the first by name. This follows from geometry alone, so that all pairs and dates of a tile have one mosaic. A window
    never has samples of two bursts.

    Parameters
    ----------
    bursts : sequence of SlcStack
        Of equal dates, polarisations, orbit, track and band, sorted by name; :meth:`of` brings stacks to this form.
    outlines : sequence of outlines
        Corners (row, col) of the convex area with data of each burst.
    name : str
        Name in messages.

    Raises
    ------
    ValueError
        If there is no burst, or their properties differ.
    """

    bursts: tuple[SlcStack, ...]
    outlines: tuple[Outline, ...]
    name: str = "bursts"
    #: Radians by burst and date that :meth:`without_steps` has taken off.
    steps: Mapping[str, Mapping[datetime.date, float]] | None = None

    def __post_init__(self) -> None:
        if not self.bursts or len(self.bursts) != len(self.outlines):
            raise ValueError(f"bursts must be one or more, with an outline each, got {len(self.bursts)}")
        first = self.bursts[0]
        for other in self.bursts[1:]:
            if other.dates != first.dates:
                raise ValueError(
                    f"bursts must have the same dates, {burst_label(other)} has others than {burst_label(first)}"
                )
            for name in _SHARED:
                if getattr(other, name) != getattr(first, name):
                    raise ValueError(
                        f"bursts must be of one {name}, {burst_label(first)} is of {getattr(first, name)}, "
                        f"{burst_label(other)} of {getattr(other, name)}"
                    )

    @classmethod
    def of(
        cls, stacks: Sequence[SlcStack], *, outlines: Sequence[Outline] | None = None, name: str | None = None
    ) -> BurstSet:
        """Set of the given bursts with their common dates.

        Parameters
        ----------
        stacks : sequence of SlcStack
        outlines : sequence of outlines, optional
            Of the stacks, in their order; measured on their first dates by default
            (:func:`m3leo_sar.stack.valid_area.measured_outline`).
        name : str, optional

        Warns
        -----
        UserWarning
            If a date is left out, as a burst lacks it.

        Raises
        ------
        ValueError
            If there is no stack, or they have no common date, one name twice, or different properties.
        """
        if not stacks:
            raise ValueError("stacks must hold at least one burst, got none")
        names = [burst_label(stack) for stack in stacks]
        if len(set(names)) < len(names):
            raise ValueError(f"bursts must have different names, got {', '.join(names)}")
        order = sorted(range(len(stacks)), key=names.__getitem__)
        dates = sorted(set.intersection(*(set(stack.dates) for stack in stacks)))
        if not dates:
            raise ValueError(f"bursts must have a common date, {', '.join(names)} have none")
        _warn_of_left_out(stacks, names, dates)
        bursts = tuple(stacks[index].sel(dates=dates) for index in order)
        found = tuple(measured_outline(burst) for burst in bursts) if outlines is None else None
        given = found or tuple(outlines[index] for index in order)  # type: ignore[index]
        return cls(bursts=bursts, outlines=given, name=name or " and ".join(sorted(names)))

    def __getattr__(self, name: str) -> Any:
        if name in (*_SHARED, "dates", "passings", "times", "platforms", "polarisations"):
            return getattr(self.bursts[0], name)
        raise AttributeError(f"a BurstSet has no attribute {name!r}")

    @property
    def burst(self) -> str:
        """Names of the bursts, joined by ``+``."""
        return "+".join(burst_label(burst) for burst in self.bursts)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of all bursts in degrees."""
        boxes = [_bounds_of(burst) for burst in self.bursts]
        return bounds_of_all(np.array(boxes))

    @property
    def largest_shape(self) -> tuple[int, int]:
        """Most rows and most columns of a burst."""
        rows, cols = (max(burst.shape[axis] for burst in self.bursts) for axis in (1, 2))
        return rows, cols

    def pair_indices(self, pairs: Any) -> list[tuple[int, int]]:
        """Positions (reference, secondary) of each pair's dates, as :meth:`m3leo_sar.SlcStack.pair_indices`."""
        return chosen_pairs(pairs, count=len(self.dates), dates=self.dates).indices

    def choice(self, positions: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> NDArray[np.int16]:
        """Burst of each point: the one in which it lies farthest from the edges of the data, -1 outside all.

        Parameters
        ----------
        positions : sequence of (rows, cols)
            Of the points on each burst, all of one shape; NaN where unknown.

        Returns
        -------
        int16 array of that shape
            Index of the burst; of equal depths the smaller.
        """
        # One spacing for all, so that a point in the middle of an overlap is as far from one edge as from the other.
        spacing = pixel_spacing(self.bursts[0].geometry)
        depths = np.stack(
            [
                depth_within(outline, *place, spacing=spacing)
                for outline, place in zip(self.outlines, positions, strict=True)
            ]
        )
        best = depths.argmax(axis=0).astype(np.int16)
        best[np.isneginf(depths.max(axis=0))] = -1
        return best

    def sel(self, *, dates: Any = None, polarisation: str | Sequence[str] | None = None) -> BurstSet:
        """Part of the dates and polarisations, as :meth:`m3leo_sar.SlcStack.sel`."""
        return replace(self, bursts=tuple(burst.sel(dates=dates, polarisation=polarisation) for burst in self.bursts))

    def without_steps(self, phases: Mapping[str, Mapping[datetime.date, float]]) -> BurstSet:
        """The bursts with a phase per date taken off, so that interferograms have no step between bursts.

        Parameters
        ----------
        phases : mapping of str to mapping of date to float
            Radians by burst and date; :func:`m3leo_sar.products.phase_steps.measured_steps` gives them. Bursts and
            dates that are not named are unchanged.

        Raises
        ------
        ValueError
            If a burst or date is not in the set.
        """
        known = {burst_label(burst): burst for burst in self.bursts}
        for name, by_date in phases.items():
            if name not in known:
                raise ValueError(f"phases must name bursts of the set, {', '.join(known)}, got {name}")
            for date in by_date:
                require_date(date, self.dates)
        turned = tuple(_turned(burst, phases.get(name, {})) for name, burst in known.items())
        return replace(self, bursts=turned, steps=phases)

    @property
    def parameters(self) -> dict[str, Any]:
        """What chips depend on beside their tile, dates and recipe: the bursts, and the phases taken off."""
        found: dict[str, Any] = {"bursts": [burst_label(burst) for burst in self.bursts]}
        if self.steps is not None:
            found["steps"] = {
                name: {f"{date:%Y%m%d}": round(float(phase), 6) for date, phase in sorted(by_date.items())}
                for name, by_date in sorted(self.steps.items())
            }
        return found

    def explore(self, **options: Any) -> Any:
        """Show any pair of the bursts in a page on this machine, as :meth:`m3leo_sar.SlcStack.explore`."""
        # The room that shows stacks lies above this one.
        import m3leo_sar

        return m3leo_sar.view(self, **options)

    def __repr__(self) -> str:
        return as_line("BurstSet", self._facts())

    def _repr_html_(self) -> str:
        rows = [
            {"burst": burst_label(burst), "rows": burst.shape[1], "columns": burst.shape[2]} for burst in self.bursts
        ]
        return as_table("BurstSet", self._facts(), rows=rows)

    def _facts(self) -> dict[str, Any]:
        dates = self.dates
        return {
            "bursts": self.burst,
            "dates": f"{len(dates)}, {dates[0]} to {dates[-1]}",
            "polarisation": self.polarisation,
            "orbit": self.orbit,
            "track": self.track,
        }


def burst_label(stack: SlcStack) -> str:
    """Name of a burst: its identifier, or the name of its stack."""
    return stack.burst or stack.name


def _warn_of_left_out(stacks: Sequence[SlcStack], names: Sequence[str], dates: Sequence[datetime.date]) -> None:
    left: dict[str, list[str]] = {}
    for stack, name in zip(stacks, names, strict=True):
        found = [str(date) for date in stack.dates if date not in dates]
        if found:
            left[name] = found
    if left:
        listed = "; ".join(f"{name}: {', '.join(found[:5])}" for name, found in itertools.islice(left.items(), 5))
        warnings.warn(f"dates that not every burst has are left out: {listed}", stacklevel=3)


def _bounds_of(burst: SlcStack) -> tuple[float, float, float, float]:
    if isinstance(burst.geometry, GeoBox):
        return burst.geometry.bounds_in("EPSG:4326")
    return burst.geometry.bounds


def _turned(burst: SlcStack, phases: Mapping[datetime.date, float]) -> SlcStack:
    angles = [float(phases.get(date, 0.0)) for date in burst.dates]
    if not any(angles):
        return burst
    return replace(burst, read=derived_read(_read_turned, burst.read, np.exp(-1j * np.array(angles))))


def _read_turned(read: Read, phasors: NDArray[np.complex128], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    pixels = read(index, rows, cols)
    return (pixels * phasors[index % len(phasors)]).astype(pixels.dtype)
