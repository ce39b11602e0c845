"""Scores of a benchmark under one protocol, their file and their table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.bench.protocol import Protocol
from m3leo_sar.io.files.atomic import write_text

#: Version of a results file. In version 1, the digest of the data covered only the labels of the test tiles.
VERSION = 2
#: Columns that identify a row.
KEY = ("task", "input", "seed", "track")


@dataclass
class Results:
    """Scores under one protocol on one set of tiles.

    Parameters
    ----------
    protocol : Protocol
    data : str
        Digest of the tiles, their splits, and every chip and label used by the protocol.
    rows : list of dict
        ``task``, ``input``, ``seed`` (None without training), ``track``, ``metric``, ``score``, ``low``, ``high``,
        ``tiles``.
    """

    protocol: Protocol
    data: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    def has(self, **key: Any) -> bool:
        """Whether there is a row with these values of :data:`KEY`."""
        return any(all(row[name] == value for name, value in key.items()) for row in self.rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows that are not present yet."""
        for row in rows:
            if not self.has(**{name: row[name] for name in KEY}):
                # In JSON form, so that rows are identical before writing and after reading.
                self.rows.append({name: _plain(value) for name, value in row.items()})

    def write(self, path: Path) -> None:
        """Write the JSON file atomically."""
        facts = {
            "version": VERSION,
            "protocol": json.loads(self.protocol.to_json()),
            "hash": self.protocol.digest,
            "data": self.data,
            "rows": self.rows,
        }
        write_text(path, json.dumps(facts, indent=1, sort_keys=True, allow_nan=False) + "\n")

    def merge(self, path: Path) -> int:
        """Add the rows of another results file; returns the number of new rows.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a results file, or of another version, protocol or data.
        """
        before = len(self.rows)
        found = read_results(path)
        pairs = {"protocol": (found["hash"], self.protocol.digest), "data": (found["data"], self.data)}
        for name, (theirs, ours) in pairs.items():
            if theirs != ours:
                raise ValueError(
                    f"{path} has results of another {name}, {theirs[:16]}, than this benchmark, {ours[:16]}; "
                    f"scores of different ones are never put into one table"
                )
        self.add(found["rows"])
        return len(self.rows) - before

    def table(self) -> str:
        """Markdown: one line per task, input and track, with the mean over seeds and the interval over tiles."""
        protocol = self.protocol
        columns = ["task", "input", "track", "metric", "mean over seeds", "seeds from", "to", "interval from", "to"]
        columns += ["seeds", "tiles"]
        lines = [
            f"Protocol `{protocol.name}`, hash `{protocol.digest}`; data `{self.data}`; Europe {protocol.europe}.",
            f"Intervals: {protocol.level:.0%} of resampled test tiles, from the lowest to the highest end of any seed.",
            "",
            f"| {' | '.join(columns)} |",
            "|" + "---|" * len(columns),
        ]
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[name] for name in ("task", "input", "track", "metric")), []).append(row)
        for name, rows in groups.items():
            scores = [_number(row["score"]) for row in rows]
            low, high = min(_number(row["low"]) for row in rows), max(_number(row["high"]) for row in rows)
            numbers = (float(np.mean(scores)), min(scores), max(scores), low, high)
            cells = [*name, *(f"{number:.4g}" for number in numbers), str(len(rows)), str(rows[0]["tiles"])]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def read_results(path: Path) -> dict[str, Any]:
    """Contents of a results file; the hash of its protocol is recomputed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a results file, is of another version, or its hash does not match its protocol.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        protocol, named, rows = Protocol.from_json(json.dumps(found["protocol"])), found["hash"], found["rows"]
        complete = all({*KEY, "metric", "score", "low", "high", "tiles"} <= row.keys() for row in rows)
        if not complete or not isinstance(found["data"], str):
            raise ValueError("a row or the data is incomplete")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a results file of a benchmark: {error}") from error
    version = found.get("version", 1)
    if version == 1:
        raise ValueError(
            f"{path} is of an earlier version, which did not record the chips and models it used; choose another "
            f"output folder, or remove it with the models and the toy beside it"
        )
    if version != VERSION:
        raise ValueError(f"{path} has version {version}; this library reads {VERSION}")
    if protocol.digest != named:
        raise ValueError(f"{path} names the hash {named}, its protocol has {protocol.digest}: the file was changed")
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
