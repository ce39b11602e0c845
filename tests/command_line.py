"""Commands as a user calls them: in a process of their own, and in this one."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from m3leo_sar.app.command import main

# A shell's background job, as a test run may be, ignores Ctrl-C and hands that down.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
COMMAND = [sys.executable, "-c", HEARING + "from m3leo_sar.app.command import main; main()"]


def call(*arguments: object, cwd: Path, code: int) -> str:
    """Run a command in a process of its own; return what it printed."""
    done = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def call_here(*arguments: object, cwd: Path, code: int) -> str:
    """The same in this process, without the seconds that the libraries take to load."""
    reported = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(reported), redirect_stderr(reported), chdir(cwd):
        patched.setattr(sys, "argv", ["m3leo-sar", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code or 0) == code, reported.getvalue()
    return reported.getvalue()
