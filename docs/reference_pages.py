"""Pages of the API reference, from the package's own texts: which names there are, and where each is documented.

Names of the package itself are grouped by subject, one page per group. Every other public function and class has its
place on the page of its room. Sphinx fills both with the docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "m3leo_sar"
#: Rooms that only the library itself and its command use.
INTERNAL = ("app",)
#: Page, title and sentence of each group of names of the package, with the rooms whose names it shows.
GROUPS = {
    "estimate": (
        "Coherence and interferograms",
        "Functions of arrays: coherence, interferograms, bias, decay, change, filters and phase.",
        ("insar",),
    ),
    "stacks": (
        "Stacks and pairs",
        "Acquisitions, pairs of dates, and the readers that open a folder of SLCs.",
        ("stack", "io.stacks", "io.sentinel1", "simulate"),
    ),
    "grids": (
        "Tiles and grids",
        "Windows, looks, map grids, tiles, splits, orbits and radar grids: geometry without pixels.",
        ("grid",),
    ),
    "moving": (
        "From one grid to another",
        "Reprojection, geocoding from orbit and terrain, co-registration and resampling.",
        ("warp",),
    ),
    "chips-words": (
        "Chips",
        "Normalisation, statistics and the archive of chips.",
        ("chips", "io.chips", "io.sources"),
    ),
    "whole-runs": (
        "Whole runs",
        "From a stack to a tile or to an archive, and from Sentinel-1 products to stacks.",
        ("products", "run", "view"),
    ),
}


@dataclass(frozen=True)
class Module:
    """A module of a room with its public functions and classes."""

    name: str
    summary: str
    functions: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in alphabetical order."""
        return tuple(sorted((*self.functions, *self.classes), key=str.lower))


