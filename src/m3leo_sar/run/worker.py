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

#: Where the functions that a worker runs may live: a line that names another place is refused.
PACKAGE = "m3leo_sar.run."


def main() -> None:
    """Run jobs until the input ends; the input's end while a job runs means that nobody wants its result."""
    # Whatever prints must not come between the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C in a terminal reaches the whole group; the parent decides what becomes of us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    first = json.loads(lines.get())
    work = _function(first["function"])
    try:
        while line := lines.get():
            answer = work(first["common"], json.loads(line))
            results.write(json.dumps(answer).encode() + b"\n")
            results.flush()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGTERM)
    except BrokenPipeError:
        os._exit(1)


def _read(lines: SimpleQueue[bytes]) -> None:
    """Hand lines on; a parent that is gone, and did not say goodbye with an empty line, ends the process at once."""
    heard = b""
    # Not through sys.stdin, whose lock a thread that waits for input would keep at the interpreter's end.
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
    # Unwinds the stack, so that what is half written is removed.
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
