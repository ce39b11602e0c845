"""The command that reports what a machine has."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from m3leo_sar.app.progress import OUT

commands = typer.Typer()


@commands.command()
def doctor() -> None:
    """Report what this machine has: versions, CPUs, GPU, drivers of GDAL, geoid grids of PROJ, optional packages.

    A line that begins with "missing" names the remedy.

    Example: m3leo-sar doctor
    """
    from m3leo_sar.app.machine_facts import machine_facts

    for subject, facts in machine_facts().items():
        table = Table("fact", "value", title=subject, title_justify="left")
        for name, value in facts.items():
            table.add_row(name, escape(value))
        OUT.print(table)
