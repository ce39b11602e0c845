"""A parameter's name means one thing in every public word."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import m3leo_sar

#: Names of several words to the types that they take; ``Any`` is an array of any kind.
MEANINGS = {
    "window": {"Window"},
    "step": {"Looks"},
    "looks": {"Looks"},
    "equivalent_looks": {"float"},
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
#: Rooms whose public functions and values compute, with the names that have one meaning throughout.
ROOMS = ("grid", "stack", "insar", "warp", "chips", "products", "simulate")
THROUGHOUT = ("window", "step", "looks", "equivalent_looks", "resampling", "source_geobox", "dem_geobox", "min_valid")
NEVER = ("tile_geobox", "src", "dst", "win", "kernel")


def _parameters() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in m3leo_sar.__all__:
        for parameter in inspect.signature(getattr(m3leo_sar, name)).parameters.values():
            found[parameter.name][name] = str(parameter.annotation)
    return found


def _kinds(annotation: str) -> set[str]:
    return set(annotation.replace("|", " ").split()) - {"None"}


def test_a_name_means_one_thing():
    for name, allowed in MEANINGS.items():
        for word, annotation in _parameters()[name].items():
            assert _kinds(annotation) <= allowed, f"{word}({name}: {annotation})"


def test_no_second_name_for_the_same_thing():
    for name, words in _parameters().items():
        assert name not in REPLACED, f"{sorted(words)} call {name} what others call {REPLACED[name]}"


def _of_rooms() -> Iterator[tuple[str, str, str]]:
    """(where, name, annotation) of the parameters of all public functions, methods and dataclasses of ROOMS."""
    root = Path(m3leo_sar.__file__).parent
    for file in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        for node in _public(ast.parse(file.read_text("utf-8")).body):
            where = f"{file.relative_to(root)}: {node.name}"
            if isinstance(node, ast.ClassDef):
                fields = (part for part in node.body if isinstance(part, ast.AnnAssign))
                yield from ((where, ast.unparse(field.target), ast.unparse(field.annotation)) for field in fields)
                continue
            given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            yield from ((where, item.arg, ast.unparse(item.annotation)) for item in given if item.annotation)


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            # Fields of a NamedTuple are results, whose names are those of what was computed.
            if any("dataclass" in ast.unparse(part) for part in node.decorator_list):
                yield node
            yield from _public(node.body)


@pytest.mark.parametrize("name", THROUGHOUT)
def test_a_name_means_one_thing_in_every_room_that_computes(name):
    used = [(where, annotation) for where, other, annotation in _of_rooms() if other == name]
    assert used
    for where, annotation in used:
        # A helper that checks an argument takes any.
        assert _kinds(annotation) <= MEANINGS[name] | {"Any"}, f"{where}({name}: {annotation})"


def test_no_room_that_computes_uses_a_replaced_name():
    assert not [(where, name) for where, name, _ in _of_rooms() if name in NEVER]


def test_pairs_are_named_in_the_same_ways_everywhere():
    doc = "Pair, str, two dates, two indices, or a sequence of these"
    for word in ("coherence", "interferogram", "fringe_coherence", "homogeneous_coherence", "tile_products"):
        assert doc in inspect.getdoc(getattr(m3leo_sar, word)), word
