"""The OpenMP runtime of the kernels: after a fork, beside that of torch, and kernels for newer processors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from m3leo_sar import _openmp

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and libraries listed on Linux")
FORKED = """
import os, signal, numpy as np, m3leo_sar as m
from m3leo_sar import _openmp
z = np.random.default_rng(3).standard_normal((2, 120, 170, 2)).view("complex128")[..., 0]
def digest(): return m.coherence(z[0], z[1], window=m.Window(rows=5, cols=4)).tobytes()
first = digest()
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if digest() == first and _openmp.max_threads() == 1 else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), _openmp.max_threads())
"""
BESIDE_TORCH = """
import sys, numpy as np
if {first}: import torch
import m3leo_sar as m
from m3leo_sar import _openmp
from m3leo_sar.run.threads import limit_openmp
import torch
z = np.random.default_rng(3).standard_normal((2, 120, 170, 2)).view("complex128")[..., 0]
def digest(): return m.coherence(z[0], z[1], window=m.Window(rows=5, cols=4)).tobytes()
product = torch.from_numpy(z.real.copy())
before, sums = digest(), (product[0] @ product[1].T).sum()
reported = limit_openmp(3)
assert reported > 0 and _openmp.max_threads() == 3, (reported, _openmp.max_threads())
for _ in range(3):
    assert digest() == before and torch.allclose((product[0] @ product[1].T).sum(), sums)
print(reported)
"""


def python(code, **variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "3", **variables}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


@LINUX
def test_a_forked_process_computes_in_one_thread_and_does_not_wait_for_threads_of_its_parent():
    assert python(FORKED) == ["0", "3"]


@LINUX
@pytest.mark.parametrize("first", [False, True])
def test_kernels_and_torch_in_one_process_take_the_same_limit(first):
    assert python(BESIDE_TORCH.format(first=first))


def test_without_kernels_the_cpus_of_the_process_count(monkeypatch):
    monkeypatch.delitem(sys.modules, "m3leo_sar._ext.multilook", raising=False)
    monkeypatch.setattr(_openmp._machine, "available_cpus", lambda: 7)
    assert _openmp.max_threads() == 7
    _openmp.one_thread()


def test_kernels_for_newer_processors_are_taken_where_they_are_and_the_processor_is_one(tmp_path, monkeypatch):
    from numpy._core import _multiarray_umath as numpy_core

    assert _openmp.faster_kernels([str(tmp_path)]) == []
    folder = tmp_path / "x86_64_v3"
    folder.mkdir()
    features = dict.fromkeys(_openmp._FEATURES, True)
    monkeypatch.setattr(numpy_core, "__cpu_features__", features)
    assert _openmp.faster_kernels([str(tmp_path)]) == [str(folder)]
    monkeypatch.setattr(numpy_core, "__cpu_features__", features | {"FMA3": False})
    assert _openmp.faster_kernels([str(tmp_path)]) == []
