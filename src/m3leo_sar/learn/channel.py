"""Which chip is a channel of the input, and how it is encoded."""

from __future__ import annotations

from dataclasses import dataclass

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
        As in :class:`m3leo_sar.chips.statistics.BandStatistics`.

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
            If the text is neither, or the product has no encoding of its own and none is given.
        """
        parts = text.split(":")
        if len(parts) == 2 and parts[0] in DEFAULT_ENCODINGS:
            parts.append(DEFAULT_ENCODINGS[parts[0]])
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"an input must read dataset:key or dataset:key:encoding, with an encoding for a dataset other than "
                f"{', '.join(DEFAULT_ENCODINGS)}; got {text!r}"
            )
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.dataset}:{self.key}:{self.encoding}"
