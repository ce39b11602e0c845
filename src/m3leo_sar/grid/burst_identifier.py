"""Identifiers of Sentinel-1 bursts: one per place on the ground, equal on all dates."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass

#: Tracks of a repeat cycle, and its seconds.
TRACKS = 175
_CYCLE = 12 * 86_400.0
#: Seconds of an orbit, of the three bursts of a cycle of the beam, and before the first one of a repeat cycle.
ORBIT_PERIOD, BEAM_CYCLE, _PREAMBLE = _CYCLE / TRACKS, 2.758273, 2.299849
#: Seconds from the start of IW1's burst of a cycle of the beam to the start of each swath's.
_SWATHS = {"IW1": 0.0, "IW2": 0.832, "IW3": 1.910}
#: Seconds from the start of IW1's burst to the middle of IW2's.
_MIDDLE = 0.832 + 0.539
_TEXT = re.compile(r"[Tt](\d{1,3})[-_](\d{1,6})[-_]([Ii][Ww][123])", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class BurstIdentifier:
    """A burst on the ground.

    Parameters
    ----------
    track : int
        Relative orbit, 1 to 175.
    number : int
        Number of the burst's cycle of the beam within the repeat cycle, from 1; the same for the three swaths.
    swath : {"IW1", "IW2", "IW3"}

    Raises
    ------
    ValueError
        If one is out of range.

    Examples
    --------
    >>> str(BurstIdentifier(52, 110431, "IW1"))
    'T052-110431-IW1'
    """

    track: int
    number: int
    swath: str

    def __post_init__(self) -> None:
        if not 1 <= self.track <= TRACKS:
            raise ValueError(f"track must be 1 to {TRACKS}, got {self.track}")
        if not 1 <= self.number <= 999_999:
            raise ValueError(f"number must be 1 to 999999, got {self.number}")
        if self.swath not in _SWATHS:
            raise ValueError(f"swath must be one of {', '.join(_SWATHS)}, got {self.swath!r}")

    def __str__(self) -> str:
        return f"T{self.track:03d}-{self.number:06d}-{self.swath}"

    @classmethod
    def parse(cls, text: str) -> BurstIdentifier:
        """Identifier from its text, also as COMPASS and OPERA write it.

        Raises
        ------
        ValueError
            If the text is not one.

        Examples
        --------
        >>> BurstIdentifier.parse("t052_110431_iw1")
        BurstIdentifier(track=52, number=110431, swath='IW1')
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"burst must read as T052-110431-IW1 does, got {text!r}")
        return cls(int(found[1]), int(found[2]), found[3].upper())


def burst_identifier(
    sensing_time: datetime.datetime,
    *,
    ascending_node: datetime.datetime,
    track: int,
    swath: str,
    product_start: datetime.datetime,
    number: int | None = None,
) -> BurstIdentifier:
    """Compute the identifier of a burst from its raw time.

    Parameters
    ----------
    sensing_time : datetime
        Raw time of the burst's first line (``sensingTime``, not the zero-Doppler ``azimuthTime``), UTC.
    ascending_node : datetime
        ``ascendingNodeTime`` of the annotation, UTC.
    track : int
        Relative orbit at the start of the product, from its manifest.
    swath : {"IW1", "IW2", "IW3"}
    product_start : datetime
        Start of the product, UTC. A product that begins after the next ascending node may state the node of the orbit
        before, with the track of its own; one that crosses it states both of the orbit before.
    number : int, optional
        Number in the annotation (``burstId``, from IPF 3.40 on), which is taken as it is.

    Raises
    ------
    ValueError
        If the track or the swath is unknown, or the burst is from before the node.

    Notes
    -----
    The number is ``1 + floor((dt - 2.299849 s) / 2.758273 s)``, dt the time from the first node of the repeat cycle to
    the middle of IW2's burst of the same cycle of the beam. Bursts lie near the middle between two edges of the floor,
    0.44 to 0.55 of a step in 649 real ones.

    References
    ----------
    Sentinel-1 Level 1 Detailed Algorithm Definition, S1-TN-MDA-52-7445, section 9.25.

    Examples
    --------
    >>> import datetime
    >>> time = datetime.datetime.fromisoformat
    >>> str(burst_identifier(time("2023-09-04T06:37:32.220799"), ascending_node=time("2023-09-04T05:56:46.992390"),
    ...                      track=52, swath="IW1", product_start=time("2023-09-04T06:37:30.213065")))
    'T052-110431-IW1'
    """
    if swath not in _SWATHS:
        raise ValueError(f"swath must be one of {', '.join(_SWATHS)}, got {swath!r}")
    if not 1 <= track <= TRACKS:
        raise ValueError(f"track must be 1 to {TRACKS}, got {track}")
    since = (sensing_time - ascending_node).total_seconds() - _SWATHS[swath]
    if since + BEAM_CYCLE < 0:
        raise ValueError(f"ascending_node must be before the burst at {sensing_time}, got {ascending_node}")
    # Whole orbits between the stated node and the start: the track is that of the start.
    since -= ORBIT_PERIOD * max(0, (product_start - ascending_node).total_seconds() // ORBIT_PERIOD)
    # Beyond the next node, a burst of a product that crosses it is of the next track.
    own_track = (track - 1 + max(0, int(since // ORBIT_PERIOD))) % TRACKS + 1
    if number is None:
        beyond = (since + _MIDDLE + (track - 1) * ORBIT_PERIOD - _PREAMBLE) % _CYCLE
        number = 1 + math.floor(beyond / BEAM_CYCLE)
    return BurstIdentifier(own_track, number, swath)
