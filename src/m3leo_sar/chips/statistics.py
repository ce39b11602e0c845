"""Parameters of a normalisation: one encoding and scaling per band, with a digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from m3leo_sar._display import as_line, as_table
from m3leo_sar.chips.statistics_display import bands_of_statistics, facts_of_statistics


class Encoding(NamedTuple):
    """Inputs and outputs of an encoding."""

    #: Number of planes of the chip that it reads.
    planes: int
    #: Number of output channels.
    channels: int
    #: Whether its first plane is complex.
    takes_complex: bool
    #: Whether clip, centre and scale apply.
    scaled: bool


#: Every encoding by name; documented in :class:`BandStatistics`.
ENCODINGS = {
    "linear": Encoding(1, 1, False, True),
    "decibel": Encoding(1, 1, False, True),
    "amplitude_decibel": Encoding(1, 1, False, True),
    "fisher": Encoding(1, 1, False, True),
    "phase": Encoding(1, 2, False, False),
    "phasor": Encoding(1, 2, True, False),
    "ratio": Encoding(2, 1, False, True),
    "log_ratio": Encoding(2, 1, False, True),
    "difference": Encoding(2, 1, False, True),
    "weighted_phasor": Encoding(2, 2, True, False),
    "deramped": Encoding(1, 1, False, True),
}
#: Encodings of a coherence, whose bias may be removed.
_OF_COHERENCE = ("linear", "fisher", "weighted_phasor")


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Decoding, encoding and scaling of one band.

    Parameters
    ----------
    name : str
        Content of the band, such as ``"coherence"``.
    encoding : str
        ``"linear"``; ``"decibel"`` of a power; ``"amplitude_decibel"`` of an amplitude; ``"fisher"``, the inverse
        hyperbolic tangent of a coherence limited to 0.9999; ``"phase"``, cosine and sine of radians; ``"phasor"``,
        real and imaginary part of a complex value divided by its magnitude; ``"ratio"`` of two planes; ``"log_ratio"``,
        the ratio of two powers in dB; ``"difference"`` of two planes, such as VV - VH in dB; ``"weighted_phasor"``, a
        coherence times the phasor of a complex plane, which comes first; ``"deramped"``, an unwrapped phase minus its
        fitted plane and the median of the residual, as its offset and ramp are arbitrary.
    low, high : float
        Clip limits of the encoded values; -inf and inf do not clip.
    centre, scale : float
        Subtracted from the clipped value, which is then divided by ``scale``. Neither clip nor scale applies to
        ``"phase"`` and the phasors.
    equivalent_looks : float, optional
        Equivalent number of looks L of a coherence (``"linear"``, ``"fisher"``, ``"weighted_phasor"``), above 1. Its
        bias is removed before encoding: sqrt((x**2 - 1 / L) / (1 - 1 / L)), 0 where that is negative, as E[x**2] at
        zero coherence is 1 / L (Touzi et al., 1999, IEEE TGRS 37, eq. 12).
    gain, offset : float, optional
        Decoding of a stored number, stored x gain + offset; both or neither.
    nodata : float, optional
        Stored no-data value.
    planes : tuple of int, optional
        Indices of the planes of the chip to read; if empty, those after the planes of the preceding band.

    Raises
    ------
    ValueError
        If the encoding is unknown, ``low`` is not below ``high``, or a number is invalid.
    """

    name: str
    encoding: str = "linear"
    low: float = -math.inf
    high: float = math.inf
    centre: float = 0.0
    scale: float = 1.0
    equivalent_looks: float | None = None
    gain: float | None = None
    offset: float | None = None
    nodata: float | None = None
    planes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # The digest is that of the printed values, and -10 does not print as -10.0.
        for name in ("low", "high", "centre", "scale", "equivalent_looks", "gain", "offset", "nodata"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))
        object.__setattr__(self, "planes", tuple(int(plane) for plane in self.planes))
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, got {self.encoding!r}")
        if not self.low < self.high:
            raise ValueError(f"{self.name}: low must be below high, got {self.low} and {self.high}")
        if not (math.isfinite(self.centre) and math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(
                f"{self.name}: centre must be finite and scale above 0, got {self.centre} and {self.scale}"
            )
        self._check_decoding()

    def _check_decoding(self) -> None:
        if self.equivalent_looks is not None and not (self.encoding in _OF_COHERENCE and self.equivalent_looks > 1):
            raise ValueError(
                f"{self.name}: equivalent_looks must be above 1 and of a coherence ({', '.join(_OF_COHERENCE)}), got "
                f"{self.equivalent_looks} for {self.encoding!r}"
            )
        if (self.gain is None) != (self.offset is None):
            raise ValueError(f"{self.name}: gain and offset must be given both or neither")
        if self.gain is not None and not (math.isfinite(self.gain) and self.gain and math.isfinite(self.offset or 0.0)):
            raise ValueError(f"{self.name}: gain must be finite and not 0, offset finite, got {self.gain}")
        wanted = ENCODINGS[self.encoding].planes
        if self.planes and (len(self.planes) != wanted or min(self.planes) < 0):
            raise ValueError(f"{self.name}: planes must be {wanted} indices from 0 for {self.encoding!r}")

    @property
    def channels(self) -> int:
        """Number of output channels of the band."""
        return ENCODINGS[self.encoding].channels


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

    def __repr__(self) -> str:
        return as_line("Statistics", facts_of_statistics(self))

    def _repr_html_(self) -> str:
        return as_table("Statistics", facts_of_statistics(self), rows=bands_of_statistics(self))

    @property
    def channels(self) -> int:
        """Channels of a normalised chip."""
        return sum(band.channels for band in self.bands)

    @property
    def planes(self) -> tuple[tuple[int, ...], ...]:
        """Planes of the chip that each band reads."""
        found, following = [], 0
        for band in self.bands:
            count = ENCODINGS[band.encoding].planes
            found.append(band.planes or tuple(range(following, following + count)))
            following = found[-1][-1] + 1
        return tuple(found)

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when any value does; a model and its data must agree on it."""
        return hashlib.sha256(_canonical(self.bands).encode()).hexdigest()[:16]

    def require(self, digest: str, *, what: str) -> None:
        """Refuse to continue if ``what`` was created with other statistics.

        Raises
        ------
        ValueError
            If ``digest`` differs.
        """
        if digest != self.digest:
            raise ValueError(
                f"{what} was made with statistics {digest}, these are {self.digest}; values would not be comparable"
            )

    def to_json(self) -> str:
        """Serialise as text that includes the digest."""
        return json.dumps({"digest": self.digest, "bands": json.loads(_canonical(self.bands))}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Statistics:
        """Read :meth:`to_json`.

        Raises
        ------
        ValueError
            If the text is not valid or the digest is not that of its values.
        """
        try:
            document = json.loads(text)
            bands = tuple(BandStatistics(**_numbers(band)) for band in document["bands"])
            stored = document["digest"]
        except (json.JSONDecodeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"statistics cannot be read: {type(error).__name__} {error}") from error
        statistics = cls(bands)
        if stored != statistics.digest:
            raise ValueError(
                f"statistics were changed: they name the digest {stored}, the values give {statistics.digest}"
            )
        return statistics


#: Fields that existed before optional ones; the others are written only if set, so that digests stay valid.
_ALWAYS = ("name", "encoding", "low", "high", "centre", "scale")
_DEFAULTS = {field.name: field.default for field in fields(BandStatistics)}
#: Fields whose name on disk, and so in digests, is a shorter one.
_STORED = {"equivalent_looks": "looks"}
_FIELDS = {stored: name for name, stored in _STORED.items()}


def _canonical(bands: Sequence[BandStatistics]) -> str:
    # Infinity is not valid JSON; as text every reader preserves it.
    plain = [
        {
            _STORED.get(key, key): _text(value)
            for key, value in asdict(band).items()
            if key in _ALWAYS or value != _DEFAULTS[key]
        }
        for band in bands
    ]
    return json.dumps(plain, sort_keys=True)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(band: dict[str, Any]) -> dict[str, Any]:
    return {
        _FIELDS.get(key, key): float(value) if key in ("low", "high", "nodata") else value
        for key, value in band.items()
    }
