"""The source archive and the wheel carry what compiles at install time and at run time."""

from __future__ import annotations

import importlib.util
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NATIVE = {
    path.relative_to(ROOT / "ext").as_posix()
    for pattern in ("*/*.h", "*/*.cu", "*/*.pyx")
    for path in (ROOT / "ext").glob(pattern)
    if path.parent.name != "simt"
}


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{name}_script", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of the tree, and the wheel on the stable ABI that ``./m3 wheel`` makes from it, not from the tree.

    Its kernels are compiled without optimisation, in a quarter of the time, by the tools that are installed here; the
    installation of the tree itself gets those that pyproject.toml names.
    """
    folder = tmp_path_factory.mktemp("dist")
    wheel = script("wheel")
    sdist = wheel.build_sdist(ROOT, folder, isolated=False)
    return sdist, wheel.build_wheel(sdist, folder, isolated=False, CXXFLAGS="-O0")


@pytest.mark.slow
def test_sdist_carries_headers_kernels_and_tests(archives: tuple[Path, Path]) -> None:
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"ext/{name}" for name in NATIVE} <= names
    assert {"LICENSE", "setup.py", "constraints.txt", "tests/reference.py", "ext/simt/runtime.cpp"} <= names
    assert not [name for name in names if name.endswith(".so")]


@pytest.mark.slow
def test_wheel_carries_kernels_but_not_the_emulation(archives: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(archives[1]) as archive:
        names = set(archive.namelist())
    assert {f"m3leo_sar/_ext/{name}" for name in NATIVE} <= names
    assert "m3leo_sar/py.typed" in names
    assert not [name for name in names if "simt" in name and "_backend" not in name]
    for stem in (Path(name).stem for name in NATIVE if name.endswith(".pyx")):
        assert [name for name in names if name.startswith(f"m3leo_sar/_ext/{stem}.") and name.endswith(".so")], stem


@pytest.mark.slow
def test_wheel_serves_every_python_and_holds_nothing_of_this_machine(archives: tuple[Path, Path]) -> None:
    if sys.platform == "linux":
        assert re.search(r"-cp311-abi3-manylinux_2_\d+_\w+\.whl$", archives[1].name)
    assert list(script("check_wheel").problems(archives[1])) == []


@pytest.mark.slow
def test_wheel_works_without_a_compiler_a_home_and_variables(archives: tuple[Path, Path], tmp_path: Path) -> None:
    environment = script("check_wheel").Environment(tmp_path, sys.executable)
    assert "computes right values" in environment.core(archives[1])
