"""Commands for stacks: a simulated stack, and the pairs of a stack."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.progress import progress_bar

if TYPE_CHECKING:
    from m3leo_sar.app.scene_files import SceneFiles

#: Rows and columns of a simulated stack, unless others are specified.
STACK_SIZE = 1000, 1200
commands = typer.Typer()


@commands.command()
def simulate(
    path: Annotated[Path, typer.Argument(help="Folder to write the stack to.")],
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of 10 m pixels (1000); with --safe, lines of the outer bursts (420)."),
    ] = None,
    cols: Annotated[
        int | None,
        typer.Option(min=1, help="Columns of 10 m pixels (1200); with --safe, of a swath (1300)."),
    ] = None,
    dates: Annotated[int, typer.Option(min=1, help="Acquisitions.")] = 6,
    every: Annotated[int, typer.Option(min=1, help="Days between consecutive dates.")] = 12,
    start: Annotated[str, typer.Option(help="First date, YYYYMMDD.")] = "20230301",
    event: Annotated[
        str | None, typer.Option(help="Date of an event, YYYYMMDD, after which part of the scene loses coherence.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal stacks.")] = 0,
    safe: Annotated[
        bool,
        typer.Option(
            "--safe", help="Write Sentinel-1 products instead, with their orbit files, terrain model and truth."
        ),
    ] = False,
    swath: Annotated[
        list[str] | None, typer.Option(help="With --safe: IW1, IW2 or IW3, or neighbours; can be repeated (IW1).")
    ] = None,
    bursts: Annotated[int | None, typer.Option(min=1, help="With --safe: bursts of each swath (2).")] = None,
    zipped: Annotated[bool, typer.Option("--zip", help="With --safe: products as zips instead of folders.")] = False,
    geoid: Annotated[
        bool, typer.Option("--geoid", help="With --safe: heights above a geoid, written beside them as geoid.gtx.")
    ] = False,
) -> None:
    """Write a simulated stack with known coherence, phase and land cover, or the products that lead to one.

    A second run with more [bold]--dates[/bold] writes only the new dates.

    Examples: m3leo-sar simulate stack --dates 6; m3leo-sar simulate --safe scene --dates 3
    """
    from m3leo_sar.app.scene_files import images_of, write_safe_scene
    from m3leo_sar.grid.geobox import GeoBox
    from m3leo_sar.io.stacks.zarr_stack import write_stack
    from m3leo_sar.simulate.safe_scene import SafeScene, simulate_passes
    from m3leo_sar.simulate.scene import LABEL_UNITS, Event, simulate_scene
    from m3leo_sar.stack.pairs import parse_date

    first = parse_date(start)
    _require_kind(path, safe, {"--swath": swath, "--bursts": bursts, "--zip": zipped, "--geoid": geoid})
    if safe:
        if event:
            raise ValueError("--event must be left out with --safe")
        passes = simulate_passes(dates, start=first, every=every, seed=seed)
        place = SafeScene(
            passes=passes,
            swaths=tuple(swath or ("IW1",)),
            bursts=bursts or 2,
            lines=rows or 420,
            columns=cols or 1300,
            seed=seed,
        )
        with progress_bar("simulating bursts", images_of(place)) as advance:
            files = write_safe_scene(place, path, zipped=zipped, geoid=geoid, progress=advance)
        show(_scene_result(path, files))
        return
    rows, cols = rows or STACK_SIZE[0], cols or STACK_SIZE[1]
    days = [first + datetime.timedelta(days=every * index) for index in range(dates)]
    bounds = (680_000.0, 5_500_000.0, 680_000.0 + 10 * cols, 5_500_000.0 + 10 * rows)
    geobox = GeoBox.from_bounds(bounds, shape=(rows, cols), crs="EPSG:32631")
    happening = Event(date=parse_date(event)) if event else None
    scene = simulate_scene(geobox, dates=days, event=happening, seed=seed)
    with progress_bar("simulating dates", dates) as advance:
        written = write_stack(scene.stack, path, labels=scene.labels(), label_units=LABEL_UNITS, progress=advance)
    show(
        CommandResult(
            facts={"stack": path, "dates": days, "written": sorted(written), "present": dates - len(written)},
            sentences=[f"{path}: {len(written)} dates written, {dates - len(written)} already there"],
            following=[
                ("m3leo-sar", "pairs", path, "--max-days", 24),
                ("m3leo-sar", "prepare", path, "chips", "--lattice", "exact"),
            ],
        )
    )


def _scene_result(path: Path, files: SceneFiles) -> CommandResult:
    return CommandResult(
        facts={"folder": path, "products": files.products, "orbits": files.orbits, "terrain": files.terrain}
        | {"geoid": files.geoid, "truth": files.truth},
        sentences=[f"{path}: {len(files.products)} products, with orbits, terrain and truth"],
        following=[
            ("m3leo-sar", "describe", path / "products"),
            ("m3leo-sar", "coregister", path / "products", "stacks", "--orbits", files.orbits, "--dem", files.terrain)
            + (("--geoid", files.geoid) if files.geoid else ()),
        ],
    )


def _require_kind(path: Path, safe: bool, options_of_products: Mapping[str, object]) -> None:
    """Refuse options of products without --safe, and a folder that holds the other kind of scene."""
    from m3leo_sar.io.stacks.zarr_stack import is_stack

    alone = [name for name, value in options_of_products.items() if value]
    if alone and not safe:
        raise ValueError(f"{' and '.join(alone)} must come with --safe, which writes Sentinel-1 products")
    if safe and path.is_dir() and is_stack(path):
        raise ValueError(f"{path} holds a stack; give another folder for products")
    if not safe and (path / "truth" / "truth.json").is_file():
        raise ValueError(f"{path} holds products that simulate --safe wrote; add --safe, or give another folder")


@commands.command()
def pairs(
    stack: options.Stack,
    archive: Annotated[
        Path | None, typer.Option(help="Chip archive; shows the number of tiles with each pair.")
    ] = None,
    rule: options.Rule = "all",
    max_days: options.MaxDays = None,
    days: options.Days = None,
    season: options.Season = None,
    pair: options.Named = None,
    figure: Annotated[
        Path | None, typer.Option(help="Picture to write of the network of pairs: .png, .svg or .pdf.")
    ] = None,
    burst: options.Burst = None,
    polarisation: options.Polarisation = None,
    frequency: options.Frequency = None,
    reader: options.Reader = None,
    dpi: options.Dpi = 150,
    form: options.PictureFormat = None,
) -> None:
    """List the pairs of a stack with the days between dates, and report whether they connect all dates.

    Examples: m3leo-sar pairs stack --max-days 24 --figure network.png; m3leo-sar pairs stack --archive chips
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.chips.product_names import COHERENCE
    from m3leo_sar.pictures.network_picture import plot_network
    from m3leo_sar.pictures.pair_coherence import mean_coherence
    from m3leo_sar.pictures.picture_format import picture_form
    from m3leo_sar.run.catalogue import open_catalogue
    from m3leo_sar.run.choices import choose_pairs
    from m3leo_sar.stack.networks import connection
    from m3leo_sar.stack.pairs import season_of

    if figure:
        picture_form(figure, form, name="figure")
    named = options.polarisation_of(polarisation)
    # Dates are enough for a list of pairs.
    opened = open_catalogue(
        stack, burst=burst, polarisation=named, frequency=frequency, reader=reader, needs_positions=False
    ).stack
    chosen = choose_pairs(
        opened, rule=rule, max_days=max_days, days=options.numbers(days), season=season, named=pair or ()
    )
    chips = ChipArchive(archive) if archive else None
    held = [set(chips.keys(tile, COHERENCE)) for tile in chips.identifiers] if chips else []
    rows = []
    for item in chosen:
        middle = item.reference + (item.secondary - item.reference) / 2
        keys = {one: {f"{one}/{item}", str(item)} for one in opened.polarisations}
        tiles = {one: sum(bool(key & some) for some in held) for one, key in keys.items()} if chips else None
        rows.append(
            {"pair": str(item), "reference": item.reference, "secondary": item.secondary, "days": item.days,
             "season": season_of(middle), "tiles": tiles}
        )  # fmt: skip
    found = connection(opened.dates, chosen)
    groups = "all connected" if found.is_connected else f"in {len(found.components)} groups not connected by any pair"
    if figure:
        coherence = mean_coherence(chips, chosen) if chips else None
        plot_network(
            opened.dates, chosen, coherence=coherence or None, heading=f"Pairs of {Path(str(stack)).name}", path=figure,
            dpi=dpi, form=form,
        )  # fmt: skip
    show(
        CommandResult(
            facts={"stack": stack, "dates": opened.dates, "polarisations": opened.polarisations, "pairs": len(chosen),
                   "connected": found.is_connected, "groups": len(found.components), "loops": found.loops,
                   "figure": figure},
            rows=rows,
            columns=_pair_columns(opened.polarisations if archive else ()),
            sentences=[
                f"{len(chosen)} pairs of {len(opened.dates)} dates, {opened.dates[0]} to {opened.dates[-1]}, {groups}, "
                f"loops: {found.loops}"
            ],
            following=[("m3leo-sar", "prepare", stack, archive or "chips", "--dry-run")],
        )
    )  # fmt: skip


def _pair_columns(polarisations: Sequence[str]) -> dict[str, Any]:
    """Columns of a list of pairs, and the tiles of an archive that have each in some polarisations."""
    columns: dict[str, Any] = {"pair": "pair", "days": "days", "season": "season"}
    for one in polarisations:
        heading = f"tiles that have it{f' in {one}' if len(polarisations) > 1 else ''}"
        columns[heading] = lambda row, one=one: row["tiles"][one]
    return columns
