"""A stack of images that a reader has found: one burst, polarisation and frequency, one image per date."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.joint_grid import is_same_grid, joint_grid
from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.stacks.image_choice import newest_of_each_date, only, without_older_overlaps
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product
from m3leo_sar.io.stacks.unknown_positions import unknown_positions
from m3leo_sar.io.stacks.zero_lines import ZeroLines
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.mosaic import Part, mosaic_window
from m3leo_sar.stack.slc import SlcStack


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StackImage:
    """One image, or the part of one that a file holds.

    Parameters
    ----------
    path : Path or RemoteFile
        File or folder that names it in messages, and by which it is found again.
    date : datetime.date
    shape : (int, int)
    read : callable
        ``read(rows, cols)`` returns complex pixels with no data as NaN. It must be picklable.
    dtype : str
        ``"complex64"`` or ``"complex128"``: what ``read`` returns.
    files : tuple of Path or RemoteFile
        Files behind the pixels; ``path`` by default.
    grid : GeoBox, optional
        Map grid.
    polarisation, burst, frequency : str, optional
    time : datetime.datetime, optional
        UTC without a time zone.
    age : tuple
        Grows with the processing of the same data.
    facts : mapping
        ``orbit``, ``track``, ``wavelength``, ``flattened``.
    alike : mapping
        Texts on the processing where a difference between dates destroys coherence.
    release : str, optional
        Release of the processor.
    platform : str, optional
        Satellite, such as ``"S1A"`` or ``"NISAR"``.
    """

    path: Any
    date: datetime.date
    shape: tuple[int, int]
    read: Callable[[slice, slice], NDArray[Any]]
    dtype: str = "complex64"
    files: tuple[Any, ...] = ()
    grid: GeoBox | None = None
    polarisation: str | None = None
    burst: str | None = None
    frequency: str | None = None
    time: datetime.datetime | None = None
    age: tuple[Any, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
    release: str | None = None
    platform: str | None = None


class _Placed(NamedTuple):
    """A part of a date and the row and column of the stack at which it begins."""

    image: StackImage
    row: int
    col: int


def open_images(
    images: Sequence[StackImage],
    choice: Choice,
    *,
    geometry: Callable[[tuple[int, int]], Geometry] | None = None,
    geometry_files: tuple[Path, ...] = (),
    zero_is_value: bool = True,
) -> OpenedStack:
    """Open the chosen images as a stack.

    Parameters
    ----------
    images : sequence of StackImage
        All images of the products, of every burst, polarisation and frequency.
    choice : Choice
    geometry : callable, optional
        Makes the geometry for a shape, for images without a map grid; ``choice.geometry`` has priority.
    geometry_files : tuple of Path
        Files behind that geometry.
    zero_is_value : bool
        Whether to look for lines of exact zeros; otherwise ``read`` has replaced zeros by NaN.

    Warns
    -----
    UserWarning
        If a date was processed twice, or lines are exactly zero.

    Raises
    ------
    ValueError
        If there are several bursts, polarisations or frequencies and none is stated, dates differ in their grid,
        dtype, orbit, track or wavelength, or there is no geometry; the message names the file.
    """
    present = tuple(sorted({image.polarisation for image in images if image.polarisation}))
    # A polarisation may be there in one frequency only.
    kept = list(images) if choice.polarisation is None else _polarised(images, choice.polarisation)
    kept = _frames(only(kept, "frequency", choice.frequency and choice.frequency.upper()), choice.burst)
    kept = _polarised(kept, choice.polarisation)
    dates = _by_date(kept)
    _require_alike([image for parts in dates for image in parts])
    place, placed = _placed(dates, choice, geometry)
    first = dates[0][0]
    shape, whole = place.shape, choice.nodata
    zeros = ZeroLines() if zero_is_value and whole != 0 else None
    times = [_first_time(parts) for parts in dates]
    platforms = tuple(parts[0].platform for parts in dates)
    chosen = Choice(
        burst=choice.burst or (first.burst if len({image.burst for image in kept}) == 1 else None),
        polarisation=first.polarisation or choice.polarisation,
        frequency=first.frequency,
        nodata=choice.nodata,
        geometry=choice.geometry,
        beside=choice.beside,
    )
    files = {f"{parts[0].date:%Y%m%d}": tuple(f for one in parts for f in one.files or (one.path,)) for parts in dates}
    stack = SlcStack(
        dates=tuple(parts[0].date for parts in dates),
        read=partial(_pixels, placed, shape, first.dtype, whole, zeros),
        geometry=place,
        polarisation=chosen.polarisation or "VV",
        dtype=first.dtype,
        times=None if None in times else tuple(times),  # type: ignore[arg-type]
        platforms=platforms if any(platforms) else None,
        burst=chosen.burst,
        frequency=chosen.frequency,
        name=f"{chosen.burst} of {_folder(kept)}" if chosen.burst else _folder(kept),
        **{name: value for name, value in _facts(kept).items() if value is not None},
    )
    return OpenedStack(
        stack=stack,
        products=_products(images, dates),
        files=lambda: files | ({"geometry": geometry_files} if geometry_files else {}),
        chosen=chosen,
        polarisations=present or (stack.polarisation,),
    )


def _products(images: Sequence[StackImage], dates: Sequence[Sequence[StackImage]]) -> tuple[Product, ...]:
    """Products to open again: those of the stack, or all where one file holds several dates."""
    of_dates = {one.path: one for parts in dates for one in parts}
    single = len({image.path for image in images}) == len({(image.path, image.date) for image in images})
    return tuple(Product(path, one.date if single else None, None) for path, one in of_dates.items())


def _folder(images: Sequence[StackImage]) -> str:
    return os.path.commonpath([image.path.parent for image in images])


def _frames(images: list[StackImage], burst: str | None) -> list[StackImage]:
    """Images of one burst or frame, or all if their grids are parts of one and they are of one pass."""
    if burst is None and len({image.burst for image in images}) > 1:
        tracks = {(image.facts.get("track"), image.facts.get("orbit")) for image in images}
        if len(tracks) == 1 and joint_grid([image.grid for image in images]) is not None:
            return images
    return only(images, "burst", burst and burst.upper())


def _polarised(images: Sequence[StackImage], wanted: str | None) -> list[StackImage]:
    """Images of one polarisation; an image that states none has the wanted one."""
    if wanted is not None and all(image.polarisation is None for image in images):
        return list(images)
    return only(images, "polarisation", wanted and wanted.upper())


def _by_date(images: Sequence[StackImage]) -> list[list[StackImage]]:
    """Parts of each date; of each part, the newest processing.

    Files of one date on different parts of one grid, such as slices, are together the image of the date.
    """
    parts: dict[Any, list[StackImage]] = {}
    places = _places(images)
    for image in images:
        parts.setdefault((image.burst, places.get(id(image))), []).append(image)
    newest = [image for same in parts.values() for image in newest_of_each_date(same, lambda image: image.age)]
    newest = _without_older(newest, places)
    dates: dict[datetime.date, list[StackImage]] = {}
    # By place, so that an overlap does not depend on the order of the files.
    for image in sorted(newest, key=lambda image: (image.date, places.get(id(image), ()), image.path.name)):
        dates.setdefault(image.date, []).append(image)
    return [dates[date] for date in sorted(dates)]


def _places(images: Sequence[StackImage]) -> dict[int, tuple[int, int, int, int]]:
    """Row, column, rows and columns of images on their common grid; none if they have no common one."""
    joint = joint_grid([image.grid for image in images])
    if joint is None:
        return {}
    return {id(image): (*place, *image.shape) for image, place in zip(images, joint[1], strict=True)}


def _without_older(images: Sequence[StackImage], places: Mapping[int, tuple[int, int, int, int]]) -> list[StackImage]:
    """Parts of which no newer processing covers more than half."""
    if not places:
        return list(images)
    groups: dict[Any, list[StackImage]] = {}
    for image in images:
        groups.setdefault((image.burst, image.date), []).append(image)
    return [
        image for same in groups.values() for image in without_older_overlaps(same, [places[id(one)] for one in same])
    ]


def _require_alike(images: Sequence[StackImage]) -> None:
    first = images[0]
    for image in images:
        if image.dtype != first.dtype:
            raise ValueError(f"{image.path.name} is {image.dtype}, {first.path.name} is {first.dtype}")
        for name in sorted(image.alike.keys() & first.alike.keys()):
            if image.alike[name] != first.alike[name]:
                raise ValueError(
                    f"{name} of {image.path.name} is {image.alike[name]}, of {first.path.name} {first.alike[name]}, "
                    "which leaves no coherence; take products of one kind"
                )
        for name in sorted(image.facts.keys() & first.facts.keys()):
            if not _is_alike(image.facts[name], first.facts[name]):
                raise ValueError(
                    f"{name} of {image.path.name} is {image.facts[name]}, of {first.path.name} {first.facts[name]}; "
                    "a stack is of one kind"
                )


def _is_alike(value: Any, other: Any) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other, rel_tol=1e-4)
    return value is None or other is None or bool(value == other)


def _facts(images: Sequence[StackImage]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for image in images:
        for name, value in image.facts.items():
            if found.get(name) is None:
                found[name] = value
    return found


def _first_time(parts: Sequence[StackImage]) -> datetime.datetime | None:
    times = [part.time for part in parts if part.time is not None]
    return min(times) if len(times) == len(parts) else None


def _placed(
    dates: Sequence[Sequence[StackImage]],
    choice: Choice,
    geometry: Callable[[tuple[int, int]], Geometry] | None,
) -> tuple[Geometry, tuple[tuple[_Placed, ...], ...]]:
    """Geometry of the stack, and where each date's parts lie in it."""
    images = [image for parts in dates for image in parts]
    first, stated = images[0], choice.geometry
    if first.grid is not None and stated is None and not all(is_same_grid(one.grid, first.grid) for one in images):
        joint = joint_grid([image.grid for image in images])
        if joint is None:
            other = next(image for image in images if joint_grid([first.grid, image.grid]) is None)
            raise ValueError(f"{other.path.name} lies on another grid than {first.path.name}")
        box, offsets = joint
        places = dict(zip(map(id, images), offsets, strict=True))
        return box, tuple(tuple(_Placed(one, *places[id(one)]) for one in parts) for parts in dates)
    for parts in dates:
        if len(parts) > 1:
            raise ValueError(
                f"{parts[0].path.name} and {parts[1].path.name} are of the same date, {parts[0].date}, on one grid; "
                "keep one"
            )
        if parts[0].shape != first.shape:
            raise ValueError(
                f"{parts[0].path.name} has shape {parts[0].shape}, {first.path.name} {first.shape}; the images of a "
                "stack are co-registered and have one shape"
            )
    place = stated or first.grid or choice.beside or _own_positions(geometry, first.shape, choice)
    if place is None:
        raise ValueError(f"{first.path.name} states no position of its pixels; {HOW_TO_STATE}")
    if place.shape != first.shape:
        raise ValueError(f"geometry must have the shape of the images, {first.shape}, got {place.shape}")
    return place, tuple((_Placed(parts[0], 0, 0),) for parts in dates)


