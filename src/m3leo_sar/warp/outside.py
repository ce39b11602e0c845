"""Handling of a tile outside its source."""

from __future__ import annotations

from m3leo_sar.warp.pixel_map import PixelMap

#: A chip without data, or an error.
OUTSIDE = ("empty", "error")


def check_outside(outside: str) -> None:
    """Refuse an unknown option.

    Raises
    ------
    ValueError
        If it is none of `OUTSIDE`.
    """
    if outside not in OUTSIDE:
        raise ValueError(f"outside must be one of {', '.join(OUTSIDE)}, got {outside!r}")


def refuse_outside(positions: PixelMap, outside: str) -> None:
    """Refuse a tile without a position on the source, if ``outside`` is ``"error"``.

    Raises
    ------
    ValueError
        If so.
    """
    if outside == "error":
        positions.window()
