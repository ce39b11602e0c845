"""Rooms of the package as attributes, whose modules are imported when they are first asked for."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from m3leo_sar._check import nearest
from m3leo_sar._missing_package import imported


def open_rooms(package: str, path: Iterable[str]) -> None:
    """Let ``package.room.module`` work after ``import package`` alone, for rooms inside rooms too.

    A room is a folder whose ``__init__`` holds a sentence, so to import it costs next to nothing; its modules are
    imported one by one as they are asked for.
    """
    for found in pkgutil.iter_modules(list(path)):
        if found.ispkg and found.name != "_ext":
            room = import_module(f"{package}.{found.name}")
            modules = sorted(module.name for module in pkgutil.iter_modules(room.__path__))
            room.__dict__["__getattr__"] = _opener(room.__name__, modules)
            room.__dict__["__dir__"] = lambda room=room, modules=modules: sorted({*vars(room), *modules})
            open_rooms(room.__name__, room.__path__)


def _opener(room: str, modules: list[str]) -> Callable[[str], Any]:
    def opened(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {room!r} has no attribute {name!r}{nearest(name, modules)}")
        imported(f"{room}.{name}")
        return sys.modules[f"{room}.{name}"]

    return opened
