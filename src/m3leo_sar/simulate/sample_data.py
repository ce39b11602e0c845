"""The sample data that come with the package: a small stack, its tile and its truth."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.tiles import Tile, TileGrid
from m3leo_sar.simulate.scene import Event, Scene, simulate_scene
from m3leo_sar.stack.slc import SlcStack

#: A place, as longitude and latitude; its ground is simulated.
_PLACE = (9.0, 50.0, 9.001, 50.001)
_FIRST, _DAYS, _DATES = datetime.date(2023, 3, 1), 12, 12
#: Between the seventh and the eighth date.
_FLOOD = Event(date=datetime.date(2023, 5, 18), kept=0.15, change=1.0)
#: Pixels around the tile, so that every window of the tile is whole.
_MARGIN = 32


class SampleData(NamedTuple):
    """A stack to try things on.

    Attributes
    ----------
    stack : SlcStack
        Twelve dates, every 12 days from 2023-03-01, (512, 512) complex64 in memory, pixels of 10 m, VV. Read-only.
    tile : Tile
        The tile of the exact lattice that the stack covers, (448, 448).
    land_cover : (512, 512) uint8 array
        ESA WorldCover codes of the stack's pixels.
    flooded : (512, 512) bool array
        Pixels that the event of 2023-05-18 has changed.
    scene : Scene
        The simulated scene, with the true coherence and phase of any pair.
    """

    stack: SlcStack
    tile: Tile
    land_cover: NDArray[np.uint8]
    flooded: NDArray[np.bool_]
    scene: Scene


@lru_cache(maxsize=1)
def sample_data() -> SampleData:
    """A small stack with known truth, simulated when first asked for: about two seconds and 25 MB.

    Nothing is fetched and no file is needed. The same bits come on every machine with the same NumPy.

    Examples
    --------
    >>> from m3leo_sar import Window, coherence, sample_data
    >>> stack, tile, land_cover, flooded, scene = sample_data()
    >>> stack.shape, len(stack.dates), tile.identifier
    ((12, 512, 512), 12, '32N4480-0112-1236')
    >>> maps = coherence(stack.window(), pairs=[(0, 1)], window=Window(rows=7, cols=7))
    >>> bool(maps[0, land_cover == 50].mean() > maps[0, land_cover == 80].mean())  # towns, water
    True
    """
    tile = TileGrid.exact(_PLACE)[0]
    dates = [_FIRST + datetime.timedelta(days=_DAYS * number) for number in range(_DATES)]
    scene = simulate_scene(tile.geobox.pad(_MARGIN, _MARGIN), dates=dates, event=_FLOOD, seed=7)
    images = scene.stack.window()
    images.flags.writeable = False
    stack = SlcStack.from_arrays(
        images,
        dates,
        geometry=scene.geobox,
        polarisation=scene.polarisation,
        orbit="ascending",
        track=1,
        wavelength=scene.wavelength,
        name="sample data",
    )
    labels = scene.labels()
    return SampleData(stack, tile, labels["landcover"][0].astype(np.uint8), labels["event"][0].astype(bool), scene)
