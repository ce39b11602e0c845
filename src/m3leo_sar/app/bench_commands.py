"""Commands that compare: inputs and tasks by a frozen protocol, regions by their distances."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.manner import manner
from m3leo_sar.app.progress import ERR, LISTS, OUT

commands = typer.Typer()


@commands.command()
def bench(
    output: Annotated[Path, typer.Argument(help="Folder of the results; a second run computes only missing results.")],
    archive: Annotated[
        Path | None, typer.Option(help="Chip archive with labels; default: simulated by the protocol.")
    ] = None,
    splits: options.Splits = None,
    protocol: Annotated[Path | None, typer.Option(help="JSON file of a protocol; default: the toy protocol.")] = None,
    europe: Annotated[str | None, typer.Option(help="included or excluded; default: as in the protocol.")] = None,
    merge: Annotated[
        list[Path] | None, typer.Option(help="results.json of the same protocol and data; can be repeated.")
    ] = None,
    show_protocol: Annotated[
        bool, typer.Option("--show-protocol", help="Print the protocol and its hash; run nothing.")
    ] = False,
) -> None:
    """Train and score every task, input and seed of a frozen protocol, with chips missing and without.

    Writes results.json and results.md. Without an archive it takes a few minutes on two cores.

    Examples: m3leo-sar bench bench; m3leo-sar bench bench --archive chips --splits splits.csv --protocol mine.json
    """
    from m3leo_sar.bench.protocol import Protocol
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.tables.split_file import read_splits

    chosen = Protocol.from_json(_text(protocol)) if protocol else Protocol()
    chosen = replace(chosen, europe=europe) if europe else chosen
    if show_protocol:
        text = chosen.to_json()
        show(
            CommandResult(
                facts={"protocol": json.loads(text), "hash": chosen.digest}, sentences=[text, f"hash {chosen.digest}"]
            )
        )
        return
    # Imported here: the kernels behind the toy data take a second to load.
    from m3leo_sar.bench.benchmark import RESULTS, TABLE, run_bench

    ERR.print(f"protocol {chosen.name}, hash {chosen.digest}", soft_wrap=True)
    results = run_bench(
        output,
        chosen,
        archive=ChipArchive(archive) if archive else None,
        splits=read_splits(splits) if splits else None,
        merge=merge or (),
        report=lambda line: ERR.print(line, markup=False),
    )
    show(
        CommandResult(
            facts={
                "results": output / RESULTS,
                "table": output / TABLE,
                "protocol": chosen.name,
                "hash": chosen.digest,
            },
            rows=results.rows,
            columns={},
            sentences=[results.table(), f"{output / RESULTS}, {output / TABLE}: {len(results.rows)} scores"],
            following=[("m3leo-sar", "bench", "AGAIN", "--merge", output / RESULTS)],
        )
    )


@commands.command()
def shift(
    archives: Annotated[list[Path], typer.Argument(help="Archives to compare, or one with --groups.")],
    labels: Annotated[
        str | None, typer.Option(help="Label whose class fractions are compared, such as landcover or label/landcover.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option(help="DATASET/KEY, or DATASET for all its keys; can be repeated.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="Splits csv that divides the tiles of one archive into groups.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for shift.json and one figure per comparison.")] = Path("shift"),
    permutations: Annotated[int, typer.Option(min=0, help="Number of permutations of group labels per p value.")] = 99,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal floors and p values.")] = 0,
    dpi: options.Dpi = 150,
    form: Annotated[str, typer.Option("--format", help="Format of the figures: svg, pdf or png.")] = "png",
) -> None:
    """Measure the distance between regions (distribution shift), compared with chance alone.

    Class fractions are compared by half their L1 distance, values by the Wasserstein distance of the chips' means.

    Example: m3leo-sar shift conus/chips europe/chips --labels landcover --values coherence
    """
    from m3leo_sar.io.files.atomic import write_text
    from m3leo_sar.io.tables.split_file import read_splits

    if not (labels or values):
        raise ValueError("nothing to compare: give --labels NAME, --values DATASET/KEY, or both")
    from m3leo_sar.learn.shift.distances import normalised_l1, wasserstein
    from m3leo_sar.learn.shift.matrix import shift_matrix
    from m3leo_sar.learn.shift.region_samples import chip_means, class_fractions, regions_of
    from m3leo_sar.pictures.picture_format import require_output
    from m3leo_sar.pictures.shift_picture import plot_shift

    require_output(None, form, dpi)
    regions = regions_of(archives, read_splits(groups) if groups else None)
    wanted: list[tuple[str, Any, Any, str]] = []
    if labels:
        wanted.append((f"shares of {labels}", class_fractions(regions, labels), normalised_l1, "half of L1"))
    wanted += [(f"mean {name}", chip_means(regions, name), wasserstein, "") for name in values or ()]
    comparisons, rows = {}, list[dict[str, Any]]()
    for name, samples, distance, unit in wanted:
        matrix = shift_matrix(samples, distance=distance, permutations=permutations, seed=seed)
        comparisons[name] = {
            "names": list(matrix.names),
            "chips": [len(samples[region]) for region in matrix.names],
            **{part: _rows(getattr(matrix, part).tolist()) for part in ("distance", "floor", "p_value")},
        }
        figure = output / (name.replace(" ", "-").replace(":", "-").replace("/", "-") + f".{form}")
        output.mkdir(parents=True, exist_ok=True)
        plot_shift(matrix, title=f"Distance of regions: {name}", unit=unit, path=figure, dpi=dpi)
        rows += list(_pair_rows(name, matrix))
        if not manner().as_json:
            LISTS.print(_table(name, matrix))
        OUT.print(str(figure), markup=False, soft_wrap=True)
    write_text(output / "shift.json", json.dumps(comparisons, indent=1, allow_nan=False) + "\n")
    show(
        CommandResult(
            facts={"file": output / "shift.json", "comparisons": list(comparisons)},
            rows=rows,
            columns={},
            sentences=[f"{output / 'shift.json'}: {len(comparisons)} comparisons"],
        )
    )


def _pair_rows(name: str, matrix: Any) -> Iterator[dict[str, Any]]:
    """A row per pair of regions."""
    for (i, first), (j, second) in combinations(enumerate(matrix.names), 2):
        yield {
            "comparison": name,
            "first": first,
            "second": second,
            "distance": float(matrix.distance[i, j]),
            "p_value": float(matrix.p_value[i, j]),
            "floor_of_first": float(matrix.floor[i]),
            "floor_of_second": float(matrix.floor[j]),
        }


def _table(name: str, matrix: Any) -> Table:
    table = Table("", *matrix.names, title=f"{name}: distance (p value); floor on the diagonal")
    for i, region in enumerate(matrix.names):
        cells = [
            f"floor {matrix.floor[i]:.3g}" if i == j else f"{matrix.distance[i, j]:.3g} ({matrix.p_value[i, j]:.2g})"
            for j in range(len(matrix.names))
        ]
        table.add_row(region, *cells)
    return table


def _rows(numbers: Any) -> Any:
    """Nested lists with None for unknown values, as JSON has no NaN."""
    if isinstance(numbers, list):
        return [_rows(item) for item in numbers]
    return None if math.isnan(numbers) else numbers


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path.read_text(encoding="utf-8")
