"""Answers of the local server: maps as PNG, GeoTIFF and NumPy arrays, and their description."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import numpy as np
import tornado.web

from m3leo_sar.io.files.raster import geotiff_bytes
from m3leo_sar.view.explorer import Chip
from m3leo_sar.view.layer_colours import layer_codes
from m3leo_sar.view.layers import Layers
from m3leo_sar.view.png import png_bytes
from m3leo_sar.view.query import NAMES, MapQuery, map_query

#: Formats of a map, with their media types.
FORMATS = {"png": "image/png", "tif": "image/tiff", "npy": "application/octet-stream"}


class Dropped(Exception):
    """The client no longer waits."""


class Answer(tornado.web.RequestHandler):
    """A request that is answered by a thread, so that the others need not wait for it."""

    def initialize(self, layers: Layers, pool: ThreadPoolExecutor, ending: asyncio.Event) -> None:
        """Keep what every request needs; ``ending`` is set when the server ends."""
        self.layers, self.pool, self.ending = layers, pool, ending
        self._waiting: Any = None

    async def computed(self, work: Callable[[], Any]) -> Any:
        """Result of a function in a thread; a request that its client has dropped before is not computed."""
        try:
            self._waiting = self.pool.submit(work)
            return await asyncio.wrap_future(self._waiting)
        except asyncio.CancelledError:
            raise Dropped from None
        except RuntimeError as error:
            # Threads take no more work when the server ends, and its clients are gone.
            if self.ending.is_set():
                raise Dropped from error
            raise

    def on_connection_close(self) -> None:
        """Take a request that nobody waits for out of the queue."""
        if self._waiting is not None:
            self._waiting.cancel()

    def query(self) -> MapQuery:
        """The query of the request."""
        return map_query(self.request.query_arguments)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One sentence as plain text."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{sentence_of(error) or self._reason}\n")

    def log_exception(self, *exc_info: Any) -> None:
        """Log errors of the program only: refused requests and unreadable files are answers."""
        if status_of(exc_info[1]) is None:
            super().log_exception(*exc_info)

    def _handle_request_exception(self, error: BaseException) -> None:
        status = status_of(error)
        if isinstance(error, Dropped):
            return
        if status is not None and not self._finished:
            self.send_error(status, exc_info=(type(error), error, error.__traceback__))
            return
        super()._handle_request_exception(error)


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of an error; None of an error of the program."""
    if isinstance(error, KeyError):
        return 404
    if isinstance(error, ValueError | TypeError):
        return 400
    return 503 if isinstance(error, OSError) else None


def sentence_of(error: BaseException | None) -> str:
    """An error in one sentence, empty if there is none to show."""
    if isinstance(error, tornado.web.HTTPError) or status_of(error) is None:
        return ""
    # The text of a KeyError is its key in quotes.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split())


class MapAnswer(Answer):
    """A map on the pixels of a tile of the explorer, or of a web map."""

    async def get(self, *names: str) -> None:
        """Answer with a map in the format of the suffix."""
        *place, suffix = names
        if suffix not in FORMATS:
            raise KeyError(f"format must be one of {', '.join(FORMATS)}, got {suffix[:20]!r}")
        asked = self.query()

        def work() -> tuple[bytes, Mapping[str, float], bool]:
            chip = self.map_at(place, asked)
            started = time.perf_counter()
            limits = self.layers.limits(asked.pair, asked.layer, asked.polarisation) if suffix == "png" else None
            content = encoded(chip, asked.layer, suffix, limits)
            return content, {**chip.seconds, "encode": time.perf_counter() - started}, chip.hit

        content, seconds, hit = await self.computed(work)
        self.set_header("Content-Type", FORMATS[suffix])
        self.set_header("Server-Timing", server_timing(seconds, hit))
        self.finish(content)

    def map_at(self, place: list[str], asked: MapQuery) -> Chip:
        """The map of the request."""
        raise NotImplementedError


class TileAnswer(MapAnswer):
    """A map on the pixels of a tile of the explorer."""

    def map_at(self, place: list[str], asked: MapQuery) -> Chip:
        """The map of ``/chips/TILE.png``."""
        pair, window, layer, polarisation = asked
        return self.layers.explorer.chip(place[0], pair, window=window, layer=layer, polarisation=polarisation)


class WebMapAnswer(MapAnswer):
    """A map on the pixels of a tile of a web map."""

    def map_at(self, place: list[str], asked: MapQuery) -> Chip:
        """The map of ``/tiles/Z/X/Y.png``."""
        pair, window, layer, polarisation = asked
        zoom, column, row = place
        return self.layers.tile(zoom, column, row, pair, window=window, layer=layer, polarisation=polarisation)


class Description(Answer):
    """TileJSON of a pair's map tiles."""

    async def get(self) -> None:
        """Answer with TileJSON."""
        asked, prefix = self.query(), self.request.path.rpartition("/")[0]
        given = {name: self.request.query_arguments[name][0] for name in NAMES if name in self.request.query_arguments}
        address = (
            f"{self.request.protocol}://{self.request.host}{prefix}/tiles/{{z}}/{{x}}/{{y}}.png?{urlencode(given)}"
        )
        pair, *rest = asked
        options: dict[str, Any] = dict(zip(("window", "layer", "polarisation"), rest, strict=True))
        self.finish(await self.computed(lambda: self.layers.description(address, pair, **options)))


class Welcome(Answer):
    """The address of a server without a page."""

    def get(self) -> None:
        """Answer with the kinds of addresses."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(
            "tiles/{z}/{x}/{y}.png?pair=YYYY-MM-DD,YYYY-MM-DD, also .tif and .npy; tiles.json?pair=...; "
            "chips/TILE.png?pair=...\n"
        )


class Missing(Answer):
    """An address at which there is nothing."""

    def prepare(self) -> None:
        """Refuse the request."""
        raise KeyError("there is nothing at this address; docs/view.md lists the addresses")


def encoded(chip: Chip, layer: str, suffix: str, limits: tuple[float, float] | None = None) -> bytes:
    """A map in one of :data:`FORMATS`; ``limits`` are those of an intensity's colours."""
    if suffix == "png":
        return png_bytes(*layer_codes(chip.values, layer, limits=limits))
    if suffix == "tif":
        tags = {"PAIR": str(chip.pair), "DAYS": str(chip.pair.days), "LAYER": layer}
        return geotiff_bytes("map.tif", chip.values, chip.geobox, tags=tags)
    buffer = io.BytesIO()
    np.save(buffer, chip.values, allow_pickle=False)
    return buffer.getvalue()


def server_timing(seconds: Mapping[str, float], hit: bool) -> str:
    """The header ``Server-Timing``: milliseconds of each step, and whether the map was in memory.

    Examples
    --------
    >>> server_timing({"read": 0.0125, "kernel": 0.002}, False)
    'read;dur=12.5, kernel;dur=2.0, cache;desc=miss'
    """
    steps = [f"{name};dur={1000 * value:.1f}" for name, value in seconds.items()]
    return ", ".join([*steps, f"cache;desc={'hit' if hit else 'miss'}"])
