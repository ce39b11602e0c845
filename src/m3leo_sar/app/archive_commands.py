"""Commands that look after an archive of chips."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.completion import words
from m3leo_sar.app.progress import progress_bar

if TYPE_CHECKING:
    from m3leo_sar.chips.statistics import BandStatistics
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.run.exchange import Exchanged

commands = typer.Typer()
#: Columns of a table of statistics.
_NUMBERS = ("encoding", "centre", "scale", "low", "high")


@commands.command()
def verify(
    archive: options.Archive,
    discard: Annotated[
        bool, typer.Option(help="Remove damaged chips, so that the next run computes them again.")
    ] = False,
) -> None:
    """Read every chip of an archive and name those that are damaged; ends with code 1 if there are any.

    Example: m3leo-sar verify chips --discard
    """
    from m3leo_sar.io.chips.archive import ChipArchive

    chips = ChipArchive(archive)
    # Locked before the first chip is read: a run could replace a damaged chip before it is removed.
    with _alone(archive) if discard else nullcontext():
        faults = {str(path): fault for path, fault in chips.verify()}
        removed = chips.discard({Path(path) for path in faults}) if faults and discard else 0
        count = 0 if faults else sum(1 for _ in chips.chips())
    show(
        CommandResult(
            facts={"archive": archive, "damaged": len(faults), "removed": removed},
            rows=[{"file": path, "fault": fault} for path, fault in faults.items()],
            columns={},
            faults=[f"{path}: {fault}" for path, fault in faults.items()],
            sentences=_verdict(archive, faults, count, removed, discard=discard),
        )
    )
    if faults:
        raise typer.Exit(1)


def _verdict(archive: Path, faults: Mapping[str, str], count: int, removed: int, *, discard: bool) -> list[str]:
    """Sentences of verify, after those on each damaged chip."""
    if not faults:
        return [f"{archive}: all {count} chips can be read"]
    if not discard:
        return [
            f"{archive}: {len(faults)} damaged; verify --discard removes them, and the next prepare, retile or import "
            "writes their chips again",
        ]
    lines = [f"{archive}: removed {removed} damaged files; run prepare again to compute their chips"]
    if removed < len(faults):
        lines.append(f"{archive}: {len(faults) - removed} files are not proven to be damaged and were kept")
    return lines


@commands.command()
def index(archive: options.Archive) -> None:
    """Write a table of an archive's tiles (GeoParquet) and a STAC collection into it.

    Example: m3leo-sar index chips
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.chips.archive_index import COLLECTION, INDEX, write_index

    count = write_index(ChipArchive(archive))
    show(
        CommandResult(
            facts={"index": archive / INDEX, "collection": archive / COLLECTION, "tiles": count},
            sentences=[f"{archive / INDEX}, {archive / COLLECTION}: {count} tiles"],
            following=[("m3leo-sar", "plot", archive, "map.png", "--map")],
        )
    )


@commands.command()
def compact(archive: options.Archive) -> None:
    """Merge the batches of each tile into one file; chips stay readable throughout.

    Example: m3leo-sar compact chips
    """
    from m3leo_sar.io.chips.archive import ChipArchive

    chips = ChipArchive(archive)
    # A merged batch takes a higher number than one that a run writes meanwhile, and would supersede it.
    with _alone(archive):
        merged = chips.compact()
    show(CommandResult(facts={"archive": archive, "merged": merged}, sentences=[f"{archive}: merged {merged} batches"]))


