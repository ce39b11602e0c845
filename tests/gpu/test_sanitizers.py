"""The kernels under ThreadSanitizer and AddressSanitizer, in programs of their own, and the emulation's own checks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INCLUDES = [f"-I{folder}" for folder in sorted((ROOT / "ext").iterdir()) if folder.is_dir()]
SANITIZERS = {
    "plain": ([], []),
    "thread": (["-DM3_SIMT_TSAN"], ["-fsanitize=thread"]),
    "address": (["-DM3_SIMT_ASAN"], ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]),
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Compile a program with a sanitizer; the runtime itself stays without instrumentation."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    folder, made = tmp_path_factory.mktemp("sanitizers"), {}
    common = [compiler, "-std=c++17", "-g1", "-O1", *INCLUDES]

    def program(name: str, sanitizer: str) -> Path:
        if (name, sanitizer) not in made:
            defines, flags = SANITIZERS[sanitizer]
            runtime, target = folder / f"runtime-{sanitizer}.o", folder / f"{name}-{sanitizer}"
            subprocess.run([*common, *defines, "-c", ROOT / "ext/simt/runtime.cpp", "-o", runtime], check=True)
            source = ROOT / f"tests/gpu/{name}.cpp"
            subprocess.run([*common, *flags, source, runtime, "-o", target, "-lpthread"], check=True)
            made[name, sanitizer] = target
        return made[name, sanitizer]

    return program


def run(program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "M3LEO_SIMT_THREADS": "2", **environment}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=settings, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["0", "1", "2"])
@pytest.mark.parametrize("sanitizer", ["thread", "address"])
def test_every_kernel_is_clean(build, sanitizer, order):
    done = run(build("driver", sanitizer), M3LEO_SIMT_ORDER=order, M3LEO_SIMT_STRICT="1")
    assert done.returncode == 0, done.stdout + done.stderr[:4000]
    assert len(done.stdout.splitlines()) == 41
    assert all(line.endswith(" done") for line in done.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "sanitizer", "message"),
    [
        ("missing_barrier", "thread", "data race"),
        ("other_blocks_pixel", "thread", "data race"),
        ("overrun", "address", "use-after-poison"),
    ],
)
def test_a_planted_fault_is_found_by_its_sanitizer(build, fault, sanitizer, message):
    # A race between blocks shows only when two workers run, so it gets several tries.
    found = [run(build("faults", sanitizer), fault) for _ in range(5 if fault == "other_blocks_pixel" else 1)]
    assert any(done.returncode != 0 and message in done.stderr for done in found), found[0].stderr[:2000]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("divergent_barrier", "divergent barrier or warp primitive"),
        ("early_return", "barrier after some threads of the block returned"),
        ("lane_outside_mask", "warp primitive called by a lane outside its mask"),
        ("too_much_shared", "shared memory over the limit: 65536 bytes"),
    ],
)
def test_a_planted_fault_is_refused(build, fault, message):
    done = run(build("faults", "plain"), fault, M3LEO_SIMT_STRICT="1")
    assert done.returncode == 3
    assert message in done.stdout


@pytest.mark.parametrize("order", ["0", "1", "2"])
def test_barriers_shuffles_votes_and_atomics_mean_what_they_mean_on_a_gpu(build, order):
    done = run(build("faults", "plain"), "sound", M3LEO_SIMT_ORDER=order)
    assert done.stdout.split() == ["done", "2016", "40", "1", "1"]
