"""What a chip archive holds, tile by tile, so that a run knows at once what is missing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.plain_values import parameter_digest

#: The file's name in an archive.
LEDGER = "ledger.sqlite"
#: Tables beside the one of jobs; a holding is shared by all tiles that hold the same chips.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS holdings (digest TEXT PRIMARY KEY, chips TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS tiles (identifier TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL,
    holding TEXT NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS checksums (path TEXT PRIMARY KEY, signature TEXT NOT NULL, checksum TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class TileState(NamedTuple):
    """What is known of one tile."""

    #: ``done``, ``skipped`` or ``failed``.
    state: str
    #: Why it was skipped or failed.
    reason: str
    #: Digest under which :meth:`ChipLedger.holding` gives the chips that are there; for a skipped tile, of what was
    #: asked of it.
    holding: str
    #: Times of the tile's folders when that was so; other ones mean that someone has changed them.
    stamp: str


class ChipLedger(Ledger):
    """A ledger that also knows the chips of each tile and the checksums of what they were made from.

    Tiles that hold the same chips share one row that lists them, so a million tiles take a million short rows.

    Raises
    ------
    ValueError, OSError
        As :class:`m3leo_sar.io.files.ledger.Ledger`.
    """

    def _set_up(self) -> None:
        super()._set_up()
        with self._transaction():
            for table in _TABLES:
                self._database.execute(table)

    def tiles(self) -> dict[str, TileState]:
        """All tiles by identifier."""
        rows = self._select("SELECT identifier, state, reason, holding, stamp FROM tiles")
        return {identifier: TileState._make(rest) for identifier, *rest in rows}

    def holding(self, digest: str) -> dict[str, str]:
        """Chips ``product/key`` of a holding and the digest of what each depends on; none if it is not known."""
        rows = self._select("SELECT chips FROM holdings WHERE digest = ?", (digest,))
        return dict(json.loads(rows[0][0])) if rows else {}

    def keep(self, chips: Mapping[str, str]) -> str:
        """Note a holding and give its digest."""
        digest = parameter_digest(dict(chips))
        text = json.dumps(dict(chips), sort_keys=True)
        self._write([("INSERT OR IGNORE INTO holdings VALUES (?, ?)", (digest, text))])
        return digest

    def record_tiles(self, states: Mapping[str, TileState]) -> None:
        """Note what became of tiles, all of them or none."""
        self._write(
            ("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?)", (identifier, *state))
            for identifier, state in states.items()
        )

    def checksum(self, path: str | os.PathLike[str], stop: threading.Event | None = None) -> tuple[str, str]:
        """Signature and checksum of a file or folder; its bytes are read only if the signature is new.

        Several threads may ask at once; ``stop`` is that of :func:`m3leo_sar.io.files.fingerprint.checksum`.

        Raises
        ------
        FileNotFoundError
            If there is nothing at ``path``.
        OSError
            If it cannot be read.
        """
        name = os.path.realpath(path)
        # Before the bytes: what changes while they are read has another signature afterwards.
        now = signature(name)
        rows = self._select("SELECT signature, checksum FROM checksums WHERE path = ?", (name,))
        if rows and rows[0][0] == now:
            return now, str(rows[0][1])
        found = checksum(name, stop=stop)
        self._write([("INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)", (name, now, found))])
        return now, found

    def fact(self, name: str) -> Any:
        """A value noted by :meth:`note`, None if there is none."""
        rows = self._select("SELECT value FROM facts WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def note(self, name: str, value: Any) -> None:
        """Note a plain value under a name, in place of an earlier one."""
        self._write([("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))])

    def _select(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._plain_errors():
            return self._database.execute(query, values).fetchall()

    def _write(self, statements: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        with self._lock, self._plain_errors(), self._transaction():
            for statement, values in statements:
                self._database.execute(statement, values)
