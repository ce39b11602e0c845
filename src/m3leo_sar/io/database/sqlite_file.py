"""A SQLite file of ours that threads and processes of one machine share."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

#: Seconds to wait for another process that writes.
_BUSY = 30.0


class SqliteFile:
    """Base of the files: opens or creates one, refuses a foreign one, and reads and writes it in transactions.

    Parameters
    ----------
    path : Path or None
        The file; it and its folder are created if missing. None for a database in memory.

    Raises
    ------
    ValueError
        If the file is damaged, is something else, or of a later version.
    OSError
        If it cannot be created or written to.
    """

    #: Application number that marks a file as ours among those of SQLite, and version of its tables.
    application: ClassVar[int]
    version_of_tables: ClassVar[int] = 1
    #: What the file is, in messages, such as ``"ledger"``; and what to do with one that cannot be used.
    holds: ClassVar[str]
    advice: ClassVar[str] = ""
    #: Statements that create the tables of a new file.
    tables: ClassVar[Sequence[str]]

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._plain_errors():
            # Autocommit: transactions are started explicitly, as immediate ones. All threads share one connection.
            self._database = sqlite3.connect(
                path or ":memory:", timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
        try:
            with self._plain_errors():
                self._set_up()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file, which cannot be used afterwards."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_up(self) -> None:
        """Create the tables in a new file, or refuse a foreign file."""
        with self._transaction():
            (application,) = self._database.execute("PRAGMA application_id").fetchone()
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if application == 0 and not self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
                for table in self.tables:
                    self._database.execute(table)
                self._database.execute(f"PRAGMA application_id = {self.application}")
                self._database.execute(f"PRAGMA user_version = {self.version_of_tables}")
            elif application != self.application:
                raise ValueError(f"{self.path} is a database of something else, not {_article(self.holds)}")
            elif version > self.version_of_tables:
                raise ValueError(
                    f"{self.path} has version {version}; this library reads up to {self.version_of_tables}{self.advice}"
                )
        if self.path is not None:
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

    def _select(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._plain_errors():
            return self._database.execute(query, values).fetchall()

    def _write(self, statements: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        """Execute statements, all of them or none."""
        with self._lock, self._plain_errors(), self._transaction():
            for statement, values in statements:
                self._database.execute(statement, values)

    def _write_each(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute one statement for each of many rows, all of them or none."""
        with self._lock, self._plain_errors(), self._transaction():
            self._database.executemany(statement, rows)

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

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.holds} {self.path} cannot be used: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.path} is damaged or no {self.holds}: {error}{self.advice}") from error


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
