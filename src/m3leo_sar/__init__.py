"""Coherence and interferograms of any date pair, on the M3LEO tile grid, from a stack of co-registered SLCs."""

from m3leo_sar.chips.normalise import normalise
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.grid.window import Looks, Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.insar.multilook import multilook
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geolocate import geolocate
from m3leo_sar.warp.reproject import reproject
from m3leo_sar.warp.resample import resample

__all__ = [
    "GeoBox",
    "Looks",
    "Pair",
    "SlcStack",
    "TileGrid",
    "Window",
    "coherence",
    "geolocate",
    "interferogram",
    "multilook",
    "normalise",
    "reproject",
    "resample",
]


def __getattr__(name: str) -> str:
    # Looked up when asked for: reading the installed metadata takes longer than the imports above.
    if name == "__version__":
        from importlib.metadata import version

        return version("m3leo-sar")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
