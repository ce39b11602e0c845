"""Tile grids: M3LEO's own, reproduced bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.identifier import list_hash, tile_identifier

__all__ = ["Tile", "TileGrid", "list_hash", "tile_identifier"]

#: Side of M3LEO's tiles in metres and in pixels.
SIDE, PIXELS = 4480, 448
_LONLAT = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its identifier and its pixel grid.

    Parameters
    ----------
    identifier : str
        Thirteen hexadecimal digits.
    bounds : (float, float, float, float)
        (minlon, minlat, maxlon, maxlat) in degrees.
    pixels : int
        Rows and columns of the tile's chips.
    """

    identifier: str
    bounds: tuple[float, float, float, float]
    pixels: int = PIXELS

    @property
    def geobox(self) -> GeoBox:
        """Pixel grid of the tile's chips, north-up in EPSG:4326."""
        return GeoBox.from_bounds(self.bounds, shape=(self.pixels, self.pixels), crs=_LONLAT)


class TileGrid(Sequence[Tile]):
    """An ordered set of tiles; a sequence of :class:`Tile`, also by identifier.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) of each tile in degrees.
    pixels : int
        Rows and columns of a chip.
    crs : str, optional
        The projection whose lattice the tiles lie on, if they do.

    Raises
    ------
    ValueError
        If the array has another shape or holds a number that is not finite.
    """

    def __init__(self, bounds: Any, *, pixels: int = PIXELS, crs: str | None = None) -> None:
        self.bounds: NDArray[np.float64] = np.asarray(bounds, np.float64).reshape(-1, 4)
        if not np.isfinite(self.bounds).all():
            raise ValueError("bounds must be finite degrees (minlon, minlat, maxlon, maxlat)")
        self.pixels = pixels
        self.crs = crs

    @classmethod
    def legacy(cls, aoi: Any, *, side: int = SIDE, pixels: int = PIXELS) -> TileGrid:
        """Tiles of M3LEO over an area of interest, identical to the released ones.

        The lattice lies in the UTM zone of the area's centroid and starts at the corner of its bounding box; each tile
        is a rectangle in longitude and latitude around a lattice point, so neighbours overlap and leave gaps away
        from the zone's central meridian, and the strip beyond the last whole step is not covered. That is how the data
        set was made.

        Parameters
        ----------
        aoi : str or shapely geometry
            Polygon in longitude and latitude (EPSG:4326), as WKT or geometry.
        side : int
            Lattice step in metres.
        pixels : int
            Rows and columns of a chip.

        Raises
        ------
        ValueError
            If the area is empty, invalid, not in degrees, or smaller than one step.

        References
        ----------
        M3LEO, arXiv 2406.04230, 2024, appendix A.

        Examples
        --------
        >>> area = "POLYGON ((6.0 49.5, 6.2 49.5, 6.2 49.7, 6.0 49.7, 6.0 49.5))"
        >>> grid = TileGrid.legacy(area)
        >>> len(grid), grid.crs, grid[0].geobox.shape
        (15, 'EPSG:32632', (448, 448))
        """
        polygon = _polygon(aoi)
        crs = _utm_of(polygon)
        bounds = _lattice(polygon, crs, side)
        import shapely

        shapely.prepare(polygon)
        kept = shapely.intersects(polygon, shapely.box(*bounds.T))
        return cls(bounds[kept], pixels=pixels, crs=crs)

    @cached_property
    def identifiers(self) -> list[str]:
        """Identifier of each tile, in order."""
        return [tile_identifier(*bounds) for bounds in self.bounds.tolist()]

    @property
    def list_hash(self) -> str:
        """Hash of the whole set, as in the names of M3LEO's tile files."""
        return list_hash(self.identifiers)

    def select(self, bounds: tuple[float, float, float, float], *, within: bool = False) -> TileGrid:
        """Tiles that touch (west, south, east, north), or that lie within it."""
        west, south, east, north = bounds
        left, low, right, high = self.bounds.T
        if within:
            kept = (left >= west) & (right <= east) & (low >= south) & (high <= north)
        else:
            kept = (left < east) & (right > west) & (low < north) & (high > south)
        return TileGrid(self.bounds[kept], pixels=self.pixels, crs=self.crs)

    def only(self, identifiers: Iterable[str]) -> TileGrid:
        """Tiles with these identifiers, in this grid's order; KeyError names one that is missing."""
        wanted = [self._position[self._known(identifier)] for identifier in identifiers]
        return TileGrid(self.bounds[sorted(wanted)], pixels=self.pixels, crs=self.crs)

    def __len__(self) -> int:
        return len(self.bounds)

    @overload
    def __getitem__(self, index: int | str) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> TileGrid: ...  # type: ignore[override]
    def __getitem__(self, index: int | str | slice) -> Tile | TileGrid:
        if isinstance(index, slice):
            return TileGrid(self.bounds[index], pixels=self.pixels, crs=self.crs)
        position = self._position[self._known(index)] if isinstance(index, str) else index
        west, south, east, north = self.bounds[position].tolist()
        return Tile(tile_identifier(west, south, east, north), (west, south, east, north), self.pixels)

    def __iter__(self) -> Iterator[Tile]:
        return (self[position] for position in range(len(self)))

    @cached_property
    def _position(self) -> dict[str, int]:
        return {identifier: position for position, identifier in enumerate(self.identifiers)}

    def _known(self, identifier: str) -> str:
        if identifier not in self._position:
            raise KeyError(f"tile {identifier} is not among the {len(self)} of this grid")
        return identifier


