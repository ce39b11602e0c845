"""Reading of stacks on disk: ``python benchmarks/local_stacks.py``.

Whole chunks of an OPERA CSLC through ``open_stack`` beside h5py, and the opening of a NISAR frame of 70 000 x 70 000.
Both orders take turns date by date: whichever reads second would have the better caches, and the load of the machine
changes from second to second.
"""

from __future__ import annotations

import datetime
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from m3leo_sar.io.stacks.open_stack import open_stack

SHAPE, CHUNK, DATES, FRAME = (2048, 4096), 128, 4, 70_000


class LocalTimes(NamedTuple):
    """Seconds for all dates: of the CPU, which others on the machine disturb less, and of the clock."""

    h5py: float
    ours: float
    h5py_wall: float
    ours_wall: float
    megabytes: float


def local(shape: tuple[int, int] = SHAPE, dates: int = DATES, *, rounds: int = 6) -> LocalTimes:
    """Medians of interleaved rounds of reading all chunks of all dates; files are in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder), shape, dates)
        stack = open_stack(folder)

        def ours(index: int) -> Any:
            return stack.read(index, slice(0, shape[0]), slice(0, shape[1]))

        def theirs(index: int) -> Any:
            with h5py.File(paths[index], "r") as file:
                return file["data/VV"][: shape[0], : shape[1]]

        taken = np.zeros((rounds, 2, 2))
        for turn in range(rounds):
            for index in range(dates):
                jobs = [(0, theirs), (1, ours)]
                for place, job in jobs[:: 1 if turn % 2 else -1]:
                    begun = time.process_time(), time.perf_counter()
                    pixels = job(index)
                    taken[turn, place] += time.process_time() - begun[0], time.perf_counter() - begun[1]
                    assert pixels.shape == shape
            assert np.array_equal(theirs(0).view("u8"), ours(0).view("u8"))
    (cpu, wall), (our_cpu, our_wall) = np.median(taken, axis=0)
    return LocalTimes(cpu, our_cpu, wall, our_wall, dates * shape[0] * shape[1] * 8 / 1e6)


def frame(size: int = FRAME) -> tuple[float, float, float]:
    """CPU seconds to open a frame and to read a tile of it, and MiB that the process has taken for both."""
    with tempfile.TemporaryDirectory() as folder:
        write_frame(Path(folder), size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.process_time()
        stack = open_stack(folder)
        opened = time.process_time()
        stack.window(slice(size // 2, size // 2 + 500), slice(size // 3, size // 3 + 500))
        ended = time.process_time()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return opened - begun, ended - opened, (after - before) / 1024


def _write(folder: Path, shape: tuple[int, int], dates: int) -> list[Path]:
    """CSLC files as COMPASS packs them: chunks of 128 x 128, shuffled, gzip 4, ten bits of mantissa."""
    rng = np.random.default_rng(4)
    paths = []
    for index in range(dates):
        date = datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index)
        path = folder / f"OPERA_L2_CSLC-S1_T087-185683-IW2_{date:%Y%m%d}T161651Z_20240504T181714Z_S1A_VV_v1.1.h5"
        pixels = rng.standard_normal((*shape, 2)).astype("f4")
        pixels.view("u4")[...] &= 0xFFFFE000
        with h5py.File(path, "w") as file:
            packed = {"chunks": (CHUNK, CHUNK), "compression": "gzip", "compression_opts": 4, "shuffle": True}
            file.create_dataset("data/VV", data=pixels.view("c8")[..., 0], **packed)
            file["data/x_coordinates"] = 157_322.5 + 5.0 * np.arange(shape[1])
            file["data/y_coordinates"] = 2_172_295.0 - 10.0 * np.arange(shape[0])
            file["data/projection"] = 32605
        paths.append(path)
    return paths


def write_frame(folder: Path, size: int) -> None:
    path = folder / "NISAR_L2_PR_GSLC_004_113_D_065_4005_SHNA_A_20230301T010537_20230301T010600_P05023_N_F_J_001.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("science/LSAR/GSLC/grids/frequencyA")
        for name, dtype in (("HH", "<c8"), ("mask", "u1")):
            # Sparse: chunks that were never written take no room.
            group.create_dataset(name, (size, size), dtype, chunks=(512, 512), fillvalue=np.dtype(dtype).type(1))
        group["xCoordinates"] = 4e6 + 5.0 * np.arange(size)
        group["yCoordinates"] = 4e6 - 5.0 * np.arange(size)
        group["projection"] = np.uint32(32615)
        group["centerFrequency"] = 1239e6
        file["science/LSAR/identification/zeroDopplerStartTime"] = "2023-03-01T01:05:37.000000000"


if __name__ == "__main__":
    found = local()
    print(f"load {os.getloadavg()[0]:.1f}, {found.megabytes:.0f} MB")
    for name, theirs, ours in (("CPU", found.h5py, found.ours), ("clock", found.h5py_wall, found.ours_wall)):
        print(f"{name}: h5py {theirs:.2f} s, open_stack {ours:.2f} s, {theirs / ours:.0%} of its speed")
    opened, read, taken = frame()
    print(f"{FRAME} x {FRAME}: opened in {opened * 1e3:.0f} ms, a tile in {read * 1e3:.0f} ms, {taken:.0f} MiB")
