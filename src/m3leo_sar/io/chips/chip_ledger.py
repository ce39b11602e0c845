"""Contents of a chip archive per tile, from which a run quickly finds the missing chips."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.remote.remote_address import RemoteFile, file_at

#: The file's name in an archive.
LEDGER = "ledger.sqlite"
#: Tables beside the one of jobs; a holding is shared by all tiles with the same chips.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS holdings (digest TEXT PRIMARY KEY, chips TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS tiles (identifier TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL,
    holding TEXT NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS checksums (path TEXT PRIMARY KEY, signature TEXT NOT NULL, checksum TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)


class TileState(NamedTuple):
    """State of one tile."""

    #: ``done``, ``skipped`` or ``failed``.
    state: str
    #: Reason if it was skipped or failed.
    reason: str
    #: Digest under which :meth:`ChipLedger.holding` gives the existing chips; for a skipped tile, that of the
    #: requested chips.
    holding: str
    #: Times of the tile's folders at that state; other times mean that a folder has changed since.
    stamp: str


class ChipLedger(Ledger):
    """A ledger that also holds the chips of each tile and the checksums of their inputs.

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
        """Chips ``product/key`` of a holding and the digest of each one's parameters; empty if it is unknown."""
        rows = self._select("SELECT chips FROM holdings WHERE digest = ?", (digest,))
        return dict(json.loads(rows[0][0])) if rows else {}

    def keep(self, chips: Mapping[str, str]) -> str:
        """Note a holding and return its digest."""
        digest = parameter_digest(dict(chips))
        text = json.dumps(dict(chips), sort_keys=True)
        self._write([("INSERT OR IGNORE INTO holdings VALUES (?, ?)", (digest, text))])
        return digest

    def record_tiles(self, states: Mapping[str, TileState]) -> None:
        """Note the states of tiles, all of them or none."""
        self._write(
            ("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?)", (identifier, *state))
            for identifier, state in states.items()
        )

    def checksum(
        self, path: str | os.PathLike[str], stop: threading.Event | None = None, *, by_chunks: bool = False
    ) -> tuple[str, str]:
        """Signature and checksum of a file or folder; its bytes are read only if the signature is new.

        Several threads may ask at once; ``stop`` and ``by_chunks`` are those of
        :func:`m3leo_sar.io.files.fingerprint.checksum`.

        Raises
        ------
        FileNotFoundError
            If there is nothing at ``path``.
        OSError
            If it cannot be read.
        """
        place = file_at(path)
        if isinstance(place, RemoteFile):
            return signature(place), checksum(place)
        name = os.path.realpath(path)
        # Taken before the bytes: a file that changes while it is read has another signature afterwards.
        now = signature(name)
        rows = self._select("SELECT signature, checksum FROM checksums WHERE path = ?", (name,))
        if rows and rows[0][0] == now:
            return now, str(rows[0][1])
        found = checksum(name, stop=stop, by_chunks=by_chunks)
        self._write([("INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)", (name, now, found))])
        return now, found

    def fact(self, name: str) -> Any:
        """A value noted by :meth:`note`, None if there is none."""
        rows = self._select("SELECT value FROM facts WHERE name = ?", (name,))
        return json.loads(rows[0][0]) if rows else None

    def note(self, name: str, value: Any) -> None:
        """Note a plain value under a name, in place of an earlier one."""
        self._write([("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))])