def _polygon(aoi: Any) -> Any:
    import shapely

    try:
        polygon = shapely.from_wkt(aoi) if isinstance(aoi, str) else aoi
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"aoi must be WKT of a polygon: {error}") from error
    if polygon is None or shapely.is_empty(polygon) or polygon.geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"aoi must be a polygon that is not empty, got {getattr(polygon, 'geom_type', polygon)}")
    if not shapely.is_valid(polygon):
        raise ValueError(f"aoi must be a valid polygon: {shapely.is_valid_reason(polygon)}")
    west, south, east, north = polygon.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise ValueError(f"aoi must be in degrees of longitude and latitude, got bounds {polygon.bounds}")
    return polygon


def _utm_of(polygon: Any) -> str:
    """UTM zone of the centroid, the first that PROJ lists."""
    from pyproj.aoi import AreaOfInterest
    from pyproj.database import query_utm_crs_info

    x, y = polygon.centroid.x, polygon.centroid.y
    zones = query_utm_crs_info(datum_name="WGS 84", area_of_interest=AreaOfInterest(x, y, x, y))
    if not zones:
        raise ValueError(f"aoi must lie where UTM is defined, its centroid is at {x}, {y}")
    return f"EPSG:{zones[0].code}"


def _lattice(polygon: Any, crs: str, side: int) -> NDArray[np.float64]:
    """Bounds of the tiles around all lattice points of the projected bounding box, easting before northing."""
    import pyproj
    import shapely

    to_utm = pyproj.Transformer.from_crs(_LONLAT, crs, always_xy=True)
    left, low, right, high = shapely.transform(polygon, lambda x, y: to_utm.transform(x, y), interleaved=False).bounds
    across, up = int((right - left) // side), int((high - low) // side)
    if across < 1 or up < 1:
        raise ValueError(f"aoi must span at least one step of {side} m, got {right - left:.0f} x {high - low:.0f} m")
    east, north = np.meshgrid(left + side * np.arange(across), low + side * np.arange(up), indexing="ij")
    lon, lat = to_utm.transform(east.ravel(), north.ravel(), direction="INVERSE")
    # Metres a degree from steps of a thousandth; the side is one metre short, as in the released tiles.
    east_here, north_here = to_utm.transform(lon, lat)
    per_lon = (to_utm.transform(lon + 0.001, lat)[0] - east_here) * 1000
    per_lat = (to_utm.transform(lon, lat + 0.001)[1] - north_here) * 1000
    half_lon, half_lat = (side - 1) / 2 / per_lon, (side - 1) / 2 / per_lat
    return np.stack([lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat], axis=1)
