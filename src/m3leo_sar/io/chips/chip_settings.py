"""Settings with which chips were computed, so that those of several settings in one archive are not mixed unseen."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.plain_values import plain_value

#: Parameters that a user sets for all chips of a product; the others, such as checksums of inputs, are a chip's own.
_SETTINGS = ("window", "weights", "min_valid", "fill_gaps", "mask", "resampling", "cell")
#: Tiles, and chips of each product in a tile, whose settings stand for those of an archive.
_TILES, _CHIPS = 8, 3

#: Settings by product.
Settings = Mapping[str, Mapping[str, Any]]


class OtherSettingsWarning(UserWarning):
    """Chips of other settings are in the archive."""


def settings_of(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Settings by product of chips ``product/key`` with their parameters.

    Examples
    --------
    >>> settings_of({"coherence/VV/20230301_20230313": {"window": [5, 20], "polarisation": "VV"}})
    {'coherence': {'window': [5, 20]}}
    """
    found: dict[str, dict[str, Any]] = {}
    for name, parameters in wanted.items():
        found.setdefault(name.partition("/")[0], _chosen(parameters))
    return found


def archive_settings(archive: ChipArchive) -> dict[str, list[dict[str, Any]]]:
    """Different settings of the chips of each product in some tiles of an archive; chips that state none are left out.

    Chips that cannot be read are passed over.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for identifier in _spread(archive.identifiers, _TILES):
        for product in archive.datasets(identifier):
            for parameters in _parameters(archive, identifier, product):
                settings = _chosen(parameters)
                if settings and settings not in found.setdefault(product, []):
                    found[product].append(settings)
    return found


def _parameters(archive: ChipArchive, identifier: str, product: str) -> Iterator[Mapping[str, Any]]:
    for key in _spread(archive.keys(identifier, product), _CHIPS):
        try:
            parameters = archive.facts(identifier, product, key)[1].get("parameters")
        except (OSError, ValueError):
            continue
        if isinstance(parameters, Mapping):
            yield parameters


def warn_of_other_settings(archive: ChipArchive, settings: Settings, *, before: Settings | None = None) -> None:
    """Warn of chips in an archive that a run with other settings made.

    Parameters
    ----------
    archive : ChipArchive
    settings : mapping
        Those of the new run.
    before : mapping, optional
        Those of the last run; by default those of some chips.

    Warns
    -----
    OtherSettingsWarning
        With both settings, and the consequence.
    """
    held = {product: [one] for product, one in before.items()} if before else archive_settings(archive)
    for product, new in settings.items():
        others = [one for one in held.get(product, []) if one != new]
        if others:
            differing = [name for name in _SETTINGS if any(one.get(name) != new.get(name) for one in others)]
            earlier = " or ".join(dict.fromkeys(settings_text(one, differing) for one in others))
            warnings.warn(
                f"{archive.root} holds {product} of {earlier}, and this run has {settings_text(new, differing)}: its "
                "chips replace those of the same tiles, dates and pairs, and the others stay as they are; another "
                "archive keeps both apart",
                OtherSettingsWarning,
                stacklevel=3,
            )
            return


def settings_text(settings: Mapping[str, Any], names: Iterable[str] = ("window", "mask")) -> str:
    """Some settings in words.

    Examples
    --------
    >>> settings_text({"window": [5, 20], "mask": ["layover", "shadow"]})
    'window 5 x 20, mask layover,shadow'
    """
    return ", ".join(_word(name, settings.get(name)) for name in names)


def _word(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if value is None or value == []:
        return f"no {words}"
    if name == "window":
        return "window " + " x ".join(map(str, value))
    if value is True or name == "weights":
        return words
    return f"{words} {','.join(map(str, value)) if isinstance(value, list) else value}"


def _chosen(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: parameters[name] for name in _SETTINGS if name in parameters}
    # As read back from a chip: lists in place of tuples.
    chosen: dict[str, Any] = json.loads(json.dumps(found, default=plain_value))
    return chosen


def _spread(items: Sequence[str], count: int) -> list[str]:
    """At most ``count`` items, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[index * (len(items) - 1) // (count - 1)] for index in range(count)]
