"""The CPU kernels under the sanitizers, in a program of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDES = [f"-I{folder}" for folder in sorted((ROOT / "ext").iterdir()) if folder.is_dir()]
BUILDS = {
    "plain": ["-fopenmp"],
    # Clones are picked before the sanitizers' runtime is ready, and OpenMP's runtime looks like a race to them.
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-DM3_NO_CLONES", "-fopenmp"],
    # Vectors of every size on any processor: what is wider than its registers is emulated.
    "registers of 16 bytes": ["-DM3_NO_CLONES", "-DM3_REGISTER_BYTES=16", "-fopenmp"],
    "registers of 64 bytes": ["-DM3_NO_CLONES", "-DM3_REGISTER_BYTES=64", "-fopenmp"],
    # As compilers without vector types have them, and without OpenMP.
    "plain vectors": ["-DM3_NO_CLONES", "-DM3_PLAIN_VECTORS", "-Wno-unknown-pragmas"],
    "thread": ["-fsanitize=thread", "-DM3_NO_CLONES", "-DM3_STD_THREADS=3", "-pthread"],
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Build with a sanitizer, run, and return what was printed."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    folder = tmp_path_factory.mktemp("ext")
    # Rounding must not depend on the build: no contraction, as in setup.py.
    common = ["-std=c++17", "-g1", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]

    def run(build: str, **environment: str) -> str:
        program = folder / build
        if not program.exists():
            source = ROOT / "tests/ext/driver.cpp"
            subprocess.run([compiler, *common, *INCLUDES, *BUILDS[build], source, "-o", program], check=True)
        done = subprocess.run([program], capture_output=True, text=True, env={**os.environ, **environment}, check=False)
        assert done.returncode == 0, done.stderr[:4000]
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.mark.slow
@pytest.mark.parametrize("build", [name for name in BUILDS if name != "plain"])
def test_the_kernels_are_clean_and_give_the_same_bits(digest, build):
    expected = digest("plain", OMP_NUM_THREADS="1")
    assert len(expected) == 17
    assert digest(build, OMP_NUM_THREADS="3") == expected
    assert digest("plain", OMP_NUM_THREADS="4") == expected
