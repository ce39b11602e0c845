"""The protocol of a benchmark, fixed before any run and identified by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from m3leo_sar.bench.training_run import Budget

TASKS = ("segmentation", "regression", "change")
#: All chips present; all chips of one product missing, each product in turn; each chip missing with one probability.
TRACKS = ("all", "one-missing", "random")
EUROPE = ("included", "excluded")


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
