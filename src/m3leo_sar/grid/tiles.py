"""Tile grids: M3LEO's own, reproduced bit for bit, and one without overlaps or gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._display import as_line, as_table
from m3leo_sar.grid.antimeridian import Bounds, beside, boxes_on_globe, nearest_longitude
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.identifier import list_hash, tile_identifier, tile_identifiers, tile_numbers
from m3leo_sar.grid.identifier_column import HashCoding, IdentifierColumn
from m3leo_sar.grid.legacy_lattice import legacy_bounds
from m3leo_sar.grid.rectangle_areas import rectangle_areas
from m3leo_sar.grid.tiles_display import facts_of_tiles, first_tiles
from m3leo_sar.grid.utm_lattice import UtmCells, cell_of

__all__ = ["Tile", "TileGrid", "list_hash", "tile_identifier", "tile_identifiers"]

#: Side of M3LEO's tiles in metres and in pixels.
SIDE, PIXELS = 4480, 448
_LONLAT = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its identifier and its pixel grid.

    Parameters
    ----------
    identifier : str
        Thirteen hexadecimal digits, or zone, side, column and row on the exact lattice.
    bounds : (float, float, float, float)
        (minlon, minlat, maxlon, maxlat) in degrees.
    pixels : int
        Rows and columns of the tile's chips.
    square : (float, float, float, float), optional
        (left, bottom, right, top) in ``crs``; ``bounds`` if omitted.
    crs : str
        CRS of the pixel grid.
    meridians : (float, float), optional
        Longitudes between which the tile owns its ground, if it may extend beyond.
    """

    identifier: str
    bounds: tuple[float, float, float, float]
    pixels: int = PIXELS
    square: tuple[float, float, float, float] | None = None
    crs: str = _LONLAT
    meridians: tuple[float, float] | None = None

    @property
    def geobox(self) -> GeoBox:
        """Pixel grid of the tile's chips, north-up in ``crs``."""
        return GeoBox.from_bounds(self.square or self.bounds, shape=(self.pixels, self.pixels), crs=self.crs)

    def owned_pixels(self) -> NDArray[np.bool_]:
        """Mask (pixels, pixels) of the pixels whose centre belongs to this tile, not to one in the next zone.

        It is all True except for tiles of the exact lattice that are cut by the meridian between two zones.
        """
        box = self.geobox
        if self.meridians is None or (self.meridians[0] <= self.bounds[0] and self.bounds[2] <= self.meridians[1]):
            return np.ones(box.shape, bool)
        west, east = self.meridians
        longitude, _ = box.transformer_to(_LONLAT).transform(*box.centres())
        longitude = nearest_longitude(longitude, (west + east) / 2)
        return (longitude >= west) & (longitude < east)


