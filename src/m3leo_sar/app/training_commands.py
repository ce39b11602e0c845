"""Commands that train a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from m3leo_sar.app import options
from m3leo_sar.app.progress import OUT

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
        typer.Option(help="amplitude, amplitudes, coherence, input sets or channels; several separated by commas."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoint and the metrics; default: run.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML configuration, such as the config.yaml that a run writes.")
    ] = None,
    splits: options.Splits = None,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint of the output folder.")] = False,
    config_dir: Annotated[
        Path | None, typer.Option(help="Folder with further configurations: task, model, input and pairs/NAME.yaml.")
    ] = None,
    multirun: Annotated[
        bool, typer.Option(help="Train every combination of the listed values, such as seed=0,1,2.")
    ] = False,
) -> None:
    """Train a network on the chips of an archive and test it.

    Tasks: esawc, agb and ghsbuilts, as in the M3LEO baselines; mae, dino and clip for pretraining; by default, land
    cover of the label landcover from coherence. Writes model.pt, metrics.json and config.yaml, which reproduces the
    run. The default networks are the paper's; on a CPU choose a smaller one.

    Examples: m3leo-sar train chips model.widths=[8,16,32,64] crop=128 epochs=12 learning_rate=3e-3; m3leo-sar train
    chips task=esawc input=s1grd_vv_vh; m3leo-sar train --config run/config.yaml --resume; m3leo-sar train chips
    --multirun seed=0,1,2 model=unet,vit_head
    """
    from m3leo_sar.app.fit_display import fit_with_bar, score_lines, settings_of
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.learn.fit.config import load_config

    stated = settings_of(settings or [], output=output, inputs=inputs)
    if multirun:
        _train_all(stated, config=config, splits=splits, config_dir=config_dir, resume=resume)
        return
    loaded = _with_splits(load_config(config, stated, config_dir=config_dir), splits)
    # Before torch is loaded: a wrong folder should be reported at once.
    ChipArchive(loaded.archive)
    result = fit_with_bar(loaded, title="training", resume=resume)
    if "iou" in result.metrics:
        table = Table("class", "IoU")
        for name, score in result.metrics["iou"].items():
            table.add_row(name, f"{score:.3f}")
        OUT.print(table)
    for line in score_lines(result.metrics):
        OUT.print(f"{result.output}: {line}")


def _with_splits(config: Any, splits: Path | None) -> Any:
    from m3leo_sar.io.tables.split_file import read_splits

    if splits:
        config.splits, config.splits_file = read_splits(splits), ""
    return config


def _train_all(
    stated: list[str], *, config: Path | None, splits: Path | None, config_dir: Path | None, resume: bool
) -> None:
    """Train each run of a sweep in its own folder; all are checked before the first starts."""
    from m3leo_sar.app.fit_display import fit_with_bar, write_sweep
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.learn.fit.config import load_config
    from m3leo_sar.learn.fit.sweep import sweep_overrides, varied

    runs = sweep_overrides(stated)
    loaded = [_with_splits(load_config(config, run, config_dir=config_dir), splits) for run in runs]
    root, labels, rows = Path(loaded[0].output), [", ".join(run) for run in varied(runs)], []
    for number, run in enumerate(loaded):
        ChipArchive(run.archive)
        run.output = str(root / f"{number:03d}")
    for number, (run, label) in enumerate(zip(loaded, labels, strict=True), start=1):
        result = fit_with_bar(run, title=f"run {number} of {len(loaded)}", resume=resume)
        rows.append((result.output.name, label, result.metrics))
    names = write_sweep(root / "sweep.csv", rows)
    table = Table("run", "settings", *names)
    for run_name, label, metrics in rows:
        table.add_row(run_name, label, *(f"{metrics[name]:.4g}" if name in metrics else "" for name in names))
    OUT.print(table)
    OUT.print(f"{root / 'sweep.csv'}: {len(rows)} runs")


@commands.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
    safe: Annotated[
        bool, typer.Option("--safe", help="From simulated Sentinel-1 products to coherence on tiles, without training.")
    ] = False,
    dpi: options.Dpi = 150,
    form: Annotated[str, typer.Option("--format", help="Format of the figures: svg, pdf or png.")] = "png",
) -> None:
    """Run the whole workflow: simulate a stack, compute every pair, cut tiles, train two models, draw a figure.

    With [bold]--safe[/bold], begin with Sentinel-1 products, orbit files and terrain, and co-register them.
    """
    from m3leo_sar.app.run_display import summary_text

    if safe:
        _safe_demo(output, seed, dpi=dpi, form=form)
        return
    from m3leo_sar.app.demo import demo as run

    result = run(output, seed=seed, dpi=dpi, form=form)
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


def _safe_demo(output: Path, seed: int, *, dpi: int, form: str) -> None:
    from m3leo_sar.app.run_display import summary_text
    from m3leo_sar.app.safe_demo import safe_demo

    result = safe_demo(output, seed=seed, dpi=dpi, form=form)
    for text in result.shifts:
        OUT.print(text, markup=False, soft_wrap=True)
    OUT.print(summary_text(result.summary, output / "chips"))
    OUT.print(f"Figures: {', '.join(str(figure) for figure in result.figures)}", soft_wrap=True)
