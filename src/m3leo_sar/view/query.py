"""The query of a request: each name once, in UTF-8, with a known meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from m3leo_sar.grid.window import Window
from m3leo_sar.view.asked_pair import checked_layer, window_from

#: Names that a query may have.
NAMES = ("pair", "window", "layer", "polarisation")
#: Most bytes of a value.
_LONGEST = 200


class MapQuery(NamedTuple):
    """What a request asks for."""

    pair: str
    window: Window | None
    layer: str
    polarisation: str | None


def map_query(arguments: Mapping[str, Sequence[bytes]]) -> MapQuery:
    """Read a query.

    Parameters
    ----------
    arguments : mapping of str to sequence of bytes
        Every value of each name.

    Raises
    ------
    KeyError
        If the layer does not exist.
    ValueError
        If a name is unknown or given twice, a value is empty, too long or not UTF-8, or the pair is missing.

    Examples
    --------
    >>> map_query({"pair": [b"20230301_20230313"], "window": [b"5x20"]})[2:]
    ('coherence', None)
    """
    texts = {name: _text(name, values) for name, values in arguments.items()}
    if "pair" not in texts:
        raise ValueError("pair must be given, such as pair=2023-03-01,2023-03-13")
    window = window_from(texts["window"]) if "window" in texts else None
    layer = checked_layer(texts.get("layer", "coherence"))
    return MapQuery(texts["pair"], window, layer, texts.get("polarisation"))


def _text(name: str, values: Sequence[bytes]) -> str:
    if name not in NAMES:
        raise ValueError(f"a query may name {', '.join(NAMES)}, got {name[:40]!r}")
    if len(values) != 1:
        raise ValueError(f"{name} must be given once, got {len(values)} values")
    if not 0 < len(values[0]) <= _LONGEST:
        raise ValueError(f"{name} must have 1 to {_LONGEST} bytes, got {len(values[0])}")
    try:
        return values[0].decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} must be UTF-8 text") from None
