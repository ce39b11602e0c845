"""Entry point of the m3leo-sar command, which reports every error in one sentence."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: Exit code that a shell expects from a program stopped by Ctrl-C.
_STOPPED = 130
#: Warnings of Python on a read that was not begun.
_DROPPED = r"coroutine '.*' was never awaited"


def main() -> None:
    """Run the command: 0 when done, 1 with one sentence for an error, 2 for wrong usage, 130 for Ctrl-C.

    Warnings are sentences on standard error, each once, and none with --quiet.

    The environment variable M3LEO_DEBUG=1 shows the traceback of an error.
    """
    # Read when the libraries load: idle threads of OpenMP sleep. Spinning, those of a small network's training take the
    # cores from each other on a machine with other work, and make it several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with warnings.catch_warnings():
        warnings.showwarning = _Warned()  # type: ignore[assignment]
        code = _run()
    if code == _STOPPED:
        warnings.filterwarnings("ignore", message=_DROPPED, category=RuntimeWarning)
    sys.exit(code)


@contextmanager
def _hearing() -> Iterator[list[int]]:
    """Collect Ctrl-C, which a library that it meets while it loads may turn into an error of its own."""
    heard: list[int] = []

    def hear(number: int, frame: Any) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    is_ours = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if is_ours:
        signal.signal(signal.SIGINT, hear)
    try:
        yield heard
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, before)


class _Warned:
    """Prints each text of a warning once, as a sentence instead of a line of Python."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        # Before the command's options are read, none has asked for silence.
        manner = sys.modules.get("m3leo_sar.app.manner")
        is_silent = manner is not None and manner.manner().quiet
        # Ctrl-C leaves reads behind that zarr had begun.
        if text not in self.said and not is_silent and not re.match(_DROPPED, text):
            self.said.add(text)
            _say(f"warning: {text}")


def _run() -> int:
    """Run the command and return its exit code."""
    with _hearing() as interrupts:
        return _ended(interrupts)


def _ended(interrupts: Sequence[int]) -> int:
    """Exit code of the command; an error after Ctrl-C is that of a library that was interrupted."""
    try:
        # Imported here, so that Ctrl-C while the libraries load is handled like any other.
        from m3leo_sar.app.cli import app

        # Not standalone: typer then returns the exit code, that of Ctrl-C too, and lets exceptions pass.
        # The name decides the variable by which a shell asks for completions.
        code = app(standalone_mode=False, prog_name="m3leo-sar") or 0
    except KeyboardInterrupt:
        code = _STOPPED
    except Exception as error:
        code = _STOPPED if interrupts else _explain(error)
    if code == _STOPPED:
        # Reads that zarr had started are dropped with its event loop; a user who stopped them needs no message.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        # A training without --resume starts from the beginning.
        again = "run again with --resume" if sys.argv[1:2] == ["train"] else "run again"
        _say(f"stopped; finished work is kept, {again} to continue")
    return code


def _explain(error: Exception) -> int:
    """Report an error in one sentence and return the exit code; errors of the program keep their traceback."""
    # Usage errors format themselves.
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        error.show()
        return int(error.exit_code)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("m3leo_sar"):
        from m3leo_sar._missing_package import missing_package_text

        _say(missing_package_text(error.name))
        return 1
    expected = isinstance(error, OSError | ValueError | TypeError | KeyError | ImportError)
    if os.environ.get("M3LEO_DEBUG") or not expected:
        raise error
    _say(_sentence(error))
    return 1


def _say(text: str) -> None:
    print(f"m3leo-sar: {text}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'} cannot be used: {error.strerror}"
    # The text of a KeyError is its key in quotes.
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
