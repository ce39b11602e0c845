"""Measurements of products that a run could not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from m3leo_sar.io.sentinel1.measurement_size import require_measurement


def pixel_faults(bursts: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Bursts whose measurement is missing, cut short or of another size, each with the reason; no pixel is read.

    Parameters
    ----------
    bursts : iterable of SafeBurst
        Of several bursts of one measurement, the first stands for all.
    """
    seen = set()
    for burst in bursts:
        key = burst.product, burst.swath, burst.polarisation
        if key in seen:
            continue
        seen.add(key)
        try:
            require_measurement(burst)
        except (ValueError, OSError) as error:
            yield burst, str(error)
