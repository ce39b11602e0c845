"""A page of any pair of a source, from Python and in notebooks."""

from __future__ import annotations

import sys
from html import escape
from typing import Any, Self

from m3leo_sar.grid.window import Window
from m3leo_sar.view.explorer import CACHE_BYTES, Explorer
from m3leo_sar.view.server import ViewServer, serve

#: Height of the page inside a notebook, in pixels.
_HEIGHT = 900


class View:
    """A page that is served; a notebook shows it where the object is the last value of a cell.

    Made by :func:`view`. It ends with :meth:`close`, at the end of a ``with`` block, or with the process.

    Parameters
    ----------
    explorer : Explorer
    server : ViewServer
    owns : bool
        Whether :meth:`close` closes the explorer too.
    """

    def __init__(self, explorer: Explorer, server: ViewServer, *, owns: bool) -> None:
        self.explorer, self._server, self._owns = explorer, server, owns

    @property
    def url(self) -> str:
        """Address of the page, on this machine alone; it holds the token of this server."""
        return self._server.url

    def close(self) -> None:
        """End the server; pages that are open say so."""
        self._server.stop()
        if self._owns:
            self.explorer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"View({self.url})" if self._server.is_running else "View(closed)"

    def _repr_html_(self) -> str:
        if not self._server.is_running:
            return "<p>The page was closed.</p>"
        address = escape(self.url, quote=True)
        return (
            f'<iframe src="{address}" title="Any pair of {escape(self.explorer.name, quote=True)}" width="100%" '
            f'height="{_HEIGHT}" style="border:0" allow="clipboard-write"></iframe>'
        )


def view(
    source: Any,
    *,
    tiles: Any = None,
    window: Window | None = None,
    cache_bytes: int = CACHE_BYTES,
    port: int = 0,
    open_browser: bool | None = None,
    **options: Any,
) -> View:
    """Serve a page on this machine in which any pair of a source is chosen, computed and viewed.

    Parameters
    ----------
    source : path, SlcStack, BurstSet, SlcTileStore, ChipArchive or Explorer
        A stack, a store of SLC tiles or a chip archive, opened or by its path.
    tiles : TileGrid or path, optional
        Tiles of a stack; by default those of M3LEO's lattice over it.
    window : Window, optional
        Samples of the first coherence; sliders of the page change it.
    cache_bytes : int
        Most bytes of samples and maps that are kept in memory.
    port : int
        0 for any free one.
    open_browser : bool, optional
        Whether to open the page in a browser; by default everywhere but in a notebook, which shows it in the cell.
    **options
        Others of :meth:`m3leo_sar.view.explorer.Explorer.open`.

    Returns
    -------
    View
        With the ``url`` of the page and ``close()``.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If the source is none of these or damaged, or an argument is out of range.
    OSError
        If the port is taken.

    Examples
    --------
    >>> import datetime
    >>> import m3leo_sar
    >>> from m3leo_sar import GeoBox, TileGrid, simulate_scene
    >>> box = GeoBox.from_bounds((680000, 5500000, 681400, 5501300), shape=(130, 140), crs="EPSG:32631")
    >>> dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    >>> stack = simulate_scene(box, dates=dates, seed=1).stack
    >>> tiles = TileGrid([(5.502, 49.624, 5.512, 49.631)], pixels=64)
    >>> with m3leo_sar.view(stack, tiles=tiles, open_browser=False) as page:
    ...     page.url.startswith("http://127.0.0.1:")
    True
    """
    owns = not isinstance(source, Explorer)
    explorer = Explorer.open(source, tiles=tiles, window=window, cache_bytes=cache_bytes, **options) if owns else source
    try:
        server = serve(explorer, port=port, open_browser=not _is_notebook() if open_browser is None else open_browser)
    except BaseException:
        if owns:
            explorer.close()
        raise
    return View(explorer, server, owns=owns)


def _is_notebook() -> bool:
    """Whether this is the kernel of a notebook, which shows the page in the cell."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")
