"""Arguments and options that several commands share, and the parsing of their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m3leo_sar.grid.window import Window
from m3leo_sar.io.remote.remote_address import file_at
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations

Stack = Annotated[
    # Or a RemoteFile, of which typer takes no union.
    Path,
    typer.Argument(
        parser=file_at,
        metavar="STACK",
        help="Stack: our Zarr container, a folder of another producer (docs/open-a-stack.md lists the kinds), a JSON "
        "file of STAC items, a CSV of products, or the address of one of these on a server (docs/far-files.md).",
    ),
]
Archive = Annotated[Path, typer.Argument(help="Chip archive.")]
NewArchive = Annotated[Path, typer.Argument(help="Chip archive; created if it does not exist.")]
Burst = Annotated[str | None, typer.Option(help="Burst, such as T087-185683-IW2, or several as A+B; default: all.")]
Polarisation = Annotated[
    list[str] | None,
    typer.Option(help="VV, VH, HH or HV, if the stack has several; can be repeated, or VV+VH for both."),
]
Frequency = Annotated[str | None, typer.Option(help="Frequency band of NISAR, A or B, if the stack has both.")]
NoData = Annotated[
    float | None,
    typer.Option("--nodata", help="No-data value of the stack, such as 0, in addition to NaN and the files' own."),
]
Reader = Annotated[
    str | None,
    typer.Option(
        help="Kind of the stack, such as cslc, nisar-gslc, isce2 or rasters (docs/open-a-stack.md lists all), where a "
        "folder holds two; or your own reader: a file my_reader.py, a module, or an installed reader's name."
    ),
]
Rule = Annotated[str, typer.Option("--pairs", help="all, sequential (each date and the next) or days.")]
MaxDays = Annotated[int | None, typer.Option(help="Longest time between the two dates of a pair, in days.")]
Days = Annotated[str | None, typer.Option(help="Only pairs with these days between their dates, such as 12,24,36,48.")]
Season = Annotated[str | None, typer.Option(help="Only winter, spring, summer or fall (of the pair's middle day).")]
Named = Annotated[list[str] | None, typer.Option("--pair", help="A pair YYYYMMDD_YYYYMMDD; can be repeated.")]
Aoi = Annotated[
    str | None,
    typer.Option(
        help="Area of interest: a vector file, a raster (its outline), a region such as conus, W,S,E,N or WKT."
    ),
]
Tiles = Annotated[
    Path | None,
    typer.Option(help="Tiles instead of an area: a tile file (GeoJSON, GeoParquet), an archive or its index."),
]
Lattice = Annotated[str, typer.Option(help="legacy: M3LEO's own tiles; exact: UTM squares without overlap or gap.")]
Coverage = Annotated[
    float, typer.Option("--minimum-coverage", min=0, max=1, help="Minimum share of a tile on the stack.")
]
MinValid = Annotated[
    float,
    typer.Option("--min-valid", min=0, max=1, help="Minimum share of valid samples in a window; below it, no data."),
]
Splits = Annotated[Path | None, typer.Option(help="Splits csv (identifier, split); default: from west to east.")]


def numbers(text: str | None) -> tuple[int, ...]:
    """Whole numbers from ``--days``."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"--days must be whole numbers joined by commas, got {text!r}") from None


def polarisation_of(texts: list[str] | None) -> str | None:
    """Polarisations from ``--polarisation``, as ``VV+VH``; None if there are none."""
    return joined_polarisations(parse_polarisations(texts)) if texts else None


def window_of(text: str) -> Window:
    """Window from a text such as ``5x20``."""
    rows, by, cols = text.lower().partition("x")
    if not (by and rows.isdigit() and cols.isdigit()):
        raise ValueError(f"--window must read ROWSxCOLS, such as 5x20, got {text!r}")
    return Window(rows=int(rows), cols=int(cols))


def fractions_of(text: str) -> tuple[float, float, float]:
    """Shares of train, test and val from a text such as ``60,20,20``."""
    try:
        train, test, val = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--fractions must be three numbers, such as 60,20,20, got {text!r}") from None
    return train, test, val
