"""Log of a run, one JSON object per line."""

from __future__ import annotations

import datetime
import json
import logging
import os
import time
from typing import Any, NamedTuple, TextIO

_LOGGER = logging.getLogger(__name__)


class Sentence(NamedTuple):
    """An event as a line for people, made where it is read only."""

    event: str
    facts: dict[str, Any]

    def __str__(self) -> str:
        known = (f"{name} {value}" for name, value in self.facts.items() if value not in ("", None, {}))
        return f"{self.event}: {', '.join(known)}"


class RunLog:
    """A file with one line per event; without a path, events go to the log ``m3leo_sar`` of this process alone.

    Each line has ``event``, ``time`` (UTC, for people) and ``elapsed`` (seconds of a steady clock since the run began,
    for sums), and the fields of the event.

    Parameters
    ----------
    path : path, optional
        Lines of earlier runs are kept.

    Raises
    ------
    OSError
        On entering, if the file cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = path
        self._stream: TextIO | None = None
        self._started = time.monotonic()

    def __enter__(self) -> RunLog:
        if self._path is not None:
            self._stream = open(self._path, "a", encoding="utf-8", buffering=1)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.close()

    def write(self, event: str, **facts: Any) -> None:
        """Add a line."""
        _LOGGER.info("%s", Sentence(event, facts))
        if self._stream:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
            line = {"event": event, "time": now, "elapsed": round(time.monotonic() - self._started, 3), **facts}
            self._stream.write(json.dumps(line) + "\n")
