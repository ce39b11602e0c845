"""Images with transparency: masks, and one image over another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: An image: (rows, cols, 4) uint8, red, green, blue and opacity.
Rgba = NDArray[np.uint8]


def mask_image(mask: ArrayLike, *, colour: str = "#d55e00") -> Rgba:
    """Draw a mask: one colour where it is true, transparent elsewhere.

    Parameters
    ----------
    mask : (rows, cols) bool
    colour : str
        ``#rrggbb``.

    Returns
    -------
    (rows, cols, 4) uint8

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the array is not (rows, cols), or the colour is invalid.

    Examples
    --------
    >>> mask_image([[True, False]], colour="#0102ff").tolist()
    [[[1, 2, 255, 255], [0, 0, 0, 0]]]
    """
    array = as_plane("mask", mask)
    if array.dtype != bool:
        raise TypeError(f"mask must be boolean, got {array.dtype}")
    image = np.zeros((*array.shape, 4), np.uint8)
    image[array] = rgba_of(colour)
    return image


def overlay(image: Rgba, over: Rgba, *, opacity: float = 0.5) -> Rgba:
    """Blend one image over another.

    Parameters
    ----------
    image, over : (rows, cols, 4) uint8
        The lower and the upper image.
    opacity : float
        Of the upper image, 0 to 1; multiplied by its own opacity.

    Returns
    -------
    (rows, cols, 4) uint8

    Raises
    ------
    TypeError
        If one is not uint8.
    ValueError
        If the shapes differ or are not (rows, cols, 4), or the opacity is out of range.

    Examples
    --------
    >>> red, blue = mask_image([[True]], colour="#ff0000"), mask_image([[True]], colour="#0000ff")
    >>> overlay(red, blue, opacity=0.2).tolist()
    [[[204, 0, 51, 255]]]
    """
    for name, array in (("image", image), ("over", over)):
        if array.dtype != np.uint8:
            raise TypeError(f"{name} must be uint8, got {array.dtype}")
        if array.shape != image.shape or array.ndim != 3 or array.shape[2] != 4:
            raise ValueError(f"image and over must both be (rows, cols, 4), got {image.shape} and {over.shape}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie within 0 and 1, got {opacity}")
    above = over[..., 3:] / 255 * opacity
    below = image[..., 3:] / 255 * (1 - above)
    total = above + below
    mixed = over[..., :3] * above + image[..., :3] * below
    colours = np.divide(mixed, total, out=np.zeros_like(mixed), where=total > 0)
    return np.rint(np.concatenate([colours, 255 * total], axis=2)).astype(np.uint8)


def as_plane(name: str, values: ArrayLike) -> NDArray[Any]:
    """The values as an array (rows, cols).

    Raises
    ------
    ValueError
        If it has other axes; the message calls it ``name``.
    """
    array = np.asarray(values)
    if array.ndim != 2:
        raise ValueError(f"{name} must be (rows, cols), got {array.shape}")
    return array


def opaque_image(colours: NDArray[np.float64], known: NDArray[np.bool_]) -> Rgba:
    """Image from colours (rows, cols, 3) within 0 and 1; unknown pixels are transparent."""
    image = np.zeros((*known.shape, 4), np.uint8)
    image[known, :3] = np.rint(255 * colours[known])
    image[known, 3] = 255
    return image


def rgba_of(text: str) -> tuple[int, int, int, int]:
    """Red, green, blue and full opacity of a colour ``#rrggbb``.

    Raises
    ------
    ValueError
        If the text is not of that form.
    """
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        raise ValueError(f"colour must read #rrggbb, got {text!r}") from None
    return red, green, blue, 255