@commands.command()
def upgrade(
    folder: Annotated[Path, typer.Argument(help="Chip archive, store of SLC tiles, or stack in our container.")],
) -> None:
    """Bring an archive, store or stack of an earlier version up to date: files are renamed, nothing is computed.

    The command may be stopped at any time and run again.

    Example: m3leo-sar upgrade chips
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.chips.archive_upgrade import upgrade_archive
    from m3leo_sar.io.chips.slc_tile_store import is_slc_tile_store
    from m3leo_sar.io.chips.slc_tile_upgrade import upgrade_tiles
    from m3leo_sar.io.stacks.zarr_stack import is_stack, upgrade_stack

    if is_stack(folder):
        count = upgrade_stack(folder)
    elif is_slc_tile_store(folder):
        count = upgrade_tiles(folder)
    else:
        # A folder that is not an archive is refused before it gets a lock.
        ChipArchive(folder)
        with _alone(folder):
            count = upgrade_archive(folder)
    text = f"{count} files or folders renamed" if count else "nothing to rename"
    show(CommandResult(facts={"folder": folder, "renamed": count}, sentences=[f"{folder}: {text}"]))


@commands.command()
def export(
    archive: options.Archive,
    folder: Annotated[Path, typer.Argument(help="Folder to write to; it gets one folder per product.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="geotiff, cog (cloud-optimised) or netcdf.",
            autocompletion=words("geotiff", "cog", "netcdf"),
        ),
    ] = "geotiff",
) -> None:
    """Export an archive to M3LEO's layout: FOLDER/PRODUCT/TILE.tif, one band per date or pair.

    A damaged chip is named and leaves an empty band; the exit code is then 1.

    Example: m3leo-sar export chips out --format cog
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.run.layout_export import export_archive

    chips = ChipArchive(archive)
    with progress_bar("writing", len(chips.identifiers)) as advance:
        done = export_archive(chips, folder, form=form, report=lambda _: advance())
    show(_exchange_result(done, f"{folder}: wrote {done.files} files of {done.chips} chips"))
    if done.left_out:
        raise typer.Exit(code=1)


@commands.command("import")
def import_(
    folder: Annotated[
        Path, typer.Argument(help="Folder in M3LEO's layout: one folder per product, one file per tile.")
    ],
    archive: options.NewArchive,
    tiles: Annotated[Path | None, typer.Option(help="Tile file: bring every chip onto its tile's own grid.")] = None,
    storage: Annotated[
        str,
        typer.Option(help="Format of a new archive: geotiff or zarr.", autocompletion=words("geotiff", "zarr")),
    ] = "zarr",
) -> None:
    """Import M3LEO's released chips (or an export) into an archive, decoded to units, one chip per band.

    Example: m3leo-sar import conus/conus_partitions_aschips_14c55eb7d417f chips --tiles conus.geojson
    """
    from m3leo_sar.io.tables.tile_file import read_tiles
    from m3leo_sar.run.layout_import import import_layout

    grid = read_tiles(tiles) if tiles else None
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    files = sum(path.suffix in (".tif", ".nc") for path in folder.glob("*/*"))
    if not files:
        raise ValueError(f"{folder} holds no PRODUCT/TILE.tif or PRODUCT/TILE.nc")
    with archive_to_change(archive, storage=storage) as chips, progress_bar("reading", files) as advance:
        done = import_layout(folder, chips, tiles=grid, report=lambda _: advance())
    following = [("m3leo-sar", "plot", archive, "tile.png"), ("m3leo-sar", "split", archive, "splits.csv")]
    show(_exchange_result(done, f"{archive}: took {done.chips} chips of {done.files} files", following))


