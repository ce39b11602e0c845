"""Formats and resolution of pictures."""

from __future__ import annotations

import os
from pathlib import Path

#: Formats that can be chosen by name.
FORMATS = ("svg", "pdf", "png")
#: Suffixes of the pictures that can be written.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps")
#: Pixels per inch of a picture, if not specified.
DPI = 150
_LOWEST, _HIGHEST = 30, 1200


def picture_form(path: str | os.PathLike[str], form: str | None = None, *, name: str = "path") -> str:
    """Format of a picture: the one that is named, otherwise that of the suffix.

    Parameters
    ----------
    path : path
        Picture to write.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``.
    name : str
        Of the path in the message.

    Raises
    ------
    ValueError
        If the named format is unknown, or the suffix names none or another than the named one.

    Examples
    --------
    >>> picture_form("network.SVG"), picture_form("network", "pdf")
    ('svg', 'pdf')
    """
    suffix, file = Path(path).suffix.lower(), Path(path).name
    if form is None:
        if suffix not in PICTURES:
            raise ValueError(f"{name} must end in .png, .svg or .pdf (or {', '.join(PICTURES[3:])}), got {file}")
        return suffix.lstrip(".")
    if form not in FORMATS:
        wrong = f", and {name} must end in .png, .svg or .pdf, got {file}" if suffix not in PICTURES else ""
        raise ValueError(f"form must be svg, pdf or png, got {form!r}{wrong}")
    if suffix in PICTURES and suffix.lstrip(".") != form:
        raise ValueError(f"{name} must end in .{form} with form {form!r}, got {file}")
    return form


def require_output(path: str | os.PathLike[str] | None, form: str | None, dpi: float) -> None:
    """Refuse a picture that cannot be written, before it is drawn.

    Raises
    ------
    ValueError
        If the format is unknown or does not match the suffix, or the resolution is out of range.
    """
    if not _LOWEST <= dpi <= _HIGHEST:
        raise ValueError(f"dpi must be {_LOWEST} to {_HIGHEST} pixels per inch, got {dpi}")
    if path is not None:
        picture_form(path, form)
    elif form is not None and form not in FORMATS:
        raise ValueError(f"form must be svg, pdf or png, got {form!r}")
