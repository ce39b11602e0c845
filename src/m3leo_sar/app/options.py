"""Arguments and options that several commands share, and the parsing of their texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3leo_sar.app.completion import regions, stack_pairs, words
from m3leo_sar.io.remote.remote_address import file_at
from m3leo_sar.stack.polarisation import POLARISATIONS

if TYPE_CHECKING:
    from m3leo_sar.grid.window import Window
    from m3leo_sar.stack.burst_set import BurstSet
    from m3leo_sar.stack.slc import SlcStack

#: Panels of the help, in the order of a command's options: what, where, how, and on which machine.
DATES, PRODUCTS, PLACE, INPUT, OUTPUT, MACHINE = (
    "What: dates and pairs",
    "What: products",
    "Where: area and tiles",
    "From which images of the stack",
    "How: form of the archive, and what of it to make",
    "Machine",
)

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
Burst = Annotated[
    str | None,
    typer.Option(help="Burst, such as T087-185683-IW2, or several as A+B; default: all.", rich_help_panel=INPUT),
]
Polarisation = Annotated[
    list[str] | None,
    typer.Option(
        help="VV, VH, HH, HV, or RH, RV, LH, LV (compact), if the stack has several; can be repeated, or VV+VH.",
        rich_help_panel=INPUT,
        autocompletion=words(*POLARISATIONS),
    ),
]
Frequency = Annotated[
    str | None,
    typer.Option(
        help="Frequency band of NISAR, A or B, if the stack has both.",
        rich_help_panel=INPUT,
        autocompletion=words("A", "B"),
    ),
]
NoData = Annotated[
    float | None,
    typer.Option(
        "--nodata",
        help="No-data value of the stack, such as 0, in addition to NaN and the files' own.",
        rich_help_panel=INPUT,
    ),
]
Flattened = Annotated[
    bool | None,
    typer.Option(
        "--flattened/--not-flattened",
        help="Whether the dates of a stack in radar geometry that does not state it are flattened.",
        rich_help_panel=INPUT,
    ),
]
Reader = Annotated[
    str | None,
    typer.Option(
        help="Kind of the stack, such as cslc, nisar-gslc, isce2 or rasters (docs/open-a-stack.md lists all), where a "
        "folder holds two; or your own reader: a file my_reader.py, a module, or an installed reader's name.",
        rich_help_panel=INPUT,
    ),
]
Rule = Annotated[
    str,
    typer.Option(
        "--pairs",
        help="all, sequential (each date and the next) or days.",
        rich_help_panel=DATES,
        autocompletion=words("all", "sequential", "days"),
    ),
]
MaxDays = Annotated[
    int | None, typer.Option(help="Longest time between the two dates of a pair, in days.", rich_help_panel=DATES)
]
Days = Annotated[
    str | None,
    typer.Option(help="Only pairs with these days between their dates, such as 12,24,36,48.", rich_help_panel=DATES),
]
Season = Annotated[
    str | None,
    typer.Option(
        help="Only winter, spring, summer or fall (of the pair's middle day).",
        rich_help_panel=DATES,
        autocompletion=words("winter", "spring", "summer", "fall"),
    ),
]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--pair",
        help="A pair YYYYMMDD_YYYYMMDD; can be repeated.",
        rich_help_panel=DATES,
        autocompletion=stack_pairs,
    ),
]
Aoi = Annotated[
    str | None,
    typer.Option(
        help="Area of interest: a vector file, a raster (its outline), a region such as conus, W,S,E,N in degrees, or "
        "WKT; default: the footprint of the stack, where there is one.",
        rich_help_panel=PLACE,
        autocompletion=regions,
    ),
]
Tiles = Annotated[
    Path | None,
    typer.Option(
        help="Tiles instead of an area: a tile file (GeoJSON, GeoParquet), an archive or its index.",
        rich_help_panel=PLACE,
    ),
]
Lattice = Annotated[
    str,
    typer.Option(
        help="legacy: M3LEO's own tiles; exact: UTM squares without overlap or gap.",
        rich_help_panel=PLACE,
        autocompletion=words("legacy", "exact"),
    ),
]
Coverage = Annotated[
    float,
    typer.Option(
        "--minimum-coverage", min=0, max=1, help="Minimum share of a tile on the stack.", rich_help_panel=PLACE
    ),
]
MinValid = Annotated[
    float,
    typer.Option(
        "--min-valid",
        min=0,
        max=1,
        help="Minimum share of valid samples in a window; below it, no data.",
        rich_help_panel=PRODUCTS,
    ),
]
Splits = Annotated[Path | None, typer.Option(help="Splits csv (identifier, split); default: from west to east.")]

Dpi = Annotated[int, typer.Option(min=30, max=1200, help="Pixels per inch of the picture.")]
PictureFormat = Annotated[
    str | None, typer.Option("--format", help="svg, pdf or png; default: the suffix of the picture's name.")
]


def numbers(text: str | None) -> tuple[int, ...]:
    """Whole numbers from ``--days``."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"--days must be whole numbers joined by commas, got {text!r}") from None


