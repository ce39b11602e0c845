"""The source archive and the wheel carry what compiles at install time and at run time."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NATIVE = {
    path.relative_to(ROOT / "ext").as_posix()
    for pattern in ("*/*.h", "*/*.cu", "*/*.pyx")
    for path in (ROOT / "ext").glob(pattern)
    if path.parent.name != "simt"
}


def run(*command: object, cwd: Path, **settings: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **settings},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of the tree, and the wheel that `build` makes from that sdist, not from the tree.

    Its kernels are compiled without optimisation, in a quarter of the time, by the tools that are installed here; the
    installation of the tree itself gets those that pyproject.toml names.
    """
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder, CXXFLAGS="-O0")
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


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
def test_wheel_works_where_the_tree_is_not(archives: tuple[Path, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", archives[1], cwd=tmp_path)
    code = (
        "import numpy as np, m3leo_sar as m\n"
        "z = np.exp(1j * np.arange(35.0)).astype('complex64').reshape(5, 7)\n"
        "print(m.coherence(z, z, window=m.Window(rows=3, cols=2)).min())"
    )
    assert float(run(python, "-c", code, cwd=tmp_path)) == pytest.approx(1.0)
