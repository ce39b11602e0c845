"""The command that reports what a machine has."""

from __future__ import annotations

import typer

from m3leo_sar.app.command_result import CommandResult, facts_table, show
from m3leo_sar.app.manner import manner
from m3leo_sar.app.progress import LISTS

commands = typer.Typer()


@commands.command()
def doctor() -> None:
    """Report what this machine has: versions, CPUs and quotas, GPU, GDAL's drivers, PROJ's grids, extras, variables.

    A value that begins with "missing" names the use of a part and how to install it.

    Example: m3leo-sar doctor
    """
    from m3leo_sar.app.machine_facts import MISSING, machine_facts

    found = machine_facts()
    rows = [
        {"subject": subject, "name": name, "value": value, "missing": value.startswith(MISSING)}
        for subject, facts in found.items()
        for name, value in facts.items()
    ]
    if not manner().as_json:
        for subject, facts in found.items():
            LISTS.print(facts_table(facts, subject))
    count = sum(bool(row["missing"]) for row in rows)
    show(
        CommandResult(
            facts={"missing": count},
            rows=rows,
            columns={},
            sentences=[f"{count} of {len(rows)} are missing; none of them is needed by everything"] if count else [],
        )
    )
