"""The rooms of the package and who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "m3leo_sar"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Room to the rooms it may import beside itself; `_check` is open to all.
ARROWS = {
    "_check": set(),
    "grid": set(),
    "_backend": {"_ext"},
    "stack": {"grid"},
    "insar": {"grid", "_backend"},
    "warp": {"grid", "_backend"},
    "chips": {"grid", "_backend"},
    "io": {"grid", "stack"},
    "simulate": {"grid", "stack"},
    "learn": {"grid", "stack", "io", "chips"},
    "app": {"grid", "stack", "insar", "warp", "chips", "io", "simulate", "learn"},
}
#: Library to the only rooms that may import it.
KEPT = {
    "torch": {"learn"},
    "lightning": {"learn"},
    "torchmetrics": {"learn"},
    "omegaconf": {"learn"},
    "cupy": {"_backend"},
    "rasterio": {"io"},
    "h5py": {"io"},
    "zarr": {"io"},
    "pyarrow": {"io"},
    "yaml": {"app"},
    "argparse": {"app"},
    "typer": {"app"},
    "rich": {"app"},
    "matplotlib": {"app"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("m3leo_sar.")}
    assert ours <= ARROWS[room] | {room, "_check"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in {name.partition(".")[0] for name in imported(path)} & KEPT.keys():
        assert room_of(path) in KEPT[name], name


def test_folders_hold_one_sentence_and_no_code() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        body = ast.parse(path.read_text()).body
        assert len(body) == 1, path
        assert isinstance(body[0], ast.Expr), path


def test_every_package_is_named_for_the_build() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(named) == folders | {"m3leo_sar._ext"}


def test_public_words() -> None:
    import m3leo_sar

    fixed = "coherence interferogram multilook reproject geolocate normalise Window Looks GeoBox TileGrid Pair SlcStack"
    assert set(fixed.split()) <= set(m3leo_sar.__all__)
    assert m3leo_sar.__all__ == sorted(m3leo_sar.__all__)


def test_import_is_light() -> None:
    code = (
        "import sys, time; import numpy; started = time.perf_counter(); import m3leo_sar\n"
        "heavy = 'torch cupy rasterio numba h5py zarr lightning matplotlib scipy'.split()\n"
        "print([name for name in heavy if name in sys.modules], time.perf_counter() - started)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    loaded, seconds = zip(*(run.stdout.rsplit(" ", 1) for run in runs), strict=True)
    assert set(loaded) == {"[]"}
    # Far above what it takes, so that only a heavy import fails it and not a busy machine.
    assert min(float(text) for text in seconds) < 0.5