@commands.command()
def stats(
    archive: Annotated[Path, typer.Argument(help="Chip archive, or a store of SLC tiles.")],
    output: Annotated[Path, typer.Argument(help="JSON to write.")],
    rule: Annotated[
        str,
        typer.Option(
            help="robust, mean_std, min_max, percentiles or m3leo.",
            autocompletion=words("robust", "mean_std", "min_max", "percentiles", "m3leo"),
        ),
    ] = "robust",
    by: Annotated[
        str, typer.Option(help="Metadata fields that define the groups; product is one of them.")
    ] = "product,polarisation,orbit",
    splits: Annotated[Path | None, typer.Option(help="Splits csv: only its train tiles.")] = None,
    aoi: Annotated[str | None, typer.Option(help="Name of the region, for groups by aoi.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Product of the pairs of a store, such as coherence:5x20; can be repeated."),
    ] = None,
    days: options.Days = None,
    season: options.Season = None,
) -> None:
    """Compute statistics of an archive's chips per group in one pass, with a digest that training checks.

    Of a store of SLC tiles, statistics are those of the products named by --input, for training on its pairs.

    Examples: m3leo-sar stats chips stats.json --splits splits.csv; m3leo-sar stats tiles stats.json
    --input coherence:5x20 --input intensity:reference --days 12,24
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.chips.slc_tile_store import is_slc_tile_store
    from m3leo_sar.io.files.atomic import write_text
    from m3leo_sar.io.tables.split_file import read_splits
    from m3leo_sar.run.archive_statistics import archive_statistics

    if is_slc_tile_store(archive):
        _stats_of_pairs(archive, output, inputs or [], rule, splits, days=days, season=season)
        return
    if inputs or days or season:
        raise ValueError(f"--input, --days and --season go with a store of SLC tiles, {archive} is none")
    chips = ChipArchive(archive)
    tiles = chips.identifiers
    if splits:
        named = read_splits(splits)
        tiles = [tile for tile in tiles if named.get(tile) == "train"]
    if not tiles:
        raise ValueError(f"{archive} holds no tile{' of the train split' if splits else ''}")
    keys = tuple(part.strip() for part in by.split(",") if part.strip())
    if "product" not in keys:
        raise ValueError(f"--by must name product, such as product,polarisation, got {by!r}")
    with progress_bar("counting", len(tiles)) as advance:
        seen = archive_statistics(chips, tiles=tiles, keys=keys, aoi=aoi, report=lambda _: advance())
    found = seen.finish(rule)
    write_text(output, found.to_json() + "\n")
    rows = [
        {**dict(zip(keys, group, strict=True)), **_band_row(band), "chips": seen.groups[group].chips}
        for group, band in found.groups.items()
    ]
    columns = {"group": lambda row: [row[key] or "-" for key in keys], **{name: name for name in (*_NUMBERS, "chips")}}
    show(_statistics_result(output, found.digest, rows, columns, archive))


def _statistics_result(
    output: Path, digest: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any], archive: Path
) -> CommandResult:
    return CommandResult(
        facts={"statistics": output, "digest": digest},
        rows=rows,
        columns=columns,
        sentences=[f"{output}: digest {digest}"],
        following=[("m3leo-sar", "train", archive, f"statistics={output}")],
    )


def _band_row(band: BandStatistics) -> dict[str, Any]:
    return {name: getattr(band, name) for name in _NUMBERS}


def _stats_of_pairs(
    store: Path,
    output: Path,
    inputs: list[str],
    rule: str,
    splits: Path | None,
    *,
    days: str | None,
    season: str | None,
) -> None:
    from m3leo_sar.io.files.atomic import write_text
    from m3leo_sar.io.tables.split_file import read_splits
    from m3leo_sar.training.pair_statistics import pair_statistics

    if not inputs:
        raise ValueError(f"{store} is a store of SLC tiles: name its products by --input, such as coherence:5x20")
    found = pair_statistics(
        str(store),
        inputs,
        splits=read_splits(splits) if splits else None,
        days=options.numbers(days),
        season=season or "",
        rule=rule,
    )
    write_text(output, found.to_json() + "\n")
    rows = [{"input": band.name, **_band_row(band)} for band in found.bands]
    show(_statistics_result(output, found.digest, rows, {"input": "input", **{name: name for name in _NUMBERS}}, store))


@contextmanager
def archive_to_change(root: Path, *, storage: str = "geotiff", **facts: Any) -> Iterator[ChipArchive]:
    """Open or create an archive and lock it against other runs until the block ends.

    Raises
    ------
    BlockingIOError
        If another run works on the archive.
    OSError, ValueError
        As :meth:`ChipArchive.create`.
    """
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.files.run_lock import RunLock

    with ExitStack() as open_:
        # Locked first if the archive exists: creating it also removes files that other writers seem to have left.
        is_there = _is_archive(root)
        if is_there:
            open_.enter_context(RunLock(root))
        chips = ChipArchive.create(root, storage=storage, **facts)
        if not is_there:
            # A folder that turns out to be no archive must not get a lock.
            open_.enter_context(RunLock(root))
        yield chips


def _is_archive(root: Path) -> bool:
    from m3leo_sar.io.chips.archive import ChipArchive

    try:
        ChipArchive(root)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _alone(root: Path) -> AbstractContextManager[object]:
    """Lock an archive against other runs; a read-only archive can hold no lock and cannot be changed."""
    from m3leo_sar.io.files.run_lock import RunLock

    return RunLock(root) if os.access(root, os.W_OK) else nullcontext()


def _exchange_result(done: Exchanged, text: str, following: Sequence[Sequence[object]] = ()) -> CommandResult:
    lines = [f"left out {name}: {reason}" for name, reason in list(done.left_out.items())[:10]]
    more = len(done.left_out) - len(lines)
    return CommandResult(
        facts={"files": done.files, "chips": done.chips},
        skipped=done.left_out,
        sentences=[text, *lines, *([f"... and {more} more"] if more else [])],
        following=following,
    )
