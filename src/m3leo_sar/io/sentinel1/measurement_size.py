"""Whether the measurement of a swath is there and whole, from its sizes alone."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from m3leo_sar.io.files.tiff_size import tiff_size
from m3leo_sar.io.sentinel1.burst_pixels import open_measurement
from m3leo_sar.io.sentinel1.safe_burst import SafeBurst

#: Bytes of a measurement in a zip that are unpacked to find its directory.
_HEAD = 4 << 20
_REMEDY = "download the product again"
#: Errors of a zip that is damaged.
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)


def require_measurement(burst: SafeBurst) -> None:
    """Refuse a product whose measurement of a burst's swath is missing, cut short, or of another size; reads no pixel.

    Parameters
    ----------
    burst : SafeBurst
        In a zip, the measurement is checked as far as its directory lies at its beginning.

    Raises
    ------
    ValueError
        With the name of the product and the remedy.
    """
    burst.require_pixels()
    name = PurePosixPath(burst.measurement).name
    try:
        size, needed = _sizes_in_zip(burst) if burst.is_in_zip else _sizes(Path(burst.measurement))
    except (*_FAULTS, ValueError, OSError) as error:
        raise ValueError(f"{name} of {burst.product.name} is cut short or damaged: {error}; {_REMEDY}") from error
    if needed is not None and size < needed:
        raise ValueError(f"{name} of {burst.product.name} is cut short, it has {size} of {needed} bytes; {_REMEDY}")
    if not burst.is_in_zip:
        with open_measurement(burst.measurement, burst.annotation):
            pass


def _sizes(place: Path) -> tuple[int, int | None]:
    """Bytes of a file, and those that its directory requires."""
    with open(place, "rb") as stream:
        return place.stat().st_size, tiff_size(stream)


def _sizes_in_zip(burst: SafeBurst) -> tuple[int, int | None]:
    inside = burst.measurement.removeprefix(f"/vsizip/{burst.product}/")
    with zipfile.ZipFile(burst.product) as archive, archive.open(inside) as stream:
        return archive.getinfo(inside).file_size, tiff_size(stream, most=_HEAD)
