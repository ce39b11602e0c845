"""Models and tasks: those of the library by name, and a user's own by file, by dotted name or from a package.

A model's ``build(request, *, options)`` takes a :class:`m3leo_sar.learn.models.model_request.ModelRequest`, a task's
``build(model, request, *, options)`` a model and a :class:`m3leo_sar.learn.tasks.task_request.TaskRequest`. What a
configuration may set are the keyword-only parameters, with their defaults. The module of a task also states the targets
that it wants, ``TARGET``, and how many channels a model has to give, ``OUTPUTS``.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from dataclasses import field, make_dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from m3leo_sar._check import checked
from m3leo_sar.learn.fit.part_configs import OPTIONS

#: Kind of a part to the room that holds the library's own, and to the entry-point group by which packages add theirs.
ROOMS = {"model": "m3leo_sar.learn.models", "task": "m3leo_sar.learn.tasks"}
ENTRY_POINTS = {"model": "m3leo_sar.models", "task": "m3leo_sar.tasks"}
#: Types that an option may have, and how a configuration holds them.
_HELD = {
    int: int, float: float, str: str, bool: bool,
    Sequence[int]: list[int], Sequence[str]: list[str], Sequence[float]: list[float],
    list[int]: list[int], list[str]: list[str], list[float]: list[float],
}  # fmt: skip


def part_names(kind: str) -> list[str]:
    """Parts of a kind, ``"model"`` or ``"task"``, that have a name: the library's and those of installed packages."""
    return sorted({*OPTIONS[kind], *entry_points(group=ENTRY_POINTS[kind]).names})


def part_options(kind: str, settings: Mapping[str, Any]) -> type:
    """Data class of the options of the part that ``settings`` name.

    Those of the library are known without loading torch. A part of one's own is imported, and its options are the
    keyword-only parameters of its ``build``.

    Raises
    ------
    FileNotFoundError, ImportError
        If its file or module is not there.
    TypeError
        If an option of one's own ``build`` has no default or a type that a configuration cannot hold.
    ValueError
        If no part has that name.
    """
    if "_target_" not in settings and settings["name"] in OPTIONS[kind]:
        return OPTIONS[kind][settings["name"]]
    build = part(kind, settings).build
    hints, fields = typing.get_type_hints(build), []
    for name, parameter in inspect.signature(build).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        held = _HELD.get(hints.get(name, Any))
        if held is None or parameter.default is inspect.Parameter.empty:
            known = "int, float, str, bool or a sequence of one of these"
            raise TypeError(f"{name} of build in {build.__module__} must have a default and be {known}")
        value = parameter.default
        if isinstance(value, tuple | list):
            fields.append((name, held, field(default_factory=lambda kept=tuple(value): list(kept))))
        else:
            fields.append((name, held, field(default=value)))
    return make_dataclass("Options", fields)


def part(kind: str, settings: Mapping[str, Any]) -> Any:
    """Module of a model or task, with its ``build``; imports it, and torch with it.

    Parameters
    ----------
    kind : {"model", "task"}
    settings : mapping
        ``name``: a part of the library or of an installed package, or a path ending in ``.py``; or ``_target_``, the
        dotted name of a ``build`` function.

    Raises
    ------
    FileNotFoundError, ImportError
        If its file or module is not there.
    ValueError
        If no part has that name, or the module has no ``build``.
    """
    if "_target_" in settings:
        module_name, _, function = str(settings["_target_"]).rpartition(".")
        if function != "build" or not module_name:
            raise ValueError(
                f"{kind}._target_ must be the dotted name of a function build, got {settings['_target_']!r}"
            )
        return _with_build(kind, importlib.import_module(module_name))
    name = str(settings["name"])
    if name.endswith(".py"):
        return _with_build(kind, _module_of_file(kind, Path(name)))
    for entry in entry_points(group=ENTRY_POINTS[kind]):
        if entry.name == name and name not in OPTIONS[kind]:
            return _with_build(kind, entry.load())
    checked(name, part_names(kind), what=kind)
    return importlib.import_module(f"{ROOMS[kind]}.{name}")


def _with_build(kind: str, module: Any) -> Any:
    needed = ("build", "TARGET", "OUTPUTS") if kind == "task" else ("build",)
    for name in needed:
        if not hasattr(module, name):
            raise ValueError(f"{kind} of {module.__name__} must define {', '.join(needed)}, and has no {name}")
    return module


def _module_of_file(kind: str, path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{kind}.name must be a file, and there is no {path}")
    # One module per file however often it is asked for: weights are told apart by their class.
    name = f"m3leo_sar_{kind}_{path.stem}_{abs(hash(str(path.resolve())))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
