"""Ground with relief and land cover: a terrain model on whole seconds of arc, and the scatterers on it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.simulate.field import RandomField
from m3leo_sar.simulate.landcover import LandCover, class_indices

#: Posts of the terrain model per degree.
POSTS = 3600


@dataclass(frozen=True, kw_only=True)
class RoughGround:
    """Terrain and land cover of a rectangle of longitudes and latitudes.

    Parameters
    ----------
    west, north : int
        Seconds of arc of the first post's longitude and latitude.
    shape : (int, int)
        Posts from north to south and from west to east.
    classes : tuple of LandCover
    height, relief : float
        Mean height above the WGS 84 ellipsoid and its standard deviation, metres.
    hill, patch : float
        Typical size of a hill and of a patch of land cover, in posts.
    undulation : float
        Height of the geoid above the ellipsoid at the first post, metres; it rises to the east and falls to the south.
    seed : int
    """

    west: int
    north: int
    shape: tuple[int, int]
    classes: tuple[LandCover, ...]
    height: float = 320.0
    relief: float = 60.0
    hill: float = 60.0
    patch: float = 24.0
    undulation: float = 46.0
    seed: int = 0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the outer posts, degrees."""
        rows, cols = self.shape
        west, north = self.west / POSTS, self.north / POSTS
        return west, north - (rows - 1) / POSTS, west + (cols - 1) / POSTS, north

    @cached_property
    def heights(self) -> NDArray[np.float32]:
        """Metres above the ellipsoid at the posts."""
        field = RandomField((self.seed, 4), self.hill).window(*self._window())
        return (self.height + self.relief * field).astype(np.float32)

    @cached_property
    def cover(self) -> NDArray[np.intp]:
        """Index of the class at the posts."""
        return class_indices(self.classes, *self._window(), patch=self.patch, seed=self.seed)

    def geobox(self, crs: str) -> GeoBox:
        """Grid of the posts, whose pixels have their centres on whole seconds of arc."""
        west, south, east, north = self.bounds
        half = 0.5 / POSTS
        return GeoBox.from_bounds((west - half, south - half, east + half, north + half), shape=self.shape, crs=crs)

    def height_at(self, longitude: Any, latitude: Any) -> NDArray[np.float64]:
        """Metres above the ellipsoid, bilinear between posts; beyond the outer posts as there."""
        row, col = self._place(longitude, latitude)
        rows, cols = self.shape
        row, col = np.clip(row, 0, rows - 1), np.clip(col, 0, cols - 1)
        top, left = np.minimum(row.astype(np.int64), rows - 2), np.minimum(col.astype(np.int64), cols - 2)
        down, over = row - top, col - left
        flat = self.heights.astype(np.float64).ravel()
        first = top * cols + left
        upper = flat[first] * (1 - over) + flat[first + 1] * over
        lower = flat[first + cols] * (1 - over) + flat[first + cols + 1] * over
        return upper * (1 - down) + lower * down

    def cover_at(self, longitude: Any, latitude: Any) -> NDArray[np.intp]:
        """Index of the class at the nearest post."""
        row, col = self._place(longitude, latitude)
        places = zip((row, col), self.shape, strict=True)
        rows, cols = (np.clip(np.rint(at), 0, size - 1).astype(np.int64) for at, size in places)
        return self.cover[rows, cols]

    def geoid_at(self, longitude: Any, latitude: Any) -> NDArray[np.float64]:
        """Height of a made-up geoid above the ellipsoid, metres: a plane."""
        row, col = self._place(longitude, latitude)
        return self.undulation + (0.8 * col - 0.5 * row) / POSTS

    def geoid_file(self) -> bytes:
        """The geoid around this ground as a GTX file: big-endian header, then rows from south to north."""
        west, south, east, north = (round(edge, 2) for edge in self.bounds)
        step = 0.25
        west, south = west - 1, south - 1
        rows, cols = round((north + 1 - south) / step) + 1, round((east + 1 - west) / step) + 1
        latitude, longitude = south + step * np.arange(rows)[:, None], west + step * np.arange(cols)
        header = struct.pack(">4d2i", south, west, step, step, rows, cols)
        return header + self.geoid_at(longitude, latitude).astype(">f4").tobytes()

    def _place(self, longitude: Any, latitude: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        beyond = (np.asarray(longitude, np.float64) * POSTS - self.west + 180 * POSTS) % (360 * POSTS) - 180 * POSTS
        return self.north - np.asarray(latitude, np.float64) * POSTS, beyond

    def _window(self) -> tuple[slice, slice]:
        # Counted from the corner of the globe: the same ground in any rectangle.
        top, left = 90 * POSTS - self.north, 180 * POSTS + self.west
        return slice(top, top + self.shape[0]), slice(left, left + self.shape[1])
