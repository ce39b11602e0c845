"""The m3leo-sar command: every command by its subject."""

from __future__ import annotations

import typer

from m3leo_sar.app import (
    archive_commands,
    bench_commands,
    picture_commands,
    run_commands,
    stack_commands,
    training_commands,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Coherence and interferograms of any date pair on M3LEO's tiles, from a stack of co-registered SLCs.\n\n"
    "Start with [bold]m3leo-sar demo[/bold], then [bold]m3leo-sar pairs STACK[/bold].",
)

for _subject, _title in (
    (stack_commands, "Stacks"),
    (run_commands, "Runs"),
    (archive_commands, "Archives"),
    (picture_commands, "Pictures and descriptions"),
    (training_commands, "Training"),
    (bench_commands, "Comparisons"),
):
    for _command in _subject.commands.registered_commands:
        _command.rich_help_panel = _title
    app.add_typer(_subject.commands)
