"""Acquisition date and polarisation from the file name of an SLC."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from m3leo_sar.stack.pairs import MONTHS, parse_date
from m3leo_sar.stack.polarisation import POLARISATIONS

#: A day, alone or with the time of day: 20230301, 20230301T161651, 20230301161651, 2023-03-01-12-30-11, 01Mar2023.
_DAY = re.compile(
    r"(?<!\d)(\d{8})(?:T?(\d{6}))?(?!\d)"
    r"|(?<!\d)(\d{4}[-_]\d{2}[-_]\d{2})(?:[-_T](\d{2}[-_:]?\d{2}[-_:]?\d{2}))?(?!\d)"
    rf"|(?<![A-Za-z\d])(\d{{2}}(?:{'|'.join(MONTHS)})\d{{4}})(?!\d)",
    re.IGNORECASE,
)
#: Suffixes of the rasters in which acquisitions are looked for.
RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".slc", ".img", ".bin")
#: Year of the first spaceborne imaging radar over land, and a year that an eight-digit number rarely contains.
_YEARS = range(1978, 2100)
#: Longer than any image lasts; a later time is another acquisition.
_LONGEST = datetime.timedelta(hours=1)


def date_in_name(name: str) -> datetime.date:
    """Acquisition date in a file name.

    Raises
    ------
    ValueError
        If the name contains no date, or several, as for an interferogram or a product of many images.

    Examples
    --------
    >>> date_in_name("CAPELLA_C02_SM_SLC_HH_20201209213329_20201209213332.tif")
    datetime.date(2020, 12, 9)
    >>> date_in_name("orbit_10000101_20230319.tif")
    datetime.date(2023, 3, 19)
    """
    if is_compressed(name):
        raise ValueError(f"{name} is a compressed SLC, made of many acquisitions; leave it out, or pass dates=")
    moments = _moments(name)
    days = sorted({moment.date() for moment, _ in moments})
    if not days:
        raise ValueError(f"{name} has no date in its name, such as 20230301 or 01Mar2023; pass dates=")
    if len(days) > 1 and not _is_one_image(moments):
        found = " and ".join(str(day) for day in days[:2])
        raise ValueError(
            f"{name} has several dates in its name, {found}, as an interferogram of two images has; "
            "a stack is of single images, or pass dates="
        )
    return days[0]


def polarisation_in_name(name: str) -> str | None:
    """Polarisation delimited by non-letters in a name; None if there is none or more than one.

    Examples
    --------
    >>> polarisation_in_name("20230301_vv.slc.tif"), polarisation_in_name("s1_VV_VH.tif")
    ('VV', None)
    """
    found = {word.upper() for word in re.split(r"[^A-Za-z]+", name) if word.upper() in POLARISATIONS}
    return found.pop() if len(found) == 1 else None


def is_compressed(name: str) -> bool:
    """Whether a name is that of a compressed SLC, which phase linking computes from many acquisitions."""
    return re.search(r"(?<![a-z])compressed(?![a-z])", name, re.IGNORECASE) is not None


def compressed_text(left: Sequence[Path]) -> str:
    """Sentence on compressed SLCs that are left out, for a warning."""
    return (
        f"{left[0].parent}: {len(left)} compressed SLCs, which are not acquisitions, are left out, such as "
        f"{left[0].name}"
    )


def _moments(name: str) -> list[tuple[datetime.datetime, bool]]:
    """Dates in a name, with the time of day if specified, and whether it is."""
    found = []
    for match in _DAY.finditer(name):
        try:
            day = parse_date(match[1] or match[3] or match[5])
            digits = re.sub(r"\D", "", match[2] or match[4] or "")
            time = datetime.datetime.strptime(digits, "%H%M%S").time() if digits else None
        except ValueError:
            continue
        if day.year in _YEARS:
            found.append((datetime.datetime.combine(day, time or datetime.time()), time is not None))
    return found


def _is_one_image(moments: list[tuple[datetime.datetime, bool]]) -> bool:
    """Whether several dates are all times of one image acquired across midnight."""
    times = sorted(moment for moment, has_time in moments if has_time)
    return len(times) == len(moments) and times[-1] - times[0] < _LONGEST
