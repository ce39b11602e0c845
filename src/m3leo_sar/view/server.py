"""The local server of an explorer: its page, and map tiles for other programs."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tornado.web
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.routing import AnyMatches, Rule, RuleRouter

from m3leo_sar._machine import available_cpus
from m3leo_sar.run.threads import limit_openmp
from m3leo_sar.view.answers import Description, Missing, TileAnswer, WebMapAnswer, Welcome
from m3leo_sar.view.explorer import Explorer
from m3leo_sar.view.gate import Gate, Refusal, Refused, guarded_headers
from m3leo_sar.view.layers import Layers

_ADDRESS = "127.0.0.1"
#: Most bytes of the body of a request; none has one.
_LARGEST_BODY = 1 << 16
#: Connections that may wait to be accepted.
_BACKLOG = 128


class ViewServer:
    """A server in a thread of its own; made by :func:`serve`.

    Parameters
    ----------
    explorer : Explorer
    port : int
        0 for any free one.
    page : bool
        Whether to serve the page beside the map tiles.
    origins : collection of str
        Origins of other pages that may ask.

    Raises
    ------
    OSError
        If the port is taken.
    ValueError
        If it is not a port.
    """

    def __init__(self, explorer: Explorer, *, port: int = 0, page: bool = True, origins: Collection[str] = ()) -> None:
        self.explorer = explorer
        self.token = secrets.token_urlsafe(24)
        self._socket = _bound(port)
        self.port = int(self._socket.getsockname()[1])
        self._gate, self._page = Gate(self.token, self.port, origins), page
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._started = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="m3leo-view", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._fault is not None:
            raise self._fault

    @property
    def url(self) -> str:
        """Address of the page, with the token."""
        return f"http://{_ADDRESS}:{self.port}/{self.token}/"

    @property
    def is_running(self) -> bool:
        """Whether the server answers."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Return when the server has ended; Ctrl-C raises KeyboardInterrupt here."""
        self._thread.join()

    def stop(self) -> None:
        """End the server; requests under way are dropped."""
        if self._loop is not None and self._ending is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(10)

    def __enter__(self) -> ViewServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"ViewServer({self.url})"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._fault = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        # One thread per CPU, each with one thread of a kernel: several requests share the machine evenly.
        workers = max(2, available_cpus())
        with ThreadPoolExecutor(
            workers, thread_name_prefix="m3leo-map", initializer=limit_openmp, initargs=(1,)
        ) as pool:
            application = self._application(pool, self._ending)
            http = HTTPServer(self._router(application), max_body_size=_LARGEST_BODY)
            http.add_socket(self._socket)
            server = BaseServer(IOLoop.current(), application, http)
            server.start()
            self._started.set()
            await self._ending.wait()
            server.stop(wait=False)
            await http.close_all_connections()
            pool.shutdown(wait=False, cancel_futures=True)

    def _application(self, pool: ThreadPoolExecutor, ending: asyncio.Event) -> BokehTornado:
        common = {"layers": Layers(self.explorer), "pool": pool, "ending": ending}
        suffix = r"\.([^./]+)"
        patterns: list[Any] = [
            (rf"/tiles/([^/]+)/([^/]+)/([^/]+?){suffix}", WebMapAnswer, common),
            (rf"/chips/([^/]+?){suffix}", TileAnswer, common),
            (r"/tiles\.json", Description, common),
        ]
        documents = self._documents()
        patterns += [] if documents else [(r"/?", Welcome, common)]
        application = BokehTornado(
            documents,
            prefix=self.token,
            extra_patterns=patterns,
            extra_websocket_origins=sorted(self._gate.hosts),
            use_index=False,
            log_function=_silent,
            default_handler_class=Missing,
            default_handler_args=common,
        )
        application.add_transform(guarded_headers(self._gate))
        return application

    def _documents(self) -> dict[str, Any]:
        """The page, if it is served."""
        if not self._page:
            return {}
        try:
            from m3leo_sar.view.page import document
        except ModuleNotFoundError as error:
            if error.name != "m3leo_sar.view.page":
                raise
            return {}
        return {"/": document(self.explorer)}

    def _router(self, application: BokehTornado) -> RuleRouter:
        refusals = tornado.web.Application([(".*", Refusal, {"gate": self._gate})], log_function=_silent)
        refusals.add_transform(guarded_headers(self._gate))
        return RuleRouter([Rule(Refused(self._gate), refusals), Rule(AnyMatches(), application)])


def serve(
    explorer: Explorer,
    *,
    port: int = 0,
    open_browser: bool = True,
    page: bool = True,
    origins: Collection[str] = (),
) -> ViewServer:
    """Serve an explorer on this machine alone, in a thread of its own.

    Every address begins with a random token, which the result's ``url`` holds. Requests with another host than
    127.0.0.1 or localhost, or from a page of another origin, are refused.

    Parameters
    ----------
    explorer : Explorer
    port : int
        0 for any free one.
    open_browser : bool
        Whether to open the page in a browser.
    page : bool
        Whether to serve the page beside the map tiles.
    origins : collection of str
        Origins of other pages that may ask, such as ``"http://localhost:8888"``; their browsers get the headers of
        CORS.

    Returns
    -------
    ViewServer
        It runs until its ``stop()``, or the end of the process.

    Raises
    ------
    OSError
        If the port is taken.
    ValueError
        If it is not a port.
    """
    server = ViewServer(explorer, port=port, page=page, origins=origins)
    if open_browser and page:
        webbrowser.open(server.url)
    return server


def _silent(handler: tornado.web.RequestHandler) -> None:
    """Errors of the program are logged with their traceback, refused requests are not."""


def _bound(port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be 0 to 65535, got {port}")
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        # A server that has just ended leaves its port waiting; Windows means another thing by this.
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_ADDRESS, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            state = "is taken by another program" if error.errno == errno.EADDRINUSE else "needs rights of the system"
            raise OSError(f"port {port} {state}; give another one, or 0 for any free one") from error
        raise
    return bound