def polarisation_of(texts: list[str] | None) -> str | None:
    """Polarisations from ``--polarisation``, as ``VV+VH``; None if there are none."""
    from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations

    return joined_polarisations(parse_polarisations(texts)) if texts else None


def window_of(text: str, stack: SlcStack | BurstSet | None = None) -> Window:
    """Window from a text: pixels such as ``5x20``, or metres on a stack's ground such as ``90m`` or ``70mx90m``."""
    from m3leo_sar.grid.window import Window

    sizes = text.lower().split("x")
    found = [re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", size.strip()) for size in sizes]
    units = {match[2] for match in found if match}
    # One length is that of a square; one number of pixels would be none.
    right = len(sizes) == 2 or (len(sizes) == 1 and units == {"m"})
    if None in found or len(units) != 1 or not right or (units == {""} and "." in text):
        raise ValueError(
            f"--window must read ROWSxCOLS in pixels, such as 5x20, or metres on the ground, such as 90m, got {text!r}"
        )
    numbers = [match[1] for match in found if match]
    if units == {""}:
        rows, cols = int(numbers[0]), int(numbers[1])
        if min(rows, cols) < 1:
            raise ValueError(f"--window must have at least 1 row and 1 column, got {text!r}")
        return Window(rows=rows, cols=cols)
    if stack is None:
        raise ValueError(f"--window must be in pixels here, such as 5x20, got {text!r}")
    height, width = float(numbers[0]), float(numbers[-1])
    if min(height, width) <= 0:
        raise ValueError(f"--window must be more than 0 m, got {text!r}")
    return Window.of_metres(rows=height, cols=width, spacing=_spacing(stack))


def _spacing(stack: SlcStack | BurstSet) -> tuple[float, float]:
    """Metres on the ground from pixel to pixel; of several bursts, the mean of their spacings."""
    from m3leo_sar.stack.ground_spacing import ground_spacing
    from m3leo_sar.stack.slc import SlcStack

    bursts = [stack] if isinstance(stack, SlcStack) else stack.bursts
    rows, cols = zip(*(ground_spacing(burst.geometry) for burst in bursts), strict=True)
    return sum(rows) / len(rows), sum(cols) / len(cols)


def window_text(text: str, window: Window, stack: SlcStack | BurstSet) -> str:
    """A window given in metres, in pixels and on the ground."""
    rows, cols = _spacing(stack)
    return (
        f"window {text}: {window.rows} x {window.cols} pixels of {rows:.1f} m x {cols:.1f} m on level ground, "
        f"{window.rows * rows:.0f} m x {window.cols * cols:.0f} m"
    )


def fractions_of(text: str) -> tuple[float, float, float]:
    """Shares of train, test and val from a text such as ``60,20,20``."""
    try:
        train, test, val = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--fractions must be three numbers, such as 60,20,20, got {text!r}") from None
    return train, test, val
