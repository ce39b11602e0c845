"""Latitude and longitude of the pixels in rasters beside a stack, for images that state no position."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from m3leo_sar.io.stacks.pixel_positions import layered_geometry
from m3leo_sar.stack.geometry import Geometry

#: Folder of the rasters, beside the images or in their parent folder.
FOLDER = "geometry"
_NAMES = (("latitude", "longitude"), ("lat", "lon"))
_SUFFIXES = (".tif", ".tiff", ".vrt", ".img")


def positions_beside(path: Path) -> tuple[Geometry | None, tuple[Path, ...]]:
    """Geometry from ``geometry/latitude.tif`` and ``geometry/longitude.tif`` beside a product, and these files.

    Parameters
    ----------
    path : Path
        A product; its own folder and the one above are searched. Other suffixes: ``.tiff``, ``.vrt``, ``.img``.

    Returns
    -------
    (geometry or None, tuple of Path)
        None and no files if there are none.

    Raises
    ------
    ValueError
        If the two differ in shape, hold complex numbers, or cannot be read.
    """
    for folder in (path.parent / FOLDER, path.parent.parent / FOLDER):
        for names in _NAMES if folder.is_dir() else ():
            files = [folder / f"{name}{suffix}" for name in names for suffix in _SUFFIXES]
            found = tuple(file for file in files if file.is_file())
            if len(found) == 2:
                return _geometry(found), found
    return None, ()


def _geometry(files: tuple[Path, ...]) -> Geometry:
    # Imported here, as most stacks have no such files.
    from m3leo_sar.io.files.raster import open_raster, read_window

    shapes = []
    for file in files:
        with open_raster(file) as source:
            if source.count != 1 or "complex" in source.dtypes[0]:
                raise ValueError(f"{file.name} must have one band of real numbers, degrees")
            shapes.append(source.shape)
    if shapes[0] != shapes[1]:
        raise ValueError(f"{files[0].name} and {files[1].name} must have one shape, got {shapes[0]} and {shapes[1]}")
    latitude, longitude = (partial(read_window, file, 1) for file in files)
    return layered_geometry(shapes[0], {"latitude": latitude, "longitude": longitude})
