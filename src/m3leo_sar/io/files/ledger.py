"""Record of a long run: one row per job, in a file that processes share and that survives a kill."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from m3leo_sar.io.database.sqlite_file import SqliteFile

#: Possible states of a job.
STATES = ("done", "skipped", "failed")
_COLUMNS = "key, state, reason, attempts, digest, checksum, outputs, created, updated"
_TABLE = """CREATE TABLE jobs (
    key TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('done', 'skipped', 'failed')), reason TEXT NOT NULL,
    attempts INTEGER NOT NULL, digest TEXT NOT NULL, checksum TEXT, outputs TEXT NOT NULL,
    created TEXT NOT NULL, updated TEXT NOT NULL)"""
#: Another digest is another job, whose attempts count from the start. The later of two times in UTC is kept, so that
#: a clock set back does not make a row older.
_RECORD = f"""INSERT INTO jobs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN digest = excluded.digest THEN attempts ELSE 0 END + excluded.attempts,
    state = excluded.state, reason = excluded.reason, digest = excluded.digest, checksum = excluded.checksum,
    outputs = excluded.outputs, updated = max(updated, excluded.updated)"""


class Entry(NamedTuple):
    """Entry of one job in a ledger."""

    key: str
    #: ``done``, ``skipped`` or ``failed``.
    state: str
    #: Reason if it was skipped or failed, or a remark on the result; may be empty.
    reason: str
    #: Attempts since the digest last changed.
    attempts: int
    #: Digest of the parameters.
    digest: str
    #: Checksum of the output, if one was taken.
    checksum: str | None
    #: Names of the outputs of the job.
    outputs: tuple[str, ...]
    #: UTC.
    created: datetime.datetime
    #: UTC; never before ``created``, even if the clock went backwards.
    updated: datetime.datetime


class Ledger(SqliteFile):
    """A SQLite file with one row per job, for any number of threads and processes of one machine.

    Each record is its own transaction and is kept, whatever happens next. Nothing depends on the order of the times.

    Parameters
    ----------
    path : str or path
        The file; it and its folder are created if missing. Not on a network file system, whose locks SQLite cannot
        trust.

    Raises
    ------
    ValueError
        If the file is damaged, is no ledger or is one of a later version.
    OSError
        If it cannot be created or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(f"{folder}/ledger.sqlite") as ledger:
    ...     ledger.record("coherence/a", "done", digest="1f")
    ...     ledger.record("coherence/b", "skipped", digest="1f", reason="off the stack")
    ...     print(ledger.counts(), ledger.entry("coherence/b").reason)
    {'done': 1, 'skipped': 1, 'failed': 0} off the stack
    """

    application = 0x4D334C45
    holds = "ledger"
    tables = (_TABLE,)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(Path(path))

    def record(
        self,
        key: str,
        state: str,
        *,
        digest: str,
        reason: str = "",
        attempts: int = 1,
        checksum: str | None = None,
        outputs: Sequence[str] = (),
    ) -> None:
        """Note the state of a job, in place of an earlier one.

        Parameters
        ----------
        key : str
            Name of the job.
        state : {"done", "skipped", "failed"}
        digest : str
            Digest of the parameters.
        reason : str
            Reason or remark, as text.
        attempts : int
            Attempts of this run; they add up as long as the digest is the same.
        checksum : str, optional
            Checksum of the output.
        outputs : sequence of str
            Names of the outputs.

        Raises
        ------
        ValueError
            If the key is empty, the state is unknown, attempts are below 0, or the file is damaged.
        OSError
            If the file cannot be written to.
        """
        if not key:
            raise ValueError("key must name a job, got an empty text")
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, got {state!r}")
        if attempts < 0:
            raise ValueError(f"attempts must be at least 0, got {attempts}")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
        row = (key, state, reason, attempts, digest, checksum, json.dumps(list(outputs)), now, now)
        self._write([(_RECORD, row)])

    def entry(self, key: str) -> Entry | None:
        """Entry of a job, None if there is none."""
        rows = self._rows("WHERE key = ?", (key,))
        return rows[0] if rows else None

    def entries(self, *, state: str | None = None, prefix: str = "") -> list[Entry]:
        """Jobs in a state, or in any, whose key begins with ``prefix``; in order of their keys.

        Raises
        ------
        ValueError
            If the state is unknown.
        """
        if state is not None and state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, got {state!r}")
        return self._rows(
            "WHERE substr(key, 1, ?) = ? AND (? IS NULL OR state = ?) ORDER BY key",
            (len(prefix), prefix, state, state),
        )

    def counts(self, *, prefix: str = "") -> dict[str, int]:
        """Number of jobs per state, of those whose key begins with ``prefix``."""
        query = "SELECT state, count(*) FROM jobs WHERE substr(key, 1, ?) = ? GROUP BY state"
        found = dict(self._select(query, (len(prefix), prefix)))
        return {state: found.get(state, 0) for state in STATES}

    def _rows(self, condition: str, values: tuple[Any, ...]) -> list[Entry]:
        return [_entry(row) for row in self._select(f"SELECT {_COLUMNS} FROM jobs {condition}", values)]


def _entry(row: tuple[Any, ...]) -> Entry:
    *plain, outputs, created, updated = row
    times = [datetime.datetime.fromisoformat(text) for text in (created, updated)]
    return Entry._make((*plain, tuple(json.loads(outputs)), *times))
