"""Commands that draw or describe the contents of an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, rows_table, show
from m3leo_sar.app.completion import archive_tiles
from m3leo_sar.app.manner import manner
from m3leo_sar.app.progress import LISTS
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile, file_at

if TYPE_CHECKING:
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.stacks.burst_stack import BurstStack
    from m3leo_sar.io.stacks.stack_reader import Choice

#: Suffixes of files that are stacks, or dates of one, and never chips.
_STACK_FILES = (".h5", ".hdf5", ".he5", ".dim", ".rslc", ".slc", ".vrt", ".nitf", ".ntf")
commands = typer.Typer()


@commands.command()
def describe(
    file: Annotated[
        # Or a RemoteFile, of which typer takes no union.
        Path,
        typer.Argument(
            parser=file_at,
            metavar="FILE",
            help="A chip of M3LEO's release, a file or batch of a chip archive, a chip archive, a store of SLC tiles, "
            "a stack (a folder, a file, or the address of one on a server), a Sentinel-1 product (SAFE folder or zip), "
            "a folder of products, or an orbit file (EOF).",
        ),
    ],
    component: Annotated[
        str | None, typer.Option(help="Component: s1grd, esawc, ... if the folder's name does not state it.")
    ] = None,
    burst: options.Burst = None,
    polarisation: options.Polarisation = None,
    frequency: options.Frequency = None,
    reader: options.Reader = None,
) -> None:
    """Describe each band of a chip: quantity, unit, dates, polarisation, orbit, share of valid pixels, values, classes.

    Of a Sentinel-1 product: its track, processor and orbit, and its bursts with their identifiers and times. Of a
    stack: its kind, dates, size, geometry, polarisations and orbit. Of an archive or a store: its tiles and the
    chips or dates of the first one.

    Examples: m3leo-sar describe s1grd-2020/1a1e77399c5bd.tif; m3leo-sar describe gslc --frequency A --polarisation HH
    """
    from m3leo_sar.app.product_display import describe_sentinel1, is_sentinel1
    from m3leo_sar.io.chips.archive import ChipArchive, is_chip_archive
    from m3leo_sar.io.chips.slc_tile_store import is_slc_tile_store
    from m3leo_sar.io.files.zarr_shard import is_own_array
    from m3leo_sar.io.stacks.stack_reader import Choice
    from m3leo_sar.pictures.holdings import archive_facts, tile_store_facts
    from m3leo_sar.run.catalogue import containers_in

    is_far = isinstance(file, RemoteFile)
    if not is_far and is_chip_archive(file):
        _show_facts(file, archive_facts(ChipArchive(file)))
    elif not is_far and is_slc_tile_store(file):
        _show_facts(file, tile_store_facts(file))
    elif not is_far and reader is None and is_sentinel1(file):
        describe_sentinel1(file)
    elif is_far or reader is not None or (not is_own_array(file) and _is_stack(file)):
        choice = Choice(burst=burst, polarisation=options.polarisation_of(polarisation), frequency=frequency)
        _describe_stack(file, choice, reader)
    elif file.is_dir() and not is_own_array(file) and any(containers_in(file)):
        _describe_bursts(file, burst, options.polarisation_of(polarisation))
    elif file.is_dir() and not is_own_array(file):
        raise ValueError(_unknown_folder(file))
    elif file.suffix.lower() == ".zip":
        raise ValueError(f"{file} is a zip without a Sentinel-1 product (a .SAFE folder) or an orbit file in it")
    else:
        _describe_chip(file, component)


def _is_stack(file: Path) -> bool:
    """Whether a folder is a stack, or a file one of those that are no chips: a stack of one date."""
    from m3leo_sar.io.stacks.registry import is_recognised

    return (file.is_dir() or file.suffix.lower() in _STACK_FILES) and is_recognised(file)


def _unknown_folder(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return f"{folder} is empty"
    return (
        f"{folder} is neither a chip, a chip archive, a store of SLC tiles nor a stack of a known kind "
        f"(docs/open-a-stack.md); it holds {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
    )


def _describe_chip(file: Path, component: str | None) -> None:
    from m3leo_sar.io.components.component import UnknownComponent
    from m3leo_sar.io.files.raster_facts import raster_facts
    from m3leo_sar.pictures.chip_description import describe as described
    from m3leo_sar.pictures.chip_description import varying_columns

    try:
        found = described(file, component=component)
    except UnknownComponent:
        # Neither a chip of an archive nor one of the release: a raster of another origin, such as terrain.
        if file.suffix.lower() == ".nc":
            raise
        _show_facts(file, raster_facts(file))
        return
    common, columns, rows = varying_columns(found.rows)
    shared = ", ".join(f"{name} {value}" for name, value in common.items())
    show(
        CommandResult(
            facts={"file": file, "heading": found.heading},
            rows=found.bands,
            columns={} if manner().as_json or not rows else _texts(columns, found.bands, rows),
            title=found.heading,
            fact_table=None if rows else common,
            notes=found.notes,
            sentences=[f"all bands: {shared}"] if rows and common else [],
        )
    )


def _texts(columns: Sequence[str], bands: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, ...]]) -> Any:
    """Columns of the texts of bands, by their headings."""
    lines = {id(band): dict(zip(columns, row, strict=True)) for band, row in zip(bands, rows, strict=True)}
    return {name: lambda band, name=name: lines[id(band)][name] for name in columns}


def _show_facts(path: object, facts: Mapping[str, object]) -> None:
    show(CommandResult(facts={"path": path, **facts}, title=str(path), fact_table=facts))


def _describe_stack(path: AnyFile, choice: Choice, reader: str | None) -> None:
    from m3leo_sar.io.stacks.burst_stack import BurstStack, is_burst_stack
    from m3leo_sar.io.stacks.registry import open_products, recognise
    from m3leo_sar.stack.polarisation import parse_polarisations
    from m3leo_sar.stack.stack_join import join_polarisations

    entry, products = recognise(path, reader=reader)
    wanted = parse_polarisations(choice.polarisation) if choice.polarisation else (None,)
    opened = [open_products(entry, products, replace(choice, polarisation=one)) for one in wanted]
    stack = join_polarisations([one.stack for one in opened]) if len(opened) > 1 else opened[0].stack
    summary = stack.summary()
    facts = {"kind": entry.holds, **summary.facts, "all dates": " ".join(f"{date:%Y%m%d}" for date in stack.dates)}
    if set(opened[0].polarisations) > set(stack.polarisations):
        facts["polarisation"] = f"{stack.polarisation}, of {', '.join(opened[0].polarisations)}"
    is_own = not isinstance(path, RemoteFile) and is_burst_stack(path)
    origins = BurstStack(path).dates() if is_own else {}  # type: ignore[arg-type]
    exact = {"dates": stack.dates, "shape": stack.shape, "polarisations": stack.polarisations, "crs": _crs(stack)}
    show(
        CommandResult(
            facts={"path": path, **{name: one for name, one in facts.items() if name != "all dates"}, **exact},
            rows=[
                {"date": row["date"], "days": None if row["days"] == "" else row["days"], "gap": row["gap"],
                 "platform": row.get("platform") or None, **_origin_of(origins, row["date"])}
                for row in summary.dates
            ],
            columns={},
            title=str(path),
            fact_table=facts,
            sentences=[f"gap: {row['days']} days before {row['date']}" for row in summary.gaps],
        )
    )  # fmt: skip
    if is_own and not manner().as_json:
        _print_origins(BurstStack(path))  # type: ignore[arg-type]


def _crs(stack: Any) -> str | None:
    """CRS of a stack on a map grid."""
    return getattr(stack.geometry, "crs", None)


def _origin_of(origins: Mapping[Any, Mapping[str, Any]], date: str) -> dict[str, Any]:
    """What co-registration noted of a date."""
    facts = next((facts for day, facts in origins.items() if str(day) == date), None)
    names = ("processor", "orbit_kind", "azimuth_shift", "coverage", "saturated")
    return {} if facts is None else {name: facts.get(name) for name in names}


def _print_origins(stack: BurstStack) -> None:
    """What co-registration noted of each date."""
    rows = []
    for date, facts in stack.dates().items():
        lines = facts.get("azimuth_shift")
        shift = "reference" if date == stack.reference else "" if lines is None else f"{lines:+.5f} line"
        known = {name: facts.get(key, "") for name, key in _ORIGIN.items()}
        share = f"{facts.get('coverage', 0):.0%}"
        rows.append(
            {"date": date, **known, "azimuth shift": shift, "coverage": share, "saturated": facts.get("saturated", "")}
        )
    LISTS.print(rows_table(rows))


#: Column of a date's origin to its name in the stack.
_ORIGIN = {"platform": "platform", "processor": "processor", "orbit": "orbit_kind"}


def _describe_bursts(folder: Path, burst: str | None, polarisation: str | None) -> None:
    """Bursts of a folder of stacks, and what co-registration noted of each date."""
    from m3leo_sar.run.catalogue import open_catalogue
    from m3leo_sar.stack.ground_spacing import ground_spacing
    from m3leo_sar.stack.slc import SlcStack

    stack = open_catalogue(folder, burst=burst, polarisation=polarisation).stack
    bursts = [stack] if isinstance(stack, SlcStack) else list(stack.bursts)
    dates = " ".join(f"{date:%Y%m%d}" for date in stack.dates)
    flattened = {True: "yes", False: "no", None: "not stated"}[stack.flattened]
    facts = {"kind": "stacks of our Zarr container", "bursts": len(bursts), "polarisations": stack.polarisation,
             "orbit": stack.orbit, "track": stack.track, "flattened": flattened, "dates": dates}  # fmt: skip
    rows = []
    for one in bursts:
        spacing = ground_spacing(one.geometry)
        rows.append({"burst": one.burst or one.name, "rows": one.shape[1], "columns": one.shape[2],
                     "row_spacing": spacing[0], "column_spacing": spacing[1], "dates": one.dates})  # fmt: skip
    show(
        CommandResult(
            facts={"path": folder, **facts, "polarisations": stack.polarisations, "dates": stack.dates},
            rows=rows,
            title=str(folder),
            fact_table=facts,
            columns={
                "burst": "burst",
                "rows": "rows",
                "columns": "columns",
                "spacing on the ground": lambda row: f"{row['row_spacing']:.1f} m x {row['column_spacing']:.1f} m",
                "dates": lambda row: len(row["dates"]),
            },
        )
    )


@commands.command()
def plot(
    archive: options.Archive,
    output: Annotated[Path, typer.Argument(help="Picture to write, .png, .svg or .pdf.")],
    tile: Annotated[
        str | None,
        typer.Option(help="Identifier of the tile; default: the first tile.", autocompletion=archive_tiles),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Also draw the prediction of this model.pt.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="One product of many tiles, PRODUCT/KEY, such as coherence/VV/20230301_20230313.")
    ] = None,
    max_tiles: Annotated[int, typer.Option(min=1, help="Maximum number of tiles on a sheet, evenly chosen.")] = 48,
    as_map: Annotated[bool, typer.Option("--map", help="Draw a map of the tiles instead of their chips.")] = False,
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
    dpi: options.Dpi = 150,
    form: options.PictureFormat = None,
) -> None:
    """Draw a tile with all its products, one product of many tiles, or a map of the tiles and their splits.

    Examples: m3leo-sar plot chips tile.png --model run/model.pt; m3leo-sar plot chips map.svg --map --splits splits.csv
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.tables.split_file import read_splits
    from m3leo_sar.pictures.picture_format import picture_form

    picture_form(output, form, name="output")
    if ((tile or model) and (sheet or as_map)) or (sheet and as_map):
        raise ValueError("a picture shows either a tile (--tile, --model), a --sheet or a --map; give one of them")
    if splits and not as_map:
        raise ValueError("--splits colours the map and needs --map")
    chips = ChipArchive(archive)
    if not chips.identifiers:
        raise ValueError(f"{archive} holds no tile")
    if tile is not None and tile not in chips.identifiers:
        some = ", ".join(chips.identifiers[:3])
        raise ValueError(f"--tile {tile} is not among the {len(chips.identifiers)} tiles of {archive}, such as {some}")
    if as_map:
        from m3leo_sar.pictures.tile_map import archive_outlines, plot_map

        outlines = archive_outlines(chips)
        named, heading = read_splits(splits) if splits else None, f"Tiles of {archive.resolve().name}"
        plot_map(outlines, splits=named, heading=heading, path=output, dpi=dpi, form=form)
        drawn = f"{len(outlines)} of {len(chips.identifiers)} tiles"
    elif sheet:
        drawn = _plot_sheet(chips, sheet, max_tiles, path=output, dpi=dpi, form=form)
    else:
        drawn = _plot_tile(chips, tile or chips.identifiers[0], model, path=output, dpi=dpi, form=form)
    show(CommandResult(facts={"picture": output, "drawn": drawn}, sentences=[f"{output}: {drawn}"]))


