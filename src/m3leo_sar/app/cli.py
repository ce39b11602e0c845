"""The m3leo-sar command: every command by its subject."""

from __future__ import annotations

from typing import Annotated

import typer

from m3leo_sar.app import (
    archive_commands,
    bench_commands,
    coregister_command,
    machine_commands,
    picture_commands,
    run_commands,
    stack_commands,
    tile_commands,
    training_commands,
    view_commands,
)
from m3leo_sar.app.help_text import help_text
from m3leo_sar.app.manner import Quiet, Verbose, speaking, with_manner
from m3leo_sar.app.option_names import CommandGroup
from m3leo_sar.app.progress import OUT

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import m3leo_sar
        from m3leo_sar.io.files.gdal_dataset import versions

        OUT.print(f"m3leo-sar {m3leo_sar.__version__}")
        for name, number in versions().items():
            OUT.print(f"{name} {number}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Coherence and interferograms of any date pair on M3LEO's tiles, from a stack of co-registered SLCs.

    Start with [bold]m3leo-sar demo[/bold], then [bold]m3leo-sar pairs STACK[/bold]; docs/command-line.md has more.
    """
    context.with_resource(speaking(quiet=quiet, verbose=verbose))


for _subject, _title in (
    (stack_commands, "Stacks"),
    (coregister_command, "Stacks"),
    (tile_commands, "Tiles"),
    (run_commands, "Runs"),
    (archive_commands, "Archives"),
    (picture_commands, "Pictures and descriptions"),
    (view_commands, "Pictures and descriptions"),
    (training_commands, "Training"),
    (bench_commands, "Comparisons"),
    (machine_commands, "This machine"),
):
    for _command in _subject.commands.registered_commands:
        _command.rich_help_panel = _title
        _callback = _command.callback
        _name = _command.name or _callback.__name__.replace("_", "-")
        _command.help = help_text(_callback.__doc__ or "")
        _command.callback = with_manner(_callback, _name)
    app.add_typer(_subject.commands)
