"""Commands that draw or describe the contents of an archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from m3leo_sar.app import options
from m3leo_sar.app.progress import OUT
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.registry import is_recognised, open_products, recognise
from m3leo_sar.io.stacks.stack_reader import Choice
from m3leo_sar.io.tables.split_file import read_splits
from m3leo_sar.stack.polarisation import parse_polarisations
from m3leo_sar.stack.stack_join import join_polarisations

commands = typer.Typer()


@commands.command()
def describe(
    file: Annotated[
        Path,
        typer.Argument(
            help="A chip of M3LEO's release, a file or batch of an archive of this library, or a folder with a stack."
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

    Of a stack: its kind, dates, size, geometry, polarisations and orbit.

    Examples: m3leo-sar describe s1grd-2020/1a1e77399c5bd.tif; m3leo-sar describe gslc --frequency A --polarisation HH
    """
    if file.is_dir() and (reader is not None or is_recognised(file)):
        choice = Choice(burst=burst, polarisation=options.polarisation_of(polarisation), frequency=frequency)
        _describe_stack(file, choice, reader)
        return
    from m3leo_sar.pictures.chip_description import COLUMNS
    from m3leo_sar.pictures.chip_description import describe as described

    found = described(file, component=component)
    table = Table(title=found.heading)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in found.rows:
        table.add_row(*row)
    OUT.print(table)
    for note in found.notes:
        OUT.print(f"note: {note}")


def _describe_stack(folder: Path, choice: Choice, reader: str | None) -> None:
    entry, products = recognise(folder, reader=reader)
    wanted = parse_polarisations(choice.polarisation) if choice.polarisation else (None,)
    opened = [open_products(entry, products, replace(choice, polarisation=one)) for one in wanted]
    stack = join_polarisations([one.stack for one in opened]) if len(opened) > 1 else opened[0].stack
    summary = stack.summary()
    facts = {"kind": entry.holds, **summary.facts, "polarisations": ", ".join(opened[0].polarisations)}
    table = Table("fact", "value", title=str(folder))
    for name, value in facts.items():
        table.add_row(name, "" if value is None else str(value))
    table.add_row("all dates", " ".join(f"{date:%Y%m%d}" for date in stack.dates))
    OUT.print(table)
    for row in summary.gaps:
        OUT.print(f"gap: {row['days']} days before {row['date']}")


@commands.command()
def plot(
    archive: options.Archive,
    output: Annotated[Path, typer.Argument(help="Picture to write, .png, .svg or .pdf.")],
    tile: Annotated[str | None, typer.Option(help="Identifier of the tile; default: the first tile.")] = None,
    model: Annotated[Path | None, typer.Option(help="Also draw the prediction of this model.pt.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="One product of many tiles, PRODUCT/KEY, such as coherence/VV/20230301_20230313.")
    ] = None,
    max_tiles: Annotated[int, typer.Option(min=1, help="Maximum number of tiles on a sheet, evenly chosen.")] = 48,
    as_map: Annotated[bool, typer.Option("--map", help="Draw a map of the tiles instead of their chips.")] = False,
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
) -> None:
    """Draw a tile with all its products, one product of many tiles, or a map of the tiles and their splits.

    Examples: m3leo-sar plot chips tile.png --model run/model.pt; m3leo-sar plot chips map.svg --map --splits splits.csv
    """
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
        plot_map(outlines, output, splits=read_splits(splits) if splits else None, title=archive.resolve().name)
        drawn = f"{len(outlines)} of {len(chips.identifiers)} tiles"
    elif sheet:
        drawn = _plot_sheet(chips, output, sheet, max_tiles)
    else:
        drawn = _plot_tile(chips, output, tile or chips.identifiers[0], model)
    OUT.print(f"{output}: {drawn}")


@commands.command()
def report(
    archive: options.Archive,
    output: Annotated[Path, typer.Argument(help="HTML file to write; it needs no other file.")],
    splits: Annotated[Path | None, typer.Option(help="Splits csv (identifier, split) that colours the map.")] = None,
    max_tiles: Annotated[
        int, typer.Option(min=1, help="Number of tiles sampled for valid shares, histograms and sheets.")
    ] = 24,
) -> None:
    """Write a report of an archive into one HTML file: contents, gaps, pictures and damaged chips.

    Example: m3leo-sar report chips report.html
    """
    from m3leo_sar.pictures.report import write_report

    named = read_splits(splits) if splits else None
    write_report(ChipArchive(archive), output, splits=named, max_tiles=max_tiles)
    OUT.print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _plot_tile(chips: ChipArchive, output: Path, identifier: str, model: Path | None) -> str:
    from m3leo_sar.pictures.tile_picture import plot_tile

    predicted: dict[str, Any] = {}
    if model:
        from m3leo_sar.learn.fit.predict import model_legend, predict

        predicted = {"predictions": {"Prediction": predict(model, chips, identifier)}, "legend": model_legend(model)}
    return ", ".join(plot_tile(chips, identifier, output, **predicted))


def _plot_sheet(chips: ChipArchive, output: Path, sheet: str, max_tiles: int) -> str:
    from m3leo_sar.pictures.archive_survey import evenly
    from m3leo_sar.pictures.contact_sheet import plot_sheet

    dataset, _, key = sheet.replace(":", "/", 1).partition("/")
    if not (dataset and key):
        raise ValueError(f"--sheet must read PRODUCT/KEY, such as coherence/VV/20230301_20230313, got {sheet!r}")
    tiles = evenly(chips.identifiers, max_tiles)
    plot_sheet(chips, dataset, key, output, identifiers=tiles)
    return f"{dataset} {key} of {len(tiles)} of {len(chips.identifiers)} tiles"
