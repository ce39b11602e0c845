"""Splits of tiles into training, validation and test sets: bands across an area."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.grid.antimeridian import side_by_side
from m3leo_sar.grid.projection import equal_area_plane
from m3leo_sar.grid.tiles import TileGrid

SPLITS = ("train", "test", "val")


def legacy_split(
    bounds: ArrayLike, *, angle: float, bands: int = 60, fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
) -> NDArray[np.str_]:
    """Split tiles into bands with the method of M3LEO.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.
    angle : float
        Direction of the bands in [-pi/2, pi/2]: 0 for strips from west to east, pi/2 for strips from south to north.
        Values in between give a linear blend of the two normalised axes, not a true angle.
    bands : int
        Number of bands.
    fractions : (float, float, float)
        Shares of train, test and val; the pattern of bands repeats their ratio to the smallest.

    Returns
    -------
    (tiles,) str
        ``"train"``, ``"test"`` or ``"val"``.

    Raises
    ------
    ValueError
        If a value is out of range, or no band width gives exactly ``bands`` bands, which the original silently
        ignores.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024, appendix A.2.

    Examples
    --------
    >>> tiles = [(i, 0.0, i + 1.0, 1.0) for i in range(100)]
    >>> legacy_split(tiles, angle=1.57, bands=10)[:80:10].tolist()
    ['train', 'train', 'train', 'test', 'val', 'train', 'train', 'train']
    """
    boxes = side_by_side(bounds)
    if not -np.pi / 2 <= angle <= np.pi / 2:
        raise ValueError(f"angle must lie in [-pi/2, pi/2], got {angle}")
    pattern = _pattern(fractions)
    band = _bands(_position(boxes, angle), bands)
    return np.array(pattern)[band % len(pattern)]


def _position(boxes: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    # Mean of a closed ring: the first corner counts twice, so it is not the centre.
    point = 0.6 * boxes[:, :2] + 0.4 * boxes[:, 2:]
    spread = np.ptp(point, axis=0)
    normalised = (point - point.min(axis=0)) / np.where(spread == 0, 1, spread)
    if angle < 0:
        normalised = 1 - normalised
    quarter = np.pi / 4
    if abs(angle) < quarter:
        weights = (abs(angle) / quarter, 1.0)
    else:
        weights = (float(np.sign(angle)), (np.pi / 2 - abs(angle)) / quarter)
    return normalised @ np.array(weights)


def _bands(position: NDArray[np.float64], bands: int) -> NDArray[np.intp]:
    for k in np.linspace(0.1, 50, 10_000):
        # Truncated towards zero, as the original casts to int.
        band = np.trunc(position / (k / bands)).astype(np.intp)
        if len(np.unique(band)) == bands:
            return band - band.min()
    raise ValueError(f"bands must be a number these {len(position)} tiles can fill, got {bands}")


def banded_split(
    grid: TileGrid,
    *,
    angle: float = 0.0,
    bands: int = 60,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
    buffer: float = 0.0,
) -> NDArray[np.str_]:
    """Split tiles into bands of equal size at a true angle, with an optional buffer between the splits.

    Tile centres are projected to an equal-area map about their middle. Bands are strips of that map, cut so that their
    numbers of tiles differ by at most one, assigned in turn to train, test and val.

    Parameters
    ----------
    grid : TileGrid
        Tiles of the exact lattice. Other lattices work too, but overlapping ground stays shared without a buffer.
    angle : float
        Direction of the bands in degrees clockwise from north: 0 for strips from south to north, 90 from west to
        east.
    bands : int
        Number of bands, at least the length of the pattern (5 by default) and at most one per tile.
    fractions : (float, float, float)
        Shares of train, test and val; the pattern of bands repeats their ratio to the smallest.
    buffer : float
        Minimum distance in metres between the ground of two splits. Tiles closer to the border of their band than half
        of it are set aside as ``"buffer"``.

    Returns
    -------
    (tiles,) str
        ``"train"``, ``"test"``, ``"val"`` or ``"buffer"``.

    Raises
    ------
    ValueError
        If a value is out of range, or the buffer leaves a split empty.

    Examples
    --------
    >>> from m3leo_sar import TileGrid
    >>> grid = TileGrid.exact((9.0, 50.0, 9.9, 50.4))
    >>> split = banded_split(grid, bands=5)
    >>> [int((split == name).sum()) for name in SPLITS], len(grid)
    ([99, 33, 33], 165)
    >>> apart = banded_split(grid, bands=5, buffer=5000)
    >>> [int((apart == name).sum()) for name in (*SPLITS, "buffer")]
    [88, 11, 22, 44]
    """
    if not (math.isfinite(angle) and math.isfinite(buffer) and buffer >= 0):
        raise ValueError(f"angle and buffer must be finite, buffer at least 0, got {angle} and {buffer}")
    pattern = _pattern(fractions)
    if not len(pattern) <= bands <= len(grid):
        raise ValueError(f"bands must be from {len(pattern)} to the number of tiles, {len(grid)}, got {bands}")
    low, high, centre = _across(grid, math.radians(angle))
    order = np.argsort(centre, kind="stable")
    band = np.empty(len(grid), np.intp)
    band[order] = np.arange(len(grid)) * bands // len(grid)
    split = np.array(pattern, f"U{len('buffer')}")[band % len(pattern)]
    # A border lies halfway between the last centre of a band and the first of the next.
    first = np.searchsorted(band[order], np.arange(1, bands))
    borders = (centre[order][first] + centre[order][first - 1]) / 2
    for number, border in enumerate(borders):
        if buffer > 0 and pattern[number % len(pattern)] != pattern[(number + 1) % len(pattern)]:
            below, above = band <= number, band > number
            split[(below & (high > border - buffer / 2)) | (above & (low < border + buffer / 2))] = "buffer"
    empty = [name for name in sorted(set(pattern)) if not (split == name).any()]
    if empty:
        raise ValueError(f"buffer must leave tiles in every split, {buffer} m leaves none in {', '.join(empty)}")
    return split


def _across(grid: TileGrid, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Minimum, maximum and middle distance of each tile's ground from a line at an angle, in metres."""
    west, south, east, north = grid.bounds.T
    middle = np.radians((west + east) / 2)
    longitude = np.degrees(np.arctan2(np.sin(middle).mean(), np.cos(middle).mean()))
    latitude = (south.min() + north.max()) / 2
    plane = equal_area_plane(longitude, latitude)

    def beside(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = plane(longitude, latitude)
        return x * np.cos(angle) - y * np.sin(angle)

    distance = [beside(lon, lat) for lon, lat in ((west, south), (east, south), (east, north), (west, north))]
    centre = beside((west + east) / 2, (south + north) / 2)
    return np.min(distance, axis=0), np.max(distance, axis=0), centre


def _pattern(fractions: tuple[float, float, float]) -> list[str]:
    """Names of the splits, repeated by their ratio to the smallest share."""
    if min(fractions) < 0 or max(fractions) <= 0:
        raise ValueError(f"fractions must not be negative, nor all zero, got {fractions}")
    smallest = min(share for share in fractions if share > 0)
    return [name for name, share in zip(SPLITS, fractions, strict=True) for _ in range(round(share / smallest))]


def ordered_split(bounds: ArrayLike, *, fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)) -> NDArray[np.str_]:
    """Split tiles from west to east into one band each of train, val and test, for areas too small for several bands.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.
    fractions : (float, float, float)
        Shares of train, val and test; each split gets at least one tile.

    Returns
    -------
    (tiles,) str

    Raises
    ------
    ValueError
        If there are fewer than three tiles, or the shares are invalid.

    Examples
    --------
    >>> ordered_split([(i, 0.0, i + 1.0, 1.0) for i in (2, 0, 1, 4, 3)]).tolist()
    ['train', 'train', 'train', 'test', 'val']
    """
    boxes = side_by_side(bounds)
    count = len(boxes)
    if count < 3:
        raise ValueError(f"a split needs at least three tiles, got {count}")
    if min(fractions) <= 0:
        raise ValueError(f"fractions must be above zero, got {fractions}")
    last = max(1, round(count * fractions[2] / sum(fractions)))
    middle = max(1, round(count * fractions[1] / sum(fractions)))
    names = np.array(["train"] * (count - middle - last) + ["val"] * middle + ["test"] * last)
    out = np.empty(count, names.dtype)
    out[np.lexsort((boxes[:, 1], boxes[:, 0]))] = names
    return out
