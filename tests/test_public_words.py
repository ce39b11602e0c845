"""What README shows is there, at the top or in its room, and opens when it is asked for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import m3leo_sar

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def _shown() -> list[str]:
    """Dotted names in README's tables, without the arguments of calls."""
    cells = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    spans = [re.sub(r"\(.*", "", span) for span in re.findall(r"`([^`]+)`", cells)]
    names = [span.removeprefix("m3leo_sar.") for span in spans if re.fullmatch(r"[A-Za-z_][\w.]*", span)]
    commands = {"verify", "index", "compact", "upgrade", "export", "stats", "plot", "report", "import", "describe"}
    return sorted(set(names) - commands)


def _found(dotted: str) -> Any:
    found: Any = m3leo_sar
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("dotted", _shown())
def test_words_of_the_readme(dotted):
    assert _found(dotted) is not None


def test_the_readme_shows_words():
    assert {"coherence", "TileGrid.legacy", "insar.decay.fit_decay", "warp.geo2rdr.radar_view"} <= set(_shown())


def test_code_of_the_readme_imports_what_is_there():
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("m3leo_sar"):
                for alias in node.names:
                    assert _found(f"{node.module}.{alias.name}".removeprefix("m3leo_sar."))


def test_every_public_word_is_found_and_listed():
    assert m3leo_sar.__all__ == sorted(m3leo_sar.__all__)
    for name in m3leo_sar.__all__:
        # The room `view` is a word itself.
        assert _found(name).__name__.rpartition(".")[2] == name
        assert name in dir(m3leo_sar)
    with pytest.raises(AttributeError, match="did you mean 'coherence'"):
        _found("coherance")


def test_type_checkers_see_what_is_imported_late():
    tree = ast.parse((ROOT / "src" / "m3leo_sar" / "__init__.py").read_text())
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"m3leo_sar.{home}" for name, home in m3leo_sar._HOMES.items()}


def test_rooms_open_after_importing_the_package_alone():
    code = (
        "import sys, m3leo_sar\n"
        "loaded = 'torch cupy rasterio scipy h5py zarr xarray dask numba lightning matplotlib'.split()\n"
        "assert not [name for name in loaded if name in sys.modules]\n"
        "print(m3leo_sar.insar.fringe.fringe_coherence.__name__, m3leo_sar.io.stacks.open_stack.open_stack.__name__)\n"
        "assert 'goldstein' in dir(m3leo_sar.insar)\n"
        "try: m3leo_sar.insar.goldstien\n"
        "except AttributeError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    reported = run.stdout.splitlines()
    assert reported[0] == "fringe_coherence open_stack"
    assert reported[1] == "module 'm3leo_sar.insar' has no attribute 'goldstien'; did you mean 'goldstein'?"


WITHOUT = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rasterio", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import m3leo_sar
for ask in (lambda: m3leo_sar.open_source, lambda: m3leo_sar.learn.fit.fit):
    try:
        ask()
    except ModuleNotFoundError as error:
        print(error)
"""


def test_a_missing_library_is_answered_with_its_extra_in_python_too():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    source, fit = done.stdout.splitlines()
    assert "rasterio is not installed: install it with pip install 'm3leo-sar[app]'" in source
    assert "install it with pip install 'm3leo-sar[train]'" in fit
