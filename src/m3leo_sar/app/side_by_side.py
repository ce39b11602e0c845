"""Calls in processes of their own, side by side."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

#: Seconds in which a process ends after it is asked to.
_GRACE = 10.0


def side_by_side(
    function: Callable[..., Any],
    calls: Mapping[str, tuple[Any, ...]],
    *,
    preload: Sequence[str] = (),
    report: Callable[[str, Any], Any] | None = None,
) -> dict[str, Any]:
    """Results of ``function(*arguments, note)`` by name, each call in a process of its own.

    Parameters
    ----------
    function : callable
        A function of a module. It may call ``note(value)`` at any time.
    calls : mapping
        Arguments by name.
    preload : sequence of str
        Modules that are imported once for all processes.
    report : callable, optional
        Called with the name and the value of each note.

    Raises
    ------
    ChildProcessError
        If a process ends without a result.
    Exception
        The first that a call raises; the others are ended.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    pipes: dict[Connection, str] = {}
    results: dict[str, Any] = {}
    with _ended() as processes:
        for name, arguments in calls.items():
            own, other = context.Pipe(duplex=False)
            process = context.Process(target=_call, args=(function, arguments, other), name=name)
            process.start()
            processes.append(process)
            other.close()
            pipes[own] = name
        while pipes:
            for pipe in wait(list(pipes)):
                assert isinstance(pipe, Connection)
                _hear(pipe, pipes, results, report)
    return results


def _hear(
    pipe: Connection, pipes: dict[Connection, str], results: dict[str, Any], report: Callable[[str, Any], Any] | None
) -> None:
    """Take what a process sends: a note, its result or its error."""
    name = pipes[pipe]
    try:
        kind, value = pipe.recv()
    except EOFError:
        raise ChildProcessError(f"the process of {name} ended without a result") from None
    if kind == "error":
        raise value
    if kind == "result":
        results[name] = value
        del pipes[pipe]
        pipe.close()
    elif report:
        report(name, value)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], pipe: Connection) -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = function(*arguments, lambda value: pipe.send(("note", value)))
    except Exception as error:
        pipe.send(("error", error))
    else:
        pipe.send(("result", result))


@contextmanager
def _ended() -> Iterator[list[BaseProcess]]:
    """Processes that are ended with the block, by force if it is left early."""
    processes: list[BaseProcess] = []
    try:
        yield processes
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join(_GRACE)
            if process.exitcode is None:
                process.kill()
                process.join()
