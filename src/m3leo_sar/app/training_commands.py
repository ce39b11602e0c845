"""Commands that train a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from m3leo_sar.app import options
from m3leo_sar.app.progress import OUT
from m3leo_sar.app.run_display import summary_text
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.tables.split_file import read_splits

commands = typer.Typer()


@commands.command()
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
    splits: options.Splits = None,
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


@commands.command()
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
    OUT.print(summary_text(result.summary, output / "chips"))
    OUT.print(f"Figure: {result.figure}")
