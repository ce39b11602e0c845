"""The extra of this package that installs a missing library."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

#: Distributions whose module names differ from their own.
_DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "hydra": "hydra-core",
    "omegaconf": "hydra-core",
    "google_crc32c": "google-crc32c",
    "cupy": "cupy-cuda13x",
    "whirlwind": "whirlwind-insar",
    "umap": "umap-learn",
}
#: Extras for developers of this package; a user installs the library alone.
_OURS = ("test", "dev")


def imported(module: str) -> ModuleType:
    """Import a module of this package.

    Raises
    ------
    ModuleNotFoundError
        If it needs a library that is not installed; the message names the extra to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("m3leo_sar"):
            raise
        raise ModuleNotFoundError(f"{module} needs it: {missing_package_text(error.name)}", name=error.name) from error


def require_package(module: str) -> None:
    """Refuse, before any work, where a library is not installed.

    Raises
    ------
    ModuleNotFoundError
        The message names the extra to install.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(missing_package_text(module), name=module)


def missing_package_text(module: str) -> str:
    """Sentence that names the package to install for a missing module.

    Examples
    --------
    >>> missing_package_text("torch")
    "torch is not installed: install it with pip install 'm3leo-sar[train]'"
    """
    name = module.partition(".")[0]
    distribution = _DISTRIBUTIONS.get(name, name.replace("_", "-"))
    extra = _extra_of(distribution)
    if extra is None:
        return f"{name} is not installed: install it with pip install {distribution}"
    # `app` installs every reader and the command itself.
    return f"{name} is not installed: install it with pip install 'm3leo-sar[{'app' if extra == 'io' else extra}]'"


def _extra_of(distribution: str) -> str | None:
    # Imported here: it takes as long as the rest of the package, and only an error needs it.
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires("m3leo-sar") or []
    except PackageNotFoundError:
        return None
    for line in lines:
        found = re.match(r"([A-Za-z0-9._-]+).*extra == ['\"]([a-z]+)['\"]", line)
        if found and found[1].lower() == distribution.lower() and found[2] not in _OURS:
            return found[2]
    return None
