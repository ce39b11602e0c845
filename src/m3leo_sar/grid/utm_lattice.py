"""The exact lattice: squares in UTM zones, each zone limited to its meridians, identical for all areas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import nearest_longitude
from m3leo_sar.grid.identifier_column import IdentifierColumn
from m3leo_sar.grid.lattice_coding import LatticeCoding, lattice_codes, place_of
from m3leo_sar.grid.projection import ellipsoid, projection_of

#: Easting of a central meridian and northing of the equator in the southern hemisphere, metres.
_FALSE_EASTING, _FALSE_NORTHING = 500_000.0, 10_000_000.0
#: Latitudes between which UTM is defined.
_SOUTH, _NORTH = -80.0, 84.0
#: Segments per tile edge in its outline: at 4480 m they stay within a few centimetres of the straight line in UTM.
_PARTS = 4
#: Longest straight segment of an area's outline, in degrees, when projected to UTM: accurate to a few centimetres.
_PIECE = 0.01
#: Number of cells whose outlines are in memory at once.
_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class UtmCells:
    """Squares of the UTM lattice, one entry per tile.

    Parameters
    ----------
    zone : (tiles,) int16
        UTM zone 1 to 60, negative in the south.
    column, row : (tiles,) int32
        Steps from the western end of the zone's eastings, aligned so that the central meridian is the edge of a column;
        steps from the equator, outward.
    side : int
        Step in metres.
    """

    zone: NDArray[np.int16]
    column: NDArray[np.int32]
    row: NDArray[np.int32]
    side: int
    #: Zones are full strips of six degrees here, without the exceptions around Norway and Svalbard.
    STRIP: ClassVar[float] = 6.0

    @classmethod
    def over(cls, polygon: Any, side: int) -> UtmCells:
        """Cells that share ground with a polygon in degrees, by zone, then from west to east, then from the equator.

        Raises
        ------
        ValueError
            If the polygon extends beyond 80 degrees south or 84 degrees north, the limits of UTM.
        """
        west, south, east, north = polygon.bounds
        if south < _SOUTH or north > _NORTH:
            raise ValueError(f"aoi must lie between 80 S and 84 N, where UTM is defined, got {south} to {north}")
        found = [
            part
            for number in range(int((west + 180) // 6) + 1, min(int((east + 180) // 6) + 1, 60) + 1)
            for zone in (number, -number)
            if (part := _cells_in_zone(polygon, zone, side)) is not None
        ]
        if not found:
            raise ValueError(f"aoi must cover ground, got {polygon.wkt[:60]}")
        zone, column, row = (np.concatenate(axis) for axis in zip(*found, strict=True))
        return cls(zone.astype(np.int16), column.astype(np.int32), row.astype(np.int32), side)

    @classmethod
    def named(cls, identifiers: Iterable[str]) -> UtmCells:
        """Cells of these identifiers, which encode zone, side and position.

        Raises
        ------
        ValueError
            If one is not an identifier of this lattice, there are none, or their sides differ.
        """
        parts = []
        for identifier in identifiers:
            place = place_of(identifier)
            if place is None:
                raise ValueError(f"identifier must be like 31N4480-0113-1203, got {identifier!r}")
            parts.append(place)
        table = np.array(parts, np.int64).reshape(-1, 4)
        sides = np.unique(table[:, 3])
        if len(sides) != 1:
            raise ValueError(f"identifiers must be of one side, got {sides.tolist() or 'none'}")
        zone, column, row, _ = table.T
        return cls(zone.astype(np.int16), column.astype(np.int32), row.astype(np.int32), int(sides[0]))

    def __len__(self) -> int:
        return len(self.zone)

    def take(self, index: Any) -> UtmCells:
        """Cells at these positions, a slice or an array."""
        return UtmCells(self.zone[index], self.column[index], self.row[index], self.side)

    @property
    def identifiers(self) -> IdentifierColumn:
        """Zone, side, column and row, such as ``31N4480-0113-1203``."""
        return IdentifierColumn(lattice_codes(self.zone, self.column, self.row), LatticeCoding(self.side))

    @property
    def bounds(self) -> NDArray[np.float64]:
        """(left, bottom, right, top) of each cell in metres of its zone."""
        left = (self.column - columns_west(self.side)) * float(self.side) + _FALSE_EASTING
        low = np.where(self.zone > 0, self.row * float(self.side), _FALSE_NORTHING - (self.row + 1.0) * self.side)
        return np.stack([left, low, left + self.side, low + self.side], axis=1)

    def crs(self, position: int) -> str:
        """CRS of one cell's zone."""
        return zone_crs(int(self.zone[position]))

    def meridians(self, position: int) -> tuple[float, float]:
        """Longitudes between which one cell's zone owns the ground."""
        centre = float(_central_meridian(int(self.zone[position])))
        return centre - self.STRIP / 2, centre + self.STRIP / 2

    def envelopes(self) -> NDArray[np.float64]:
        """(minlon, minlat, maxlon, maxlat) of each full square; longitudes continue beyond 180 degrees."""
        out = np.empty((len(self), 4))
        for first in range(0, len(self), _BLOCK):
            block = slice(first, first + _BLOCK)
            rings = self.take(block)._rings()
            out[block, :2], out[block, 2:] = rings.min(axis=1), rings.max(axis=1)
        return out

    def footprints(self) -> NDArray[np.object_]:
        """Outline of the ground each cell owns, in degrees: its square, cut at the meridians of its zone."""
        import shapely

        outlines = shapely.polygons(self._rings())
        west = _central_meridian(self.zone) - self.STRIP / 2
        low, _, high, _ = shapely.bounds(outlines).T
        cut = (low < west) | (high > west + self.STRIP)
        strips = shapely.box(west[cut], -90.0, west[cut] + self.STRIP, 90.0)
        outlines[cut] = shapely.intersection(outlines[cut], strips)
        return outlines

    def areas(self) -> NDArray[np.float64]:
        """Area of the ground each cell owns, in m² on the WGS 84 ellipsoid.

        Full squares: 2 x 2 point Gauss quadrature of the inverse areal scale of the projection, accurate to 1e-9.
        Squares cut by a meridian: geodesic polygons.
        """
        areas = self._square_areas()
        low, _, high, _ = self.envelopes().T
        meridian = _central_meridian(self.zone)
        cut = np.flatnonzero((low < meridian - self.STRIP / 2) | (high > meridian + self.STRIP / 2))
        for position, outline in zip(cut, self.take(cut).footprints(), strict=True):
            areas[position] = abs(ellipsoid().geometry_area_perimeter(outline)[0])
        return areas

    def _square_areas(self) -> NDArray[np.float64]:
        areas = np.zeros(len(self))
        nodes = (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3))
        bounds = self.bounds
        for zone in np.unique(self.zone):
            here = self.zone == zone
            projection = _projection(int(zone))
            for across in nodes:
                for up in nodes:
                    x, y = bounds[here, 0] + across * self.side, bounds[here, 1] + up * self.side
                    lon, lat = projection(x, y, inverse=True)
                    areas[here] += self.side**2 / projection.get_factors(lon, lat).areal_scale / 4
        return areas

    def _rings(self) -> NDArray[np.float64]:
        """Corners and points between them of each square, (tiles, points, 2) in degrees, closed.

        A point shared by two squares has the same UTM coordinates, and thus identical longitude and latitude.
        """
        steps = np.arange(_PARTS) / _PARTS
        ahead = np.concatenate([steps, np.ones(_PARTS), 1 - steps, np.zeros(_PARTS + 1)])
        up = np.concatenate([np.zeros(_PARTS), steps, np.ones(_PARTS), 1 - steps, [0.0]])
        column, row = self.column - columns_west(self.side), self.row
        x = (column[:, None] + ahead) * float(self.side) + _FALSE_EASTING
        y = np.where(
            self.zone[:, None] > 0,
            (row[:, None] + up) * float(self.side),
            _FALSE_NORTHING - (row[:, None] + 1 - up) * self.side,
        )
        rings = np.empty((*x.shape, 2))
        for zone in np.unique(self.zone):
            here = self.zone == zone
            lon, lat = _projection(int(zone))(x[here], y[here], inverse=True)
            meridian = _central_meridian(int(zone))
            rings[here, :, 0] = nearest_longitude(lon, meridian)
            rings[here, :, 1] = lat
        return rings


