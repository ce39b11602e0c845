"""Frames or slices of one pass, on one grid of pixels, as one stack: a mosaic that is read where it is asked for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.joint_grid import joint_grid
from m3leo_sar.stack.concurrent_read import joined_read
from m3leo_sar.stack.mosaic import Part, mosaic_window
from m3leo_sar.stack.slc import SlcStack

#: Properties that the frames of a pass share.
_SHARED = ("polarisation", "dtype", "orbit", "track", "frequency")


class _Frame(NamedTuple):
    """A frame and its place in the mosaic."""

    row: int
    col: int
    stack: SlcStack


def join_frames(stacks: Sequence[SlcStack], *, name: str | None = None) -> SlcStack:
    """One stack of frames that lie side by side or overlap on one grid.

    A date of several frames is one date. Where frames overlap, the first from the top, then from the left, that has
    data is taken; a date that a frame lacks has no data there. Only the frames under a window are read.

    Parameters
    ----------
    stacks : sequence of SlcStack
        On a map grid, of one polarisation, orbit, track and band.
    name : str, optional
        Name of the mosaic in messages.

    Returns
    -------
    SlcStack
        On the smallest grid that holds all frames, with the dates of all.

    Raises
    ------
    ValueError
        If there is no stack, one is in radar geometry (such frames are a :class:`m3leo_sar.stack.burst_set.BurstSet`),
        the grids have other spacing or lie between each other's pixels, or a property differs.

    Examples
    --------
    >>> import numpy as np
    >>> box = GeoBox.from_bounds((500000, 0, 500080, 60), shape=(6, 8), crs="EPSG:32631")
    >>> def frame(rows):
    ...     return SlcStack.from_arrays(
    ...         np.ones((1, rows.stop - rows.start, 8), "complex64"), [datetime.date(2023, 3, 1)],
    ...         geometry=box.crop(rows, slice(0, 8)), polarisation="VV")
    >>> join_frames([frame(slice(3, 6)), frame(slice(0, 4))]).shape
    (1, 6, 8)
    """
    if not stacks:
        raise ValueError("stacks must hold at least one frame, got none")
    first = stacks[0]
    for stack in stacks:
        _require_alike(first, stack)
    geobox, places = _joint(stacks)
    found = [_Frame(*place, stack) for place, stack in zip(places, stacks, strict=True)]
    # By place, so that the mosaic does not depend on the order of the frames.
    frames = tuple(sorted(found, key=lambda frame: (frame.row, frame.col, frame.stack.name)))
    dates = tuple(sorted({date for stack in stacks for date in stack.dates}))
    return replace(
        first,
        dates=dates,
        read=joined_read(partial(_read, frames, dates), [frame.stack.read for frame in frames]),
        geometry=geobox,
        outline=None,
        acquisitions=None,
        times=_times(frames, dates),
        platforms=_platforms(frames, dates),
        burst="+".join(dict.fromkeys(frame.stack.burst for frame in frames if frame.stack.burst)) or None,
        name=name or f"{len(frames)} frames, {frames[0].stack.name} and others",
    )


def _require_alike(first: SlcStack, other: SlcStack) -> None:
    if not isinstance(other.geometry, GeoBox):
        raise ValueError(f"frames must lie on a map grid, {other.name} is in radar geometry; take them as a BurstSet")
    for name in _SHARED:
        if getattr(other, name) != getattr(first, name):
            raise ValueError(
                f"frames must be of one {name}, {first.name} is of {getattr(first, name)}, {other.name} of "
                f"{getattr(other, name)}"
            )


def _joint(stacks: Sequence[SlcStack]) -> tuple[GeoBox, list[tuple[int, int]]]:
    """The grid of the mosaic, and the row and column at which each frame begins."""
    boxes: list[GeoBox] = [stack.geometry for stack in stacks]  # type: ignore[misc]
    found = joint_grid(boxes)
    if found is None:
        off = next(stack for stack, box in zip(stacks, boxes, strict=True) if joint_grid([boxes[0], box]) is None)
        raise ValueError(f"frames must lie on one grid of pixels, {off.name} does not lie on that of {stacks[0].name}")
    return found


def _read(
    frames: tuple[_Frame, ...], dates: tuple[datetime.date, ...], index: int, rows: slice, cols: slice
) -> NDArray[Any]:
    polarisation, place = divmod(index, len(dates))
    first = frames[0].stack
    image = (first.polarisations[polarisation], dates[place])
    parts = (
        Part(frame.row, frame.col, frame.stack.shape[1:], partial(_pixels, frame.stack, image))  # type: ignore[arg-type]
        for frame in frames
        if image[1] in frame.stack.dates
    )
    return mosaic_window(parts, rows, cols, dtype=first.dtype)


def _pixels(stack: SlcStack, image: tuple[str, datetime.date], rows: slice, cols: slice) -> NDArray[Any]:
    return stack.images([image], rows, cols)[0]


def _times(frames: Sequence[_Frame], dates: Sequence[datetime.date]) -> tuple[datetime.datetime, ...] | None:
    """Earliest time of each date, if every frame knows its times."""
    if any(frame.stack.times is None for frame in frames):
        return None
    moments = sorted(moment for frame in frames for moment in frame.stack.times or ())
    first = {moment.date(): moment for moment in reversed(moments)}
    return tuple(first[date] for date in dates)


def _platforms(frames: Sequence[_Frame], dates: Sequence[datetime.date]) -> tuple[str | None, ...] | None:
    known = {
        date: platform
        for frame in frames
        for date, platform in zip(frame.stack.dates, frame.stack.platforms or (), strict=False)
        if platform
    }
    return tuple(known.get(date) for date in dates) if known else None
