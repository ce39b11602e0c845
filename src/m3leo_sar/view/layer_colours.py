"""Layers in the colours of all pictures, as codes of 255 of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.pictures.colours import amplitude_image, coherence_image, phase_image
from m3leo_sar.pictures.rgba import Rgba

#: Colours of a layer; the code after them is no data.
COLOURS = 255


def layer_codes(
    values: NDArray[np.float32], layer: str, *, limits: tuple[float, float] | None = None
) -> tuple[NDArray[np.uint8], Rgba]:
    """Draw a layer: coherence from 0 to 1, phase on the colour wheel, intensity in grey over dB.

    Parameters
    ----------
    values : (rows, cols) float32
    layer : str
        One of :data:`m3leo_sar.view.pair_map.LAYERS`.
    limits : (float, float), optional
        Decibels of black and white of an intensity; -30 to 10 by default.

    Returns
    -------
    codes : (rows, cols) uint8
        255 where there is no data.
    palette : (256, 4) uint8
        Colour of each code; the last is transparent.
    """
    if layer == "phase":
        share = values * np.float32(COLOURS / (2 * np.pi))
        return _codes(np.mod(np.rint(share), COLOURS)), _wheel()
    if layer == "coherence":
        return _codes(np.rint(values * np.float32(COLOURS - 1))), _scale()
    low, high = limits or (-30.0, 10.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (10 * np.log10(values) - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return _codes(np.rint(np.clip(share, 0, 1) * np.float32(COLOURS - 1))), _greys()


def _codes(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    # NaN becomes the code after the colours.
    return np.nan_to_num(levels, copy=False, nan=COLOURS).astype(np.uint8)


@lru_cache(maxsize=1)
def _scale() -> Rgba:
    return _palette(coherence_image(np.linspace(0, 1, COLOURS, dtype=np.float32)[None]))


@lru_cache(maxsize=1)
def _wheel() -> Rgba:
    turns = np.arange(COLOURS) / COLOURS
    return _palette(phase_image((2 * np.pi * turns)[None]))


@lru_cache(maxsize=1)
def _greys() -> Rgba:
    decibels = np.linspace(-60, 0, COLOURS)
    return _palette(amplitude_image(10 ** (decibels / 20)[None], limits=(-60, 0)))


def _palette(colours: Rgba) -> Rgba:
    return np.concatenate([colours[0], np.zeros((1, 4), np.uint8)])
