"""Chips as channels of the input, and their encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._check import nearest
from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.chips.statistics import ENCODINGS

#: Entry-point group by which packages add encodings.
ENTRY_POINTS = "m3leo_sar.encodings"
#: Default encoding of each product.
DEFAULT_ENCODINGS = {"coherence": "linear", "intensity": "decibel", "interferogram": "phasor", "ratio": "decibel",
                     "gamma0": "decibel"}  # fmt: skip
#: Products of a stack with chips of one polarisation.
_OF_ONE_POLARISATION = ("coherence", "intensity", "gamma0", "interferogram", "looks")


@dataclass(frozen=True, slots=True)
class Channel:
    """One chip per tile as input.

    Parameters
    ----------
    dataset : str
        Product in the archive, such as ``"coherence"``.
    key : str
        Polarisation and pair or date, such as ``"VV/20230101_20230113"``, or a name. Where the archive has one
        polarisation, the pair or date alone.
    encoding : str
        A single-plane encoding of :class:`m3leo_sar.chips.statistics.BandStatistics`; or a user-defined encoding: a
        file ending in ``.py``, a module, or an entry point of the group ``m3leo_sar.encodings``, with a function
        ``encode(plane)`` of a (rows, cols) array, in which NaN means no data.

    Examples
    --------
    >>> Channel.parse("coherence:20230101_20230113")
    Channel(dataset='coherence', key='20230101_20230113', encoding='linear')
    >>> str(Channel.parse("intensity/VH/20230101"))
    'intensity:VH/20230101:decibel'
    """

    dataset: str
    key: str
    encoding: str

    @classmethod
    def parse(cls, text: str) -> Channel:
        """Read ``dataset:key`` or ``dataset:key:encoding``; ``dataset/key`` is the same.

        Raises
        ------
        ValueError
            If the text has neither form, no encoding is given for a product without a default, or the encoding does
            not exist.
        """
        parts = _parts(text)
        if len(parts) == 2 and parts[0] in DEFAULT_ENCODINGS:
            parts.append(DEFAULT_ENCODINGS[parts[0]])
        if len(parts) != 3 or not all(parts):
            raise ValueError(
                f"an input must read dataset:key or dataset:key:encoding, with an encoding for a dataset other than "
                f"{', '.join(DEFAULT_ENCODINGS)}; got {text!r}"
            )
        known = [name for name, encoding in ENCODINGS.items() if encoding.planes == 1]
        own = own_names(ENTRY_POINTS)
        if parts[2] not in (*known, *own) and "." not in parts[2]:
            names = [*known, *own]
            raise ValueError(f"the encoding of {text} must be one of {', '.join(names)}{nearest(parts[2], names)}")
        return cls(*parts)

    @property
    def rule(self) -> str:
        """Encoding of the plane returned by :meth:`encoded`: ``"linear"`` after a user-defined encoding."""
        return self.encoding if self.encoding in ENCODINGS else "linear"

    def encoded(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Plane (rows, cols) after a user-defined encoding; unchanged for the library's own encodings.

        Raises
        ------
        FileNotFoundError, ImportError
            If the encoding's code does not exist.
        ValueError
            If it has no function ``encode``, or ``encode`` returns another shape.
        """
        if self.encoding in ENCODINGS:
            return plane
        module = needs(own_module(self.encoding, group=ENTRY_POINTS, what="encoding"), ["encode"], what="encoding")
        given = np.asarray(module.encode(plane), np.float32)
        if given.shape != plane.shape:
            raise ValueError(f"encode of {self.encoding} must keep the shape {plane.shape}, got {given.shape}")
        return given

    @property
    def name(self) -> str:
        """Name of the band in the statistics."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.dataset}:{self.key}:{self.encoding}"


def of_polarisations(inputs: Sequence[str], polarisations: Sequence[str]) -> list[str]:
    """Inputs in which each product of a stack that names no polarisation is there once per polarisation.

    Parameters
    ----------
    inputs : sequence of str
        Channels as :meth:`Channel.parse` reads them; data sets that do not come from a stack are kept.
    polarisations : sequence of str

    Examples
    --------
    >>> of_polarisations(["coherence/20230101_20230113", "dem:height:linear", "intensity:VV/20230101"], ["VV", "VH"])
    ['coherence:VV/20230101_20230113', 'coherence:VH/20230101_20230113', 'dem:height:linear', 'intensity:VV/20230101']
    """
    found: list[str] = []
    for text in inputs:
        dataset, key, *encoding = [*_parts(text), ""]
        is_plain = dataset in _OF_ONE_POLARISATION and key and "/" not in key
        rest = "".join(f":{part}" for part in encoding if part)
        found += [f"{dataset}:{one}/{key}{rest}" for one in polarisations] if is_plain and polarisations else [text]
    return found


def _parts(text: str) -> list[str]:
    """Data set, key and encoding; the first two may be joined by a slash, as on disk."""
    dataset, slash, rest = text.partition("/")
    return [dataset, *rest.split(":")] if slash and ":" not in dataset else text.split(":")


def modalities(channels: Sequence[Channel]) -> dict[str, list[int]]:
    """Channels of the normalised image per data set, in order.

    Examples
    --------
    >>> modalities([Channel.parse(text) for text in ("intensity:a", "interferogram:b", "intensity:c")])
    {'intensity': [0, 3], 'interferogram': [1, 2]}
    """
    found: dict[str, list[int]] = {}
    start = 0
    for channel in channels:
        count = ENCODINGS[channel.rule].channels
        found.setdefault(channel.dataset, []).extend(range(start, start + count))
        start += count
    return found