def columns_west(side: int) -> int:
    """Number of columns west of a zone's central meridian, whose easting is 500 km."""
    return -int(-_FALSE_EASTING // side)


def zone_crs(zone: int) -> str:
    """CRS of a UTM zone on WGS 84, negative in the south."""
    return f"EPSG:{32600 + zone if zone > 0 else 32700 - zone}"


def cell_of(lon: float, lat: float, side: int) -> tuple[int, int, int]:
    """Zone, column and row of the cell that owns a position in degrees."""
    number = min(int((lon + 180) // 6) + 1, 60)
    zone = number if lat >= 0 else -number
    x, y = _projection(zone)(lon, lat)
    outward = y if zone > 0 else _FALSE_NORTHING - y
    return zone, int((x - _FALSE_EASTING) // side) + columns_west(side), int(outward // side)


def _central_meridian(zone: Any) -> Any:
    return 6.0 * np.abs(zone) - 183.0


def _projection(zone: int) -> Any:
    return projection_of(zone_crs(zone))


def _cells_in_zone(polygon: Any, zone: int, side: int) -> tuple[NDArray[Any], ...] | None:
    """Zone, column and row of the cells that share ground with the polygon's part in one zone."""
    import shapely

    west = _central_meridian(zone) - 3.0
    strip = shapely.box(west, 0.0 if zone > 0 else -90.0, west + 6.0, 90.0 if zone > 0 else 0.0)
    part = shapely.intersection(polygon, strip)
    if part.area == 0:
        return None
    # Parts without area (a shared border) are dropped; the rest is projected to the zone.
    part = shapely.union_all([piece for piece in shapely.get_parts(part) if piece.area > 0])
    projection = _projection(zone)
    sign, origin = (1.0, 0.0) if zone > 0 else (-1.0, _FALSE_NORTHING)

    def placed(lon: NDArray[Any], lat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        x, y = projection(lon, lat)
        return (x - _FALSE_EASTING) / side, sign * (y - origin) / side

    # In units of cells, rows counted from the equator outward.
    plane = shapely.transform(shapely.segmentize(part, _PIECE), placed, interleaved=False)
    left, low, right, high = plane.bounds
    columns, rows = np.arange(np.floor(left), np.ceil(right)), np.arange(max(np.floor(low), 0.0), np.ceil(high))
    column, row = (axis.ravel() for axis in np.meshgrid(columns, rows, indexing="ij"))
    squares = shapely.box(column, row, column + 1, row + 1)
    shapely.prepare(plane)
    kept = shapely.contains_properly(plane, squares)
    border = np.flatnonzero(~kept & shapely.intersects(plane, squares))
    # A square that only touches the area shares no ground with it; slivers from rounding on a shared edge do not count.
    kept[border] = shapely.area(shapely.intersection(plane, squares[border])) > min(1e-9, 1e-3 * plane.area)
    column, row = column[kept] + columns_west(side), row[kept]
    return np.full(len(row), zone), column, row