def _own_positions(
    geometry: Callable[[tuple[int, int]], Geometry] | None, shape: tuple[int, int], choice: Choice
) -> Geometry | None:
    """Positions that the files state; a stand-in where they state none and none is needed."""
    try:
        found = geometry(shape) if geometry else None
    except ValueError:
        if choice.needs_positions:
            raise
        found = None
    return found if found is not None or choice.needs_positions else unknown_positions(shape)


def _pixels(
    dates: tuple[tuple[_Placed, ...], ...],
    shape: tuple[int, int],
    dtype: str,
    nodata: float | None,
    zeros: ZeroLines | None,
    index: int,
    rows: slice,
    cols: slice,
) -> NDArray[Any]:
    parts = dates[index]
    if len(parts) == 1 and parts[0].image.shape == shape:
        pixels = _valid(parts[0].image.read, nodata, rows, cols)
    else:
        within = (Part(one.row, one.col, one.image.shape, partial(_valid, one.image.read, nodata)) for one in parts)
        pixels = mosaic_window(within, rows, cols, dtype=dtype)
    if zeros is not None:
        zeros.look(pixels, rows, parts[0].image.path.name, width=shape[1])
    return pixels.astype(dtype, copy=False)


def _valid(
    read: Callable[[slice, slice], NDArray[Any]], nodata: float | None, rows: slice, cols: slice
) -> NDArray[Any]:
    return as_valid(read(rows, cols), nodata)
