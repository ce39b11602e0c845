"""Models and tasks: the library's by name, and user-defined ones by file, by dotted name or from a package.

A model's ``build(request, *, options)`` takes a :class:`m3leo_sar.learn.models.model_request.ModelRequest`, a task's
``build(model, request, *, options)`` a model and a :class:`m3leo_sar.learn.tasks.task_request.TaskRequest`. The
keyword-only parameters, with their defaults, are the options that a configuration may set. The module of a task also
specifies the kind of targets, ``TARGET``, and the number of output channels of the model, ``OUTPUTS``.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import field, make_dataclass
from functools import partial
from typing import Any

from m3leo_sar._check import checked
from m3leo_sar._own_code import needs, own_module, own_names
from m3leo_sar.learn.fit.part_configs import OPTIONS

#: Kind of a part to the package of the library's own parts, and to the entry-point group for those of other packages.
ROOMS = {"model": "m3leo_sar.learn.models", "task": "m3leo_sar.learn.tasks"}
ENTRY_POINTS = {"model": "m3leo_sar.models", "task": "m3leo_sar.tasks"}
#: Types that an option may have, and their types in a configuration.
_HELD = {
    int: int, float: float, str: str, bool: bool,
    Sequence[int]: list[int], Sequence[str]: list[str], Sequence[float]: list[float],
    list[int]: list[int], list[str]: list[str], list[float]: list[float],
}  # fmt: skip


def part_names(kind: str) -> list[str]:
    """Names of all parts of a kind, ``"model"`` or ``"task"``: the library's and those of installed packages."""
    return sorted({*OPTIONS[kind], *own_names(ENTRY_POINTS[kind])})


def part_options(kind: str, settings: Mapping[str, Any]) -> type:
    """Data class of the options of the part named by ``settings``.

    The library's own options are known without importing torch. A user-defined part is imported, and its options are
    the keyword-only parameters of its ``build``.

    Raises
    ------
    FileNotFoundError, ImportError
        If its file or module does not exist.
    TypeError
        If an option of a user-defined ``build`` has no default, or a type that a configuration cannot hold.
    ValueError
        If no part has that name.
    """
    if "_target_" not in settings and settings["name"] in OPTIONS[kind]:
        return OPTIONS[kind][settings["name"]]
    build = part(kind, settings).build
    hints = typing.get_type_hints(build)
    fields: list[Any] = []
    for name, parameter in inspect.signature(build).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        held = _HELD.get(hints.get(name, Any))
        if held is None or parameter.default is inspect.Parameter.empty:
            known = "int, float, str, bool or a sequence of one of these"
            raise TypeError(f"{name} of build in {build.__module__} must have a default and be {known}")
        value = parameter.default
        if isinstance(value, tuple | list):
            fields.append((name, held, field(default_factory=partial(list, tuple(value)))))
        else:
            fields.append((name, held, field(default=value)))
    return make_dataclass("Options", fields)


def part(kind: str, settings: Mapping[str, Any]) -> Any:
    """Module of a model or task, with its ``build`` function; importing it also imports torch.

    Parameters
    ----------
    kind : {"model", "task"}
    settings : mapping
        ``name``: a part of the library or of an installed package, or a path ending in ``.py``; or ``_target_``, the
        dotted name of a ``build`` function.

    Raises
    ------
    FileNotFoundError, ImportError
        If its file or module does not exist.
    ValueError
        If no part has that name, or the module has no ``build``.
    """
    needed = ("build", "TARGET", "OUTPUTS") if kind == "task" else ("build",)
    if "_target_" in settings:
        module_name, _, function = str(settings["_target_"]).rpartition(".")
        if function != "build" or not module_name:
            raise ValueError(
                f"{kind}._target_ must be the dotted name of a function build, got {settings['_target_']!r}"
            )
        return needs(importlib.import_module(module_name), needed, what=kind)
    name = str(settings["name"])
    if name in OPTIONS[kind]:
        return importlib.import_module(f"{ROOMS[kind]}.{name}")
    if not name.endswith(".py"):
        checked(name, part_names(kind), what=kind)
    return needs(own_module(name, group=ENTRY_POINTS[kind], what=f"{kind}.name"), needed, what=kind)
