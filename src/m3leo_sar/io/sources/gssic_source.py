"""The global seasonal Sentinel-1 coherence and backscatter data set, in cells of one degree, as a source of tiles."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.components.band import SEASONS, Band
from m3leo_sar.io.files.raster import GEOTIFF, geobox_of, open_raster, read_window
from m3leo_sar.io.sources.tile_source import Cover, Piece, cover, file_facts

_CELL = r"(?P<cell>(?P<ns>[NS])(?P<lat>\d{2})(?P<ew>[EW])(?P<lon>\d{3}))"
_SEASONAL = re.compile(
    rf"{_CELL}_(?P<season>{'|'.join(SEASONS)})_(?P<pol>vv|vh|hh|hv)_(?P<metric>AMP|COH\d\d|rho|tau|rmse)"
)
_GEOMETRY = re.compile(rf"{_CELL}_(?P<orbit>\d{{3}}[AD])_(?P<metric>inc|lsmap)")
#: Order of layers without a lag; coherences lie between amplitude and rho, by their lag.
_ORDER = {"AMP": 0, "rho": 100, "tau": 101, "rmse": 102, "inc": 103, "lsmap": 104}
#: Share of a pixel by which a cell may be off the lattice of whole degrees.
_OFF = 0.05

#: Cell by the latitude of its upper edge and the longitude of its left one, in degrees.
Corner = tuple[int, int]


class _Layer(NamedTuple):
    band: Band
    decode: Callable[[NDArray[Any]], NDArray[Any]]
    files: dict[Corner, Path]


class GssicSource:
    """A folder of the data set's GeoTIFFs, ``<cell>_<season>_<polarisation>_<metric>.tif``, in any folders below it.

    The cells under a tile are joined. Numbers are decoded as by
    :func:`m3leo_sar.io.components.netcdf_components.read_gssic`; 0 is no data. Incidence and the layover and shadow
    map, ``<cell>_<orbit>_inc.tif`` and ``_lsmap.tif``, remain one band per orbit. A file that is missing in a cell
    leaves its ground without data, which the notes report.

    Parameters
    ----------
    folder : str or path
    layers : sequence of str, optional
        Names of the bands to take, such as ``"winter_coherence_12"``; by default all in the folder.
    resampling : str
        A word of :func:`m3leo_sar.reproject`. Amplitudes are in dB; `retile` resamples them as power.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no such file or lacks a layer, or its first file is damaged.

    References
    ----------
    Kellndorfer et al., 2022, Scientific Data 9, 73.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, layers: Sequence[str] | None = None, resampling: str = "bilinear"
    ) -> None:
        root = Path(folder)
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root}")
        self.name = root.name
        self.resampling = resampling
        found = _found(root)
        if not found:
            raise ValueError(f"{root} holds no GeoTIFF named like N48W090_winter_vv_COH12.tif")
        missing = [name for name in layers or () if name not in found]
        if missing:
            raise ValueError(f"layers must be among {', '.join(found)}; got {', '.join(missing)}")
        self._layers = [found[name] for name in layers or found]
        self.bands = tuple(layer.band for layer in self._layers)
        # All cells are parts of one lattice of the whole Earth, so that they join without a seam.
        self._pixels = _pixels(next(iter(self._layers[0].files.values())))
        step = 1 / self._pixels
        self._world = GeoBox((180 * self._pixels, 360 * self._pixels), Affine(step, 0, -180, 0, -step, 90), "EPSG:4326")

    def parameters(self, geobox: GeoBox) -> Any:
        """Name, size and time of the files under the tile, and the bands."""
        part = cover(self._world, geobox)
        corners = [] if part is None else self._corners(part)
        files = [layer.files[corner] for layer in self._layers for corner in corners if corner in layer.files]
        return {"files": [file_facts(path) for path in files], "bands": [band.name for band in self.bands]}

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile: a piece of values, and one of codes if there is a layover and shadow map.

        Raises
        ------
        ValueError
            If a file is damaged or does not lie at the place in its name.
        """
        part = cover(self._world, geobox)
        corners = [] if part is None else self._corners(part)
        if part is None or not any(corner in layer.files for layer in self._layers for corner in corners):
            return []
        pieces = []
        for is_class in (False, True):
            layers = [layer for layer in self._layers if (layer.band.unit == "class") == is_class]
            if layers:
                planes = [self._plane(layer, part) for layer in layers]
                bands = tuple(layer.band for layer in layers)
                notes = tuple(_missing(layer, corners) for layer in layers if _missing(layer, corners))
                pieces.append(Piece(np.stack(planes), part.geobox, bands, 0 if is_class else None, notes))
        return pieces

    def _plane(self, layer: _Layer, part: Cover) -> NDArray[Any]:
        empty = 0 if layer.band.unit == "class" else np.nan

        def read(rows: slice, cols: slice) -> NDArray[Any]:
            shape = rows.stop - rows.start, cols.stop - cols.start
            plane = layer.decode(np.zeros(shape, np.uint16))
            for corner in self._corners_of(rows, cols):
                if corner in layer.files:
                    self._paste(plane, layer, corner, rows, cols)
            return plane

        return part.gather(read, empty)

    def _paste(self, plane: NDArray[Any], layer: _Layer, corner: Corner, rows: slice, cols: slice) -> None:
        """Copy a cell's part of ``[rows, cols]`` of the lattice to its place."""
        path, size = layer.files[corner], self._pixels
        top, left = (90 - corner[0]) * size, (corner[1] + 180) * size
        _check_place(path, corner, size)
        within = [
            slice(max(span.start, first), min(span.stop, first + size)) for span, first in ((rows, top), (cols, left))
        ]
        inside = [slice(span.start - first, span.stop - first) for span, first in zip(within, (top, left), strict=True)]
        target = tuple(
            slice(span.start - outer.start, span.stop - outer.start)
            for span, outer in zip(within, (rows, cols), strict=True)
        )
        plane[target] = layer.decode(read_window(path, 1, *inside, driver=GEOTIFF))

    def _corners(self, part: Cover) -> list[Corner]:
        return [corner for cols, _ in part.parts for corner in self._corners_of(part.rows, cols)]

    def _corners_of(self, rows: slice, cols: slice) -> list[Corner]:
        """Cells under ``[rows, cols]`` of the lattice."""
        down, along = (range(span.start // self._pixels, (span.stop - 1) // self._pixels + 1) for span in (rows, cols))
        return [(90 - row, col - 180) for row in down for col in along]


def _found(root: Path) -> dict[str, _Layer]:
    """Layers by name, in the order of season, polarisation, metric and lag."""
    files: dict[tuple[Any, ...], _Layer] = {}
    for path in sorted(root.rglob("*.tif")):
        seasonal, geometry = _SEASONAL.fullmatch(path.stem), _GEOMETRY.fullmatch(path.stem)
        match = seasonal or geometry
        if match is None:
            continue
        rank, band, decode = _seasonal(match) if seasonal else _geometry(match)
        layer = files.setdefault(rank, _Layer(band, decode, {}))
        corner = _corner(match)
        if corner in layer.files:
            raise ValueError(f"{path.name} occurs twice below {root}: {layer.files[corner]} and {path}")
        layer.files[corner] = path
    return {files[rank].band.name: files[rank] for rank in sorted(files)}


def _seasonal(match: re.Match[str]) -> tuple[tuple[Any, ...], Band, Callable[[NDArray[Any]], NDArray[Any]]]:
    season, pol, metric = match["season"], match["pol"], match["metric"]
    # Named as in M3LEO's chips, whose names leave out the polarisation of layers that exist in VV only.
    start = season if pol == "vv" else f"{season}_{pol}"
    pols = ("vv", "vh", "hh", "hv")
    if metric == "AMP":
        band = Band(f"{season}_{pol}_amplitude", "gamma0", "dB", "gssic", None, season, pol.upper())
        return (SEASONS.index(season), 0, pols.index(pol)), band, _amplitude
    if metric.startswith("COH"):
        lag = int(metric[3:])
        band = Band(f"{start}_coherence_{lag}", "coherence", "1", "gssic", None, season, pol.upper())
        return (SEASONS.index(season), lag, pols.index(pol)), band, _over(100)
    band = Band(f"{start}_{metric}", metric, "day" if metric == "tau" else "1", "gssic", None, season, pol.upper())
    return (SEASONS.index(season), _ORDER[metric], pols.index(pol)), band, _over(1000)


def _geometry(match: re.Match[str]) -> tuple[tuple[Any, ...], Band, Callable[[NDArray[Any]], NDArray[Any]]]:
    orbit, metric = match["orbit"], match["metric"]
    quantity, unit = ("incidence", "degree") if metric == "inc" else ("layover and shadow", "class")
    way = "ascending" if orbit.endswith("A") else "descending"
    band = Band(f"{metric}_{orbit}", quantity, unit, "gssic", None, None, None, way)
    # After all seasons.
    return (len(SEASONS), _ORDER[metric], orbit), band, _over(1) if metric == "inc" else _codes


def _corner(match: re.Match[str]) -> Corner:
    latitude, longitude = int(match["lat"]), int(match["lon"])
    return latitude if match["ns"] == "N" else -latitude, longitude if match["ew"] == "E" else -longitude


def _amplitude(stored: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        return np.where(stored > 0, 20 * np.log10(stored.astype(np.float32)) - 83, np.nan).astype(np.float32)


def _over(scale: int) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    return partial(_scaled, scale)


def _scaled(scale: int, stored: NDArray[Any]) -> NDArray[np.float32]:
    return np.where(stored > 0, stored.astype(np.float32) / np.float32(scale), np.float32(np.nan))


def _codes(stored: NDArray[Any]) -> NDArray[np.uint8]:
    return stored.astype(np.uint8)


def _missing(layer: _Layer, corners: list[Corner]) -> str:
    gaps = [f"{_label(corner)}" for corner in corners if corner not in layer.files]
    return f"{layer.band.name} is missing in {', '.join(gaps)}" if gaps else ""


def _label(corner: Corner) -> str:
    latitude, longitude = corner
    # The equator is the upper edge of N00, the meridian of Greenwich the left edge of E000.
    return f"{'S' if latitude < 0 else 'N'}{abs(latitude):02d}{'W' if longitude < 0 else 'E'}{abs(longitude):03d}"


def _pixels(path: Path) -> int:
    """Pixels per degree, from a first file."""
    with open_raster(path, driver=GEOTIFF) as source:
        rows, cols = source.shape
    if rows != cols:
        raise ValueError(f"{path.name} must have as many rows as columns, a cell being a degree, got {rows} x {cols}")
    return int(rows)


def _check_place(path: Path, corner: Corner, pixels: int) -> None:
    with open_raster(path, driver=GEOTIFF) as source:
        box = geobox_of(source)
    if box is None:
        raise ValueError(f"{path.name} has no grid")
    expected = (1 / pixels, 0.0, corner[1], 0.0, -1 / pixels, corner[0])
    off = np.abs(np.subtract(tuple(box.affine)[:6], expected)) * pixels
    if box.shape != (pixels, pixels) or off.max() > _OFF:
        lies = tuple(round(edge, 4) for edge in box.bounds)
        raise ValueError(
            f"{path.name} must be {pixels} x {pixels} pixels from {corner[1]} E, {corner[0]} N, as its name and the "
            f"other files say; it is {box.shape[0]} x {box.shape[1]} over {lies}"
        )
