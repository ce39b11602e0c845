"""What each GPU kernel asks of a GPU's memory per pixel, counted by the emulation, and the bound that a device sets.

    python benchmarks/gpu_counts.py [--device h200] [--only resample]... [--build-folder DIR]

Needs g++ and no GPU. Columns:

compulsory  bytes of inputs and results, each once
memory      bytes of 32-byte sectors, each once per launch, as if the second-level cache kept them; and the ratio
second      bytes past the first-level cache, if that keeps what its own block has read; and the ratio
on chip     bytes through a multiprocessor's shared memory and first-level cache: sectors of each warp access, and 128
            bytes for each turn of the banks or shuffle
conflicts   share of the turns of shared memory that bank conflicts add
lanes       share of the lanes of a warp that take part, over the basic blocks it runs
atomics     warp instructions
bound       the slowest of memory (at the bandwidth of a copy), second-level cache and on chip, and the compulsory bytes
            per second there, relative to a copy

Arithmetic is not counted, so a kernel may be slower than its bound. How accesses are joined to warp instructions, and
what that leaves out, is described in ext/simt/counts.cpp.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from simt_counts import NAMES, CountingDevice, build

from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar._backend.normalise_request import NormaliseRequest
from m3leo_sar._backend.places import Places
from m3leo_sar._backend.simt import as_simt
from m3leo_sar.warp.kernel_table import kernel_table


class Gpu(NamedTuple):
    """Rates of a device: multiprocessors, their bytes per clock, clocks per second; bytes per second."""

    multiprocessors: int
    chip_bytes: int
    clock: float
    memory: float
    copy: float
    second_level: float


#: H200 SXM: 132 multiprocessors (NVIDIA H100 architecture white paper) of 32 banks of 4 bytes (CUDA C++ programming
#: guide), 1.98 GHz; 4.8 TB/s (NVIDIA H200 data sheet), of which a copy reaches about 4.3. The second-level cache as
#: measured on an H100 PCIe of 114 multiprocessors and a lower clock (Chips and Cheese, "Nvidia's H100: Funny L2, and
#: Tons of Bandwidth", 2023).
GPUS = {"h200": Gpu(132, 128, 1.98e9, 4.8e12, 4.3e12, 5.5e12)}


class Case(NamedTuple):
    """A call of kernels: its results' pixels, bytes per pixel that it cannot do without, and the call."""

    pixels: int
    compulsory: float
    call: Callable[[dict[str, Any]], Any]


def _images(count: int, shape: tuple[int, int]) -> list[Any]:
    draw = np.random.default_rng(7)
    return [
        as_simt((draw.normal(size=shape) + 1j * draw.normal(size=shape)).astype(np.complex64)) for _ in range(count)
    ]


def _coherence(dates: int, shape: tuple[int, int]) -> Case:
    """All pairs of some dates, window 5 x 20, magnitude alone; per pixel of one plane."""
    images, pairs = _images(dates, shape), list(itertools.combinations(range(dates), 2))
    request = CoherenceRequest(window=(5, 20))
    compulsory = 8.0 * dates + 4.0 * len(pairs)
    return Case(shape[0] * shape[1], compulsory, lambda k: k["coherence_pairs"](images, pairs, request))


def _offsets(shape: tuple[int, int]) -> Places:
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    down, right = 4.3 + 1e-3 * rows + 2e-4 * cols, 5.7 + 1e-4 * rows + 3e-4 * cols
    return Places(as_simt(down), as_simt(right), -1, shape)


def _resample(shape: tuple[int, int]) -> Case:
    """Complex image under rasters of offsets of a few 1e-4 per pixel, sinc of 8 taps."""
    (image,), table = _images(1, (shape[0] + 16, shape[1] + 16)), kernel_table("sinc")
    places = _offsets(shape)
    return Case(shape[0] * shape[1], 32.0, lambda k: k["resample_image"](image, table, places, None))


def _warp(shape: tuple[int, int], kernel: str) -> Case:
    """One real band to a tile of the same spacing, positions as sums of three terms."""
    rows, cols = np.arange(shape[0], dtype=float), np.arange(shape[1], dtype=float)
    down = np.zeros((2, shape[0], 3))
    along = np.zeros((2, 3, shape[1]))
    down[0] = np.stack([4.3 + 0.98 * rows, np.full_like(rows, 0.02), np.zeros_like(rows)], -1)
    along[0] = np.stack([np.ones_like(cols), cols, np.ones_like(cols)])
    down[1] = np.stack([5.2 - 0.02 * rows, np.full_like(rows, 0.98), np.zeros_like(rows)], -1)
    along[1] = along[0]
    places = Places(as_simt(down), as_simt(along), 3, shape)
    band = as_simt(np.random.default_rng(3).normal(size=(1, shape[0] + 24, shape[1] + 24)).astype(np.float32))
    if kernel == "bilinear":
        return Case(shape[0] * shape[1], 8.0, lambda k: k["warp_bilinear"](band, places))
    return Case(shape[0] * shape[1], 8.0, lambda k: k["warp_kernel"](band, places, 3, (1.0, 1.0)))


def _normalise(shape: tuple[int, int], encoding: int, plane: Any, compulsory: float, channels: int) -> Case:
    recipe = np.array([[-1.0, 1.0, 0.0, 1.0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0]])
    request = NormaliseRequest(
        places=np.array([[encoding, 0, 0, -1]], np.int32), recipes=recipe, shape=(channels, *shape)
    )
    return Case(shape[0] * shape[1], compulsory, lambda k: k["normalise"]([plane], request))


