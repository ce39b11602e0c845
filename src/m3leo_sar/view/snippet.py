"""The lines of Python that make the map of a pair."""

from __future__ import annotations

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.view.opened_source import Source
from m3leo_sar.view.stack_parts import StackParts
from m3leo_sar.view.stored_chips import StoredChips


def snippet_of(source: Source, tile: str, geobox: GeoBox, pair: Pair, polarisation: str, window: Window) -> str:
    """Three lines whose last value is the coherence of a pair on a tile, as the explorer shows it.

    A stack in memory is called ``stack``.
    """
    if isinstance(source, StoredChips):
        key = f"{polarisation}/{pair}" if polarisation else str(pair)
        lines = (
            "from m3leo_sar import ChipArchive",
            f"archive = ChipArchive({str(source.path)!r})",
            f'coherence = archive.read({tile!r}, "coherence", {key!r}).values()',
        )
    elif not isinstance(source, StackParts):
        lines = (
            "from m3leo_sar import Window; from m3leo_sar.view import Explorer",
            f"explorer = Explorer.open({str(source.path)!r})",
            f"coherence = explorer.chip({tile!r}, {str(pair)!r}, {_window(window)}, "
            f"polarisation={polarisation!r}).values",
        )
    elif isinstance(source.stack, SlcStack) and source.path is not None and source.is_as_read:
        lines = (
            "from m3leo_sar import GeoBox, Window, open_stack, tile_products",
            f"stack = open_stack({str(source.path)!r}{_options(source, polarisation=polarisation)})",
            f"coherence = tile_products(stack, {_geobox(geobox)}, "
            f"pairs={str(pair)!r}, {_window(window)}).coherence.values",
        )
    else:
        place = "stack" if source.path is None else repr(str(source.path))
        lines = (
            "from m3leo_sar import GeoBox, Window; from m3leo_sar.view import Explorer",
            f"explorer = Explorer.open({place}{_options(source)})",
            f"coherence = explorer.on_grid({_geobox(geobox)}, {str(pair)!r}, {_window(window)}, "
            f"polarisation={polarisation!r}).values",
        )
    return "\n".join(lines) + "\n"


def _options(source: StackParts, **others: str) -> str:
    given = {name: value for name, value in {**source.options, **others}.items() if name != "flattened" or not others}
    return "".join(f", {name}={value!r}" for name, value in given.items())


def _window(window: Window) -> str:
    return f"window=Window(rows={window.rows}, cols={window.cols})"


def _geobox(geobox: GeoBox) -> str:
    # Not by its bounds, which are rounded.
    return f"GeoBox({geobox.shape}, {tuple(geobox.affine)[:6]}, {geobox.crs!r})"