class TileGrid(Sequence[Tile]):
    """An ordered set of tiles; a sequence of :class:`Tile`, also by identifier.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) of each tile in degrees.
    pixels : int
        Rows and columns of a chip.
    crs : str, optional
        The projection of the lattice, if the tiles lie on one.
    cells : UtmCells, optional
        Positions on the exact lattice, if the tiles lie on it.
    identifiers : sequence of str, optional
        Those of the tiles, if known; they are not checked here.

    Raises
    ------
    ValueError
        If the array has another shape or contains non-finite numbers, or the number of cells or identifiers differs
        from the number of tiles.
    """

    def __init__(
        self,
        bounds: Any,
        *,
        pixels: int = PIXELS,
        crs: str | None = None,
        cells: UtmCells | None = None,
        identifiers: Sequence[str] | None = None,
    ) -> None:
        self.bounds: NDArray[np.float64] = np.asarray(bounds, np.float64).reshape(-1, 4)
        if not np.isfinite(self.bounds).all():
            raise ValueError("bounds must be finite degrees (minlon, minlat, maxlon, maxlat)")
        for name, column in (("cells", cells), ("identifiers", identifiers)):
            if column is not None and len(column) != len(self.bounds):
                raise ValueError(f"{name} must be one per tile, {len(self.bounds)}, got {len(column)}")
        self.pixels = pixels
        self.crs = crs
        self.cells = cells
        if identifiers is not None:
            self.identifiers = IdentifierColumn.of(identifiers)

    @classmethod
    def legacy(cls, aoi: Any, *, side: int = SIDE, pixels: int = PIXELS) -> TileGrid:
        """Tiles of M3LEO over an area of interest, identical to the released ones.

        The lattice lies in the UTM zone of the area's centroid and starts at the corner of its bounding box; each tile
        is a rectangle in longitude and latitude around a lattice point. Neighbours therefore overlap or leave gaps away
        from the zone's central meridian, and the strip beyond the last full step is not covered. The data set was
        created this way.

        Parameters
        ----------
        aoi : str, mapping, sequence of four floats, shapely geometry or geopandas object
            A region's name, WKT, GeoJSON, bounds or a polygon: the accepted forms are those of
            :func:`m3leo_sar.grid.aoi.aoi_polygon`.
        side : int
            Lattice step in metres.
        pixels : int
            Rows and columns of a chip.

        Raises
        ------
        TypeError, ValueError
            If the area is none of these, empty, invalid, not in degrees, or smaller than one step.

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
        _check_sizes(side, pixels)
        bounds, crs = legacy_bounds(aoi_polygon(aoi), side)
        return cls(bounds, pixels=pixels, crs=crs)

    @classmethod
    def exact(cls, aoi: Any, *, side: int = SIDE, pixels: int = PIXELS) -> TileGrid:
        """Tiles that cover an area of interest without overlaps and without gaps.

        Squares of ``side`` metres in the UTM zone of their ground, on a lattice that is identical for all areas: the
        central meridian and the equator are edges of tiles. Every tile that shares ground with the area belongs to
        the grid. Where two zones meet, the squares of both extend across the meridian so that chips stay complete. Each
        owns the ground on its side: :meth:`Tile.owned_pixels` masks the rest; :attr:`footprints` and :attr:`areas`
        refer to the owned ground.

        Parameters
        ----------
        aoi : str, mapping, sequence of four floats, shapely geometry or geopandas object
            As for :meth:`legacy`.
        side : int
            Side of a tile in metres.
        pixels : int
            Rows and columns of a chip; 448 on 4480 m are pixels of 10 m.

        Raises
        ------
        TypeError, ValueError
            If the area is none of these, empty, invalid, not in degrees, or extends beyond 80 S to 84 N.

        Notes
        -----
        Zones are full strips of six degrees, without the exceptions around Norway and Svalbard. Eastings and northings
        are scaled by 0.9996 to 1.001 relative to true metres, as in any UTM product.

        Examples
        --------
        >>> grid = TileGrid.exact((5.9, 49.5, 6.1, 49.6))
        >>> grid[0].identifier, grid[0].geobox.crs, grid[0].geobox.resolution
        ('31N4480-0158-1224', 'EPSG:32631', (10.0, -10.0))
        >>> grid[-1].identifier, round(float(grid.areas.sum()) / 1e6)
        ('32N4480-0065-1227', 391)
        """
        _check_sizes(side, pixels)
        return cls._of_cells(UtmCells.over(aoi_polygon(aoi), side), pixels)

    @classmethod
    def from_identifiers(cls, identifiers: Iterable[str], *, pixels: int = PIXELS) -> TileGrid:
        """Tiles of the exact lattice by their identifiers, which encode their position.

        Raises
        ------
        ValueError
            If one is not an identifier of that lattice, there are none, or their sides differ.

        Examples
        --------
        >>> TileGrid.from_identifiers(["31N4480-0158-1223"])[0].geobox.bounds
        (706080.0, 5479040.0, 710560.0, 5483520.0)
        """
        return cls._of_cells(UtmCells.named(identifiers), pixels)

    @classmethod
    def _of_cells(cls, cells: UtmCells, pixels: int) -> TileGrid:
        return cls(cells.envelopes(), pixels=pixels, cells=cells)

    @cached_property
    def identifiers(self) -> IdentifierColumn:
        """Identifier of each tile, in order."""
        return (
            IdentifierColumn(tile_numbers(self.bounds), HashCoding()) if self.cells is None else self.cells.identifiers
        )

    @property
    def list_hash(self) -> str:
        """Hash of the whole set, as in the names of M3LEO's tile files."""
        return self.identifiers.list_hash

    @property
    def areas(self) -> NDArray[np.float64]:
        """True area of the ground each tile owns, m² on the WGS 84 ellipsoid."""
        return rectangle_areas(self.bounds) if self.cells is None else self.cells.areas()

    @property
    def footprints(self) -> NDArray[np.object_]:
        """Outline of the ground each tile owns: shapely polygons in degrees, cut at the 180th meridian."""
        return boxes_on_globe(self.bounds) if self.cells is None else self.cells.footprints()

    def select(self, bounds: Bounds, *, within: bool = False) -> TileGrid:
        """Tiles that touch (west, south, east, north), or lie within it; longitudes are compared modulo 360 degrees."""
        west, south, east, north = bounds
        left, low, right, high = beside(bounds, self.bounds).T
        if within:
            kept = (left >= west) & (right <= east) & (low >= south) & (high <= north)
        else:
            kept = (left < east) & (right > west) & (low < north) & (high > south)
        return self.take(np.flatnonzero(kept))

    def only(self, identifiers: Iterable[str]) -> TileGrid:
        """Tiles with these identifiers, in this grid's order; KeyError names a missing one."""
        return self.take(np.array(sorted(self._place(identifier) for identifier in identifiers), np.intp))

    def take(self, positions: Any) -> TileGrid:
        """Tiles at these positions, a slice or an array, in the order given."""
        cells = None if self.cells is None else self.cells.take(positions)
        known = self.identifiers.take(positions) if "identifiers" in self.__dict__ else None
        return TileGrid(self.bounds[positions], pixels=self.pixels, crs=self.crs, cells=cells, identifiers=known)

    def splits_in_order(self, splits: Mapping[str, str]) -> list[str]:
        """Split of each tile, in the grid's order; ValueError states how many have none."""
        missing = [identifier for identifier in self.identifiers if identifier not in splits]
        if missing:
            raise ValueError(f"splits must name every tile, {len(missing)} are missing, the first {missing[0]}")
        return [splits[identifier] for identifier in self.identifiers]

    def at(self, longitude: float, latitude: float) -> list[Tile]:
        """Tiles that contain a position in degrees: at most one on the exact lattice, up to four on the legacy lattice.

        Southern and western edges belong to a tile, northern and eastern ones to its neighbours.

        Raises
        ------
        ValueError
            If the position is not finite or off the globe.

        Examples
        --------
        >>> [tile.identifier for tile in TileGrid.exact((5.9, 49.5, 6.1, 49.6)).at(6.0, 49.55)]
        ['32N4480-0063-1226']
        """
        if not (abs(longitude) <= 360 and abs(latitude) <= 90):
            raise ValueError(f"longitude and latitude must be degrees on the globe, got {longitude}, {latitude}")
        longitude = (longitude + 180) % 360 - 180
        if self.cells is not None:
            zone, column, row = cell_of(longitude, latitude, self.cells.side)
            place = {name: np.array([value]) for name, value in (("zone", zone), ("column", column), ("row", row))}
            near = UtmCells(**place, side=self.cells.side).identifiers[0]
            found = self.positions.get(near)
            return [] if found is None else [self[found]]
        order, south, tallest = self._by_south
        first = np.searchsorted(south, latitude - tallest, side="left")
        last = np.searchsorted(south, latitude, side="right")
        near_ = order[first:last]
        left, low, right, high = beside((longitude, latitude, longitude, latitude), self.bounds[near_]).T
        holds = (left <= longitude) & (longitude < right) & (low <= latitude) & (latitude < high)
        return [self[int(position)] for position in np.sort(near_[holds])]

    def __repr__(self) -> str:
        return as_line("TileGrid", facts_of_tiles(self))

    def _repr_html_(self) -> str:
        return as_table("TileGrid", facts_of_tiles(self), rows=first_tiles(self))

    def __len__(self) -> int:
        return len(self.bounds)

    @overload
    def __getitem__(self, index: int | str) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> TileGrid: ...  # type: ignore[override]
    def __getitem__(self, index: int | str | slice) -> Tile | TileGrid:
        if isinstance(index, slice):
            return self.take(index)
        position = self._place(index) if isinstance(index, str) else range(len(self))[index]
        west, south, east, north = self.bounds[position].tolist()
        if self.cells is None:
            identifier = self.identifiers[position] if "identifiers" in self.__dict__ else None
            return Tile(
                identifier or tile_identifier(west, south, east, north), (west, south, east, north), self.pixels
            )
        cell = self.cells.take(slice(position, position + 1))
        return Tile(
            cell.identifiers[0],
            (west, south, east, north),
            self.pixels,
            tuple(cell.bounds[0].tolist()),
            cell.crs(0),
            cell.meridians(0),
        )

    def __iter__(self) -> Iterator[Tile]:
        return (self[position] for position in range(len(self)))

    @property
    def positions(self) -> Mapping[str, int]:
        """Position of each tile by its identifier."""
        return self.identifiers.positions

    @cached_property
    def _by_south(self) -> tuple[NDArray[np.intp], NDArray[np.float64], float]:
        """Positions in order of the southern edge, those edges, and the height of the tallest tile."""
        order = np.argsort(self.bounds[:, 1])
        heights = self.bounds[:, 3] - self.bounds[:, 1]
        return order, self.bounds[order, 1], float(heights.max(initial=0.0))

    def _place(self, identifier: str) -> int:
        try:
            return self.positions[identifier]
        except KeyError:
            raise KeyError(f"tile {identifier} is not among the {len(self)} of this grid") from None


def _check_sizes(side: int, pixels: int) -> None:
    for name, size in (("side", side), ("pixels", pixels)):
        if int(size) != size or size < 1:
            raise ValueError(f"{name} must be a whole number above 0, got {size!r}")
