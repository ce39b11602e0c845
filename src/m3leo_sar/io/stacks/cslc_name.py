"""File names of single-date CSLC-S1 products: those of OPERA, and those of COMPASS itself."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.stack.pairs import parse_date

#: OPERA_L2_CSLC-S1_T087-185683-IW2_20221228T161651Z_20240504T181714Z_S1A_VV_v1.1.h5; not COMPRESSED-CSLC-S1.
_OPERA = re.compile(
    r"(?<![A-Za-z]-)CSLC-S1_(T\d{3}-\d{6}-IW\d)_(\d{8})T(\d{6})Z_(?:(\d{8}T\d{6})Z)?.*_(VV|VH|HH|HV)_(?:v(\d[\d.]*))?",
    re.IGNORECASE,
)
_PLATFORM = re.compile(r"_(S1[A-D])_", re.IGNORECASE)
#: t087_185683_iw2_20221228.h5, with the polarisation in older versions.
_COMPASS = re.compile(r"(t\d{3}_\d{6}_iw\d)_(\d{8})(?:_(VV|VH|HH|HV))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CslcName:
    """Parsed file name of a product."""

    #: In OPERA's notation, ``T087-185683-IW2``.
    burst: str
    date: datetime.date
    #: Start time of the burst, UTC, if in the name.
    time: datetime.time | None
    #: None if not in the name; the file states it.
    polarisation: str | None
    #: Processing time, ``20240504T181714``, and version; empty if not in the name.
    processed: str
    version: tuple[int, ...]
    #: Satellite, such as ``S1A``, if in the name.
    platform: str | None = None


def parse_cslc_name(path: AnyFile) -> CslcName | None:
    """Parse a file name; None if it is not that of a single-date product.

    Examples
    --------
    >>> from pathlib import Path
    >>> parse_cslc_name(Path("t087_185683_iw2_20221228.h5")).burst
    'T087-185683-IW2'
    >>> parse_cslc_name(Path("compressed_t087_185683_iw2_20221228_20230109.h5"))
    """
    if path.suffix.lower() != ".h5":
        return None
    opera, own = _OPERA.search(path.stem), _COMPASS.fullmatch(path.stem)
    try:
        if opera is not None:
            digits, version = opera[3], opera[6] or ""
            time = datetime.datetime.strptime(digits, "%H%M%S").time()
            numbers = tuple(int(part) for part in version.split(".") if part)
            platform = _PLATFORM.search(path.stem)
            return CslcName(
                burst_name(opera[1]),
                parse_date(opera[2]),
                time,
                opera[5].upper(),
                opera[4] or "",
                numbers,
                platform[1].upper() if platform else None,
            )
        if own is not None:
            polarisation = own[3].upper() if own[3] else None
            return CslcName(burst_name(own[1]), parse_date(own[2]), None, polarisation, "", ())
    except ValueError as error:
        raise ValueError(f"{path.name} must have a date and a time in its name: {error}") from error
    return None


def burst_name(text: str) -> str:
    """Name of a burst in OPERA's notation, from any case and separators: ``t087_185683_iw2`` too."""
    return text.strip().upper().replace("_", "-")
