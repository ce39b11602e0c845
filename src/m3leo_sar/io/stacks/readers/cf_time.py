"""Times of a CF axis, as xarray writes one."""

from __future__ import annotations

import datetime
import re
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.stack.pairs import parse_date

#: Units of CF times to their length in seconds.
_UNITS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0, "milliseconds": 1e-3,
          "microseconds": 1e-6, "nanoseconds": 1e-9}  # fmt: skip


def moments_of(values: NDArray[Any], units: str) -> list[datetime.datetime] | None:
    """UTC times of an axis without a time zone; None if its numbers only count.

    Parameters
    ----------
    values : (n,) numbers, datetime64 or texts
    units : str
        Such as ``"days since 2023-03-01"``.

    Raises
    ------
    ValueError
        If a number or text is no time.

    Examples
    --------
    >>> import numpy as np
    >>> moments_of(np.array([0.5]), "days since 2023-03-01")
    [datetime.datetime(2023, 3, 1, 12, 0)]
    """
    if values.dtype.kind == "M":
        return [moment for moment in values.astype("datetime64[us]").tolist()]
    if values.dtype.kind in "SU":
        texts = (str(value, "ascii") if isinstance(value, bytes) else str(value) for value in values)
        return [datetime.datetime.combine(parse_date(text), datetime.time()) for text in texts]
    since = re.fullmatch(r"(\w+) since (\d{4}-\d{2}-\d{2})(?:[T ](.*))?", units.strip())
    if since is None or since[1] not in _UNITS:
        return None
    start = datetime.datetime.fromisoformat(since[2] + "T" + (since[3] or "00:00:00")[:15])
    try:
        return [start + datetime.timedelta(seconds=float(value) * _UNITS[since[1]]) for value in values]
    except (OverflowError, ValueError) as error:
        raise ValueError(f"its time axis is no time: {error}") from error
