"""A worker process: jobs come in as lines of JSON, results go out as lines of JSON."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

#: Package of the functions that a worker may run; any other is refused.
PACKAGE = "m3leo_sar.run."


def main() -> None:
    """Run jobs until the input ends; if it ends while a job runs, the result is not needed."""
    # Printed text must not come between the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C in a terminal reaches the whole group; the parent decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    first = json.loads(lines.get())
    work = _function(first["function"])
    try:
        # Before, there is no half-written file, and SIGTERM ends the process without a word.
        signal.signal(signal.SIGTERM, _stop)
        while line := lines.get():
            answer = work(first["common"], json.loads(line))
            results.write(json.dumps(answer).encode() + b"\n")
            results.flush()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGTERM)
    except BrokenPipeError:
        os._exit(1)


def _read(lines: SimpleQueue[bytes]) -> None:
    """Pass on lines; the end of the input without an empty line before it ends the process at once."""
    heard = b""
    # Not through sys.stdin: a thread that waits for input would hold its lock at the interpreter's end.
    while part := os.read(0, 1 << 16):
        *whole, heard = (heard + part).split(b"\n")
        for line in whole:
            lines.put(line)
            if not line:
                return
    os._exit(1)


def _function(name: str) -> Callable[[Any, Any], Any]:
    if not name.startswith(PACKAGE):
        raise ValueError(f"function must lie in {PACKAGE.rstrip('.')}, got {name!r}")
    module, _, attribute = name.rpartition(".")
    found: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), attribute)
    return found


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Unwinds the stack, so that half-written files are removed.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
