"""What becomes of a tile that lies off its source."""

from __future__ import annotations

from m3leo_sar.warp.pixel_map import PixelMap

#: An empty chip, or an error.
OUTSIDE = ("empty", "error")


def check_outside(outside: str) -> None:
    """Refuse an unknown word.

    Raises
    ------
    ValueError
        If it is none of `OUTSIDE`.
    """
    if outside not in OUTSIDE:
        raise ValueError(f"outside must be one of {', '.join(OUTSIDE)}, got {outside!r}")


def refuse_outside(positions: PixelMap, outside: str) -> None:
    """Refuse a tile none of whose positions lies on the source, if that is an error.

    Raises
    ------
    ValueError
        If so.
    """
    if outside == "error":
        positions.window()
