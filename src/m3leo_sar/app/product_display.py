"""Sentinel-1 products and orbit files on a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from m3leo_sar.app.command_result import Column, CommandResult, show

if TYPE_CHECKING:
    from m3leo_sar.io.sentinel1.product import SafeProduct
    from m3leo_sar.io.sentinel1.safe_burst import SafeBurst


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
        facts = orbit_facts(path)
        show(CommandResult(facts={"path": path, **facts}, title=path.name, fact_table=facts))
        return
    unreadable: dict[Path, str] = {}
    products = find_products(path, unreadable=unreadable)
    show(_one_product(products[0], unreadable) if len(products) == 1 else _series(path, products, unreadable))
    if unreadable:
        raise typer.Exit(code=1)


def _one_product(product: SafeProduct, unreadable: Mapping[Path, str]) -> CommandResult:
    facts = product_facts(product)
    exact = {"start": product.start, "stop": product.stop, "polarisations": product.polarisations}
    return CommandResult(
        facts={"path": product.path, **facts, **exact},
        rows=burst_rows(product.bursts),
        columns=_BURST_COLUMNS,
        title=product.name,
        fact_table=facts,
        skipped=_reasons(unreadable),
        faults=[f"cannot be read: {reason}" for reason in unreadable.values()],
    )


def _series(path: Path, products: Sequence[SafeProduct], unreadable: Mapping[Path, str]) -> CommandResult:
    return CommandResult(
        facts={"path": path, "products": len(products)},
        rows=series_rows(products),
        columns=_SERIES_COLUMNS,
        title=str(path),
        skipped=_reasons(unreadable),
        faults=[f"cannot be read: {reason}" for reason in unreadable.values()],
    )


def _reasons(unreadable: Mapping[Path, str]) -> dict[str, str]:
    return {str(place): reason for place, reason in unreadable.items()}


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


#: Columns of the bursts of a product.
_BURST_COLUMNS: dict[str, Column] = {
    "burst": "burst",
    "first line": lambda row: _milliseconds(row["first_line"]),
    "lines": "lines",
    "samples": "samples",
    "valid lines": "valid_lines",
    "polarisations": "polarisations",
}


def burst_rows(bursts: Iterable[SafeBurst]) -> list[dict[str, Any]]:
    """Bursts of a product, a row per burst on the ground."""
    planes: dict[str, list[SafeBurst]] = {}
    for burst in bursts:
        planes.setdefault(str(burst.identifier), []).append(burst)
    return [
        {
            "burst": name,
            "first_line": held[0].start,
            "lines": held[0].shape[0],
            "samples": held[0].shape[1],
            "valid_lines": held[0].valid_lines,
            "polarisations": [burst.polarisation for burst in held],
        }
        for name, held in planes.items()
    ]


#: Columns of the products of a folder.
_SERIES_COLUMNS: dict[str, Column] = {
    "date": lambda row: f"{row['date']} {row['mission']}",
    "track": lambda row: f"{row['track']} {row['direction']}",
    "slices": "slices",
    "bursts": "bursts",
    "polarisations": "polarisations",
    "orbit": "orbits",
    "IPF": "processors",
}


def series_rows(products: Iterable[SafeProduct]) -> list[dict[str, Any]]:
    """A row per satellite, date and track of several products."""
    groups: dict[tuple[datetime.date, int, str], list[SafeProduct]] = {}
    for product in products:
        groups.setdefault((product.start.date(), product.track, product.mission), []).append(product)
    return [
        {
            "date": date,
            "mission": mission,
            "track": track,
            "direction": held[0].direction,
            "slices": len(held),
            "bursts": len({burst.identifier for product in held for burst in product.bursts}),
            "polarisations": sorted({polarisation for product in held for polarisation in product.polarisations}),
            "orbits": sorted({product.orbit_source or "unknown" for product in held}),
            "processors": sorted({product.processor or "unknown" for product in held}),
        }
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
