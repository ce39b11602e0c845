"""Models and tasks by name: a file of learn/models or learn/tasks with a function ``build`` is one.

A model's ``build(request, *, options)`` takes a :class:`ModelRequest`, a task's ``build(model, request, *, options)`` a
model and a :class:`TaskRequest`. What a configuration may set are the keyword-only parameters, with their defaults.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import field, make_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from m3leo_sar._check import checked

#: Folder of each kind, and what one of it is called.
KINDS = {"models": "model", "tasks": "task"}
#: What an option may be, as its annotation reads, and how a configuration holds it.
_TYPES: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "Sequence[int]": list[int], "Sequence[str]": list[str],
}  # fmt: skip


def names(kind: str) -> list[str]:
    """Models or tasks there are, found without importing any."""
    return sorted(_found(kind))


def options(kind: str, name: str) -> type:
    """Data class of the options of a model or task: the keyword-only parameters of its ``build``.

    They are read from the file's text, so that a configuration can be checked before torch is loaded.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    checked(name, names(kind), what=KINDS[kind])
    arguments = _found(kind)[name].args
    fields: list[Any] = []
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if argument.annotation is None or default is None:
            raise TypeError(f"{argument.arg} of build in {kind}/{name}.py must have a type and a default")
        value = ast.literal_eval(default)
        kept = field(default_factory=partial(list, value)) if isinstance(value, tuple) else field(default=value)
        fields.append((argument.arg, _TYPES[ast.unparse(argument.annotation)], kept))
    return make_dataclass(f"{name}_options", fields)


def found(kind: str, name: str) -> Any:
    """Module of a model or task, with its ``build``; imports it, and torch with it.

    A task's says too what it wants of labels, ``TARGET``, and how many channels of a model, ``OUTPUTS``.
    """
    checked(name, names(kind), what=KINDS[kind])
    return importlib.import_module(f"m3leo_sar.learn.{kind}.{name}")


@cache
def _found(kind: str) -> dict[str, ast.FunctionDef]:
    functions = {}
    folders = importlib.import_module(f"m3leo_sar.learn.{kind}").__path__
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "build":
                functions[path.stem] = node
    return functions
