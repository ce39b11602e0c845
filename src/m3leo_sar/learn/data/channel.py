"""Which chip is a channel of the input, and how it is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from m3leo_sar._check import nearest
from m3leo_sar.chips.statistics import ENCODINGS

#: How each product is encoded unless a channel says otherwise.
DEFAULT_ENCODINGS = {"coherence": "linear", "intensity": "decibel", "interferogram": "phasor"}


@dataclass(frozen=True, slots=True)
class Channel:
    """One chip of each tile as input.

    Parameters
    ----------
    dataset : str
        Product in the archive, such as ``"coherence"``.
    key : str
        Pair, date or name.
    encoding : str
        As in :class:`m3leo_sar.chips.statistics.BandStatistics`, one that reads one plane.

    Examples
    --------
    >>> Channel.parse("coherence:20230101_20230113")
    Channel(dataset='coherence', key='20230101_20230113', encoding='linear')
    """

    dataset: str
    key: str
    encoding: str

    @classmethod
    def parse(cls, text: str) -> Channel:
        """Read ``dataset:key`` or ``dataset:key:encoding``.

        Raises
        ------
        ValueError
            If the text is neither, the product has no encoding of its own and none is given, or there is no such
            encoding.
        """
        parts = text.split(":")
        if len(parts) == 2 and parts[0] in DEFAULT_ENCODINGS:
            parts.append(DEFAULT_ENCODINGS[parts[0]])
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"an input must read dataset:key or dataset:key:encoding, with an encoding for a dataset other than "
                f"{', '.join(DEFAULT_ENCODINGS)}; got {text!r}"
            )
        known = [name for name, encoding in ENCODINGS.items() if encoding.planes == 1]
        if parts[2] not in known:
            raise ValueError(f"the encoding of {text} must be one of {', '.join(known)}{nearest(parts[2], known)}")
        return cls(*parts)

    @property
    def name(self) -> str:
        """What the band's statistics are called."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.dataset}:{self.key}:{self.encoding}"


def modalities(channels: Sequence[Channel]) -> dict[str, list[int]]:
    """Channels of the normalised image that each data set makes, in order.

    Examples
    --------
    >>> modalities([Channel.parse(text) for text in ("intensity:a", "interferogram:b", "intensity:c")])
    {'intensity': [0, 3], 'interferogram': [1, 2]}
    """
    found: dict[str, list[int]] = {}
    start = 0
    for channel in channels:
        count = ENCODINGS[channel.encoding].channels
        found.setdefault(channel.dataset, []).extend(range(start, start + count))
        start += count
    return found
