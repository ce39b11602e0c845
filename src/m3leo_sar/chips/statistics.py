"""What a normalisation depends on: one encoding and scaling a band, with a digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Encodings and how many channels each gives.
ENCODINGS = {"linear": 1, "decibel": 1, "amplitude_decibel": 1, "fisher": 1, "phase": 2, "phasor": 2}


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """How one band is encoded and scaled.

    Parameters
    ----------
    name : str
        What the band holds, such as ``"coherence"``.
    encoding : str
        ``"linear"``; ``"decibel"`` of a power; ``"amplitude_decibel"`` of an amplitude; ``"fisher"``, the inverse
        hyperbolic tangent of a coherence held below 0.9999; ``"phase"``, cosine and sine of radians; ``"phasor"``,
        real and imaginary part of a complex value over its size.
    low, high : float
        Where encoded values are clipped; -inf and inf do not clip.
    centre, scale : float
        Subtracted from the clipped value, which is then divided by ``scale``. Neither clip nor scale applies to
        ``"phase"`` and ``"phasor"``.

    Raises
    ------
    ValueError
        If the encoding is unknown, ``low`` is not below ``high``, or centre or scale cannot be used.
    """

    name: str
    encoding: str = "linear"
    low: float = -math.inf
    high: float = math.inf
    centre: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        # The digest is that of the printed values, and -10 does not print as -10.0.
        for name in ("low", "high", "centre", "scale"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, got {self.encoding!r}")
        if not self.low < self.high:
            raise ValueError(f"{self.name}: low must be below high, got {self.low} and {self.high}")
        if not (math.isfinite(self.centre) and math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(
                f"{self.name}: centre must be finite and scale above 0, got {self.centre} and {self.scale}"
            )

    @property
    def channels(self) -> int:
        """Channels the band gives."""
        return ENCODINGS[self.encoding]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Encoding and scaling of all bands of a chip, in order.

    Examples
    --------
    >>> statistics = Statistics((BandStatistics("coherence", centre=0.5, scale=0.25),))
    >>> Statistics.from_json(statistics.to_json()) == statistics
    True
    >>> len(statistics.digest)
    16
    """

    bands: tuple[BandStatistics, ...]

    @property
    def channels(self) -> int:
        """Channels of a normalised chip."""
        return sum(band.channels for band in self.bands)

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when any value does; a model and its data must agree on it."""
        return hashlib.sha256(_canonical(self.bands).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Text with the digest in it."""
        return json.dumps({"digest": self.digest, "bands": json.loads(_canonical(self.bands))}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Statistics:
        """Read :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is damaged or the digest is not that of its values.
        """
        try:
            document = json.loads(text)
            bands = tuple(BandStatistics(**_numbers(band)) for band in document["bands"])
            stored = document["digest"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"statistics cannot be read: {type(error).__name__} {error}") from error
        statistics = cls(bands)
        if stored != statistics.digest:
            raise ValueError(f"statistics were changed: digest {stored} is named, the values give {statistics.digest}")
        return statistics


def _canonical(bands: Sequence[BandStatistics]) -> str:
    # Infinity is no JSON; as a text it survives any reader.
    plain = [{key: _text(value) for key, value in asdict(band).items()} for band in bands]
    return json.dumps(plain, sort_keys=True)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _numbers(band: dict[str, Any]) -> dict[str, Any]:
    return {key: float(value) if key in ("low", "high") else value for key, value in band.items()}
