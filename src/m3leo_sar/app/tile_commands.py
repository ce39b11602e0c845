"""Commands that create tiles and their splits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.completion import words
from m3leo_sar.app.manner import manner
from m3leo_sar.io.remote.remote_address import file_at

if TYPE_CHECKING:
    from m3leo_sar.grid.tiles import TileGrid

commands = typer.Typer()


@commands.command()
def tiles(
    output: Annotated[Path, typer.Argument(help="Tile file to write: .geojson, .json, .parquet or .geoparquet.")],
    aoi: options.Aoi = None,
    stack: Annotated[
        Path | None, typer.Option(parser=file_at, metavar="STACK", help="Stack whose footprint is the area.")
    ] = None,
    lattice: options.Lattice = "legacy",
) -> None:
    """Write the tiles of an area, or of a stack's footprint, into a tile file.

    The tiles of the legacy lattice depend on the area: another area, even a part of this one, has other tiles. Keep
    the file and give it to every command (--tiles).

    Examples: m3leo-sar tiles conus.geojson --aoi conus; m3leo-sar tiles here.parquet --stack stack --lattice exact
    """
    from m3leo_sar.io.tables.tile_file import write_tiles
    from m3leo_sar.run.catalogue import open_catalogue
    from m3leo_sar.run.choices import choose_tiles, tiles_over

    if stack is not None:
        grid = choose_tiles(open_catalogue(stack).stack, aoi=aoi, lattice=lattice)
    else:
        if aoi is None:
            raise ValueError("an area is needed: give --aoi, --stack, or both")
        grid = tiles_over(aoi=aoi, lattice=lattice)
    write_tiles(output, grid)
    show(
        CommandResult(
            facts={"file": output, "lattice": lattice, "tiles": len(grid)},
            rows=[
                {"identifier": tile.identifier, "bounds": tile.geobox.bounds_in("EPSG:4326"), "crs": tile.geobox.crs}
                for tile in (grid if manner().as_json else ())
            ],
            sentences=[f"{output}: {len(grid)} tiles of the {lattice} lattice"],
            following=[
                ("m3leo-sar", "split", output, "splits.csv"),
                ("m3leo-sar", "prepare", stack or "STACK", "chips", "--tiles", output),
            ],
        )
    )


@commands.command()
def split(
    tiles: Annotated[Path, typer.Argument(help="Tile file, or a chip archive.")],
    output: Annotated[Path, typer.Argument(help="Splits csv (identifier, split) to write.")],
    by: Annotated[
        str,
        typer.Option(
            help="bands: strips of equal shares; legacy: M3LEO's own strips; order: one strip per split.",
            autocompletion=words("bands", "legacy", "order"),
        ),
    ] = "bands",
    bands: Annotated[
        int | None, typer.Option(min=1, help="Number of strips; default: 60, or fewer for few tiles.")
    ] = None,
    angle: Annotated[
        float, typer.Option(help="bands: degrees clockwise from north; legacy: radians in [-pi/2, pi/2].")
    ] = 0.0,
    fractions: Annotated[str, typer.Option(help="Shares of train, test and val.")] = "60,20,20",
    buffer: Annotated[float, typer.Option(min=0, help="bands: minimum distance between two splits, in metres.")] = 0.0,
) -> None:
    """Divide tiles into train, test and val by place, so that neighbours lie in the same split.

    Examples: m3leo-sar split chips splits.csv --buffer 5000; m3leo-sar split conus.geojson splits.csv --by legacy
    --angle 0.9
    """
    from m3leo_sar.grid.splits import SPLITS
    from m3leo_sar.io.tables.split_file import write_splits
    from m3leo_sar.run.choices import named_tiles

    if by not in ("bands", "legacy", "order"):
        raise ValueError(f"--by must be bands, legacy or order, got {by!r}")
    grid, shares = named_tiles(tiles), options.fractions_of(fractions)
    names = _split(grid, by, bands, angle, shares, buffer)
    write_splits(output, dict(zip(grid.identifiers, names, strict=True)))
    counts = {name: names.count(name) for name in (*SPLITS, "buffer") if name in names}
    show(
        CommandResult(
            facts={"file": output, "tiles": len(grid), "splits": counts},
            sentences=[f"{output}: {', '.join(f'{count} {name}' for name, count in counts.items())}"],
            following=_after_split(tiles, output),
        )
    )


def _after_split(tiles: Path, splits: Path) -> list[tuple[object, ...]]:
    if not tiles.is_dir():
        return []
    return [
        ("m3leo-sar", "plot", tiles, "map.png", "--map", "--splits", splits),
        ("m3leo-sar", "stats", tiles, "stats.json", "--splits", splits),
        ("m3leo-sar", "train", tiles, "--splits", splits),
    ]


def _split(
    grid: TileGrid, by: str, bands: int | None, angle: float, shares: tuple[float, float, float], buffer: float
) -> list[str]:
    from m3leo_sar.grid.splits import banded_split, legacy_split, ordered_split

    if by != "bands" and buffer:
        raise ValueError(f"--buffer applies to --by bands, got --by {by}")
    if by == "order":
        return [str(name) for name in ordered_split(grid.bounds, fractions=(shares[0], shares[2], shares[1]))]
    if by == "legacy":
        return [str(name) for name in legacy_split(grid.bounds, angle=angle, bands=bands or 60, fractions=shares)]
    chosen = bands or min(60, len(grid))
    try:
        names = banded_split(grid, angle=angle, bands=chosen, fractions=shares, buffer=buffer)
    except ValueError as error:
        if bands is not None or not str(error).startswith("bands"):
            raise
        raise ValueError(f"{len(grid)} tiles are too few for strips of these shares; use --by order") from error
    return [str(name) for name in names]
