"""Every CUDA text compiles for every architecture and stays in its budget of registers, without a GPU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from m3leo_sar._backend.source import kernel_source

ROOT = Path(__file__).resolve().parents[2]
STEMS = sorted(path.stem for path in (ROOT / "ext").glob("*/*.cu"))
#: Beside Hopper (90), which the default suite compiles for.
ARCHITECTURES = (75, 80, 100, 120)
#: Registers a thread; 64 leaves four blocks of 256 threads on a multiprocessor, double precision takes more.
REGISTERS = {
    "area": 128,
    "coherence": 128,
    "coherence_strips": 168,
    "coregister": 168,
    "decay": 128,
    "fringe": 128,
    "geolocate": 96,
    "geometry": 168,
    "histogram": 80,
    "homogeneous": 64,
    "interferogram": 64,
    "multilook": 64,
    "normalise": 64,
    "quantise": 32,
    "resample": 168,
    "warp": 168,
}


def compiled(stem: str, architecture: int) -> dict[str, dict[str, int]]:
    """Registers, spills and shared bytes of each kernel, from the assembler's log."""
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from cupy.cuda import nvrtc

    try:
        program = nvrtc.createProgram(kernel_source(stem), f"{stem}.cu", (), ())
    except Exception as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    options = (f"-arch=sm_{architecture}", "-std=c++17", "--ptxas-options=-v")
    try:
        nvrtc.compileProgram(program, options)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    log = nvrtc.getProgramLog(program)
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        used = re.search(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?", part)
        spilled = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        assert used, part
        assert spilled, part
        found[part.partition("'")[0]] = {
            "registers": int(used[1]),
            "shared": int(used[2] or 0),
            "spilled": int(spilled[1]) + int(spilled[2]),
        }
    return found


def check(stem: str, architecture: int) -> None:
    kernels = compiled(stem, architecture)
    entries = re.findall(r'extern "C" __global__', kernel_source(stem))
    assert len(kernels) >= len(entries)
    for name, use in kernels.items():
        assert use["spilled"] == 0, (name, use)
        assert use["registers"] <= REGISTERS[stem], (name, use)
        assert use["shared"] <= 48 * 1024, (name, use)


@pytest.mark.parametrize("stem", STEMS)
def test_compiles_for_hopper_within_its_budget(stem: str) -> None:
    check(stem, 90)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("stem", STEMS)
def test_compiles_for_every_architecture_within_its_budget(stem: str, architecture: int) -> None:
    check(stem, architecture)