def _fringe(shape: tuple[int, int]) -> Case:
    """Magnitude and both estimated frequencies, window 5 x 20."""
    images = _images(2, shape)
    request = CoherenceRequest(window=(5, 20))
    return Case(shape[0] * shape[1], 28.0, lambda k: k["fringe_coherence"](*images, None, request))


def _decay(pixels: int, dates: int) -> Case:
    """All pairs of dates 12 days apart, float32, plain least squares."""
    pairs = list(itertools.combinations(range(dates), 2))
    lags = np.array([12.0 * (b - a) for a, b in pairs])
    lag_days, lag_of_pair = np.unique(lags, return_inverse=True)
    ratio = (3650 / 2) ** (1 / 256)
    table = -np.expm1(-lag_days / (2 * ratio ** np.arange(257)[:, None]))
    rho = 0.2 + 0.8 * np.exp(-lags / 40) + 0.05 * np.random.default_rng(2).normal(size=(pixels, len(pairs)))
    planes = as_simt(np.ascontiguousarray(rho.T.astype(np.float32)))
    arguments = (lag_of_pair.astype(np.int32), lag_days, table, (2.0, ratio), 0.0)
    return Case(pixels, 4.0 * len(pairs) + 12.0, lambda k: k["fit_decay"](planes, *arguments))


def _interferogram(shape: tuple[int, int]) -> Case:
    images = _images(2, shape)
    return Case(shape[0] * shape[1], 24.0, lambda k: k["interferogram_pairs"](images, [(0, 1)], (1, 1), 0.0, ()))


def cases() -> dict[str, Callable[[], Case]]:
    """Cases by name; sizes are whole numbers of blocks where edges would count too much."""
    draw = np.random.default_rng(5)
    real = as_simt(draw.uniform(0, 1, (96, 448)).astype(np.float32))
    (complex_,) = _images(1, (96, 448))
    return {
        "coherence, one pair": lambda: _coherence(2, (64, 432)),
        "coherence, 435 pairs of 30 dates": lambda: _coherence(30, (128, 236)),
        "resample, rasters of offsets": lambda: _resample((96, 448)),
        "warp, bilinear": lambda: _warp((96, 448), "bilinear"),
        "warp, Lanczos": lambda: _warp((96, 448), "lanczos"),
        "normalise, linear": lambda: _normalise((96, 448), 0, real, 9.0, 1),
        "normalise, phasor of complex64": lambda: _normalise((96, 448), 5, complex_, 18.0, 2),
        "fringe": lambda: _fringe((128, 256)),
        "decay, 190 pairs": lambda: _decay(512, 20),
        "interferogram": lambda: _interferogram((96, 448)),
    }


class Counted(NamedTuple):
    """Bytes per pixel and shares of one case."""

    compulsory: float
    global_bytes: float
    launch_bytes: float
    on_chip: float
    conflicts: float
    lanes: float
    atomics: float

    def seconds(self, gpu: Gpu) -> dict[str, float]:
        """Seconds per pixel that each part of the device takes at least."""
        chip = gpu.multiprocessors * gpu.chip_bytes * gpu.clock
        return {
            "memory": self.launch_bytes / gpu.copy,
            "second-level cache": self.global_bytes / gpu.second_level,
            "on chip": self.on_chip / chip,
        }

    def bound(self, gpu: Gpu) -> float:
        """Compulsory bytes per second of the slowest part, relative to a copy."""
        return self.compulsory / max(self.seconds(gpu).values()) / gpu.copy


def counted(case: Case, library: Path) -> Counted:
    """Counts of a case, summed over its kernels."""
    device = CountingDevice(library)
    case.call(device.kernels())
    total = {name: sum(counts[name] for counts in device.counts.values()) for name in NAMES}
    turns = total["shared_cycles"]
    on_chip = total["read_bytes"] + total["written_bytes"] + 128 * (turns + total["shuffle_cycles"])
    return Counted(
        case.compulsory,
        (total["block_read_bytes"] + total["block_written_bytes"]) / case.pixels,
        (total["launch_read_bytes"] + total["launch_written_bytes"]) / case.pixels,
        on_chip / case.pixels,
        1 - total["shared_ideal_cycles"] / turns if turns else 0.0,
        total["visits"] / max(total["visits_possible"], 1.0),
        total["atomics"] / case.pixels,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=sorted(GPUS), default="h200", help="device whose bound is printed")
    parser.add_argument("--only", action="append", help="cases whose names begin so; may be given several times")
    parser.add_argument("--build-folder", type=Path, help="folder that keeps the compiled emulation")
    options = parser.parse_args()
    folder = options.build_folder or Path(tempfile.gettempdir()) / "m3leo-sar-simt-counts"
    folder.mkdir(parents=True, exist_ok=True)
    library, gpu = build(folder), GPUS[options.device]
    columns = "compulsory, memory, ratio, second, ratio, on chip, conflicts, lanes, atomics, bound, of a copy"
    print(f"| bytes per pixel | {columns.replace(', ', ' | ')} |\n|{'---|' * 12}")
    for name, make in cases().items():
        if not name.startswith(tuple(options.only or [""])):
            continue
        c = counted(make(), library)
        seconds = c.seconds(gpu)
        slowest = max(seconds, key=lambda part: seconds[part])
        print(
            f"| {name} | {c.compulsory:.0f} | {c.launch_bytes:.1f} | {c.launch_bytes / c.compulsory:.2f} |"
            f" {c.global_bytes:.1f} | {c.global_bytes / c.compulsory:.2f} | {c.on_chip:.0f} | {c.conflicts:.0%} |"
            f" {c.lanes:.0%} | {c.atomics:.2g} | {slowest} | {c.bound(gpu):.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
