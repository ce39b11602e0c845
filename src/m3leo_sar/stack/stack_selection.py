"""Parts of a stack by dates, polarisation and place."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.concurrent_read import derived_read
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.pairs import as_date, parse_date, require_date
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations


def selected(
    stack: Any, *, dates: Any = None, polarisation: str | Sequence[str] | None = None, bounds: Any = None
) -> Any:
    """Part of a stack; see :meth:`m3leo_sar.SlcStack.sel`."""
    kept = stack.dates if dates is None else _chosen_dates(stack.dates, dates)
    held = stack.polarisations
    wanted = held if polarisation is None else parse_polarisations(polarisation)
    for one in wanted:
        if one not in held:
            raise ValueError(f"polarisation must be one of {', '.join(held)}, which {stack.name} has, got {one!r}")
    count, places = len(stack.dates), [stack.dates.index(date) for date in kept]
    indices = tuple(held.index(one) * count + place for one in wanted for place in places)
    found = replace(
        stack,
        dates=tuple(kept),
        read=stack.read
        if indices == tuple(range(count * len(held)))
        else derived_read(_read_chosen, stack.read, indices),
        polarisation=joined_polarisations(wanted),
        times=None if stack.times is None else tuple(stack.times[place] for place in places),
        platforms=None if stack.platforms is None else tuple(stack.platforms[place] for place in places),
        acquisitions=None if stack.acquisitions is None else tuple(stack.acquisitions[place] for place in places),
    )
    return found if bounds is None else found.crop(*_pixels_within(stack.geometry, bounds, stack.name))


def _read_chosen(read: Any, indices: tuple[int, ...], index: int, rows: slice, cols: slice) -> NDArray[Any]:
    pixels: NDArray[Any] = read(indices[index], rows, cols)
    return pixels


def _chosen_dates(held: Sequence[datetime.date], wanted: Any) -> list[datetime.date]:
    """Dates of a stack: one, several, or a slice from the first to the last."""
    if isinstance(wanted, slice):
        if wanted.step is not None:
            raise ValueError(f"dates must be a slice without a step, got {wanted}")
        first, last = (None if end is None else _date(end) for end in (wanted.start, wanted.stop))
        found = [date for date in held if (first is None or date >= first) and (last is None or date <= last)]
        if not found:
            raise ValueError(f"dates must hold a date of the stack, {held[0]} to {held[-1]}, got {first} to {last}")
        return found
    items = list(wanted) if isinstance(wanted, Sequence | np.ndarray) and not isinstance(wanted, str) else [wanted]
    found = sorted({_date(item) for item in items})
    for date in found:
        require_date(date, held)
    if not found:
        raise ValueError("dates must hold at least one date, got none")
    return found


def _date(value: Any) -> datetime.date:
    if isinstance(value, str):
        return parse_date(value)
    return as_date(value.astype("datetime64[D]").item() if isinstance(value, np.datetime64) else value, "dates")


def _pixels_within(geometry: Geometry, bounds: Any, name: str) -> tuple[slice, slice]:
    """Rows and columns of the pixels of a geometry within (west, south, east, north) in degrees, or under a GeoBox."""
    box = bounds if isinstance(bounds, GeoBox) else getattr(bounds, "geobox", None)
    west, south, east, north = box.bounds_in("EPSG:4326") if isinstance(box, GeoBox) else map(float, bounds)
    edges = west, south, east, north
    if isinstance(geometry, GeoBox):
        found = _on_map(geometry, edges)
    elif hasattr(geometry, "around"):
        found = geometry.around(edges)
    elif hasattr(geometry, "latitude"):
        found = _in_radar(geometry, edges)
    else:
        raise ValueError(f"bounds of {name} need the positions of its pixels; crop it by rows and columns")
    if found is None:
        raise ValueError(f"bounds {', '.join(f'{edge:.4f}' for edge in edges)} must touch {name}, they do not")
    return found


def _on_map(geobox: GeoBox, edges: tuple[float, ...]) -> tuple[slice, slice] | None:
    west, south, east, north = edges
    # A grid in degrees whose sides are straight on the globe's map; enough points for its curve on this one.
    outline = GeoBox.from_bounds((west, south, east, north), shape=(1, 1), crs="EPSG:4326")
    x, y = outline.transformer_to(geobox.crs).transform(*outline.outline())
    found = []
    for places, size in zip(geobox.to_pixels(x, y), geobox.shape, strict=True):
        start, stop = max(0, int(np.floor(places.min()))), min(size, int(np.ceil(places.max())) + 1)
        if start >= stop:
            return None
        found.append(slice(start, stop))
    return found[0], found[1]


def _in_radar(geometry: Any, edges: tuple[float, ...]) -> tuple[slice, slice] | None:
    west, south, east, north = edges
    longitude = west + (geometry.longitude - west) % 360
    inside = (longitude <= east) & (geometry.latitude >= south) & (geometry.latitude <= north)
    if not inside.any():
        return None
    spans = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    rows, cols = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return rows, cols