@commands.command()
def report(
    archive: options.Archive,
    output: Annotated[Path, typer.Argument(help="HTML file to write; it needs no other file.")],
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
    max_tiles: Annotated[
        int, typer.Option(min=1, help="Number of tiles sampled for valid shares, histograms and sheets.")
    ] = 24,
    dpi: options.Dpi = 110,
    form: Annotated[str, typer.Option("--format", help="Format of its pictures: png or svg.")] = "png",
) -> None:
    """Write a report of an archive into one HTML file: contents, gaps, pictures and damaged chips.

    Example: m3leo-sar report chips report.html
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.tables.split_file import read_splits
    from m3leo_sar.pictures.report import write_report

    named = read_splits(splits) if splits else None
    write_report(ChipArchive(archive), output, splits=named, max_tiles=max_tiles, dpi=dpi, form=form)
    size = output.stat().st_size
    show(CommandResult(facts={"report": output, "bytes": size}, sentences=[f"{output}: {size / 1e6:.1f} MB"]))


def _plot_tile(chips: ChipArchive, identifier: str, model: Path | None, **saved: Any) -> str:
    from m3leo_sar.pictures.panel_grid import panel_titles
    from m3leo_sar.pictures.tile_picture import plot_tile

    predicted: dict[str, Any] = {}
    if model:
        from m3leo_sar.learn.fit.predict import model_legend, model_target, predict

        predicted = {"predictions": {"Prediction": predict(model, chips, identifier)}, "legend": model_legend(model)}
        predicted |= {"scores": {"Prediction": _test_score(model)}, "target": model_target(model)}
    return ", ".join(panel_titles(plot_tile(chips, identifier, **predicted, **saved)))


def _test_score(model: Path) -> str:
    """Test score of a run, from the metrics beside its model."""
    from m3leo_sar.app.fit_display import score_text

    file = model.parent / "metrics.json"
    try:
        return score_text(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        # The model may have been moved away from its metrics.
        return ""


def _plot_sheet(chips: ChipArchive, sheet: str, max_tiles: int, **saved: Any) -> str:
    from m3leo_sar.pictures.archive_survey import evenly
    from m3leo_sar.pictures.contact_sheet import plot_sheet

    dataset, _, key = sheet.replace(":", "/", 1).partition("/")
    if not (dataset and key):
        raise ValueError(f"--sheet must read PRODUCT/KEY, such as coherence/VV/20230301_20230313, got {sheet!r}")
    tiles = evenly(chips.identifiers, max_tiles)
    plot_sheet(chips, dataset, key, identifiers=tiles, **saved)
    return f"{dataset} {key} of {len(tiles)} of {len(chips.identifiers)} tiles"
