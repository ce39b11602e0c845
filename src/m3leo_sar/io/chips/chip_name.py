"""The name of a chip within its product: a polarisation and a pair, date or other name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from m3leo_sar.io.files.atomic import PARTIAL
from m3leo_sar.stack.polarisation import POLARISATIONS

#: Valid form of an identifier, a product, or the last part of a key.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: One polarisation, or two for a product of both, such as ``VV-VH``: the reference, then the secondary.
POLARISATION = re.compile("(?:{0})(?:-(?:{0}))?".format("|".join(POLARISATIONS)))

#: Co-polarised first, then cross-polarised, then compact ones.
_ORDER = ("VV", "HH", "VH", "HV", "RH", "RV", "LH", "LV")


class ChipName(NamedTuple):
    """The two parts of a key."""

    #: Such as ``"VV"``, or ``"VV-VH"`` for a product of both; None for chips without one, such as labels.
    polarisation: str | None
    #: Pair, date or name.
    name: str

    def __str__(self) -> str:
        return self.name if self.polarisation is None else f"{self.polarisation}/{self.name}"


def parse_key(key: str) -> ChipName:
    """The parts of a key.

    Raises
    ------
    ValueError
        If it is neither a name nor a polarisation and a name.

    Examples
    --------
    >>> parse_key("VV/20230301_20230313")
    ChipName(polarisation='VV', name='20230301_20230313')
    >>> parse_key("landcover")
    ChipName(polarisation=None, name='landcover')
    """
    before, slash, name = key.rpartition("/")
    if not is_safe(name) or (slash and not POLARISATION.fullmatch(before)):
        raise ValueError(
            "key must be letters, digits, '.', '_' and '-', with a polarisation before it as in "
            f"VV/20230301_20230313, got {key!r}"
        )
    return ChipName(before or None, name)


def own_key(name: str, metadata: Mapping[str, Any]) -> str:
    """Key of a chip that is named without its polarisation, as in exported files and in archives of earlier versions.

    Chips from a stack state the polarisation among their parameters; all others have none.
    """
    parameters = metadata.get("parameters")
    found = parameters.get("polarisation") if isinstance(parameters, Mapping) else None
    return str(ChipName(found, name)) if isinstance(found, str) and POLARISATION.fullmatch(found) else name


def by_polarisation(keys: Iterable[str]) -> dict[str | None, list[str]]:
    """Keys by their polarisation: co-polarised first, then cross-polarised and products of two.

    Examples
    --------
    >>> by_polarisation(["VH/20230301", "VV/20230301", "VV-VH/20230301"])
    {'VV': ['VV/20230301'], 'VH': ['VH/20230301'], 'VV-VH': ['VV-VH/20230301']}
    """
    found: dict[str | None, list[str]] = {}
    for key in keys:
        found.setdefault(parse_key(key).polarisation, []).append(key)
    return {part: found[part] for part in sorted(found, key=_rank)}


def _rank(polarisation: str | None) -> tuple[int, str]:
    return (
        (-1, "")
        if polarisation is None
        else (_ORDER.index(polarisation[:2]) + len(_ORDER) * ("-" in polarisation), polarisation)
    )


def is_safe(name: str) -> bool:
    """Whether a name may be a folder or file of an archive: it leads nowhere else and is no half-written file."""
    return bool(SAFE_NAME.fullmatch(name)) and PARTIAL not in name
