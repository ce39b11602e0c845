"""Heights of several rasters on one lattice of posts: pasted where their lattices agree, bilinear where they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.no_data import is_no_data, masked_pixels
from m3leo_sar.io.files.raster import open_raster

#: Posts of another lattice beyond the bounds on each side, for interpolation at their edge.
_MARGIN = 2
#: Largest difference of two lattices that count as one, posts.
_SAME = 1e-3

Bounds = tuple[float, float, float, float]


class DemPart(NamedTuple):
    """A raster that has a share in a mosaic."""

    file: Path
    #: Its grid in the CRS of the mosaic, moved by full turns where needed.
    geobox: GeoBox


def mosaic(
    parts: Sequence[DemPart], bounds: Bounds, crs: str, *, nodata: float | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_], GeoBox]:
    """Heights of the posts whose pixels touch bounds; of the bounds of such a window, the same posts again.

    Parameters
    ----------
    parts : sequence of DemPart
        The finest gives the lattice.
    bounds : (west, south, east, north)
        In the CRS.
    nodata : float, optional
        No-data value, in addition to the files' own.

    Returns
    -------
    heights : (rows, cols) float32
        As stored, scale and offset applied; NaN where there is none.
    covered : (rows, cols) bool
        Whether a raster covers a post, with a height or without.
    geobox : GeoBox
    """
    families = _families(parts)
    box = _window(families[0][0].geobox, bounds, crs, margin=0)
    limits.require_array("the terrain of a burst", box.shape, 8, limits.LARGEST_RASTER)
    heights, covered = np.full(box.shape, np.nan, np.float32), np.zeros(box.shape, bool)
    for family in families:
        # More posts around, as those of a coarser lattice lie beyond the finer one's.
        own = _window(family[0].geobox, box.bounds, crs, margin=_MARGIN)
        plane, extent = _pasted(family, own, nodata)
        plane, extent = _on_lattice(plane, extent, own, box)
        np.copyto(heights, plane, where=np.isnan(heights))
        covered |= extent
    return heights, covered, box


def _families(parts: Sequence[DemPart]) -> list[list[DemPart]]:
    """Rasters by their lattice of posts, the finest first."""
    found: list[list[DemPart]] = []
    for part in sorted(parts, key=lambda part: (_area(part.geobox), part.file.name)):
        for family in found:
            if _is_same_lattice(family[0].geobox, part.geobox):
                family.append(part)
                break
        else:
            found.append([part])
    return found


def _area(box: GeoBox) -> float:
    return round(abs(box.affine.a * box.affine.e) * 1e12)


def _is_same_lattice(one: GeoBox, other: GeoBox) -> bool:
    a, b = one.affine, other.affine
    if abs(a.a - b.a) * other.shape[1] > _SAME * a.a or abs(a.e - b.e) * other.shape[0] > -_SAME * a.e:
        return False
    apart = (b.c - a.c) / a.a, (b.f - a.f) / a.e
    return all(abs(step - round(step)) < _SAME for step in apart)


def _window(lattice: GeoBox, bounds: Bounds, crs: str, *, margin: int) -> GeoBox:
    """Posts of a lattice whose pixels touch bounds, and some around them."""
    west, south, east, north = bounds
    a = lattice.affine
    (step_x, phase_x), (step_y, phase_y) = _lattice_line(a.a, a.c), _lattice_line(a.e, a.f)
    low = west / step_x - phase_x, north / step_y - phase_y
    high = east / step_x - phase_x, south / step_y - phase_y
    # Bounds that are edges of pixels but for rounding take no further pixel.
    first = [math.floor(edge + _SAME) - margin for edge in low]
    last = [math.ceil(edge - _SAME) + margin for edge in high]
    origin = Affine(step_x, 0.0, (first[0] + phase_x) * step_x, 0.0, step_y, (first[1] + phase_y) * step_y)
    return GeoBox((last[1] - first[1], last[0] - first[0]), origin, crs)


def _lattice_line(step: float, edge: float) -> tuple[float, float]:
    """Step of a lattice, and the place of its edges in steps from 0, without the last digits of single files.

    Whichever file states the lattice, a window has the same bits.
    """
    step = float(f"{step:.13g}")
    place = edge / step
    return step, round(place - math.floor(place), 5) % 1.0


def _pasted(
    family: Sequence[DemPart], box: GeoBox, nodata: float | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Heights of rasters of one lattice, and the posts that they cover."""
    heights, covered = np.full(box.shape, np.nan, np.float32), np.zeros(box.shape, bool)
    for part in family:
        a = part.geobox.affine
        top = round((a.f - box.affine.f) / box.affine.e), round((a.c - box.affine.c) / box.affine.a)
        spans = [
            (max(start, 0), min(start + size, whole))
            for start, size, whole in zip(top, part.geobox.shape, box.shape, strict=True)
        ]
        if any(low >= high for low, high in spans):
            continue
        place = tuple(slice(*span) for span in spans)
        rows, cols = (slice(low - start, high - start) for (low, high), start in zip(spans, top, strict=True))
        read = _read(part.file, rows, cols, nodata)
        np.copyto(heights[place], read, where=np.isnan(heights[place]))
        covered[place] = True
    return heights, covered


def _read(file: Path, rows: slice, cols: slice, nodata: float | None) -> NDArray[np.float32]:
    window = rasterio.windows.Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
    with open_raster(file) as source:
        raw = source.read(1, window=window)
        empty = is_no_data(raw, source.nodatavals[0]) | is_no_data(raw, nodata)
        hidden = masked_pixels(source, file, 1, window)
        heights = raw.astype(np.float32) * np.float32(source.scales[0]) + np.float32(source.offsets[0])
    heights[empty if hidden is None else empty | hidden] = np.nan
    return heights


def _on_lattice(
    plane: NDArray[np.float32], extent: NDArray[np.bool_], own: GeoBox, box: GeoBox
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Heights on another lattice, bilinear; unchanged posts where the lattices agree."""
    rows, _ = own.to_pixels(np.full(box.shape[0], box.affine.c), _centres(box.affine.f, box.affine.e, box.shape[0]))
    _, cols = own.to_pixels(_centres(box.affine.c, box.affine.a, box.shape[1]), np.full(box.shape[1], box.affine.f))
    axes = zip((rows, cols), own.shape, strict=True)
    near = np.ix_(*(np.clip(np.round(axis).astype(int), 0, size - 1) for axis, size in axes))
    if all(np.abs(axis - np.round(axis)).max() < _SAME for axis in (rows, cols)):
        return plane[near], extent[near]
    return _linear(_linear(plane, rows, 0), cols, 1), extent[near]


def _centres(start: float, step: float, count: int) -> NDArray[np.float64]:
    return start + step * (np.arange(count, dtype=np.float64) + 0.5)


def _linear(plane: NDArray[np.float32], places: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Linear interpolation along an axis; the nearer of two posts where the other one is NaN."""
    first = np.clip(np.floor(places + _SAME).astype(int), 0, plane.shape[axis] - 2)
    weight = np.clip(places - first, 0, 1)
    share = weight.reshape((-1, 1) if axis == 0 else (1, -1)).astype(np.float32)
    low, high = np.take(plane, first, axis=axis), np.take(plane, first + 1, axis=axis)
    between, nearer = low + share * (high - low), np.where(share < 0.5, low, high)
    return np.where(np.isnan(between), nearer, between).astype(np.float32)
