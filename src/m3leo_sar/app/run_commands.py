"""Commands that bring an archive or a store up to date."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3leo_sar.app import options
from m3leo_sar.app.archive_commands import archive_to_change
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.completion import words
from m3leo_sar.app.progress import ERR, OUT, progress_bar

if TYPE_CHECKING:
    from m3leo_sar.chips.legend import Legend
    from m3leo_sar.grid.tiles import TileGrid
    from m3leo_sar.grid.window import Window
    from m3leo_sar.run.loop import Summary
    from m3leo_sar.stack.burst_set import BurstSet
    from m3leo_sar.stack.slc import SlcStack

commands = typer.Typer()


@commands.command()
def prepare(
    stack: options.Stack,
    archive: options.NewArchive,
    aoi: options.Aoi = None,
    tiles: options.Tiles = None,
    lattice: options.Lattice = "legacy",
    rule: options.Rule = "all",
    max_days: options.MaxDays = None,
    days: options.Days = None,
    season: options.Season = None,
    pair: options.Named = None,
    window: Annotated[
        str,
        typer.Option(
            help="Coherence window (multilook): ROWSxCOLS in the stack's pixels, or on the ground, such as 90m.",
            rich_help_panel=options.PRODUCTS,
        ),
    ] = "5x20",
    interferograms: Annotated[
        bool, typer.Option(help="Write single-look interferograms too.", rich_help_panel=options.PRODUCTS)
    ] = False,
    intensities: Annotated[
        bool, typer.Option(help="Write each date's intensity.", rich_help_panel=options.PRODUCTS)
    ] = True,
    valid_looks: Annotated[
        bool,
        typer.Option(
            help="Write the number of valid samples per window for each pair too.", rich_help_panel=options.PRODUCTS
        ),
    ] = False,
    min_valid: options.MinValid = 0.5,
    fill_gaps: Annotated[
        bool,
        typer.Option(
            "--fill-gaps",
            help="Compute coherence for pixels without a valid sample too, where --min-valid of their window is valid; "
            "--min-valid 0 fills up to half a window into a gap.",
            rich_help_panel=options.PRODUCTS,
        ),
    ] = False,
    cross_polarised: Annotated[
        bool,
        typer.Option(
            "--cross-polarised",
            help="Write the coherence of two polarisations and their ratio for each date too.",
            rich_help_panel=options.PRODUCTS,
        ),
    ] = False,
    gamma0: Annotated[
        bool,
        typer.Option(
            "--gamma0",
            help="Write each date's terrain-flattened gamma0 too, from the stack's terrain.",
            rich_help_panel=options.PRODUCTS,
        ),
    ] = False,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            help="Ground without data in the chips, from the terrain: layover or shadow; can be repeated.",
            rich_help_panel=options.PRODUCTS,
            autocompletion=words("layover", "shadow"),
        ),
    ] = None,
    remove_steps: Annotated[
        bool,
        typer.Option(
            "--remove-steps",
            help="Measure the phase steps between overlapping bursts and take them off.",
            rich_help_panel=options.PRODUCTS,
        ),
    ] = False,
    minimum_coverage: options.Coverage = 0.5,
    burst: options.Burst = None,
    polarisation: options.Polarisation = None,
    frequency: options.Frequency = None,
    nodata: options.NoData = None,
    flattened: options.Flattened = None,
    reader: options.Reader = None,
    storage: Annotated[
        str,
        typer.Option(
            help="Format of a new archive: geotiff (one file per chip) or zarr.",
            rich_help_panel=options.OUTPUT,
            autocompletion=words("geotiff", "zarr"),
        ),
    ] = "geotiff",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="Coherence of a new archive: float32, or uint8 with steps of 1/254 in a quarter of the bytes; "
            "default: float32, or that of an existing archive. Other products keep theirs.",
            rich_help_panel=options.OUTPUT,
            autocompletion=words("float32", "uint8"),
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only report missing chips, their size and the time needed.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read every existing chip; compute damaged ones again.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Worker processes; default: one per CPU.", rich_help_panel=options.MACHINE),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads per process; default: an equal share of the CPUs.",
            rich_help_panel=options.MACHINE,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="cpu or gpu; with gpu, workers compute on the visible GPU.",
            rich_help_panel=options.MACHINE,
            autocompletion=words("cpu", "gpu"),
        ),
    ] = "cpu",
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Seconds per block of tiles after which its worker is replaced.",
            rich_help_panel=options.MACHINE,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a dask scheduler whose workers compute, such as tcp://host:8786.",
            rich_help_panel=options.MACHINE,
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="Log file; each event is added as one line of JSON.",
            rich_help_panel=options.MACHINE,
        ),
    ] = None,
) -> None:
    """Compute the chips of a stack's pairs on M3LEO's tiles; existing chips are not computed again.

    Each chip is a GeoTIFF, ARCHIVE/TILE/coherence/VV/PAIR.tif, 448 x 448 pixels on the tile's grid. With new dates in
    the stack, only the new pairs are computed; with a file of it replaced, only the pairs of its date. The command may
    be stopped at any time and run again. The exit code is 1 if a tile failed.

    Examples: m3leo-sar prepare stack chips --max-days 48; m3leo-sar prepare cslc chips --aoi area.wkt --window 5x20;
    m3leo-sar prepare stack chips --dry-run
    """
    from m3leo_sar.app.run_display import plan_result, run_display, run_result, steps_text
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.products.recipe import Recipe, parse_mask
    from m3leo_sar.products.terrain_effects import require_terrain
    from m3leo_sar.run.catalogue import open_catalogue, with_flattening, without_steps
    from m3leo_sar.run.choices import choose_pairs, choose_tiles, lattice_of
    from m3leo_sar.run.prepare import steps_to_remove
    from m3leo_sar.run.run_options import RunOptions
    from m3leo_sar.run.update import bring_up_to_date, plan_only

    catalogue = open_catalogue(
        stack,
        burst=burst,
        polarisation=options.polarisation_of(polarisation),
        frequency=frequency,
        nodata=nodata,
        reader=reader,
    )
    catalogue = with_flattening(catalogue, flattened)
    opened = catalogue.stack
    chosen = choose_pairs(
        opened, rule=rule, max_days=max_days, days=options.numbers(days), season=season, named=pair or ()
    )
    recipe = Recipe(
        pairs=chosen,
        window=_window(window, opened),
        interferograms=interferograms,
        intensities=intensities,
        minimum_coverage=minimum_coverage,
        min_valid=min_valid,
        fill_gaps=fill_gaps,
        valid_looks=valid_looks,
        cross_polarised=cross_polarised,
        gamma0=gamma0,
        mask=parse_mask(mask or ()),
    )
    require_terrain(opened, recipe)
    grid = choose_tiles(opened, aoi=aoi, tiles=tiles, lattice=lattice)
    if remove_steps:
        steps = steps_to_remove(opened, grid, recipe)
        OUT.print(steps_text(steps), markup=False, soft_wrap=True)
        catalogue = without_steps(catalogue, steps.phases)
    if dry_run:
        plan, rate = plan_only(catalogue, archive, grid, recipe, dtype=dtype, verify=verify)
        show(plan_result(plan, rate, workers=workers, again=_again("--dry-run")))
        return
    how = RunOptions(
        workers=workers, threads=threads, scheduler=scheduler, timeout=timeout, device=device, verify=verify, log=log
    )
    how.require_usable()
    chips = ChipArchive.create(archive, storage=storage, dtype=dtype, grid=lattice_of(grid), stack=str(stack))
    with run_display() as watch:
        summary = bring_up_to_date(catalogue, chips, grid, recipe, options=how, watch=watch)
    show(run_result(summary, archive))
    if summary.failed:
        raise typer.Exit(code=1)


def _again(option: str) -> list[str]:
    """The command that is running, without an option."""
    return ["m3leo-sar", *(word for word in sys.argv[1:] if word != option)]


def _window(text: str, stack: SlcStack | BurstSet) -> Window:
    """Window from ``--window``, in pixels if it is in metres; a warning if the phase within it is not flat."""
    from m3leo_sar.stack.flatness import warn_unless_flat

    window = options.window_of(text, stack)
    warn_unless_flat(stack, (window.rows, window.cols))
    if "m" in text.lower():
        OUT.print(options.window_text(text, window, stack), markup=False, soft_wrap=True)
    if window.rows * window.cols == 1:
        warnings.warn(f"--window {text} is a single pixel, whose coherence is 1 everywhere", stacklevel=2)
    return window


@commands.command()
def retile(
    source: Annotated[
        str,
        typer.Argument(help="Raster file or URL, netCDF file, Zarr store, or a folder of GSSIC or S1-GUNW files."),
    ],
    archive: options.NewArchive,
    dataset: Annotated[str, typer.Option(help="Name of the chips' data set: ARCHIVE/TILE/DATASET/BAND.tif.")],
    aoi: options.Aoi = None,
    tiles: options.Tiles = None,
    lattice: options.Lattice = "legacy",
    resampling: Annotated[
        str | None,
        typer.Option(
            help="bilinear, nearest, cubic, ...; average, sum, mode, min, max over a pixel's ground; or your own "
            "rule, such as my_rule.py."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="raster, gssic, gunw or xarray; default: recognised from the source; or your own source, such "
            "as my_source.py."
        ),
    ] = None,
    nodata: Annotated[float | None, typer.Option(help="No-data value, if the source specifies none.")] = None,
    quantity: Annotated[
        str | None,
        typer.Option(help="number, phase, direction, decibel, code or amount, if units and names do not imply it."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Classes of a map, kept with its chips: worldcover, dynamic_world, or a CSV (code, name, colour) or "
            "JSON file."
        ),
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="Coordinate reference system of a raster or xarray data without one.")
    ] = None,
    variable: Annotated[list[str] | None, typer.Option(help="A variable of xarray data; can be repeated.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="Coordinate along the rows of xarray data.")] = None,
    x: Annotated[str | None, typer.Option("--x", help="Coordinate along the columns of xarray data.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of threads that read and resample.")] = 1,
    retries: Annotated[int, typer.Option(min=0, help="Number of retries per tile after a server error.")] = 3,
) -> None:
    """Resample any raster onto tiles, by default the archive's own; finished tiles are not repeated.

    The result of each tile is written into ARCHIVE/ledger.sqlite. The command may be stopped at any time and run again
    to complete missing and failed tiles. The exit code is 1 if a tile failed, or if no tile has data of the source.

    Examples: m3leo-sar retile dem.tif chips --dataset dem; m3leo-sar retile people.tif chips
    --aoi area.wkt --lattice exact --dataset people --resampling sum; m3leo-sar retile flood.tif chips --dataset flood
    --classes flood.csv
    """
    from m3leo_sar.app.run_display import retile_result
    from m3leo_sar.io.sources.open_source import open_source
    from m3leo_sar.run.choices import lattice_of
    from m3leo_sar.run.retile import retile as cut

    grid = _tiles_for(archive, aoi, tiles, lattice)
    legend = _legend(classes) if classes else None
    quantity = quantity or ("code" if legend else None)
    facts = {"resampling": resampling, "nodata": nodata, "quantity": quantity, "crs": crs, "y": y, "x": x}
    opened = open_source(source, kind=kind, variables=variable or None, **facts)
    with (
        archive_to_change(archive, grid=lattice_of(grid)) as chips,
        progress_bar("cutting tiles", len(grid)) as advance,
    ):
        summary = cut(
            opened, chips, grid, dataset=dataset, workers=workers, retries=retries, classes=legend, report=advance
        )
    show(retile_result(summary, archive, dataset))
    if summary.failed:
        raise typer.Exit(code=1)
    if not summary.done and not any(chips.keys(tile, dataset) for tile in grid.identifiers):
        raise ValueError(f"nothing was written: {source} has no data on any of the {len(grid)} tiles")


def _legend(classes: str) -> Legend:
    """Classes from ``--classes``: the name of a published map, or a file."""
    from m3leo_sar.chips.land_cover import LEGENDS, read_legend
    from m3leo_sar.io.tables.class_file import read_classes

    return read_legend(classes if classes in LEGENDS else read_classes(classes))


def _tiles_for(archive: Path, aoi: str | None, tiles: Path | None, lattice: str) -> TileGrid:
    """Requested tiles, otherwise the archive's own; a warning if an area has other tiles than the archive."""
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.run.choices import named_tiles, tiles_over

    held = ChipArchive(archive).identifiers if archive.is_dir() and any(archive.iterdir()) else []
    if aoi is None and tiles is None:
        if not held:
            raise ValueError(f"{archive} holds no tile yet: give --tiles or --aoi")
        return named_tiles(archive)
    grid = tiles_over(aoi=aoi, tiles=tiles, lattice=lattice)
    if held and not set(held) & set(grid.identifiers):
        ERR.print(
            f"note: none of these {len(grid)} tiles is among the {len(held)} of {archive}; tiles of the legacy lattice "
            "depend on the area. Without --aoi and --tiles, the archive's own tiles are used.",
            markup=False,
            soft_wrap=True,
        )
    return grid


