"""Record of a long run: one row per job, in a file that processes share and that survives a kill."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

#: Possible states of a job.
STATES = ("done", "skipped", "failed")
#: Application number that marks the file as ours among those of SQLite, and version of its table.
_APPLICATION, _VERSION = 0x4D334C45, 1
#: Seconds to wait for another process that writes.
_BUSY = 30.0
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


class Ledger:
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

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with self._plain_errors():
            # Autocommit: transactions are started explicitly, as immediate ones. All threads share one connection.
            self._database = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            with self._plain_errors():
                self._set_up()
        except BaseException:
            self._database.close()
            raise

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
        with self._lock, self._plain_errors(), self._transaction():
            self._database.execute(_RECORD, row)

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
        with self._lock, self._plain_errors():
            found = dict(self._database.execute(query, (len(prefix), prefix)).fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def close(self) -> None:
        """Close the file; the ledger cannot be used afterwards."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_up(self) -> None:
        """Create the table in a new file, or refuse a foreign file."""
        with self._transaction():
            (application,) = self._database.execute("PRAGMA application_id").fetchone()
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if application == 0 and not self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
                self._database.execute(_TABLE)
                self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
            elif application != _APPLICATION:
                raise ValueError(f"{self.path} is a database of something else, not a ledger")
            elif version > _VERSION:
                raise ValueError(f"{self.path} has version {version}; this library reads up to {_VERSION}")
        self._set_write_ahead()

    def _set_write_ahead(self) -> None:
        """Set a journal that lets readers pass writers; SQLite does not wait for others in this statement, so we do."""
        last = time.monotonic() + _BUSY
        while self._database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > last:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Acquire the write lock at once: a later request could be refused after reading."""
        try:
            # Inside the block: Ctrl-C may come between this statement and the next.
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except BaseException:
            # A full disk ends the transaction by itself.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def _rows(self, condition: str, values: tuple[Any, ...]) -> list[Entry]:
        with self._lock, self._plain_errors():
            rows = self._database.execute(f"SELECT {_COLUMNS} FROM jobs {condition}", values).fetchall()
        return [_entry(row) for row in rows]

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"ledger {self.path} cannot be used: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.path} is damaged or no ledger: {error}") from error


def _entry(row: tuple[Any, ...]) -> Entry:
    *plain, outputs, created, updated = row
    times = [datetime.datetime.fromisoformat(text) for text in (created, updated)]
    return Entry._make((*plain, tuple(json.loads(outputs)), *times))
