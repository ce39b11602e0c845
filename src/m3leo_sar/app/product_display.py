"""Sentinel-1 products and orbit files on a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from m3leo_sar.app.progress import OUT

if TYPE_CHECKING:
    from m3leo_sar.io.sentinel1.product import SafeProduct
    from m3leo_sar.io.sentinel1.safe_burst import SafeBurst

#: Characters of "T052-110431-IW1".
_IDENTIFIER = 15


def is_sentinel1(path: Path) -> bool:
    """Whether a path is a product, a folder of products, or an orbit file."""
    from m3leo_sar.io.sentinel1.orbit_file import orbit_file_name
    from m3leo_sar.io.sentinel1.product import holds_products

    return orbit_file_name(path) is not None or holds_products(path)


def describe_sentinel1(path: Path) -> None:
    """Print a product, the products of a folder, or an orbit file."""
    from m3leo_sar.io.sentinel1.orbit_file import orbit_file_name
    from m3leo_sar.io.sentinel1.product import find_products

    if orbit_file_name(path) is not None:
        OUT.print(_facts(path.name, orbit_facts(path)))
        return
    unreadable: dict[Path, str] = {}
    products = find_products(path, unreadable=unreadable)
    if len(products) == 1:
        OUT.print(_facts(products[0].name, product_facts(products[0])))
        OUT.print(burst_table(products[0].bursts))
    else:
        table = Table("date", "track", "slices", "bursts", "polarisations", "orbit", "IPF", title=str(path))
        for row in series_rows(products):
            table.add_row(*row)
        OUT.print(table)
    for reason in unreadable.values():
        OUT.print(f"cannot be read: {reason}", markup=False, soft_wrap=True)
    if unreadable:
        raise typer.Exit(code=1)


def product_facts(product: SafeProduct) -> dict[str, str]:
    """Facts of a product."""
    missing = sorted({f"{burst.swath} {burst.polarisation}" for burst in product.bursts if not burst.measurement})
    lacking = f"; missing of {', '.join(missing)}" if missing else ""
    return {
        "mission": product.mission,
        "track": f"{product.track}, {product.direction}",
        "absolute orbit": str(product.orbit_number),
        "first and last line": f"{product.start:%Y-%m-%dT%H:%M:%S.%f} {product.stop:%H:%M:%S.%f}",
        "polarisations": ", ".join(product.polarisations),
        "bursts": str(len({burst.identifier for burst in product.bursts})),
        "processor": f"Sentinel-1 IPF {product.processor or 'unknown'}",
        "orbit of the annotation": product.orbit_source or "unknown",
        "pixels": ("zip" if product.path.is_file() else "folder") + lacking,
    }


def burst_table(bursts: Iterable[SafeBurst]) -> Table:
    """Bursts of a product, a line per burst on the ground."""
    planes: dict[str, list[SafeBurst]] = {}
    for burst in bursts:
        planes.setdefault(str(burst.identifier), []).append(burst)
    # The identifier is what --burst takes: it stays whole on a narrow terminal.
    table = Table()
    table.add_column("burst", no_wrap=True, min_width=_IDENTIFIER)
    for heading in ("first line", "lines", "samples", "valid lines", "polarisations"):
        table.add_column(heading)
    for name, held in planes.items():
        first = held[0]
        table.add_row(
            name,
            _milliseconds(first.start),
            *(str(number) for number in (*first.shape, first.valid_lines)),
            ", ".join(burst.polarisation for burst in held),
        )
    return table


def series_rows(products: Iterable[SafeProduct]) -> list[tuple[str, ...]]:
    """A row per satellite, date and track of several products."""
    groups: dict[tuple[str, int, str], list[SafeProduct]] = {}
    for product in products:
        groups.setdefault((str(product.start.date()), product.track, product.mission), []).append(product)
    return [
        (
            f"{date} {mission}",
            f"{track} {held[0].direction}",
            str(len(held)),
            str(len({burst.identifier for product in held for burst in product.bursts})),
            ", ".join(sorted({polarisation for product in held for polarisation in product.polarisations})),
            ", ".join(sorted({product.orbit_source or "unknown" for product in held})),
            ", ".join(sorted({product.processor or "unknown" for product in held})),
        )
        for (date, track, mission), held in sorted(groups.items())
    ]


def orbit_facts(path: Path) -> dict[str, str]:
    """Facts of an orbit file."""
    from m3leo_sar.io.sentinel1.orbit_file import read_orbit_file

    found = read_orbit_file(path)
    return {
        "mission": found.mission,
        "kind": f"{found.kind}, {'precise' if found.kind == 'POEORB' else 'restituted'}",
        "validity": f"{found.start:%Y-%m-%dT%H:%M:%S} to {found.stop:%Y-%m-%dT%H:%M:%S}",
        "created": f"{found.created:%Y-%m-%dT%H:%M:%S}",
        "state vectors": f"{found.times.size}, {int(found.degraded.sum())} of them degraded",
    }


def _milliseconds(time: datetime.datetime) -> str:
    return time.time().isoformat("milliseconds")


def _facts(title: str, facts: dict[str, str]) -> Table:
    table = Table("fact", "value", title=escape(title))
    for name, value in facts.items():
        table.add_row(name, escape(value))
    return table
