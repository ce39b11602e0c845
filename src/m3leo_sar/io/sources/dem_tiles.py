"""Files of digital elevation models: single rasters, and folders of tiles of one degree by one degree."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import horizontal_crs, is_geographic
from m3leo_sar.io.files.raster import geobox_of, open_raster
from m3leo_sar.io.files.vrt import is_vrt, read_vrt

#: Names of tiles by the south-west corner of their cell: Copernicus DEM, SRTM, NASADEM, ASTER, ALOS, DTED.
_CELL = re.compile(r"(?<![A-Za-z])([NS])(\d{2,3})(?:_00)?_?([EW])(\d{3})(?!\d)", re.ASCII | re.IGNORECASE)
_SUFFIXES = (".tif", ".tiff", ".hgt", ".vrt", ".dt0", ".dt1", ".dt2", ".img", ".bil")
#: Rasters beside the heights of a tile: editing, filling, height error and water masks, quality and numbers of scenes.
_BESIDE = re.compile(r"_(EDM|FLM|HEM|WBM|ACM|MSK|STK|num|swb)\b", re.IGNORECASE)
#: A tile may reach beyond its cell by this much, degrees.
_BEYOND = 0.05

Cell = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class DemTiles:
    """The rasters of a terrain model.

    Parameters
    ----------
    files : tuple of Path
        Rasters that are not named by a cell.
    cells : dict of (int, int) to Path
        Tile by the longitude and latitude of the south-west corner of its cell.
    """

    files: tuple[Path, ...]
    cells: dict[Cell, Path]
    _grids: dict[Path, GeoBox] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> DemTiles:
        """Rasters at paths: files, VRTs, and folders of tiles at any depth. A VRT of tiles stands for its tiles.

        Of a folder or of several files, those named by a cell are tiles.

        Raises
        ------
        FileNotFoundError
            If there is nothing at a path.
        ValueError
            If there is no raster, or two tiles of one cell.
        """
        given = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
        files: list[Path] = []
        cells: dict[Cell, Path] = {}
        for path in given:
            if not path.exists():
                raise FileNotFoundError(f"there is no terrain model {path}")
            for file, cell in _rasters(path, is_set=len(given) > 1):
                if cell is None:
                    files.append(file)
                elif cells.setdefault(cell, file).name != file.name:
                    raise ValueError(f"dem must have one tile per cell, got {cells[cell]} and {file}")
        if not files and not cells:
            raise ValueError(
                f"dem must hold a raster ({', '.join(_SUFFIXES)}), found none in {', '.join(map(str, given))}"
            )
        return cls(tuple(files), cells)

    @property
    def all(self) -> list[Path]:
        """All rasters."""
        return [*self.files, *self.cells.values()]

    def near(self, bounds: tuple[float, float, float, float]) -> dict[Cell, Path]:
        """Tiles whose cells touch bounds in degrees; longitudes may go beyond 180."""
        return {cell: self.cells[cell] for cell in cells_of(bounds) if cell in self.cells}

    def grid(self, file: Path) -> GeoBox:
        """Grid of a raster, its CRS with the vertical part; read once.

        Raises
        ------
        ValueError
            If it is not a raster on a north-up map grid, or a tile that does not lie in the cell of its name.
        """
        if file not in self._grids:
            with open_raster(file) as source:
                box = geobox_of(source)
            if box is None or not box.is_axis_aligned or box.affine.e > 0 or box.affine.a < 0:
                raise ValueError(f"dem must be on a north-up map grid, {file.name} is not")
            self._require_in_cell(file, box)
            self._grids[file] = box
        return self._grids[file]

    def _require_in_cell(self, file: Path, box: GeoBox) -> None:
        for cell, tile in self.cells.items():
            if tile == file:
                west, south, east, north = box.bounds
                limits = (west - cell[0], south - cell[1], cell[0] + 1 - east, cell[1] + 1 - north)
                if not is_geographic(horizontal_crs(box.crs)) or min(limits) < -_BEYOND:
                    raise ValueError(
                        f"{file.name} must lie in the cell of its name in degrees, its bounds are {box.bounds}"
                    )
                return


def cells_of(bounds: tuple[float, float, float, float]) -> list[Cell]:
    """Cells that bounds in degrees touch, with longitudes from -180 to 179.

    Examples
    --------
    >>> cells_of((179.5, 10.2, 180.5, 10.7))
    [(179, 10), (-180, 10)]
    """
    west, south, east, north = bounds
    columns = range(math.floor(west), math.floor(east) + 1)
    rows = range(max(-90, math.ceil(south) - 1), min(89, math.floor(north)) + 1)
    return list(dict.fromkeys(((lon + 180) % 360 - 180, lat) for lat in rows for lon in columns))


def cell_name(cell: Cell) -> str:
    """Name of a cell, such as ``N31W009``."""
    lon, lat = cell
    return f"{'N' if lat >= 0 else 'S'}{abs(lat):02d}{'E' if lon >= 0 else 'W'}{abs(lon):03d}"


def cell_of_name(name: str) -> Cell | None:
    """Cell that the name of a file states.

    Examples
    --------
    >>> cell_of_name("Copernicus_DSM_COG_10_N31_00_W009_00_DEM.tif"), cell_of_name("S02E114.hgt"), cell_of_name("a.tif")
    ((-9, 31), (114, -2), None)
    """
    found = _CELL.search(name)
    if found is None:
        return None
    lat, lon = int(found[2]), int(found[4])
    cell = (lon if found[3].upper() == "E" else -lon, lat if found[1].upper() == "N" else -lat)
    return cell if -180 <= cell[0] <= 179 and -90 <= cell[1] <= 89 else None


def _rasters(path: Path, *, is_set: bool) -> Iterator[tuple[Path, Cell | None]]:
    """Rasters at a path, with the cells of tiles; a single file is no tile of a set."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            name = file.name.lower()
            if (file.suffix.lower() in _SUFFIXES or name.endswith(".hgt.zip")) and not _BESIDE.search(file.stem):
                yield file, cell_of_name(file.name)
    elif is_vrt(path) and (tiles := _tiles_of_vrt(path)):
        yield from tiles
    else:
        yield path, cell_of_name(path.name) if is_set else None


def _tiles_of_vrt(path: Path) -> list[tuple[Path, Cell | None]]:
    """Tiles of a mosaic, if all of its sources are tiles: GDAL takes the nearest post where their widths differ."""
    vrt = read_vrt(path)
    sources = [Path(part.path) for band in vrt.bands for part in band.sources]
    cells = [cell_of_name(source.name) for source in sources]
    if len(vrt.bands) != 1 or vrt.bands[0].is_derived or None in cells or not all(file.is_file() for file in sources):
        return []
    return list(zip(sources, cells, strict=True))
