"""Position of a tile on a stack, and the part of the stack that it needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._machine import within_memory
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import OrbitGeometry, StoredRadarGeometry
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geo2rdr import radar_map
from m3leo_sar.warp.geolocate import geolocation_map
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map
from m3leo_sar.warp.reproject import reproject
from m3leo_sar.warp.sample import margin_of
from m3leo_sar.warp.timing import TimingCorrection, with_timing

#: Most bytes of the stack per tile, and half of the memory at most; a tile that needs more is refused before memory is
#: allocated.
LARGEST_READ = 4 << 30


def positions_on(stack: SlcStack, tile: Tile | GeoBox) -> PixelMap:
    """Position of each pixel of a tile on a stack."""
    target = as_geobox(tile, "tile")
    if isinstance(stack.geometry, GeoBox):
        return pixel_map(stack.geometry, target)
    if isinstance(stack.geometry, OrbitGeometry):
        return _positions_by_orbit(stack.geometry, target)
    if isinstance(stack.geometry, StoredRadarGeometry):
        return _positions_in_part(stack.geometry, target)
    return geolocation_map(stack.geometry.latitude, stack.geometry.longitude, target)


def _positions_by_orbit(place: OrbitGeometry, target: GeoBox) -> PixelMap:
    """Positions from orbit and terrain, moved by the timing that the annotation leaves out."""
    found = radar_map(
        target, orbit=place.orbit, radar_grid=place.radar_grid, dem=place.dem, dem_geobox=place.dem_geobox
    )
    if place.timing is None:
        return found
    height = reproject(place.dem, place.dem_geobox, target).astype(np.float64)
    correction = TimingCorrection(**place.timing._asdict())
    return with_timing(found, correction, height=height, orbit=place.orbit, radar_grid=place.radar_grid)


def _positions_in_part(geometry: StoredRadarGeometry, target: GeoBox) -> PixelMap:
    """Positions on a scene whose coordinates are read around the tile only."""
    part = geometry.around(target.bounds_in("EPSG:4326"))
    if part is None:
        nowhere = np.full(target.shape, np.nan)
        return PixelMap(nowhere, nowhere, geometry.shape)
    there = geometry.read(*part)
    found = geolocation_map(there.latitude, there.longitude, target)
    rows, cols = (axis + span.start for axis, span in zip((found.rows, found.cols), part, strict=True))
    return PixelMap(rows, cols, geometry.shape, scale=found.scale)


class Part(NamedTuple):
    """The pixels of a tile that one stack gives."""

    stack: SlcStack
    #: Position of each pixel of the tile on the stack.
    positions: PixelMap
    #: (tile rows, tile cols): which pixels of the tile these are; None for all.
    mask: NDArray[np.bool_] | None = None


class Placement(NamedTuple):
    """The stacks that give a tile's pixels."""

    parts: tuple[Part, ...]
    #: The reason if too small a share of the tile lies on the stacks; empty otherwise.
    reason: str = ""


def placement_on(stack: SlcStack | BurstSet, tile: Tile, minimum_coverage: float) -> Placement:
    """Parts of a tile on a stack, or on the bursts of a set, each pixel on one burst whatever the pair."""
    if isinstance(stack, SlcStack):
        positions, reason = place_on(stack, tile, minimum_coverage)
        return Placement((Part(stack, positions),), reason)
    found = [_positions_or_none(burst, tile) for burst in stack.bursts]
    nowhere = np.full(tile.geobox.shape, np.nan)
    choice = stack.choice([(nowhere, nowhere) if place is None else (place.rows, place.cols) for place in found])
    parts = tuple(
        Part(burst, place, choice == index)
        for index, (burst, place) in enumerate(zip(stack.bursts, found, strict=True))
        if place is not None and (choice == index).any()
    )
    covered = float((choice >= 0).mean())
    too_little = covered == 0 or covered < minimum_coverage
    return Placement(parts, _too_little(covered, "bursts", minimum_coverage) if too_little else "")


def _positions_or_none(burst: SlcStack, tile: Tile) -> PixelMap | None:
    """Positions of a tile on a burst; None if none of its pixels lies there."""
    positions = positions_on(burst, tile)
    return positions if _coverage(positions, burst) > 0 else None


def place_on(stack: SlcStack, tile: Tile, minimum_coverage: float) -> tuple[PixelMap, str]:
    """Positions of a tile on a stack, and a reason if too small a share of its pixels lies on the stack."""
    positions = positions_on(stack, tile)
    covered = _coverage(positions, stack)
    too_little = covered == 0 or covered < minimum_coverage
    return positions, _too_little(covered, "stack", minimum_coverage) if too_little else ""


def _too_little(covered: float, name: str, minimum_coverage: float) -> str:
    least = f", less than minimum_coverage={minimum_coverage:g}" if minimum_coverage > 0 else ""
    return f"{covered:.0%} of it lies on the {name}{least}"


def span_on(stack: SlcStack, positions: PixelMap, *, window: Window, resampling: str) -> tuple[slice, slice]:
    """Rows and columns of a stack that a tile needs, so that each window has the samples of the whole stack.

    Raises
    ------
    ValueError
        If no pixel of the tile lies on the stack.
    """
    spans = positions.window(margin=margin_of(positions, resampling))
    rows, cols = (
        slice(max(0, span.start - before), min(size, span.stop + after))
        for span, size, before, after in zip(spans, stack.shape[1:], window.before, window.after, strict=True)
    )
    return rows, cols


def _coverage(positions: PixelMap, stack: SlcStack) -> float:
    """Share of the tile's pixels that lie on the stack."""
    _, rows, cols = stack.shape
    # NaN, an unknown position, compares false.
    inside = np.abs(positions.rows - (rows - 1) / 2) <= rows / 2
    inside &= np.abs(positions.cols - (cols - 1) / 2) <= cols / 2
    return float(inside.mean())


def _check_size(tile: Tile, rows: slice, cols: slice, images: int, stack: SlcStack) -> None:
    size = (rows.stop - rows.start) * (cols.stop - cols.start) * images * np.dtype(stack.dtype).itemsize
    largest = within_memory(LARGEST_READ, parts=2)
    if size > largest:
        raise ValueError(
            f"tile {tile.identifier} must need at most {largest / 2**30:.1f} GiB of {stack.name}, got "
            f"{size / 2**30:.1f} GiB for {images} images; use smaller tiles or fewer pairs at a time"
        )
