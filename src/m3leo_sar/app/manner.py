"""How much a command prints, and in which form: the options -q, -v and --json that every command has."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

#: Panel of the help in which the options are listed.
MESSAGES = "Messages"

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print errors only, and the list of a command that lists.", rich_help_panel=MESSAGES
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Print versions, inputs, steps and times too.", rich_help_panel=MESSAGES),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the result as one JSON document (docs/command-line.md) and nothing else on standard output.",
        rich_help_panel=MESSAGES,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What the running command prints.

    Parameters
    ----------
    command : str
        Its name.
    quiet : bool
        Errors only, and lists.
    verbose : bool
        Versions, inputs, steps and times too.
    as_json : bool
        The result as JSON.
    """

    command: str = ""
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False


class _Current:
    """Of this process, whose threads share it."""

    manner = Manner()


def manner() -> Manner:
    """The manner of the command that is running."""
    return _Current.manner


@contextmanager
def speaking(*, command: str = "", quiet: bool = False, verbose: bool = False, as_json: bool = False) -> Iterator[None]:
    """Run a block in a manner, in addition to the one around it.

    Raises
    ------
    ValueError
        If it is both quiet and verbose.
    """
    before = _Current.manner
    wanted = replace(
        before,
        command=command or before.command,
        quiet=before.quiet or quiet,
        verbose=before.verbose or verbose,
        as_json=before.as_json or as_json,
    )
    if wanted.quiet and wanted.verbose:
        raise ValueError("--quiet and --verbose exclude each other; give one of them")
    _Current.manner = wanted
    try:
        with _logged(wanted, new=wanted.verbose and not before.verbose):
            yield
    finally:
        _Current.manner = before


@contextmanager
def _logged(wanted: Manner, *, new: bool) -> Iterator[None]:
    """Log lines of the library on standard error, between versions and the time taken."""
    if not new:
        yield
        return
    from m3leo_sar.app.machine_facts import version_line

    logger, handler, started = logging.getLogger("m3leo_sar"), _Lines(), time.monotonic()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.info("%s", version_line())
    try:
        yield
    finally:
        logger.info("%s took %.1f s", wanted.command, time.monotonic() - started)
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Lines(logging.Handler):
    """Writes a line with the time of day per record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        now = time.strftime("%H:%M:%S", time.localtime(record.created))
        print(f"{now} {record.getMessage()}", file=sys.stderr, flush=True)


def with_manner(callback: Callable[..., Any], command: str) -> Callable[..., Any]:
    """The function of a command with the options of its manner after its own.

    Parameters
    ----------
    callback : callable
    command : str
        Name of the command.
    """
    signature = inspect.signature(callback, eval_str=True)
    added = {"quiet": Quiet, "verbose": Verbose, "as_json": AsJson}

    @functools.wraps(callback)
    def run(*arguments: Any, quiet: bool, verbose: bool, as_json: bool, **options: Any) -> Any:
        with speaking(command=command, quiet=quiet, verbose=verbose, as_json=as_json):
            return callback(*arguments, **options)

    new = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in added.items()
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *new])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in run.__signature__.parameters.values()}  # type: ignore[attr-defined]
    return run
