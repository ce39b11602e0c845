"""Modules and subpackages as attributes of a package, imported on first access."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any


class CallableRoom(ModuleType):
    """A package that is called as the function of its own name, in the module of the same name.

    The import system makes the package an attribute of its parent, where a function of its name would stand otherwise.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function()(*args, **kwargs)

    @property
    def __signature__(self) -> Any:
        """Parameters of the function, for ``inspect`` and ``help``."""
        import inspect

        return inspect.signature(self.function())

    def function(self) -> Any:
        """The function, imported on first use."""
        from m3leo_sar._missing_package import imported

        name = self.__name__.rpartition(".")[2]
        return getattr(imported(f"{self.__name__}.{name}"), name)


def lazy_modules(
    package: str, path: Iterable[str], *, words: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package, which make ``package.room.module`` available after importing it.

    Folders are listed on first access only. ``words`` are names of the package itself, with the module of each. With a
    word of the package's own name, the package can be called as this word: ``m3leo_sar.view(stack)``.
    """
    homes = dict(words or {})
    if homes.pop(package.rpartition(".")[2], None):
        sys.modules[package].__class__ = CallableRoom

    def names() -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(list(path)))

    def opened(name: str) -> Any:
        from m3leo_sar._missing_package import imported

        if name in homes:
            return getattr(imported(f"{package}.{homes[name]}"), name)
        # Python asks for dunder names, such as __path__ of a module, of which none is a file of ours.
        if name.startswith("__") or name not in names():
            # Imported here, as it imports NumPy, which a command's help does without.
            from m3leo_sar._check import nearest

            raise AttributeError(f"module {package!r} has no attribute {name!r}{nearest(name, [*names(), *homes])}")
        imported(f"{package}.{name}")
        return sys.modules[f"{package}.{name}"]

    return opened, lambda: sorted({*vars(sys.modules[package]), *names(), *homes})


def folders(path: Iterable[str]) -> list[str]:
    """Subpackages of a package; that of the kernels is none of the public ones."""
    return sorted(found.name for found in pkgutil.iter_modules(list(path)) if found.ispkg and found.name != "_ext")
