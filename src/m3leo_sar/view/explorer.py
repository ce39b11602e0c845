"""One object behind the page, the map tiles and notebooks: the maps of a pair when they are viewed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._display import as_line
from m3leo_sar.grid.antimeridian import Bounds
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.stack.pairs import Pair, as_date
from m3leo_sar.view.asked_pair import checked_layer, checked_window, pair_among
from m3leo_sar.view.cache import ByteCache
from m3leo_sar.view.event_maps import EventMaps, event_maps, event_pairs
from m3leo_sar.view.grid_part import GridPart
from m3leo_sar.view.held_samples import HeldSamples
from m3leo_sar.view.opened_source import Source, opened_source
from m3leo_sar.view.pair_map import dates_of, pair_map
from m3leo_sar.view.pair_matrix import PairMatrix, days_between, mean_coherence, pairs_of_dates, stored_means
from m3leo_sar.view.pixel_history import PixelHistory, computed_pixel, stored_pixel
from m3leo_sar.view.snippet import snippet_of
from m3leo_sar.view.stack_parts import StackParts
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.view.stored_chips import StoredChips

#: Bytes that an explorer keeps unless another number is given.
CACHE_BYTES = 256 << 20
#: Window of a stack unless another is given, as that of ``prepare``.
WINDOW = Window(rows=5, cols=20)


class Chip(NamedTuple):
    """A map of a pair on a pixel grid, and how it came."""

    #: (rows, cols) float32: coherence in [0, 1], phase in radians, or intensity in the square of the stack's unit; NaN
    #: where there is no data.
    values: NDArray[np.float32]
    #: Grid of the pixels.
    geobox: GeoBox
    #: Seconds of reading (``read``), estimation (``kernel``) and the way to the grid (``warp``) for this answer; of
    #: reads at the same time, the sum.
    seconds: Mapping[str, float]
    #: Whether the map was in memory.
    hit: bool
    #: With the days between its passings.
    pair: Pair
    #: Samples of the estimate; of a stored chip, None if it does not state them.
    window: Window | None


class Asked(NamedTuple):
    """What a map is made of, checked."""

    pair: Pair
    window: Window
    layer: str
    polarisation: str


class Explorer:
    """Maps of any pair of a stack, computed when they are viewed.

    Made by :meth:`open`. Several threads may use one explorer. What may serve again stays in memory, within a number of
    bytes: the positions of a grid's pixels, the samples of its dates, and finished maps. Another pair of the same dates
    then costs the estimate and not the reading.

    Parameters
    ----------
    source : Source
        From :func:`m3leo_sar.view.opened_source.opened_source`.
    window : Window, optional
        Of the maps for which none is given; 5 rows x 20 columns by default, or that of a store of SLC tiles.
    cache_bytes : int
        Most bytes that are kept.

    Examples
    --------
    >>> import datetime
    >>> from m3leo_sar import GeoBox, TileGrid, Window, simulate_scene
    >>> from m3leo_sar.view import Explorer
    >>> box = GeoBox.from_bounds((680000, 5500000, 681400, 5501300), shape=(130, 140), crs="EPSG:32631")
    >>> dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    >>> stack = simulate_scene(box, dates=dates, seed=1).stack
    >>> tiles = TileGrid([(5.502, 49.624, 5.512, 49.631)], pixels=64)
    >>> explorer = Explorer.open(stack, tiles=tiles, window=Window(rows=3, cols=9))
    >>> chip = explorer.chip(next(iter(explorer.tiles)), (0, 1))
    >>> chip.values.shape, chip.pair.days, chip.hit
    ((64, 64), 12, False)
    """

    def __init__(self, source: Source, *, window: Window | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self.source = source
        own = source.largest_window or WINDOW
        self.window = own if window is None else checked_window(window.rows, window.cols, source.largest_window)
        self.cache = ByteCache(cache_bytes)
        self.held = HeldSamples(source, self.cache)

    @classmethod
    def open(
        cls,
        source: Any,
        *,
        tiles: Any = None,
        window: Window | None = None,
        cache_bytes: int = CACHE_BYTES,
        **options: Any,
    ) -> Explorer:
        """Explorer of a stack, of a store of SLC tiles, or of a chip archive.

        Parameters
        ----------
        source : path, SlcStack, BurstSet, SlcTileStore or ChipArchive
            A stack as :func:`m3leo_sar.prepare` takes it.
        tiles : TileGrid or path, optional
            Tiles of a stack; by default those of M3LEO's lattice over it, or of the exact lattice where it is smaller
            than a tile.
        window : Window, optional
            Samples of a coherence unless others are requested.
        cache_bytes : int
            Most bytes of samples, positions and maps that are kept in memory.
        **options
            ``burst``, ``polarisation``, ``frequency``, ``nodata``, ``flattened`` and ``reader`` of a stack on disk, as
            :func:`m3leo_sar.prepare` takes them, and ``lattice``.

        Warns
        -----
        UnflattenedWarning
            If a stack in radar geometry is not known to be flattened.

        Raises
        ------
        FileNotFoundError
            If there is nothing at the path.
        ValueError
            If it is none of these, or damaged, or an argument is out of range.
        """
        explorer = cls(opened_source(source, tiles=tiles, **options), window=window, cache_bytes=cache_bytes)
        if isinstance(explorer.source, StackParts):
            explorer.source.warn_unless_flat(explorer.window)
        return explorer

    @property
    def kind(self) -> str:
        """``"stack"``, ``"tiles"`` (a store of SLC tiles) or ``"archive"`` (stored pairs only)."""
        return self.source.kind

    @property
    def name(self) -> str:
        """Name of the source, such as the path of a stack."""
        return self.source.name

    @property
    def dates(self) -> tuple[datetime.date, ...]:
        """Days of the acquisitions, increasing."""
        return self.source.dates

    @property
    def tiles(self) -> Mapping[str, GeoBox]:
        """Pixel grid of each tile by its identifier."""
        return self.source.tiles

    @property
    def polarisations(self) -> tuple[str, ...]:
        """Polarisations, the first of which is the default."""
        return self.source.polarisations

    @cached_property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees, EPSG:4326."""
        return self.source.bounds

    @property
    def baselines(self) -> Mapping[datetime.date, float] | None:
        """Perpendicular baseline of each date in metres; None if unknown."""
        return None

    @property
    def is_gone(self) -> bool:
        """Whether the files of the source were removed."""
        return self.source.is_gone

    def pairs(self, tile: str, *, polarisation: str | None = None) -> list[Pair] | None:
        """Pairs of a tile that an archive holds; None if any pair of its dates can be computed."""
        self.geobox(tile)
        if not isinstance(self.source, StoredChips):
            return None
        return sorted(self.source.held[tile].get(self._polarisation(polarisation), []))

    def geobox(self, tile: str) -> GeoBox:
        """Pixel grid of a tile.

        Raises
        ------
        KeyError
            If there is no such tile.
        """
        if tile not in self.tiles:
            raise KeyError(f"there is no tile {str(tile)[:40]!r} among the {len(self.tiles)} tiles of {self.name}")
        return self.tiles[tile]

    def pair(self, wanted: Any) -> Pair:
        """A pair of the dates, in any notation: two dates, two indices, a Pair, ``"20230301_20230313"``.

        Raises
        ------
        KeyError
            If a date is not in the stack.
        TypeError, ValueError
            If it is not a pair.
        """
        return pair_among(wanted, self.source.passings)

    def asked(self, pair: Any, window: Window | None, layer: str, polarisation: str | None) -> Asked:
        """The words of a request with the defaults; errors as of :meth:`chip`."""
        return Asked(self.pair(pair), self._window(window), checked_layer(layer), self._polarisation(polarisation))

    def chip(
        self,
        tile: str,
        pair: Any,
        *,
        window: Window | None = None,
        layer: str = "coherence",
        polarisation: str | None = None,
    ) -> Chip:
        """A map of a pair on the pixels of a tile, with the values of ``prepare``'s chip.

        Parameters
        ----------
        tile : str
            Identifier.
        pair : two dates, two indices, Pair or str
        window : Window, optional
            In samples of the stack. A stored chip has its own.
        layer : {"coherence", "phase", "intensity_first", "intensity_second"}
        polarisation : str, optional
            The first by default.

        Raises
        ------
        KeyError
            If the tile, date, polarisation or layer does not exist, or the archive does not hold the pair.
        ValueError
            If the window or the pair is out of range.
        OSError
            If samples cannot be read.
        """
        geobox, asked = self.geobox(tile), self.asked(pair, window, layer, polarisation)
        watch, source = Stopwatch(), self.source

        def make() -> tuple[NDArray[np.float32], Window | None]:
            if isinstance(source, StoredChips):
                with watch.step("read"):
                    return self.held.safely(source.chip, tile, asked.polarisation, asked.pair, asked.layer)  # type: ignore[no-any-return]
            parts = self.held.tile_parts(tile, asked.window, watch)
            return self._computed(parts, geobox.shape, asked, watch), asked.window

        (values, used), hit = self.cache.get(("chip", tile, *asked), make)
        return Chip(values, geobox, watch.seconds, hit, asked.pair, used)

    def on_grid(
        self,
        geobox: GeoBox,
        pair: Any,
        *,
        window: Window | None = None,
        layer: str = "coherence",
        polarisation: str | None = None,
    ) -> Chip:
        """A map of a pair of a stack on any pixel grid, such as a map tile; as :meth:`chip` otherwise."""
        asked, watch = self.asked(pair, window, layer, polarisation), Stopwatch()

        def make() -> NDArray[np.float32]:
            parts = self.held.grid_parts(geobox, asked.window, watch)
            return self._computed(parts, geobox.shape, asked, watch)

        values, hit = self.cache.get(("map", geobox, *asked), make)
        return Chip(values, geobox, watch.seconds, hit, asked.pair, asked.window)

    def close(self) -> None:
        """End the threads and forget what is in memory."""
        self.held.close()
        self.cache.clear()

    def matrix(self, tile: str, *, window: Window | None = None, polarisation: str | None = None) -> PairMatrix:
        """Mean coherence of every pair of a tile, over the looks in the middle quarter of its ground.

        Looks are windows side by side, of which each sample is in one; of an archive, all pixels of the stored chips.

        Raises
        ------
        KeyError, ValueError, OSError
            As :meth:`chip`.
        """
        self.geobox(tile)
        size, polarisation = self._window(window), self._polarisation(polarisation)
        watch, source = Stopwatch(), self.source

        def make() -> NDArray[np.float32]:
            if isinstance(source, StoredChips):
                return stored_means(source, self.held, tile, polarisation, watch)
            parts = self.held.tile_parts(tile, size, watch)
            return mean_coherence(self.held, parts, polarisation, size, watch)

        means, _ = self.cache.get(("matrix", tile, size, polarisation), make)
        return PairMatrix(means, days_between(source.passings), None, self.dates)

    def pixel(
        self, tile: str, row: int, column: int, *, window: Window | None = None, polarisation: str | None = None
    ) -> PixelHistory:
        """Coherence of one pixel of a tile over all pairs, as in its chips, with the decay fit and its spread.

        Parameters
        ----------
        tile : str
        row, column : int
            From 0, in the tile's grid.
        window, polarisation
            As of :meth:`chip`.

        Raises
        ------
        KeyError, ValueError, OSError
            As :meth:`chip`.
        """
        rows, cols = self.geobox(tile).shape
        if not (0 <= row < rows and 0 <= column < cols):
            raise ValueError(f"row and column must be 0 to {rows - 1} and {cols - 1}, got {row} and {column}")
        size, polarisation = self._window(window), self._polarisation(polarisation)
        watch, place = Stopwatch(), (row, column)
        if isinstance(self.source, StoredChips):
            return stored_pixel(self.source, self.held, tile, place, polarisation, watch)
        parts = self.held.tile_parts(tile, size, watch)
        return computed_pixel(self.held, parts, place, polarisation=polarisation, window=size, watch=watch)

    def event(
        self, tile: str, date: datetime.date, *, window: Window | None = None, polarisation: str | None = None
    ) -> EventMaps:
        """Coherence before, across and after an event, and the change with a threshold from quiet pairs.

        Raises
        ------
        KeyError
            If no pair crosses the event and has one of the same days before it, or as :meth:`chip`.
        ValueError, OSError
            As :meth:`chip`.
        """
        known = self.pairs(tile, polarisation=polarisation)
        pairs = pairs_of_dates(self.source.passings) if known is None else known
        triplet, quiet = event_pairs(pairs, as_date(date, "date"))
        watch = Stopwatch()

        def map_of(pair: Pair) -> NDArray[np.float32]:
            chip = self.chip(tile, pair, window=window, polarisation=polarisation)
            watch.add(chip.seconds)
            return chip.values

        return event_maps(triplet, quiet, self.geobox(tile), map_of, watch.seconds)

    def snippet(self, tile: str, pair: Any, *, window: Window | None = None, polarisation: str | None = None) -> str:
        """Three lines of Python that make the coherence of :meth:`chip`."""
        size, polarisation = self._window(window), self._polarisation(polarisation)
        return snippet_of(self.source, tile, self.geobox(tile), self.pair(pair), polarisation, size)

    def __repr__(self) -> str:
        facts = {"source": self.name, "kind": self.kind, "dates": len(self.dates), "tiles": len(self.tiles)}
        return as_line("Explorer", facts)

    def _window(self, window: Window | None) -> Window:
        if window is None:
            return self.window
        return checked_window(window.rows, window.cols, self.source.largest_window)

    def _computed(
        self, parts: Sequence[GridPart], shape: tuple[int, int], asked: Asked, watch: Stopwatch
    ) -> NDArray[np.float32]:
        dates = [(asked.pair.reference, asked.pair.secondary)[index] for index in dates_of(asked.layer)]
        images = [self.held.images(part, asked.polarisation, dates, watch) for part in parts]
        return pair_map(parts, images, shape, layer=asked.layer, window=asked.window, watch=watch)

    def _polarisation(self, wanted: str | None) -> str:
        held = self.polarisations
        if wanted is not None and wanted.upper() not in held:
            raise KeyError(f"polarisation must be one of {', '.join(held)}, got {wanted[:40]!r}")
        return held[0] if wanted is None else wanted.upper()
