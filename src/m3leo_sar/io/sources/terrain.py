"""Terrain models as heights above the WGS 84 ellipsoid: one raster, a VRT, or folders of tiles of one degree."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.fill
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import bounds_of_all, nearest_longitude
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.geoid import GEOIDS, find_geoid, geoid_folders, undulation, vertical_datum
from m3leo_sar.grid.heights import ELLIPSOID, ellipsoidal_heights
from m3leo_sar.grid.pixel_polynomial import bilinear_grid
from m3leo_sar.grid.projection import (
    LONGITUDE_LATITUDE,
    horizontal_crs,
    is_geographic,
    is_same_horizontal,
    transformer_between,
    vertical_part,
)
from m3leo_sar.io.sources.dem_mosaic import DemPart, mosaic
from m3leo_sar.io.sources.dem_tiles import DemTiles, cell_name, cells_of

#: Heights on Earth, metres; anything beyond is a no-data value that the file does not declare.
_LOWEST, _HIGHEST = -500.0, 9000.0
#: Posts between two nodes of the geoid, which is smooth.
_GEOID_STEP = 16
#: Holes of at most this many posts are interpolated.
_SMALL_HOLE = 16

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """Heights of a terrain model, read in windows. Open one with :func:`open_terrain`.

    Parameters
    ----------
    tiles : DemTiles
        Its rasters.
    crs : str
        Horizontal CRS of all of them.
    vertical_crs : str
        Vertical datum: ``"ellipsoid"``, or the CRS of heights above a geoid.
    geoid : Path or None
        Grid of the geoid.
    nodata : float or None
        No-data value, in addition to the files' own.
    missing : {"sea", "refuse"}
        What a cell without a tile is.
    """

    tiles: DemTiles
    crs: str
    vertical_crs: str
    geoid: Path | None
    nodata: float | None
    missing: str
    _reported: set[str] = field(default_factory=set)

    @property
    def fingerprint(self) -> str:
        """Digest of the names and sizes of the files, of the datum and of the geoid."""
        facts = [self.vertical_crs, self.missing, str(self.nodata), self.geoid.name if self.geoid else ""]
        facts += sorted(f"{file.name} {file.stat().st_size}" for file in self.tiles.all)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    @property
    def resolution(self) -> tuple[float, float]:
        """Steps from post to post of the first of its rasters, along x and y in units of the CRS."""
        return self.tiles.grid(self.tiles.all[0]).resolution

    @property
    def is_geographic(self) -> bool:
        """Whether its CRS is one of longitude and latitude."""
        return is_geographic(self.crs)

    def window(self, bounds: Bounds, *, minimum_share: float = 1.0) -> tuple[NDArray[np.float32], GeoBox]:
        """Heights in bounds.

        Parameters
        ----------
        bounds : (west, south, east, north)
            WGS 84 degrees; east may lie beyond 180, or west below -180, across the 180th meridian.
        minimum_share : float
            Minimum share of the bounds that the rasters have to cover, 0 to 1.

        Returns
        -------
        heights : (rows, cols) float32
            Metres above the WGS 84 ellipsoid, NaN where unknown. Holes of a few posts are interpolated.
        geobox : GeoBox
            Their grid, in the horizontal CRS of the terrain model: the posts whose pixels touch the bounds. The bounds
            of a grid in degrees give the same grid again.

        Raises
        ------
        ValueError
            If too little of the bounds is covered, heights are not on Earth, or the geoid is unknown there.

        Warns
        -----
        UserWarning
            If cells without a tile are taken as sea.
        """
        area = self._in_crs(bounds)
        parts = self._parts(bounds, area)
        if not parts:
            raise ValueError(self._not_covering(bounds, 0.0))
        heights, covered, box = mosaic(parts, area, self.crs, nodata=self.nodata)
        _require_on_earth(heights, parts)
        _fill_small_holes(heights)
        sea = self._sea(bounds, covered, box)
        heights[sea] = 0.0
        share = _covered_share(covered | sea, box, bounds)
        if share < minimum_share:
            raise ValueError(self._not_covering(bounds, share))
        return self._above_ellipsoid(heights, box), box

    def _in_crs(self, bounds: Bounds) -> Bounds:
        if is_geographic(self.crs):
            return bounds
        outline = GeoBox.from_bounds(bounds, shape=(8, 8), crs=LONGITUDE_LATITUDE).outline()
        x, y = transformer_between(LONGITUDE_LATITUDE, self.crs).transform(*outline)
        return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))

    def _parts(self, bounds: Bounds, area: Bounds) -> list[DemPart]:
        """Rasters that touch bounds, moved by full turns where they lie on the other side of the 180th meridian."""
        found = []
        around = (bounds[0] - 0.02, bounds[1] - 0.02, bounds[2] + 0.02, bounds[3] + 0.02)
        for file in (*self.tiles.files, *self.tiles.near(around).values()):
            grid = self.tiles.grid(file)
            if not is_same_horizontal(grid.crs, self.crs):
                raise ValueError(
                    f"dem must be in one CRS, {file.name} is in {horizontal_crs(grid.crs)}, not {self.crs}"
                )
            for turn in (0.0, -360.0, 360.0) if is_geographic(self.crs) else (0.0,):
                a = grid.affine
                box = GeoBox(grid.shape, Affine(a.a, a.b, a.c + turn, a.d, a.e, a.f), self.crs)
                if _touch(box.bounds, area, box.resolution[0]):
                    found.append(DemPart(file, box))
        return found

    def _sea(self, bounds: Bounds, covered: NDArray[np.bool_], box: GeoBox) -> NDArray[np.bool_]:
        """Posts in cells without a tile, where the terrain model is a set of tiles."""
        sea = np.zeros(box.shape, bool)
        if not self.tiles.cells or self.missing != "sea" or covered.all():
            return sea
        x, y = box.centres()
        # A post on the edge of two cells belongs to the eastern and to the southern one.
        lon, lat = np.floor(x + 1e-6).astype(int), np.ceil(y - 1e-6).astype(int) - 1
        lon = (lon + 180) % 360 - 180
        absent = [cell for cell in cells_of(box.bounds) if cell not in self.tiles.cells]
        for cell in absent:
            sea |= ~covered & (lon == cell[0]) & (lat == cell[1])
        inside = [cell_name(cell) for cell in cells_of(bounds) if cell in absent]
        new = [name for name in inside if name not in self._reported]
        if new and sea.any():
            self._reported.update(new)
            warnings.warn(
                f"cells without a tile are taken as sea, height 0 above the geoid: {', '.join(new)}", stacklevel=4
            )
        return sea

    def _above_ellipsoid(self, heights: NDArray[np.float32], box: GeoBox) -> NDArray[np.float32]:
        if self.vertical_crs == ELLIPSOID:
            return heights
        if self.geoid is None:
            return np.asarray(ellipsoidal_heights(heights, box, vertical_crs=self.vertical_crs)[0])
        rows, cols = (_nodes(size) for size in box.shape)
        a = box.affine
        x, y = np.meshgrid(a.c + a.a * (cols + 0.5), a.f + a.e * (rows + 0.5))
        if not is_geographic(self.crs):
            x, y = transformer_between(self.crs, LONGITUDE_LATITUDE).transform(x, y)
        above = undulation(self.geoid, nearest_longitude(x, 0.0), y)
        if not np.isfinite(above).all():
            raise ValueError(
                f"geoid must cover the terrain, {self.geoid.name} does not around {y.mean():.2f} N {x.mean():.2f} E"
            )
        return heights + bilinear_grid(above, rows.tolist(), cols.tolist(), box.shape).astype(np.float32)

    def _not_covering(self, bounds: Bounds, share: float) -> str:
        wanted = ", ".join(f"{edge:.3f}" for edge in bounds)
        boxes = [self.tiles.grid(file).bounds_in(LONGITUDE_LATITUDE) for file in self.tiles.files]
        boxes += [(lon, lat, lon + 1, lat + 1) for lon, lat in self.tiles.cells]
        held = ", ".join(f"{edge:.3f}" for edge in bounds_of_all(boxes))
        missing = [cell_name(cell) for cell in cells_of(bounds) if cell not in self.tiles.cells]
        lacking = f"; cells without a tile: {', '.join(missing)}" if self.tiles.cells and missing else ""
        return (
            f"dem must cover {wanted} (west, south, east, north), it covers {100 * share:.1f} % of that; its own "
            f"bounds are {held}{lacking}"
        )


def open_terrain(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    vertical_crs: str | None = None,
    geoid: str | os.PathLike[str] | None = None,
    nodata: float | None = None,
    missing: str = "sea",
) -> Terrain:
    """Open a terrain model: a raster, a VRT, or folders of tiles of one degree with the names of their cells.

    Tiles of the Copernicus DEM, SRTM, NASADEM, ASTER and ALOS are recognised (``..._N31_00_W009_00_DEM.tif``,
    ``N31W009.hgt``). Those of different widths, as the Copernicus DEM has from 50 degrees of latitude on, are joined by
    bilinear interpolation.

    Parameters
    ----------
    paths : path, or an iterable of them
    vertical_crs : str, optional
        Vertical datum, where the CRS of the files does not specify it: ``"egm2008"`` (Copernicus DEM), ``"egm96"``
        (SRTM, NASADEM, ALOS), ``"ellipsoid"``, or the code of a vertical CRS.
    geoid : path, optional
        Grid of the geoid, such as ``egm96_15.gtx``. By default, that of the datum, from PROJ's folders.
    nodata : float, optional
        No-data value, in addition to the files' own.
    missing : {"sea", "refuse"}
        A cell without a tile in a set of tiles: sea at height 0 above the geoid, as the Copernicus DEM and SRTM have no
        tiles there, with a warning; or not covered.

    Raises
    ------
    FileNotFoundError
        If there is nothing at a path.
    ValueError
        If there is no raster, its vertical datum is neither in its CRS nor stated, both contradict, or the grid of its
        geoid is not on this machine; the message names the grid and the folders.
    """
    if missing not in ("sea", "refuse"):
        raise ValueError(f"missing must be sea or refuse, got {missing!r}")
    tiles = DemTiles.of(paths)
    label = tiles.grid(tiles.all[0]).crs
    datum = _datum(label, vertical_crs, geoid, tiles.all[0].name)
    grid = None if geoid is None else Path(geoid)
    if grid is not None:
        undulation(grid, 0.0, 0.0)
    elif datum != ELLIPSOID:
        grid = find_geoid(datum)
        if grid is None:
            _require_operation(datum, horizontal_crs(label))
    return Terrain(tiles, horizontal_crs(label), datum, grid, nodata, missing)


def height_fingerprint(heights: NDArray[np.float32], geobox: GeoBox) -> str:
    """Digest of heights and their grid, by which a stack knows the terrain that it was flattened with."""
    found = hashlib.sha256(repr((geobox.shape, tuple(geobox.affine)[:6], geobox.crs)).encode())
    found.update(np.ascontiguousarray(heights).data)
    return found.hexdigest()[:16]


def _datum(label: str, stated: str | None, geoid: Any, name: str) -> str:
    """Vertical datum of a raster: of its CRS, or as stated."""
    own, given = vertical_part(label), None if stated is None else vertical_datum(stated)
    if own is not None and given is not None and own != given:
        raise ValueError(f"vertical_crs must be that of the CRS of {name}, {own}, or left out, got {stated}")
    datum = own or given
    if datum == ELLIPSOID and geoid is not None:
        raise ValueError(f"geoid must be left out, as the heights of {name} are above the ellipsoid")
    if datum is None and geoid is None:
        raise ValueError(
            f"vertical_crs must state what the heights of {name} are above, as its CRS does not: egm2008 (Copernicus "
            "DEM), egm96 (SRTM, NASADEM, ALOS) or ellipsoid"
        )
    return datum or "geoid"


def _require_operation(datum: str, crs: str) -> None:
    """Refuse a datum that PROJ cannot take to the ellipsoid: it would return the heights unchanged."""
    box = GeoBox((1, 1), Affine(1.0, 0.0, 0.0, 0.0, -1.0, 0.0), crs)
    try:
        ellipsoidal_heights(np.full((1, 1), np.nan), box, vertical_crs=datum)
    except ValueError as error:
        names = [name for geoid in GEOIDS.values() if geoid.vertical_crs == datum for name in geoid.grids]
        if not names:
            raise
        folders = ", ".join(map(str, geoid_folders()))
        raise ValueError(
            f"geoid must name the grid of {datum}, as none was found: {' or '.join(names)} in {folders}"
        ) from error


def _touch(one: Bounds, other: Bounds, step: float) -> bool:
    return (
        one[0] < other[2] + step and other[0] - step < one[2] and one[1] < other[3] + step and other[1] - step < one[3]
    )


def _nodes(size: int) -> NDArray[np.float64]:
    return np.unique(np.append(np.arange(0, size, _GEOID_STEP), size - 1)).astype(np.float64)


def _require_on_earth(heights: NDArray[np.float32], parts: Sequence[DemPart]) -> None:
    low, high = (float(edge(heights)) if np.isfinite(heights).any() else 0.0 for edge in (np.nanmin, np.nanmax))
    if low < _LOWEST or high > _HIGHEST:
        worst = low if low < _LOWEST else high
        raise ValueError(
            f"dem must have heights of {_LOWEST:.0f} to {_HIGHEST:.0f} m, {parts[0].file.name} or its neighbours have "
            f"{worst:.0f}; if that is a no-data value, state nodata={worst:.0f}"
        )


def _fill_small_holes(heights: NDArray[np.float32]) -> None:
    """Interpolate holes of a few posts in place."""
    empty = np.isnan(heights)
    if not empty.any() or empty.all():
        return
    from scipy.ndimage import label

    holes, _ = label(empty, structure=np.ones((3, 3)))
    sizes = np.bincount(holes.ravel())
    edges = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    small = (sizes <= _SMALL_HOLE) & ~np.isin(np.arange(sizes.size), edges)
    small[0] = False
    chosen = small[holes]
    if chosen.any():
        known = np.where(empty, np.float32(0), heights)
        filled = rasterio.fill.fillnodata(known, mask=(~empty).astype(np.uint8), max_search_distance=2 * _SMALL_HOLE)
        heights[chosen] = filled[chosen]


def _covered_share(covered: NDArray[np.bool_], box: GeoBox, bounds: Bounds) -> float:
    """Share of bounds in degrees that posts cover, on a lattice of 64 by 64 places."""
    west, south, east, north = bounds
    steps = (np.arange(64) + 0.5) / 64
    lon, lat = np.meshgrid(west + (east - west) * steps, south + (north - south) * steps)
    x, y = (
        (lon, lat) if is_geographic(box.crs) else transformer_between(LONGITUDE_LATITUDE, box.crs).transform(lon, lat)
    )
    rows, cols = (np.round(axis).astype(int) for axis in box.to_pixels(x, y))
    inside = (rows >= 0) & (rows < box.shape[0]) & (cols >= 0) & (cols < box.shape[1])
    return float((inside & covered[np.clip(rows, 0, box.shape[0] - 1), np.clip(cols, 0, box.shape[1] - 1)]).mean())
