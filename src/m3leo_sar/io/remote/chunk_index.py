"""Index of files on servers: where the chunks of their datasets lie, and the blocks of bytes that say so.

Any number of processes share the SQLite file; with it, a process opens a far file without a request. It holds no
address with a password, a token or another parameter.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from m3leo_sar.io.database.sqlite_file import SqliteFile
from m3leo_sar.io.remote import remote_options
from m3leo_sar.io.remote.http_source import Version

#: Name of the file in an archive or in a folder that the user names.
INDEX = "remote-index.sqlite"
_TABLES = (
    """CREATE TABLE files (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, etag TEXT,
    modified TEXT, used REAL NOT NULL)""",
    """CREATE TABLE blocks (file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, start INTEGER NOT NULL,
    data BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (file, start)) WITHOUT ROWID""",
    """CREATE TABLE datasets (file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, name TEXT NOT NULL,
    description TEXT NOT NULL, PRIMARY KEY (file, name)) WITHOUT ROWID""",
    """CREATE TABLE chunks (file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, dataset TEXT NOT NULL,
    number INTEGER NOT NULL, start INTEGER, size INTEGER NOT NULL, mask INTEGER NOT NULL, checksum INTEGER,
    PRIMARY KEY (file, dataset, number)) WITHOUT ROWID""",
)


class Chunk(NamedTuple):
    """Where a chunk lies in its file."""

    #: First byte, None for a chunk that was never written and holds the fill value.
    start: int | None
    #: Bytes as stored.
    size: int
    #: Bits of the filters that were left out for this chunk.
    mask: int = 0
    #: CRC-32 of the stored bytes when they were first read, None before.
    checksum: int | None = None


class ChunkIndex(SqliteFile):
    """A SQLite file, or a database in memory, of the chunks of any number of files.

    Parameters
    ----------
    path : Path, optional
        By default in memory, for this process alone.

    Raises
    ------
    ValueError
        If the file is damaged, is something else, or of a later version.
    OSError
        If it cannot be created or written to.
    """

    application = 0x4D334C49
    holds = "index of remote files"
    advice = "; remove it"
    tables = _TABLES

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)

    def version(self, identity: str) -> Version | None:
        """Version of a file whose bytes the index holds, None if it holds none."""
        rows = self._select("SELECT size, etag, modified FROM files WHERE identity = ?", (identity,))
        return Version(*rows[0]) if rows else None

    def begin(self, identity: str, version: Version) -> None:
        """Note a file; all that was noted of another version of it is dropped."""
        known = self.version(identity)
        if known is not None and known.is_same(version):
            self._write([("UPDATE files SET used = ? WHERE identity = ?", (time.time(), identity))])
            return
        new = "INSERT INTO files (identity, size, etag, modified, used) VALUES (?, ?, ?, ?, ?)"
        self._write([("DELETE FROM files WHERE identity = ?", (identity,)), (new, (identity, *version, time.time()))])

    def block(self, identity: str, start: int) -> bytes | None:
        """Bytes of a block, None if they are not there or damaged."""
        query = "SELECT data, checksum FROM blocks WHERE file = (SELECT id FROM files WHERE identity = ?) AND start = ?"
        rows = self._select(query, (identity, start))
        return rows[0][0] if rows and zlib.crc32(rows[0][0]) == rows[0][1] else None

    def keep_blocks(self, identity: str, blocks: Mapping[int, bytes]) -> None:
        """Note blocks by their first byte."""
        row = "INSERT OR REPLACE INTO blocks SELECT id, ?, ?, ? FROM files WHERE identity = ?"
        self._write_each(row, [(start, data, zlib.crc32(data), identity) for start, data in blocks.items()])
        self._bound(identity)

    def chunks(self, identity: str, dataset: str, numbers: Sequence[int]) -> dict[int, Chunk]:
        """Known chunks among some of a dataset, by number."""
        if not numbers:
            return {}
        query = (
            "SELECT number, start, size, mask, checksum FROM chunks WHERE file = (SELECT id FROM files WHERE identity "
            "= ?) AND dataset = ? AND number BETWEEN ? AND ?"
        )
        wanted = set(numbers)
        rows = self._select(query, (identity, dataset, min(numbers), max(numbers)))
        return {number: Chunk(*rest) for number, *rest in rows if number in wanted}

    def keep_chunks(self, identity: str, dataset: str, chunks: Mapping[int, Chunk]) -> None:
        """Note chunks by number."""
        row = "INSERT OR REPLACE INTO chunks SELECT id, ?, ?, ?, ?, ?, ? FROM files WHERE identity = ?"
        self._write_each(row, [(dataset, number, *chunk, identity) for number, chunk in chunks.items()])

    def keep_dataset(self, identity: str, dataset: str, description: Mapping[str, Any]) -> None:
        """Note the shape, dtype, chunks and filters of a dataset, for people and other programs."""
        row = "INSERT OR REPLACE INTO datasets SELECT id, ?, ? FROM files WHERE identity = ?"
        self._write([(row, (dataset, json.dumps(dict(description)), identity))])

    def dataset(self, identity: str, dataset: str) -> dict[str, Any] | None:
        """What :meth:`keep_dataset` has noted, None if nothing."""
        query = "SELECT description FROM datasets WHERE file = (SELECT id FROM files WHERE identity = ?) AND name = ?"
        rows = self._select(query, (identity, dataset))
        return dict(json.loads(rows[0][0])) if rows else None

    def add(self, other: ChunkIndex) -> None:
        """Take over all that another index holds of files that this one does not hold in the same version."""
        for identity, *version in other._select("SELECT identity, size, etag, modified FROM files"):
            self.begin(identity, Version(*version))
            for table, columns in (
                ("blocks", "start, data, checksum"),
                ("datasets", "name, description"),
                ("chunks", "dataset, number, start, size, mask, checksum"),
            ):
                rows = other._select(
                    f"SELECT {columns} FROM {table} WHERE file = (SELECT id FROM files WHERE identity = ?)", (identity,)
                )
                marks = ", ".join("?" * (columns.count(",") + 1))
                row = f"INSERT OR IGNORE INTO {table} SELECT id, {marks} FROM files WHERE identity = ?"
                self._write_each(row, [(*values, identity) for values in rows])

    def _bound(self, kept: str) -> None:
        """Drop the files least recently used while the blocks are larger than the options allow."""
        (size,) = self._select("SELECT coalesce(sum(length(data)), 0) FROM blocks")[0]
        while size > (remote_options.options.memory if self.path is None else remote_options.options.index_bytes):
            oldest = self._select(
                "SELECT id, (SELECT coalesce(sum(length(data)), 0) FROM blocks WHERE file = id) FROM files WHERE "
                "identity != ? ORDER BY used LIMIT 1", (kept,)
            )  # fmt: skip
            if not oldest:
                return
            self._write([("DELETE FROM files WHERE id = ?", (oldest[0][0],))])
            size -= oldest[0][1]

    def _set_up(self) -> None:
        self._database.execute("PRAGMA foreign_keys = ON")
        # What a lost machine does not keep is fetched again.
        self._database.execute("PRAGMA synchronous = OFF")
        super()._set_up()