def homes() -> dict[str, str]:
    """Module of each name of the package, such as ``{"coherence": "insar.coherence"}``."""
    for node in ast.parse((PACKAGE / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HOMES":
            return ast.literal_eval(node.value)
    raise ValueError("m3leo_sar/__init__.py must assign _HOMES, and does not")


@cache
def rooms() -> dict[str, tuple[Module, ...]]:
    """Modules of each room, such as ``{"insar": (...)}``; those that start with an underscore are private."""
    found: dict[str, list[Module]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if any(part.startswith("_") for part in parts) or parts[0] in INTERNAL or len(parts) == 1:
            continue
        module = _module(".".join(parts), path)
        if module.names:
            found.setdefault(".".join(parts[:-1]), []).append(module)
    return {room: tuple(modules) for room, modules in found.items()}


def _module(name: str, path: Path) -> Module:
    tree = ast.parse(path.read_text("utf-8"))
    public = [node for node in tree.body if not getattr(node, "name", "_").startswith("_")]
    return Module(
        name,
        (ast.get_docstring(tree) or "").partition("\n")[0],
        tuple(node.name for node in public if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)),
        tuple(node.name for node in public if isinstance(node, ast.ClassDef)),
    )


def reference_pages() -> dict[str, str]:
    """File name of each page to its text."""
    pages = {f"{name}.rst": "\n".join(_group_page(name)) for name in GROUPS}
    pages |= {f"{_file(room)}.rst": "\n".join(_room_page(room)) for room in rooms()}
    pages["sources.rst"] = "\n".join(_sources_page())
    pages["index.rst"] = "\n".join(_index_page())
    return pages


def _file(room: str) -> str:
    return f"room-{room.replace('.', '-')}"


def _group_of(name: str) -> str:
    """Page on which a name of the package is documented."""
    room = homes()[name]
    fits = [
        (len(prefix), page)
        for page, group in GROUPS.items()
        for prefix in group[2]
        if f"{room}.".startswith(f"{prefix}.")
    ]
    if not fits:
        raise ValueError(f"no group of docs/reference_pages.py has a place for {name} of {room}")
    return max(fits)[1]


def _kind(name: str) -> str:
    """Directive that documents a name of the package."""
    module = homes()[name]
    found = next(item for item in rooms()[module.rpartition(".")[0]] if item.name == module)
    return "autoclass" if name in found.classes else "autofunction"


def _group_page(page: str) -> Iterator[str]:
    title, sentence, _ = GROUPS[page]
    names = sorted((name for name in homes() if _group_of(name) == page), key=str.lower)
    yield from _head(title, f"{sentence} API reference of m3leo_sar.")
    yield f"{sentence} Each is imported from ``m3leo_sar`` itself."
    yield from _table(f"m3leo_sar.{name}" for name in names)
    for name in names:
        yield from _entry(name, _kind(name), "m3leo_sar")


def _room_page(room: str) -> Iterator[str]:
    yield from _head(f"m3leo_sar.{room}", f"Modules, functions and classes of m3leo_sar.{room}.")
    yield _room_sentence(room)
    yield ""
    shown = set(homes().items())
    for module in rooms()[room]:
        yield from _section(module.name, "-")
        yield f"{module.summary} In ``src/m3leo_sar/{module.name.replace('.', '/')}.py``."
        yield ""
        at_top = [name for name in module.names if (name, module.name) in shown]
        if at_top:
            yield "Documented with the package: " + ", ".join(f":obj:`~m3leo_sar.{name}`" for name in at_top) + "."
            yield ""
        for name in module.names:
            if name not in at_top:
                kind = "autoclass" if name in module.classes else "autofunction"
                yield from _entry(name, kind, f"m3leo_sar.{module.name}")


def _sources_page() -> Iterator[str]:
    yield from _head(
        "Methods and their sources", "Papers and specifications behind the functions of m3leo_sar, by function."
    )
    yield "The papers and specifications that docstrings name, by room and function."
    yield ""
    for room in rooms():
        found = list(_sources(room))
        if found:
            yield from _section(f"m3leo_sar.{room}", "-")
            yield from (f"- :obj:`{name} <{target}>`: {source}" for name, target, source in found)
            yield ""


def _sources(room: str) -> Iterator[tuple[str, str, str]]:
    """Name, place in the reference, and source of each function and class of a room that names one."""
    for module in rooms()[room]:
        tree = ast.parse((PACKAGE / f"{module.name.replace('.', '/')}.py").read_text("utf-8"))
        for node in tree.body:
            if getattr(node, "name", "") not in module.names:
                continue
            text = ast.get_docstring(node) or ""  # type: ignore[arg-type]
            section = re.search(r"^References\n-+\n(.*?)(?=\n\n\w+\n---|\Z)", text, re.DOTALL | re.MULTILINE)
            if section:
                at_top = homes().get(node.name) == module.name
                target = f"m3leo_sar.{node.name}" if at_top else f"m3leo_sar.{module.name}.{node.name}"
                yield node.name, target, " ".join(re.sub(r"\.\. \[\d+\]", "", section[1]).split())


def _room_sentence(room: str) -> str:
    text = (PACKAGE / room.replace(".", "/") / "__init__.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").strip()


def _index_page() -> Iterator[str]:
    yield from _head("API reference", "Every public function and class of m3leo_sar, with shapes, units and sources.")
    yield "Every public function and class, from the docstrings. Most work needs only the names of the package itself."
    yield "Docstrings state shapes, types, units and errors, and the source of a method: :doc:`all sources <sources>`."
    yield ""
    for page, (title, _, _) in GROUPS.items():
        names = sorted((name for name in homes() if _group_of(name) == page), key=str.lower)
        yield from _section(title, "-")
        yield from _table(f"m3leo_sar.{name}" for name in names)
    yield from _section("Modules", "-")
    yield "Everything else, by room. A room is a folder of the package; :doc:`/inside` shows which uses which."
    yield ""
    for room in rooms():
        yield f"- :doc:`m3leo_sar.{room} <{_file(room)}>`: {_room_sentence(room).partition(chr(10))[0]}"
    yield ""
    yield from (".. toctree::", "   :hidden:", "   :maxdepth: 1", "")
    yield from (f"   {name}" for name in (*GROUPS, "sources", *(_file(room) for room in rooms())))
    yield ""


def _head(title: str, description: str) -> Iterator[str]:
    yield from (".. meta::", f"   :description: {description}", "")
    yield from _section(title, "=")


def _section(title: str, line: str) -> Iterator[str]:
    yield from (title, line * len(title), "")


def _table(names: Iterator[str]) -> Iterator[str]:
    yield from ("", ".. autosummary::", "")
    yield from (f"   ~{name}" for name in names)
    yield ""


def _entry(name: str, kind: str, module: str) -> Iterator[str]:
    yield from (f".. {kind}:: {module}.{name}", "")
