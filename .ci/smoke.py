"""Whether an installed m3leo_sar computes right values: ``python smoke.py [--without PACKAGE ...]``.

Needs nothing but the package, runs on every system, and prints what it ran on.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

import m3leo_sar
from m3leo_sar import Looks, Window, coherence, interferogram, multilook
from m3leo_sar.grid.tiles import tile_identifier


def check_kernels() -> None:
    """Coherence beside its formula, an interferogram, looks, a tile's name."""
    rng = np.random.default_rng(7)
    z = rng.standard_normal((3, 40, 52, 2)).astype("float32").view("complex64")[..., 0]
    first, second = z[0], (0.8 * z[0] + 0.6 * z[1]).astype("complex64")
    second[11, 17] = np.nan
    found = coherence(first, second, window=Window(rows=5, cols=7))
    valid = np.isfinite(second)
    a, b = (np.where(valid, image, 0).astype("complex128") for image in (first, second))

    def summed(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((2, 2), (3, 3)))
        return sum(padded[i : i + 40, j : j + 52] for i in range(5) for j in range(7))

    expected = abs(summed(a * b.conj())) / np.sqrt(summed(abs(a) ** 2) * summed(abs(b) ** 2))
    expected[~valid] = np.nan
    np.testing.assert_allclose(found, expected, atol=2e-6)
    same = coherence(first.astype("complex128"), first.astype("complex128"), window=Window(rows=3, cols=2))
    np.testing.assert_allclose(same, 1, atol=1e-12)
    np.testing.assert_allclose(interferogram(first, first), abs(first) ** 2, atol=1e-5)
    looked = multilook(abs(first), looks=Looks(rows=4, cols=2))
    np.testing.assert_allclose(looked, abs(first).reshape(10, 4, 26, 2).mean((1, 3)), rtol=1e-5)
    assert tile_identifier(2.1, 48.1, 2.2, 48.2)


def check_threads() -> None:
    """The same bits from one thread and from several, and a child that was forked after threads had run."""
    code = (
        "import os, sys, zlib, numpy as np, m3leo_sar as m\n"
        "z = np.random.default_rng(3).standard_normal((2, 200, 300, 2)).view('complex128')[..., 0]\n"
        "def digest(): return zlib.crc32(m.coherence(z[0], z[1], window=m.Window(rows=5, cols=5)).tobytes())\n"
        "print(digest(), flush=True)\n"
        "if hasattr(os, 'fork') and sys.platform == 'linux':\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        print(digest(), flush=True)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    found = []
    for threads in ("1", "3"):
        command = [sys.executable, "-W", "ignore", "-c", code]
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        found += done.stdout.split()
    assert len(set(found)) == 1, found


def main() -> None:
    absent = sys.argv[2:] if sys.argv[1:2] == ["--without"] else []
    for name in absent:
        assert importlib.util.find_spec(name) is None, f"{name} is there, which nothing has asked for"
    check_kernels()
    check_threads()
    place = Path(m3leo_sar.__file__).parent
    print(f"m3leo_sar in {place.name} computes right values: Python {platform.python_version()}, {platform.platform()}")


if __name__ == "__main__":
    main()
