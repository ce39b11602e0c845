"""Subpackages as attributes, whose modules are imported on first access."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from m3leo_sar._check import nearest
from m3leo_sar._missing_package import imported


def open_rooms(package: str, path: Iterable[str]) -> None:
    """Make ``package.room.module`` available after ``import package`` alone, also for nested subpackages.

    The ``__init__`` of a subpackage contains only a docstring, so its import costs almost nothing; its modules are
    imported individually on access.
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
