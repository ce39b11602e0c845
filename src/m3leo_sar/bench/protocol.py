"""The protocol of a benchmark, fixed before any run, and the results that carry its hash."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar.bench.training_run import Budget
from m3leo_sar.io.files.atomic import write_text

TASKS = ("segmentation", "regression", "change")
#: All chips present; all chips of one product missing, each product in turn; each chip missing with one probability.
TRACKS = ("all", "one-missing", "random")
EUROPE = ("included", "excluded")
#: Version of a results file. In version 1, the digest of the data covered only the labels of the test tiles.
VERSION = 2
#: Columns that identify a row.
KEY = ("task", "input", "seed", "track")


@dataclass(frozen=True, kw_only=True)
class ToyGround:
    """Simulated ground that a benchmark creates if no archive is given.

    Parameters
    ----------
    rows, cols : int
        Numbers of tiles.
    chip : int
        Side of a tile in pixels.
    dates, every : int
        Number of acquisitions, and days between them; the event occurs in the middle.
    patch : float
        Typical size of a land-cover patch in pixels.
    seed : int
    """

    rows: int = 5
    cols: int = 8
    chip: int = 64
    dates: int = 4
    every: int = 12
    patch: float = 12.0
    # Chosen among the first ten seeds: the event covers a third of the scored tiles, each of them partly.
    seed: int = 8


@dataclass(frozen=True, kw_only=True)
class BenchTask:
    """The quantity to predict per pixel.

    Parameters
    ----------
    name : str
    kind : str
        ``"segmentation"``, scored by mean intersection over union; ``"regression"``, by the root mean square error;
        or ``"change"``, by the area under the curve of a coherence change, without training.
    target : str
        Label chip; for a change, non-zero where it happened.
    start, end : str
        For a change: first and last day on which it may have happened, YYYYMMDD.

    Raises
    ------
    ValueError
        If the kind is unknown, or a change has no date.
    """

    name: str
    kind: str
    target: str
    start: str = ""
    end: str = ""

    def __post_init__(self) -> None:
        if self.kind not in TASKS:
            raise ValueError(f"kind must be one of {', '.join(TASKS)}, got {self.kind!r}")
        if (self.kind == "change") != bool(self.start):
            raise ValueError(f"start must be given for a change and only then, got {self.start!r} for {self.kind}")


_TASKS = (
    BenchTask(name="landcover", kind="segmentation", target="landcover"),
    BenchTask(name="biomass", kind="regression", target="biomass"),
    BenchTask(name="damage", kind="change", target="event", start="20230319"),
)
_INPUTS = {
    "amplitude": ("amplitude",),
    "coherence": ("coherence",),
    "optical": ("optical:red:linear",),
    "coherence and optical": ("coherence", "optical:red:linear"),
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything except the data that determines a score of the benchmark.

    Parameters
    ----------
    name : str
    tasks : tuple of BenchTask
    inputs : mapping of str to tuple of str
        Name of each input and its channels, in the form accepted by ``m3leo-sar train --inputs``.
    tracks : tuple of str
        Of :data:`TRACKS`.
    seeds : tuple of int
    budget : Budget
    drop : float
        Probability, in (0, 1), that a chip is missing on the track ``"random"``; at least one per tile is kept.
    europe : str
        ``"included"``, or ``"excluded"``: tiles whose centre lies in Europe are neither trained on nor scored.
    draws : int
        Number of resamples of tiles for an interval.
    level : float
        Confidence level: fraction of them inside the interval.
    toy : ToyGround
        Used if no archive is given.

    Raises
    ------
    ValueError
        If a keyword is unknown, a number is out of range, or there is nothing to do.
    """

    name: str = "toy"
    tasks: tuple[BenchTask, ...] = _TASKS
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(_INPUTS))
    tracks: tuple[str, ...] = TRACKS
    seeds: tuple[int, ...] = (0, 1)
    budget: Budget = field(default_factory=Budget)
    drop: float = 0.5
    europe: str = "included"
    draws: int = 2000
    level: float = 0.95
    toy: ToyGround = field(default_factory=ToyGround)

    def __post_init__(self) -> None:
        for name in ("tasks", "inputs", "tracks", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"{name} must hold at least one, got none")
        unknown = sorted(set(self.tracks) - set(TRACKS))
        if unknown:
            raise ValueError(f"tracks must be of {', '.join(TRACKS)}, got {', '.join(unknown)}")
        if self.europe not in EUROPE:
            raise ValueError(f"europe must be one of {', '.join(EUROPE)}, got {self.europe!r}")
        if not 0 < self.drop < 1:
            raise ValueError(f"drop must lie in (0, 1), got {self.drop}")

    def to_json(self) -> str:
        """The canonical text of this protocol: keys sorted, no whitespace."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Protocol:
        """Read a protocol written by :meth:`to_json` or by hand; omitted entries have their defaults.

        Raises
        ------
        ValueError
            If it is not a JSON object, or a key is unknown.
        """
        try:
            given = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"the protocol is not JSON: {error}") from error
        values = _known(cls, given, "the protocol")
        for key, kind in (("budget", Budget), ("toy", ToyGround)):
            if key in values:
                values[key] = kind(**_tuples(_known(kind, values[key], key)))
        if "tasks" in values:
            values["tasks"] = tuple(BenchTask(**_known(BenchTask, item, "a task")) for item in values["tasks"])
        if "inputs" in values:
            values["inputs"] = _tuples(values["inputs"])
        return cls(**_tuples(values))

    @property
    def digest(self) -> str:
        """SHA-256 of :meth:`to_json` in hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


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


def _known(kind: type, given: Any, what: str) -> dict[str, Any]:
    names = [item.name for item in fields(kind)]
    if not isinstance(given, dict):
        raise ValueError(f"{what} must be a JSON object, got {type(given).__name__}")
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"{what} has the unknown key {unknown[0]!r} (known: {', '.join(names)})")
    return dict(given)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
