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

#: Rooms that hold rooms of their own; a file right inside one belongs to no inner room.
NESTED = ("io", "learn")
MAP_AND_STACK = {"grid", "stack"}
IO = {
    "io.database",
    "io.remote",
    "io.files",
    "io.tables",
    "io.chips",
    "io.components",
    "io.sources",
    "io.stacks",
    "io.sentinel1",
}
PIXELS = {"insar", "warp", "chips"}
LEARN = {"learn.models", "learn.data", "learn.score", "learn.tasks", "learn.fit", "learn.shift"}
BELOW_PRODUCTS = MAP_AND_STACK | PIXELS | IO | {"doors"}
#: Rooms that every other may import.
OPEN = ("_check", "_display", "_machine", "_missing_package", "_openmp", "_own_code", "_progress")
#: Room to the rooms it may import beside itself.
ARROWS = {
    "_check": set(),
    "_display": set(),
    "_machine": set(),
    "_openmp": {"_machine"},
    "_own_code": set(),
    "_progress": set(),
    "_missing_package": set(),
    "_rooms": {"_check", "_missing_package"},
    "grid": set(),
    "_backend": {"_ext"},
    "stack": {"grid"},
    "doors": {"grid", "stack", "_backend"},
    "insar": {"grid", "_backend", "doors"},
    "warp": {"grid", "_backend", "doors"},
    "chips": {"grid", "_backend", "doors"},
    "simulate": MAP_AND_STACK,
    "io.database": set(),
    "io.remote": {"io.database"},
    "io.files": {"grid", "io.database", "io.remote"},
    "io.tables": {"grid", "io.files"},
    "io.components": {"grid", "io.files", "io.tables"},
    "io.sources": {"grid", "io.files", "io.components"},
    "io.sentinel1": {"grid", "io.files", "io.remote"},
    "io.stacks": MAP_AND_STACK | {"io.remote", "io.files", "io.sentinel1"},
    "io.chips": MAP_AND_STACK | {"io.remote", "io.files", "io.tables"},
    "products": BELOW_PRODUCTS,
    "run": BELOW_PRODUCTS | {"products"},
    "learn.models": set(),
    "learn.data": MAP_AND_STACK | {"chips", "io.files", "io.tables", "io.chips", "learn.models"},
    "learn.score": {"learn.data"},
    "learn.tasks": {"chips", "learn.models", "learn.data", "learn.score"},
    "learn.fit": MAP_AND_STACK | IO | {"chips", "learn.models", "learn.data", "learn.score", "learn.tasks"},
    "learn.shift": MAP_AND_STACK | IO | {"chips", "learn.data", "learn.score"},
    "training": BELOW_PRODUCTS | LEARN | {"products"},
    "pictures": MAP_AND_STACK | IO | {"chips"},
    "bench": BELOW_PRODUCTS | LEARN | {"products", "run", "training", "simulate", "pictures"},
    "view": BELOW_PRODUCTS | {"products", "run", "pictures"},
    "app": {"_backend"}
    | BELOW_PRODUCTS
    | LEARN
    | {"products", "run", "training", "simulate", "pictures", "bench", "view"},
}
#: Library to the only rooms that may import it.
KEPT = {
    "torch": LEARN | {"training"},
    "lightning": LEARN,
    "torchmetrics": LEARN,
    "omegaconf": LEARN,
    "cupy": {"_backend"},
    "rasterio": IO,
    "h5py": IO,
    "zarr": IO,
    "pyarrow": IO,
    "argparse": {"app"},
    "typer": {"app"},
    "rich": {"app"},
    "matplotlib": {"pictures"},
    "bokeh": {"view"},
    "tornado": {"view"},
}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return _room(parts)


def _room(parts: tuple[str, ...]) -> str:
    return ".".join(parts[:2]) if parts[0] in NESTED and len(parts) > 1 else parts[0]


def rooms_in(path: Path) -> set[str]:
    """Rooms of ours that a file imports; a name imported from a nested room is a room or a file of it."""
    names = {tuple(name.split(".")[1:]) for name in imported(path) if name.startswith("m3leo_sar.")}
    return {_room(parts) for parts in names} - set(NESTED)


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
    if path.name == "__init__.py":
        assert rooms_in(path) <= {"_rooms"}
        return
    assert rooms_in(path) <= ARROWS[room] | {room, *OPEN}


def test_the_arrows_have_no_circle_and_no_room_is_forgotten() -> None:
    rooms = {room_of(path) for path in FILES if path.name != "__init__.py"}
    assert rooms == set(ARROWS)
    settled: set[str] = {"_ext"}
    while left := {room for room in ARROWS if room not in settled}:
        free = {room for room in left if ARROWS[room] <= settled | {room}}
        assert free, f"a circle among {sorted(left)}"
        settled |= free


def test_every_concept_has_one_home() -> None:
    homes: dict[str, list[str]] = {}
    for path in FILES:
        if path.name != "__init__.py" and room_of(path) not in ("_backend", *OPEN):
            homes.setdefault(path.stem, []).append(str(path.relative_to(PACKAGE)))
    assert not {stem: paths for stem, paths in homes.items() if len(paths) > 1}


def test_no_folder_is_a_hall() -> None:
    folders = [path.parent for path in FILES if path.name == "__init__.py"]
    folders += [path for path in (ROOT / "ext").iterdir() if path.is_dir()]
    for folder in folders:
        files = [path for path in folder.iterdir() if path.suffix in (".py", ".h", ".pyx", ".cu", ".cpp")]
        assert len(files) <= 34, folder


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in {name.partition(".")[0] for name in imported(path)} & KEPT.keys():
        assert room_of(path) in KEPT[name], name


def test_projections_have_one_place() -> None:
    # GeoBox imports PROJ's transformer for its annotation only.
    users = {path.stem for path in FILES if "pyproj" in {name.partition(".")[0] for name in imported(path)}}
    assert users == {"projection", "geobox"}


#: Words that a room offers beside its modules.
WORDS = {"view": ", words={'Explorer': 'explorer', 'serve': 'server', 'view': 'view'}"}


def test_folders_hold_one_sentence_and_open_their_modules() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        body = ast.parse(path.read_text()).body
        assert isinstance(body[0], ast.Expr), path
        if path.parent.name == "_ext":
            continue
        assert [ast.unparse(line) for line in body[1:]] == [
            "from m3leo_sar._rooms import lazy_modules",
            f"__getattr__, __dir__ = lazy_modules(__name__, __path__{WORDS.get(path.parent.name, '')})",
        ], path


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
        "import sys, time; import numpy; started = time.process_time(); import m3leo_sar\n"
        "heavy = 'torch cupy rasterio numba h5py zarr lightning matplotlib scipy hydra omegaconf'.split()\n"
        "print([name for name in heavy if name in sys.modules], time.process_time() - started)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    loaded, seconds = zip(*(run.stdout.rsplit(" ", 1) for run in runs), strict=True)
    assert set(loaded) == {"[]"}
    # Seconds of the processor, which other programs do not lengthen; far above what it takes.
    assert min(float(text) for text in seconds) < 0.5


def test_files_import_each_other_in_no_circle_not_even_inside_functions() -> None:
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES}
    needs = {name: imported(path) & (names.keys() - {name}) for name, path in names.items()}
    settled: set[str] = set()
    while left := names.keys() - settled:
        free = {name for name in left if needs[name] <= settled}
        assert free, f"a circle among {sorted(left)}"
        settled |= free
