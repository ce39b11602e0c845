"""A parameter's name means one thing in every public word."""

from __future__ import annotations

import inspect
from collections import defaultdict

import m3leo_sar

#: Names of several words to the types that they take; ``Any`` is an array of any kind.
MEANINGS = {
    "window": {"Window"},
    "step": {"Looks"},
    "tile": {"GeoBox", "Tile"},
    "source_geobox": {"GeoBox"},
    "dem_geobox": {"GeoBox"},
    "resampling": {"str"},
    "output": {"str"},
    "min_valid": {"float"},
    "orbit": {"Orbit", "str"},
    "radar_grid": {"RadarGrid"},
    "reference_phase": {"Any"},
    "latitude": {"Any"},
    "longitude": {"Any"},
    "pairs": {"Any", "Sequence[Any]", "Sequence[Pair", "str]", "str"},
    "normalise": {"Statistics"},
    # Looks to average, or how many independent ones an estimate is worth.
    "looks": {"Looks", "float"},
}
#: Names that a word must not use for what another name means everywhere else.
REPLACED = {
    "tile_geobox": "tile",
    "target": "tile",
    "dst": "tile",
    "src": "source",
    "win": "window",
    "size_rows": "window",
    "kernel": "resampling",
}


def _parameters() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in m3leo_sar.__all__:
        for parameter in inspect.signature(getattr(m3leo_sar, name)).parameters.values():
            found[parameter.name][name] = str(parameter.annotation)
    return found


def test_a_name_means_one_thing():
    for name, allowed in MEANINGS.items():
        for word, annotation in _parameters()[name].items():
            kinds = set(annotation.replace("|", " ").split()) - {"None"}
            assert kinds <= allowed, f"{word}({name}: {annotation})"


def test_no_second_name_for_the_same_thing():
    for name, words in _parameters().items():
        assert name not in REPLACED, f"{sorted(words)} call {name} what others call {REPLACED[name]}"


def test_pairs_are_named_in_the_same_ways_everywhere():
    doc = "Pair, str, two dates, two indices, or a sequence of these"
    for word in ("coherence", "interferogram", "fringe_coherence", "homogeneous_coherence", "tile_products"):
        assert doc in inspect.getdoc(getattr(m3leo_sar, word)), word
