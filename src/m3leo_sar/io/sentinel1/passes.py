"""Bursts of many products by date and place: slices of one pass are joined, dates are checked against each other."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.io.sentinel1.product import SafeProduct
from m3leo_sar.io.sentinel1.safe_burst import SafeBurst
from m3leo_sar.io.sentinel1.safe_manifest import version_of

Passes = dict[datetime.date, dict[BurstIdentifier, dict[str, SafeBurst]]]

#: Longest time between two slices of one pass of a satellite.
_GAP = datetime.timedelta(minutes=20)
#: Largest difference of the raw times of one burst in two slices, seconds.
_SAME = 1e-3
#: First processor with the right phase of the elevation antenna pattern.
_RIGHT_PATTERN = (2, 43)


def passes(products: Iterable[SafeProduct]) -> Passes:
    """Bursts by date, identifier and polarisation.

    Slices of one pass are joined. Its date is the UTC day of its first burst, also for bursts after midnight. Of a
    burst that two slices hold, the one with more valid lines is taken, of equal ones that of the first name.

    Raises
    ------
    ValueError
        If two products hold a burst of one date at different times: they are of different passes.
    """
    found: Passes = {}
    for slices in _by_pass(products):
        first = min(product.start for product in slices).date()
        place = found.setdefault(first, {})
        for burst in (burst for product in slices for burst in product.bursts):
            planes = place.setdefault(burst.identifier, {})
            other = planes.get(burst.polarisation)
            planes[burst.polarisation] = replace(burst if other is None else _better(other, burst), date=first)
    return {date: dict(sorted(found[date].items())) for date in sorted(found)}


def require_comparable(bursts: Mapping[datetime.date, SafeBurst]) -> None:
    """Refuse dates of one burst and polarisation whose pixels cannot form interferograms.

    Raises
    ------
    ValueError
        If the identifiers, tracks or polarisations differ, the wavelengths differ, or dates of processors before IPF
        2.43 are mixed with later ones: those had a wrong phase of the elevation antenna pattern, which this package
        does not correct.
    """
    dates = sorted(bursts)
    for one, other in itertools.pairwise(dates):
        first, second = bursts[one], bursts[other]
        for name in ("identifier", "polarisation", "wavelength"):
            if getattr(first, name) != getattr(second, name):
                raise ValueError(
                    f"dates must have one {name}, {one} has {getattr(first, name)}, {other} {getattr(second, name)}"
                )
    versions = {date: version_of(bursts[date].processor) for date in dates}
    old = [date for date, version in versions.items() if version is not None and version < _RIGHT_PATTERN]
    new = [date for date, version in versions.items() if version is not None and version >= _RIGHT_PATTERN]
    if old and new:
        raise ValueError(
            f"{bursts[old[0]].identifier}: dates of IPF before 2.43 cannot be mixed with later ones, as the phase of "
            f"their antenna pattern is wrong and would show as fringes; leave out {', '.join(map(str, old))} (IPF "
            f"{bursts[old[0]].processor}), or all dates from IPF 2.43 on, such as {new[0]}"
        )


def _by_pass(products: Iterable[SafeProduct]) -> list[list[SafeProduct]]:
    """Products of one satellite that follow each other in less than a fifth of an orbit."""
    ordered = sorted(products, key=lambda product: (product.mission, product.start, product.name))
    found: list[list[SafeProduct]] = []
    for product in ordered:
        last = found[-1] if found else []
        if last and last[-1].mission == product.mission and product.start - last[-1].stop < _GAP:
            last.append(product)
        else:
            found.append([product])
    return found


def _better(one: SafeBurst, other: SafeBurst) -> SafeBurst:
    """Of one burst in two products, the one to take."""
    apart = abs((one.sensing_start - other.sensing_start).total_seconds())
    if apart > _SAME or one.mission != other.mission:
        raise ValueError(
            f"{one.name} and {other.name} both hold {one.identifier} {one.polarisation} on one date, "
            f"{apart:.3f} s apart: they are of different passes; leave one of them out"
        )
    return min(one, other, key=lambda burst: (-burst.valid_lines, burst.name))
