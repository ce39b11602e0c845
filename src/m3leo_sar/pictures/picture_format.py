"""Formats of pictures, by the suffix of their file."""

from __future__ import annotations

import os
from pathlib import Path

#: Suffixes of the pictures that can be written.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps")


def require_picture_name(path: str | os.PathLike[str], name: str) -> str:
    """Format of a picture by its suffix.

    Parameters
    ----------
    path : path
        Picture to write.
    name : str
        Of the argument, in the message.

    Raises
    ------
    ValueError
        If there is no suffix, or it names no format of pictures.

    Examples
    --------
    >>> require_picture_name("network.SVG", "figure")
    'svg'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURES:
        raise ValueError(f"{name} must end in .png, .svg or .pdf (or {', '.join(PICTURES[3:])}), got {Path(path).name}")
    return suffix.lstrip(".")
