"""Arguments and options that several commands share, and how their texts are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m3leo_sar.grid.window import Window

Stack = Annotated[
    Path,
    typer.Argument(
        help="Stack: our Zarr container, a folder of OPERA CSLC-S1 files or of complex rasters, a JSON file of STAC "
        "items, or a CSV of products."
    ),
]
Archive = Annotated[Path, typer.Argument(help="Chip archive.")]
NewArchive = Annotated[Path, typer.Argument(help="Chip archive; made if it is not there.")]
Burst = Annotated[str | None, typer.Option(help="Burst of a stack with several, such as T087-185683-IW2.")]
Polarisation = Annotated[str | None, typer.Option(help="VV, VH, HH or HV, of a stack with several.")]
NoData = Annotated[
    float | None,
    typer.Option(
        "--nodata", help="Value of the stack that is no data, such as 0, beside NaN and what the files name themselves."
    ),
]
Reader = Annotated[
    str | None, typer.Option(help="Reader of your own: a file my_reader.py, a module, or an installed reader's name.")
]
Rule = Annotated[str, typer.Option("--pairs", help="all, sequential (each date and the next) or days.")]
MaxDays = Annotated[int | None, typer.Option(help="Leave out pairs further apart.")]
Days = Annotated[str | None, typer.Option(help="Only pairs this many days apart, such as 12,24,36,48.")]
Season = Annotated[str | None, typer.Option(help="Only winter, spring, summer or fall (of the pair's middle day).")]
Named = Annotated[list[str] | None, typer.Option("--pair", help="A pair YYYYMMDD_YYYYMMDD; may be given again.")]
Aoi = Annotated[
    str | None,
    typer.Option(help="Area: a vector file, a raster (its outline), a region such as conus, W,S,E,N or WKT."),
]
Tiles = Annotated[
    Path | None,
    typer.Option(help="Tiles instead of an area: a tile file (GeoJSON, GeoParquet), an archive or its index."),
]
Lattice = Annotated[str, typer.Option(help="legacy: M3LEO's own tiles; exact: UTM squares without overlap or gap.")]
Coverage = Annotated[
    float, typer.Option("--minimum-coverage", min=0, max=1, help="Share of a tile that must lie on the stack.")
]
MinValid = Annotated[
    float, typer.Option("--min-valid", min=0, max=1, help="Share of a window that must be valid; less gives no data.")
]
Splits = Annotated[Path | None, typer.Option(help="Splits csv (identifier, split); west to east if not given.")]


def numbers(text: str | None) -> tuple[int, ...]:
    """Whole numbers of ``--days``."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"--days must be whole numbers joined by commas, got {text!r}") from None


def window_of(text: str) -> Window:
    """The window of a text such as ``5x20``."""
    rows, by, cols = text.lower().partition("x")
    if not (by and rows.isdigit() and cols.isdigit()):
        raise ValueError(f"--window must read ROWSxCOLS, such as 5x20, got {text!r}")
    return Window(rows=int(rows), cols=int(cols))


def fractions_of(text: str) -> tuple[float, float, float]:
    """Shares of train, test and val of a text such as ``60,20,20``."""
    try:
        train, test, val = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--fractions must be three numbers, such as 60,20,20, got {text!r}") from None
    return train, test, val
