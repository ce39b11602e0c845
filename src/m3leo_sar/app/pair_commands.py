"""The command that makes the store from which pairs are computed while a model trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m3leo_sar.app.progress import OUT, progress_bar
from m3leo_sar.grid.window import Window
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.run.choices import choose_tiles
from m3leo_sar.run.slc_tiles import build_slc_tiles

commands = typer.Typer()


@commands.command("slc-tiles")
def slc_tiles(
    stack: Annotated[Path, typer.Argument(help="Stack, as prepare takes it.")],
    store: Annotated[Path, typer.Argument(help="Store of SLC tiles; made if it is not there.")],
    aoi: Annotated[str | None, typer.Option(help="Area: a file, a region such as conus, or WKT.")] = None,
    tiles: Annotated[Path | None, typer.Option(help="Tile file instead of an area.")] = None,
    lattice: Annotated[str, typer.Option(help="legacy or exact.")] = "legacy",
    window: Annotated[str, typer.Option(help="Largest coherence window that will be asked for, ROWSxCOLS.")] = "5x20",
    minimum_coverage: Annotated[float, typer.Option(min=0, max=1, help="Share of a tile that must lie on it.")] = 0.5,
    burst: Annotated[str | None, typer.Option(help="Which burst of a CSLC folder with several.")] = None,
    polarisation: Annotated[str | None, typer.Option(help="VV, VH, HH or HV, of a folder with several.")] = None,
) -> None:
    """Store what each tile needs of a stack, complex int16, so that any pair can be computed while a model trains.

    Grows with the dates, not with the pairs. Run it again with new dates and only they are added.

    Example: m3leo-sar slc-tiles stack tiles --window 5x20; then m3leo-sar train chips pairs.store=tiles
    input=coherence:5x20 pairs.redraw=true
    """
    rows, by, cols = window.lower().partition("x")
    if not (by and rows.isdigit() and cols.isdigit()):
        raise ValueError(f"--window must read ROWSxCOLS, such as 5x20, got {window!r}")
    opened = open_stack(stack, burst=burst, polarisation=polarisation)
    grid = list(choose_tiles(opened, aoi=aoi, tiles=tiles, lattice=lattice))
    with progress_bar("storing tiles", len(grid)) as advance:
        largest = Window(rows=int(rows), cols=int(cols))
        built = build_slc_tiles(
            opened, grid, store, window=largest, minimum_coverage=minimum_coverage, report=lambda _: advance()
        )
    OUT.print(f"{store}: wrote {built.written} planes, {built.present} were already there")
    if built.skipped:
        OUT.print(f"{len(built.skipped)} tiles left out (the first: {next(iter(built.skipped.values()))})")
