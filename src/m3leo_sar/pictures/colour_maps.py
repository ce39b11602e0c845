"""Perceptually uniform colour maps of the package cmcrameri (Crameri et al., 2020)."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.colors import ListedColormap

#: Names of the maps: of coherence, of other values from low to high, of differences, whose middle is light, and of a
#: phase, whose ends meet.
SEQUENTIAL, OTHER_VALUES, DIVERGING, CYCLIC = "batlow", "lajolla", "vik", "romaO"
#: Days between the dates of pairs, and power in dB from black to white.
DAYS, GREY = "lapaz", "grey"


def sequential_colours(share: NDArray[np.float64], colour_map: str = SEQUENTIAL) -> NDArray[np.float64]:
    """SRGB (..., 3) within 0 and 1 of shares from 0, dark, to 1, light.

    References
    ----------
    Crameri, Shephard and Heron, 2020, Nature Communications 11, 5444.
    """
    table = colour_table(colour_map)
    return _between(share * (len(table) - 1), table)


def cyclic_colours(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB (..., 3) within 0 and 1 of turns, of which 0 and 1 are the same; as :func:`sequential_colours`."""
    table = colour_table(CYCLIC)
    # The last colour of the table lies one step before the first.
    return _between(turn % 1 * len(table), np.concatenate([table, table[:1]]))


def darkened(colours: NDArray[np.float64], brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (..., 3) of the same hue whose OKLab lightness is multiplied by a brightness (...) from 0 to 1.

    OKLab (Ottosson, 2020) is proportional to the cube root of linear sRGB, whose cube is multiplied here.
    """
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    linear = linear * brightness[..., None] ** 3
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=8)
def colour_table(name: str) -> NDArray[np.float64]:
    """All colours of a map, (colours, 3) within 0 and 1, from low to high.

    Raises
    ------
    ModuleNotFoundError
        If the package cmcrameri is not installed.
    """
    if name == GREY:
        return np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    # The files are read without importing the package, which loads matplotlib's pyplot and its global state.
    found = find_spec("cmcrameri")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'cmcrameri'", name="cmcrameri")
    table = np.loadtxt(Path(found.submodule_search_locations[0]) / "cmaps" / f"{name}.txt")
    # The darkest blue to a middle green: its light end would be lost on white paper.
    return table[: 7 * len(table) // 10] if name == DAYS else table


def listed_map(name: str) -> ListedColormap:
    """The map as one of matplotlib."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(colour_table(name), name=name)


def _between(place: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation between the entries of a table."""
    entries = np.arange(len(table))
    return np.stack([np.interp(place, entries, table[:, band]) for band in range(3)], axis=-1)
