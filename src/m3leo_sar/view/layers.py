"""Any pair as a layer of web maps, from the whole scene down to single pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import beside
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.pictures.colours import decibels, percentile_limits
from m3leo_sar.stack.ground_spacing import ground_spacing
from m3leo_sar.view.asked_pair import checked_layer
from m3leo_sar.view.decimated_looks import Cells, looked_plane
from m3leo_sar.view.explorer import Asked, Chip, Explorer
from m3leo_sar.view.grid_part import RESAMPLING
from m3leo_sar.view.map_tile import HALF_SIDE, PIXELS, map_tile, tile_json, zoom_of
from m3leo_sar.view.pair_map import on_grid
from m3leo_sar.view.stack_parts import StackParts
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.warp.pixel_map import pixel_map
from m3leo_sar.warp.sample import sample

#: Most samples of a stack per pixel of a map that are all read; beyond, one window per cell of four pixels is.
_ALL_READ = 16.0
_CELL = 4.0
#: Most tiles of a store or archive along a map tile.
_TILES_ALONG = 3
#: Tiles from which the contrast of an intensity is taken, and cells along an axis of a scene.
_SOME_TILES, _SOME_CELLS = 6, 24


class Layers:
    """Map tiles of an explorer.

    Parameters
    ----------
    explorer : Explorer
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer

    @cached_property
    def spacing(self) -> tuple[float, float]:
        """Metres on the ground between rows and columns of samples, or of pixels of tiles."""
        source = self.explorer.source
        if isinstance(source, StackParts):
            rows, cols = zip(*(ground_spacing(burst.geometry) for burst in source.bursts), strict=True)
            return sum(rows) / len(rows), sum(cols) / len(cols)
        return ground_spacing(next(iter(self.explorer.tiles.values())))

    @cached_property
    def zooms(self) -> tuple[int, int]:
        """Least and greatest zoom: the scene in few pixels, or few tiles of a store; and pixels finer than samples."""
        greatest = min(22, math.ceil(zoom_of(min(self.spacing), self._latitude)) + 1)
        source = self.explorer.source
        if not isinstance(source, StackParts):
            box = next(iter(self.explorer.tiles.values()))
            side = min(size * step for size, step in zip(box.shape, self.spacing, strict=True))
            return min(greatest, max(0, math.ceil(zoom_of(_TILES_ALONG * side / PIXELS, self._latitude)))), greatest
        sizes = [size * step for size, step in zip(source.bursts[0].shape[1:], self.spacing, strict=True)]
        return max(0, min(greatest, math.floor(zoom_of(max(sizes) / 32, self._latitude)))), greatest

    @property
    def _latitude(self) -> float:
        _, south, _, north = self.explorer.bounds
        return max(-80.0, min(80.0, (south + north) / 2))

    def tile(
        self,
        zoom: str,
        column: str,
        row: str,
        pair: Any,
        *,
        window: Window | None = None,
        layer: str = "coherence",
        polarisation: str | None = None,
    ) -> Chip:
        """A pair on a tile of a web map, 256 x 256 pixels in Web Mercator (EPSG:3857).

        Where a pixel has up to 16 samples, all of them are read and the map is resampled as a chip is. Farther out,
        one window per cell of four pixels is read and estimated: the values have the window of a chip, not more looks.
        Of a store or archive, the tile is made of the chips under it, of which the first by identifier goes before.

        Parameters
        ----------
        zoom, column, row : str
            As in ``{z}/{x}/{y}``.
        pair, window, layer, polarisation
            As of :meth:`m3leo_sar.view.explorer.Explorer.chip`.

        Raises
        ------
        KeyError, ValueError, OSError
            As :meth:`m3leo_sar.view.explorer.Explorer.chip`; also for numbers of no tile, and for a zoom at which a
            store or archive would need too many tiles.
        """
        geobox, explorer = map_tile(zoom, column, row), self.explorer
        asked = explorer.asked(pair, window, layer, polarisation)
        if not self._touches(geobox):
            nothing = np.full(geobox.shape, np.nan, np.float32)
            return Chip(nothing, geobox, Stopwatch().seconds, True, asked.pair, asked.window)
        metres = self._metres(int(zoom))
        if not isinstance(explorer.source, StackParts):
            if int(zoom) < self.zooms[0]:
                raise KeyError(f"zoom must be at least {self.zooms[0]} for {explorer.name}, got {zoom}")
            make = self._of_tiles
        elif metres**2 / math.prod(self.spacing) <= _ALL_READ and metres <= _ALL_READ * min(self.spacing):
            return explorer.on_grid(geobox, pair, window=window, layer=layer, polarisation=polarisation)
        else:
            make = self._of_looks
        watch = Stopwatch()
        key = ("web", zoom, column, row, *asked)
        values, hit = explorer.cache.get(key, lambda: make(geobox, asked, metres, watch))
        return Chip(values, geobox, watch.seconds, hit, asked.pair, asked.window)

    def description(
        self,
        address: str,
        pair: Any,
        *,
        window: Window | None = None,
        layer: str = "coherence",
        polarisation: str | None = None,
    ) -> dict[str, Any]:
        """TileJSON 3.0 of the map tiles of a pair.

        Parameters
        ----------
        address : str
            Of a tile, with ``{z}``, ``{x}`` and ``{y}``.
        pair, window, layer, polarisation
            As of :meth:`tile`.
        """
        asked, explorer = self.explorer.asked(pair, window, layer, polarisation), self.explorer
        size = asked.window
        text = f"{asked.layer} of {asked.pair} ({asked.pair.days} days), {asked.polarisation}"
        if explorer.kind != "archive" and not layer.startswith("intensity"):
            text += f", window of {size.rows} x {size.cols} samples; far out, one window per {_CELL:g} pixels"
        return tile_json(
            address,
            bounds=explorer.bounds,
            zooms=self.zooms,
            name=f"{asked.layer} {asked.pair}",
            description=text,
            attribution=f"{explorer.name}, by m3leo-sar",
        )

    def limits(self, pair: Any, layer: str, polarisation: str | None = None) -> tuple[float, float] | None:
        """Decibels of black and white of an intensity, the same for all tiles of a date; None of other layers."""
        if not checked_layer(layer).startswith("intensity"):
            return None
        asked = self.explorer.asked(pair, None, layer, polarisation)
        date = asked.pair.reference if layer == "intensity_first" else asked.pair.secondary
        key = ("limits", date, asked.polarisation)
        found, _ = self.explorer.cache.get(key, lambda: self._limits(asked))
        return found  # type: ignore[no-any-return]

    def _limits(self, asked: Asked) -> tuple[float, float]:
        explorer = self.explorer
        if isinstance(explorer.source, StackParts):
            planes = [self._whole(burst, asked) for burst in explorer.source.bursts]
        else:
            names = list(explorer.tiles)
            some = names[:: max(1, len(names) // _SOME_TILES)][:_SOME_TILES]
            options: dict[str, Any] = {"layer": asked.layer, "polarisation": asked.polarisation}
            planes = [explorer.chip(name, asked.pair, **options).values for name in some]
        values = np.concatenate([plane.ravel() for plane in planes])
        found = decibels(np.sqrt(values))
        return percentile_limits(found) if np.isfinite(found).any() else (0.0, 1.0)

    def _whole(self, burst: Any, asked: Asked) -> NDArray[Any]:
        shape = burst.shape[1:]
        cells = Cells.of(shape, (shape[0] / _SOME_CELLS, shape[1] / _SOME_CELLS), asked.window)
        spans = (slice(0, cells.counts[0]), slice(0, cells.counts[1]))
        return self._plane(burst, cells, spans, asked, Stopwatch())

    def _of_looks(self, geobox: GeoBox, asked: Asked, metres: float, watch: Stopwatch) -> NDArray[np.float32]:
        """A map tile of a stack from windows far apart."""
        source, whole = self.explorer.source, np.full(geobox.shape, np.nan, np.float32)
        assert isinstance(source, StackParts)
        step = (_CELL * metres / self.spacing[0], _CELL * metres / self.spacing[1])
        with watch.step("warp"):
            key = ("far", geobox)
            placed, _ = self.explorer.cache.get(key, lambda: self.explorer.held.safely(source.placed_far, geobox))
        for part in placed.parts:
            cells = Cells.of(part.stack.shape[1:], step, asked.window)
            positions = cells.positions(part.positions)
            try:
                rows, cols = positions.window(margin=2)
            except ValueError:
                continue
            plane = self._plane(part.stack, cells, (rows, cols), asked, watch)
            taken = on_grid(plane, positions.relative_to(rows, cols), asked.layer, watch)
            np.copyto(whole, taken, where=True if part.mask is None else part.mask)
        return whole

    def _plane(self, stack: Any, cells: Cells, spans: Any, asked: Asked, watch: Stopwatch) -> NDArray[Any]:
        dates = (asked.pair.reference, asked.pair.secondary)
        return looked_plane(
            self.explorer.held,
            stack,
            cells,
            spans,
            layer=asked.layer,
            polarisation=asked.polarisation,
            dates=dates,
            watch=watch,
        )

    def _of_tiles(self, geobox: GeoBox, asked: Asked, metres: float, watch: Stopwatch) -> NDArray[np.float32]:
        """A map tile of a store or archive from the chips under it."""
        del metres
        whole: NDArray[Any] = np.full(geobox.shape, np.nan, np.complex64 if asked.layer == "phase" else np.float32)
        for name in self._tiles_under(geobox):
            try:
                chip = self.explorer.chip(
                    name, asked.pair, window=asked.window, layer=asked.layer, polarisation=asked.polarisation
                )
            except KeyError:
                # Another tile may hold the pair.
                continue
            watch.add(chip.seconds)
            with watch.step("warp"):
                values: Any = np.exp(1j * chip.values).astype(np.complex64) if asked.layer == "phase" else chip.values
                taken = sample(values, pixel_map(chip.geobox, geobox), resampling=RESAMPLING)
                np.copyto(whole, taken, where=np.isnan(whole))
        return np.angle(whole).astype(np.float32) if asked.layer == "phase" else whole

    @cached_property
    def _boxes(self) -> NDArray[np.float64]:
        """(west, south, east, north) of each tile."""
        return np.array([box.bounds_in("EPSG:4326") for box in self.explorer.tiles.values()])

    def _tiles_under(self, geobox: GeoBox) -> Sequence[str]:
        west, south, east, north = bounds = geobox.bounds_in("EPSG:4326")
        left, low, right, high = beside(bounds, self._boxes).T
        names = list(self.explorer.tiles)
        return [
            names[index] for index in np.flatnonzero((left < east) & (right > west) & (low < north) & (high > south))
        ]

    def _touches(self, geobox: GeoBox) -> bool:
        west, south, east, north = bounds = geobox.bounds_in("EPSG:4326")
        left, low, right, high = beside(bounds, np.array(self.explorer.bounds))
        return bool(left < east and right > west and low < north and high > south)

    def _metres(self, zoom: int) -> float:
        """Metres on the ground of a pixel of a zoom, in the middle of the scene."""
        return 2 * HALF_SIDE * math.cos(math.radians(self._latitude)) / (PIXELS * 2**zoom)
