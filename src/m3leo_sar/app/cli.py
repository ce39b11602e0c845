"""The m3leo-sar command."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from m3leo_sar.app.archive_commands import archive_to_change, commands
from m3leo_sar.app.bench_commands import commands as bench_commands
from m3leo_sar.app.pair_commands import commands as pair_commands
from m3leo_sar.app.progress import OUT, progress_bar
from m3leo_sar.app.run_display import plan_text, run_display
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.product_names import COHERENCE
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.io.tables.split_file import read_splits
from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.choices import choose_pairs, choose_tiles
from m3leo_sar.run.prepare import Summary
from m3leo_sar.run.update import RunOptions, bring_up_to_date, plan_only
from m3leo_sar.simulate.scene import Event, simulate_scene
from m3leo_sar.stack.networks import connection
from m3leo_sar.stack.pairs import parse_date, season_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Coherence and interferograms of any date pair on M3LEO's tiles, from a stack of co-registered SLCs.\n\n"
    "Start with [bold]m3leo-sar demo[/bold], then [bold]m3leo-sar pairs STACK[/bold].",
)

app.add_typer(commands)
app.add_typer(bench_commands)
app.add_typer(pair_commands)

StackPath = Annotated[
    Path, typer.Argument(help="Stack: our Zarr container, a folder of OPERA CSLC-S1 files, or of complex rasters.")
]
ArchivePath = Annotated[Path, typer.Argument(help="Chip archive; made if it is not there.")]
Burst = Annotated[str | None, typer.Option(help="Which burst of a CSLC folder with several, such as T087-185683-IW2.")]
Polarisation = Annotated[str | None, typer.Option(help="VV, VH, HH or HV, of a folder with several.")]
RuleOption = Annotated[str, typer.Option("--pairs", help="all, sequential (each date and the next) or days.")]
MaxDays = Annotated[int | None, typer.Option(help="Leave out pairs further apart.")]
Days = Annotated[str | None, typer.Option(help="Only pairs this many days apart, such as 12,24,36,48.")]
Season = Annotated[str | None, typer.Option(help="Only winter, spring, summer or fall (of the pair's middle day).")]
Named = Annotated[list[str] | None, typer.Option("--pair", help="A pair YYYYMMDD_YYYYMMDD; may be given again.")]


@app.command()
def simulate(
    path: Annotated[Path, typer.Argument(help="Folder to write the stack to.")],
    rows: Annotated[int, typer.Option(min=1, help="Rows of 10 m pixels.")] = 1000,
    cols: Annotated[int, typer.Option(min=1, help="Columns of 10 m pixels.")] = 1200,
    dates: Annotated[int, typer.Option(min=1, help="Acquisitions.")] = 6,
    every: Annotated[int, typer.Option(min=1, help="Days between them.")] = 12,
    start: Annotated[str, typer.Option(help="First date, YYYYMMDD.")] = "20230301",
    event: Annotated[
        str | None, typer.Option(help="Date of an event, YYYYMMDD: coherence drops in part of it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal stacks.")] = 0,
) -> None:
    """Write a simulated stack with known coherence, phase and land cover.

    Run again with more [bold]--dates[/bold], only the new dates are written.

    Example: m3leo-sar simulate stack --dates 6
    """
    first = parse_date(start)
    days = [first + datetime.timedelta(days=every * index) for index in range(dates)]
    bounds = (680_000.0, 5_500_000.0, 680_000.0 + 10 * cols, 5_500_000.0 + 10 * rows)
    geobox = GeoBox.from_bounds(bounds, shape=(rows, cols), crs="EPSG:32631")
    happening = Event(date=parse_date(event)) if event else None
    scene = simulate_scene(geobox, dates=days, event=happening, seed=seed)
    with progress_bar("simulating dates", dates) as advance:
        written = write_stack(scene.stack, path, labels=scene.labels(), progress=advance)
    OUT.print(f"{path}: {len(written)} dates written, {dates - len(written)} already there")


@app.command()
def pairs(
    stack: StackPath,
    archive: Annotated[
        Path | None, typer.Option(help="Chip archive: shows for how many tiles each pair exists.")
    ] = None,
    rule: RuleOption = "all",
    max_days: MaxDays = None,
    days: Days = None,
    season: Season = None,
    pair: Named = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the network of pairs into this picture.")] = None,
    burst: Burst = None,
    polarisation: Polarisation = None,
) -> None:
    """List the pairs a stack allows, with their days, which an archive holds, and whether they connect all dates.

    Examples: m3leo-sar pairs stack --max-days 24 --figure network.png; m3leo-sar pairs stack --archive chips
    """
    opened = open_stack(stack, burst=burst, polarisation=polarisation)
    chosen = choose_pairs(opened, rule=rule, max_days=max_days, days=_numbers(days), season=season, named=pair or ())
    table = Table("pair", "days", "season", *(["tiles that have it"] if archive else []))
    chips = ChipArchive(archive) if archive else None
    tiles = chips.identifiers if chips else []
    for item in chosen:
        there = [str(sum(chips.has(tile, COHERENCE, str(item)) for tile in tiles))] if chips else []
        middle = item.reference + (item.secondary - item.reference) / 2
        table.add_row(str(item), str(item.days), season_of(middle), *there)
    OUT.print(table)
    found = connection(opened.dates, chosen)
    groups = "all connected" if found.is_connected else f"in {len(found.components)} groups that no pair connects"
    OUT.print(
        f"{len(chosen)} pairs of {len(opened.dates)} dates, {opened.dates[0]} to {opened.dates[-1]}, {groups}, "
        f"loops: {found.loops}"
    )
    if figure:
        plot_network(figure, opened.dates, chosen)


@app.command()
def prepare(
    stack: Annotated[
        Path,
        typer.Argument(
            help="Stack: our Zarr container, a folder of OPERA CSLC-S1 files or of complex rasters, a JSON file of "
            "STAC items, or a CSV of products."
        ),
    ],
    archive: ArchivePath,
    aoi: Annotated[
        str | None,
        typer.Option(help="Area: a file, a region such as conus, or WKT; the stack's own footprint if not given."),
    ] = None,
    tiles: Annotated[Path | None, typer.Option(help="Tile file (GeoJSON, GeoParquet) instead of an area.")] = None,
    lattice: Annotated[
        str, typer.Option(help="legacy: M3LEO's own tiles; exact: UTM squares without overlap or gap.")
    ] = "legacy",
    rule: RuleOption = "all",
    max_days: MaxDays = None,
    days: Days = None,
    season: Season = None,
    pair: Named = None,
    window: Annotated[str, typer.Option(help="Coherence window, ROWSxCOLS in the stack's pixels.")] = "5x20",
    interferograms: Annotated[bool, typer.Option(help="Write single-look interferograms too.")] = False,
    intensities: Annotated[bool, typer.Option(help="Write each date's intensity.")] = True,
    minimum_coverage: Annotated[float, typer.Option(min=0, max=1, help="Share of a tile that must lie on it.")] = 0.5,
    burst: Burst = None,
    polarisation: Polarisation = None,
    storage: Annotated[str, typer.Option(help="Of a new archive: geotiff, a file a chip; or zarr.")] = "geotiff",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what is missing and what it takes.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every chip that is there; make damaged ones again.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by themselves as many as CPUs.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each; their share of the CPUs.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or gpu: workers compute on the GPU that they see.")] = "cpu",
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds for a block of tiles after which its worker is replaced.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786, whose workers do it.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Add each event as a line of JSON to this file.")] = None,
) -> None:
    """Compute the chips of a stack's pairs on M3LEO's tiles; what is there already is not computed again.

    Each chip is a GeoTIFF, ARCHIVE/TILE/coherence/PAIR.tif, 448 x 448 pixels on the tile's grid. With new dates in the
    stack, only the new pairs are computed; with a file of it replaced, only the pairs of its date. It may be stopped at
    any time and run again. Ends with code 1 if a tile failed.

    Examples: m3leo-sar prepare stack chips --max-days 48; m3leo-sar prepare cslc chips --aoi area.wkt --window 5x20;
    m3leo-sar prepare stack chips --dry-run
    """
    catalogue = open_catalogue(stack, burst=burst, polarisation=polarisation)
    opened = catalogue.stack
    recipe = Recipe(
        pairs=choose_pairs(opened, rule=rule, max_days=max_days, days=_numbers(days), season=season, named=pair or ()),
        window=_window(window),
        interferograms=interferograms,
        intensities=intensities,
        minimum_coverage=minimum_coverage,
    )
    grid = choose_tiles(opened, aoi=aoi, tiles=tiles, lattice=lattice)
    if dry_run:
        plan, rate = plan_only(catalogue, archive, grid, recipe, verify=verify)
        OUT.print(plan_text(plan, rate, workers=workers), markup=False)
        return
    options = RunOptions(
        workers=workers, threads=threads, scheduler=scheduler, timeout=timeout, device=device, verify=verify, log=log
    )
    kind = "legacy" if grid.cells is None else "exact"
    chips = ChipArchive.create(archive, storage=storage, grid=kind, stack=str(stack))
    with run_display() as watch:
        summary = bring_up_to_date(catalogue, chips, grid, recipe, options=options, watch=watch)
    OUT.print(_told(summary, archive))
    if summary.failed:
        for identifier, reason in list(summary.failed.items())[:3]:
            OUT.print(f"failed: {identifier}: {reason}", markup=False)
        raise typer.Exit(code=1)


@app.command()
def retile(
    source: Annotated[
        str,
        typer.Argument(help="Raster file or URL, netCDF file, Zarr store, or a folder of GSSIC or S1-GUNW files."),
    ],
    archive: ArchivePath,
    dataset: Annotated[str, typer.Option(help="What the chips are called: ARCHIVE/TILE/DATASET/BAND.tif.")],
    aoi: Annotated[str | None, typer.Option(help="Area: a file, a region such as conus, or WKT.")] = None,
    tiles: Annotated[Path | None, typer.Option(help="Tile file (GeoJSON, GeoParquet) instead of an area.")] = None,
    lattice: Annotated[
        str, typer.Option(help="legacy: M3LEO's own tiles; exact: UTM squares without overlap or gap.")
    ] = "legacy",
    resampling: Annotated[
        str | None,
        typer.Option(help="bilinear, nearest, cubic, ...; average, sum, mode, min, max over a pixel's ground."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="raster, gssic, gunw or xarray; told by itself if left out.")] = None,
    nodata: Annotated[float | None, typer.Option(help="Value without data of a raster that names none.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of a raster or of xarray data that carry none.")] = None,
    variable: Annotated[list[str] | None, typer.Option(help="A variable of xarray data; may be given again.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and resample.")] = 1,
    retries: Annotated[int, typer.Option(min=0, help="How often a tile is tried again when a server fails.")] = 3,
) -> None:
    """Cut any raster onto the tiles of a grid; what is done already is not done again.

    What became of each tile is noted in ARCHIVE/ledger.sqlite. It may be stopped at any time and run again, which makes
    what is missing or has failed. Ends with code 1 if a tile failed.

    Examples: m3leo-sar retile dem.tif chips --tiles tiles.geojson --dataset dem; m3leo-sar retile people.tif chips
    --aoi area.wkt --lattice exact --dataset people --resampling sum
    """
    from m3leo_sar.io.sources.open_source import open_source
    from m3leo_sar.run.retile import retile as cut
    from m3leo_sar.run.retile import tiles_over

    grid = tiles_over(aoi=aoi, tiles=tiles, lattice=lattice)
    options = {"resampling": resampling, "nodata": nodata, "crs": crs, "variables": variable or None}
    opened = open_source(source, kind=kind, **options)
    lattice_kind = "legacy" if grid.cells is None else "exact"
    with archive_to_change(archive, grid=lattice_kind) as chips, progress_bar("cutting tiles", len(grid)) as advance:
        summary = cut(opened, chips, grid, dataset=dataset, workers=workers, retries=retries, report=advance)
    OUT.print(
        f"{archive}: {summary.done} tiles done, {summary.present} were settled before, {len(summary.skipped)} skipped, "
        f"{len(summary.failed)} failed"
    )
    for what, reasons in (("skipped", summary.skipped), ("failed", summary.failed), ("note", summary.notes)):
        for identifier, reason in list(reasons.items())[:3]:
            OUT.print(f"{what}: {identifier}: {reason}", markup=False)
    if summary.failed:
        raise typer.Exit(code=1)


@app.command()
def train(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCHIVE] [KEY=VALUE]...",
            help="Chip archive, then settings such as task=esawc input=s1grd_vv_vh epochs=20 model.widths=[8,16,32].",
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="amplitude, amplitudes, coherence, input sets or channels; several by commas."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the checkpoint and the metrics; run if none.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML of a run, such as the config.yaml a run writes.")] = None,
    splits: Annotated[
        Path | None, typer.Option(help="Splits csv (identifier, split); west to east if not given.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint of the output folder.")] = False,
) -> None:
    """Train a network on the chips of an archive and test it.

    Tasks: esawc, agb and ghsbuilts as the M3LEO baselines, the pretraining mae, dino and clip; without one, land cover
    of the label landcover from coherence. Writes model.pt, metrics.json and config.yaml, which reproduces the run. The
    default networks are the paper's; on a CPU take a smaller one.

    Examples: m3leo-sar train chips model.widths=[8,16,32,64] crop=128 epochs=12 learning_rate=3e-3; m3leo-sar train
    chips task=esawc input=s1grd_vv_vh; m3leo-sar train --config run/config.yaml --resume
    """
    from m3leo_sar.app.fit_display import fit_with_bar, score_lines, settings_of
    from m3leo_sar.learn.fit.config import load_config

    loaded = load_config(config, settings_of(settings or [], output=output, inputs=inputs))
    if splits:
        loaded.splits, loaded.splits_file = read_splits(splits), ""
    # Before torch is loaded: a wrong folder should be told at once.
    ChipArchive(loaded.archive)
    result = fit_with_bar(loaded, title="training", resume=resume)
    if "iou" in result.metrics:
        table = Table("class", "IoU")
        for name, score in result.metrics["iou"].items():
            table.add_row(name, f"{score:.3f}")
        OUT.print(table)
    for line in score_lines(result.metrics):
        OUT.print(f"{result.output}: {line}")


@app.command()
def describe(
    file: Annotated[
        Path, typer.Argument(help="A chip of M3LEO's release, or a file or batch of an archive of this library.")
    ],
    component: Annotated[
        str | None, typer.Option(help="s1grd, esawc, ... where the folder's name does not tell.")
    ] = None,
) -> None:
    """Print what each band of a chip means: quantity, unit, dates, polarisation, orbit, valid share, values.

    Example: m3leo-sar describe s1grd-2020/1a1e77399c5bd.tif
    """
    from m3leo_sar.app.describe import COLUMNS
    from m3leo_sar.app.describe import describe as described

    found = described(file, component=component)
    table = Table(title=found.heading)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in found.rows:
        table.add_row(*row)
    OUT.print(table)
    for note in found.notes:
        OUT.print(f"note: {note}")


@app.command()
def plot(
    archive: Annotated[Path, typer.Argument(help="Chip archive.")],
    output: Annotated[Path, typer.Argument(help="Picture to write, .png, .svg or .pdf.")],
    tile: Annotated[str | None, typer.Option(help="Identifier; the first tile if not given.")] = None,
    model: Annotated[Path | None, typer.Option(help="model.pt whose prediction is drawn too.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Many tiles instead of one: PRODUCT:KEY, such as coherence:20230301_20230313.")
    ] = None,
    max_tiles: Annotated[int, typer.Option(min=1, help="Tiles of a sheet at most, evenly chosen.")] = 48,
    as_map: Annotated[bool, typer.Option("--map", help="A map of the tiles instead of their chips.")] = False,
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
) -> None:
    """Draw a tile with all its products, one product of many tiles, or a map of the tiles and their splits.

    Examples: m3leo-sar plot chips tile.png --model run/model.pt; m3leo-sar plot chips map.svg --map --splits splits.csv
    """
    if ((tile or model) and (sheet or as_map)) or (sheet and as_map):
        raise ValueError("a picture shows one of a tile (--tile, --model), a --sheet or a --map; give one")
    if splits and not as_map:
        raise ValueError("--splits colours the map, which --map asks for")
    chips = ChipArchive(archive)
    if not chips.identifiers:
        raise ValueError(f"{archive} holds no tile")
    if as_map:
        from m3leo_sar.pictures.tile_map import archive_outlines, plot_map

        outlines = archive_outlines(chips)
        plot_map(outlines, output, splits=read_splits(splits) if splits else None, title=archive.resolve().name)
        drawn = f"{len(outlines)} of {len(chips.identifiers)} tiles"
    elif sheet:
        drawn = _plot_sheet(chips, output, sheet, max_tiles)
    else:
        drawn = _plot_tile(chips, output, tile or chips.identifiers[0], model)
    OUT.print(f"{output}: {drawn}")


@app.command()
def report(
    archive: Annotated[Path, typer.Argument(help="Chip archive.")],
    output: Annotated[Path, typer.Argument(help="HTML file to write; it needs no other file.")],
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
    max_tiles: Annotated[
        int, typer.Option(min=1, help="Tiles whose values are read for shares, histograms and sheets.")
    ] = 24,
) -> None:
    """Write what an archive holds, lacks and looks like into one HTML file; damaged chips are listed.

    Example: m3leo-sar report chips report.html
    """
    from m3leo_sar.pictures.report import write_report

    named = read_splits(splits) if splits else None
    write_report(ChipArchive(archive), output, splits=named, max_tiles=max_tiles)
    OUT.print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
) -> None:
    """Show the whole way: simulate a stack, compute every pair, cut tiles, train two models, draw a figure."""
    from m3leo_sar.app.demo import demo as run

    result = run(output, seed=seed)
    times = Table("step", "seconds")
    for step, seconds in result.seconds.items():
        times.add_row(step, f"{seconds:.1f}")
    times.add_row("all", f"{sum(result.seconds.values()):.1f}")
    OUT.print(times)
    classes = sorted({name for scores in result.scores.values() for name in scores["iou"]})
    table = Table(Column("input", no_wrap=True), "mIoU", *classes)
    for name, scores in result.scores.items():
        table.add_row(name, f"{scores['miou']:.3f}", *(f"{scores['iou'].get(item, 0):.2f}" for item in classes))
    OUT.print(table)
    OUT.print(_told(result.summary, output / "chips"))
    OUT.print(f"Figure: {result.figure}")


def _plot_tile(chips: ChipArchive, output: Path, identifier: str, model: Path | None) -> str:
    from m3leo_sar.pictures.tile_picture import plot_tile

    predictions = {}
    if model:
        from m3leo_sar.learn.fit.predict import predict

        predictions["Prediction"] = predict(model, chips, identifier)
    return ", ".join(plot_tile(chips, identifier, output, predictions=predictions))


def _plot_sheet(chips: ChipArchive, output: Path, sheet: str, max_tiles: int) -> str:
    from m3leo_sar.pictures.archive_survey import evenly
    from m3leo_sar.pictures.contact_sheet import plot_sheet

    dataset, colon, key = sheet.partition(":")
    if not (dataset and colon and key):
        raise ValueError(f"--sheet must read PRODUCT:KEY, such as coherence:20230301_20230313, got {sheet!r}")
    tiles = evenly(chips.identifiers, max_tiles)
    plot_sheet(chips, dataset, key, output, identifiers=tiles)
    return f"{dataset} {key} of {len(tiles)} of {len(chips.identifiers)} tiles"


def _numbers(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"--days must be whole numbers joined by commas, got {text!r}") from None


def _window(text: str) -> Window:
    rows, by, cols = text.lower().partition("x")
    if not (by and rows.isdigit() and cols.isdigit()):
        raise ValueError(f"--window must read ROWSxCOLS, such as 5x20, got {text!r}")
    return Window(rows=int(rows), cols=int(cols))


def _told(summary: Summary, archive: Path) -> str:
    done = ", ".join(f"{count} {name}" for name, count in sorted(summary.computed.items())) or "nothing"
    lines = [f"{archive}: computed {done}; {summary.present} chips were already there"]
    if summary.skipped:
        reason = next(iter(summary.skipped.values()))
        lines.append(f"{len(summary.skipped)} tiles left out (the first: {reason})")
    if summary.failed:
        lines.append(f"{len(summary.failed)} tiles failed; run again to try them again")
    return "\n".join(lines)
