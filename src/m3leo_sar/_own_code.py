"""User code: modules specified by a file, by a dotted name, or by an entry point of an installed package."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from m3leo_sar._check import checked


def own_module(reference: str, *, group: str, what: str) -> Any:
    """Import the module specified by a user.

    Parameters
    ----------
    reference : str
        A path that ends in ``.py``, the name of an entry point of ``group``, or the dotted name of a module.
    group : str
        Entry-point group, such as ``"m3leo_sar.models"``.
    what : str
        Name of the option, for the message.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ImportError
        If the dotted name cannot be imported.
    ValueError
        If the reference is neither a file nor dotted, and no entry point has that name; the message lists those that
        exist.
    """
    if reference.endswith(".py"):
        return _module_of_file(Path(reference), what)
    for entry in entry_points(group=group):
        if entry.name == reference:
            return entry.load()
    if "." in reference:
        return importlib.import_module(reference)
    if not (names := own_names(group)):
        raise ValueError(f"{what} must be a file ending in .py or the dotted name of a module, got {reference!r}")
    checked(reference, names, what=what)
    raise AssertionError("a known name has been loaded above")


def own_names(group: str) -> list[str]:
    """Sorted names of an entry-point group, from all installed packages."""
    return sorted(entry_points(group=group).names)


def needs(module: Any, names: Iterable[str], *, what: str) -> Any:
    """Return a module after a check that it defines all required names.

    Raises
    ------
    ValueError
        If one is missing.
    """
    names = list(names)
    for name in names:
        if not hasattr(module, name):
            label = getattr(module, "__file__", None) or getattr(module, "__name__", repr(module))
            raise ValueError(f"{what} must define {', '.join(names)}; {label} has no {name}")
    return module


def _module_of_file(path: Path, what: str) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{what} must be a file, and there is no {path}")
    # One module per file, however often it is specified: objects are distinguished by their class.
    name = f"m3leo_sar_own_{path.stem}_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
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
