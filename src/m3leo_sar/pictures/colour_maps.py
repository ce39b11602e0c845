"""Perceptually uniform colour maps of the package cmcrameri (Crameri et al., 2020)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Names of the maps: of coherence, of other values from low to high, and of a phase, whose ends meet.
SEQUENTIAL, OTHER_VALUES, CYCLIC = "batlow", "lajolla", "romaO"


def sequential_colours(share: NDArray[np.float64], colour_map: str = SEQUENTIAL) -> NDArray[np.float64]:
    """SRGB (..., 3) within 0 and 1 of shares from 0, dark, to 1, light.

    References
    ----------
    Crameri, Shephard and Heron, 2020, Nature Communications 11, 5444.
    """
    table = _table(colour_map)
    return _between(share * (len(table) - 1), table)


def cyclic_colours(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB (..., 3) within 0 and 1 of turns, of which 0 and 1 are the same; as :func:`sequential_colours`."""
    table = _table(CYCLIC)
    # The last colour of the table lies one step before the first.
    return _between(turn % 1 * len(table), np.concatenate([table, table[:1]]))


def darkened(colours: NDArray[np.float64], brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (..., 3) of the same hue whose OKLab lightness is multiplied by a brightness (...) from 0 to 1.

    OKLab (Ottosson, 2020) is proportional to the cube root of linear sRGB, whose cube is multiplied here.
    """
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    linear = linear * brightness[..., None] ** 3
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=3)
def _table(name: str) -> NDArray[np.float64]:
    # Imported here: it loads matplotlib's pyplot, and most pictures of a report need no map.
    from cmcrameri import cm

    return np.asarray(getattr(cm, name).colors, np.float64)[:, :3]


def _between(place: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation between the entries of a table."""
    entries = np.arange(len(table))
    return np.stack([np.interp(place, entries, table[:, band]) for band in range(3)], axis=-1)