@commands.command("slc-tiles")
def slc_tiles(
    stack: options.Stack,
    store: Annotated[Path, typer.Argument(help="Store of SLC tiles; created if it does not exist.")],
    aoi: options.Aoi = None,
    tiles: options.Tiles = None,
    lattice: options.Lattice = "legacy",
    window: Annotated[
        str,
        typer.Option(
            help="Largest coherence window that training will request: ROWSxCOLS in pixels, or metres, such as 90m."
        ),
    ] = "5x20",
    minimum_coverage: options.Coverage = 0.5,
    burst: options.Burst = None,
    polarisation: options.Polarisation = None,
    frequency: options.Frequency = None,
    nodata: options.NoData = None,
    flattened: options.Flattened = None,
    reader: options.Reader = None,
    gamma0: Annotated[bool, typer.Option("--gamma0", hidden=True)] = False,
    mask: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
) -> None:
    """Store each tile's part of a stack as complex int16, so that any pair can be computed during training.

    The size grows with the number of dates, not of pairs. A second run adds only new dates. Terrain-flattened gamma0
    and masks of layover and shadow are chips: the command prepare makes them.

    Example: m3leo-sar slc-tiles stack tiles --window 5x20; then m3leo-sar train chips pairs.store=tiles
    input=coherence:5x20 pairs.redraw=true
    """
    from m3leo_sar.run.catalogue import open_catalogue, with_flattening
    from m3leo_sar.run.choices import choose_tiles
    from m3leo_sar.run.slc_tiles import build_slc_tiles

    if gamma0 or mask is not None:
        raise ValueError(
            f"{'--gamma0' if gamma0 else '--mask'} goes with prepare, whose chips are computed with the terrain; a "
            "store of SLC tiles holds samples before any product"
        )
    catalogue = open_catalogue(
        stack,
        burst=burst,
        polarisation=options.polarisation_of(polarisation),
        frequency=frequency,
        nodata=nodata,
        reader=reader,
    )
    opened = with_flattening(catalogue, flattened).stack
    largest = _window(window, opened)
    grid = list(choose_tiles(opened, aoi=aoi, tiles=tiles, lattice=lattice))
    with progress_bar("storing tiles", len(grid)) as advance:
        built = build_slc_tiles(
            opened, grid, store, window=largest, minimum_coverage=minimum_coverage, report=lambda _: advance()
        )
    show(_store_result(built, store, window))
    if built.failed:
        raise typer.Exit(code=1)


def _store_result(built: Summary, store: Path, window: str) -> CommandResult:
    from m3leo_sar.app.run_display import left_out_text

    count = sum(built.computed.values())
    return CommandResult(
        facts={"store": store, "planes": count, "present": built.present, "tiles": built.done},
        skipped=built.skipped,
        failed=built.failed,
        sentences=[f"{store}: wrote {count} planes, {built.present} already existed", *left_out_text(built.skipped)],
        following=[
            ("m3leo-sar", "stats", store, "stats.json", "--input", f"coherence:{window}"),
            ("m3leo-sar", "train", "CHIPS", f"pairs.store={store}", f"input=coherence:{window}", "pairs.redraw=true"),
        ],
    )
