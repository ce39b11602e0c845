"""Reading of stacks on servers: ``python benchmarks/open_stack.py far``, or ``frame``.

``far``: the window of one tile (448 rows of 10 m, 896 columns of 5 m, and a halo) of 12 dates of an OPERA CSLC, from a
web server of this machine with a latency and a bandwidth, beside h5py over fsspec and the ideal time; ``far ours``
leaves out fsspec, which takes minutes.
``frame``: the opening of a NISAR frame of 70 000 x 70 000 on a server, and of a tile of it.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import h5py
import numpy as np
from local_stacks import FRAME, write_frame

from m3leo_sar.io.remote import open_remote, piece_cache
from m3leo_sar.io.stacks.open_stack import open_stack

SHAPE, CHUNK, DATES = (1536, 16_384), 128, 12
WINDOW = slice(301, 769), slice(5_003, 5_939)
#: Seconds, and bytes per second: a line of 100 Mbit/s.
LATENCY, BANDWIDTH = 0.020, 12.5e6
_SERVER = Path(__file__).resolve().parents[1] / "tests" / "range_server.py"


class FarTimes(NamedTuple):
    """Seconds for a window of all dates."""

    #: Bytes of the chunks over the bandwidth, and one round trip per date.
    ideal: float
    #: The same by one plain request per date, one after the other, as this machine does it.
    plain: float
    #: Files open; then nothing known but their addresses.
    ours: float
    ours_from_nothing: float
    fsspec: float
    fsspec_from_nothing: float
    megabytes: float


def far(
    shape: tuple[int, int] = SHAPE,
    dates: int = DATES,
    window: tuple[slice, slice] = WINDOW,
    *,
    latency: float = LATENCY,
    bandwidth: float = BANDWIDTH,
    rounds: int = 3,
    with_fsspec: bool = True,
) -> FarTimes:
    """Medians of interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), latency, bandwidth) as url:
        names = _write(Path(folder), shape, dates)
        urls = [f"{url}/{name}" for name in names]
        needed = dates * _stored(Path(folder) / names[0], window)
        taken: dict[str, list[float]] = {}
        found = {}
        for _ in range(rounds):
            taken.setdefault("plain", []).append(_plain(urls, needed // dates))
            for name, job in (("ours", _ours), ("fsspec", _fsspec))[: 1 + with_fsspec]:
                seconds, found[name] = job(urls, window)
                for kind, value in zip(("from nothing", "open"), seconds, strict=True):
                    taken.setdefault(f"{name} {kind}", []).append(value)
        if with_fsspec:
            assert np.array_equal(found["ours"].view("u8"), found["fsspec"].view("u8"))
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    return FarTimes(
        needed / bandwidth + dates * latency,
        medians["plain"],
        medians["ours open"],
        medians["ours from nothing"],
        medians.get("fsspec open", float("nan")),
        medians.get("fsspec from nothing", float("nan")),
        needed / 1e6,
    )


def _plain(urls: list[str], size: int) -> float:
    began = time.perf_counter()
    for url in urls:
        request = urllib.request.Request(url, headers={"Range": f"bytes=4096-{4095 + size}"})
        with urllib.request.urlopen(request) as answer:
            assert len(answer.read()) == size
    return time.perf_counter() - began


def _ours(urls: list[str], window: tuple[slice, slice]) -> tuple[tuple[float, float], Any]:
    """Seconds to open and read, and to read again when no chunk is in memory."""
    open_remote.forget_all()
    piece_cache.pieces.clear()
    began = time.perf_counter()
    stack = open_stack(urls)
    opened = time.perf_counter()
    stack.window(slice(0, 1), slice(0, 1))
    again = time.perf_counter()
    pixels = stack.window(*window)
    done = time.perf_counter()
    return (opened - began + done - again, done - again), pixels


def _fsspec(urls: list[str], window: tuple[slice, slice]) -> tuple[tuple[float, float], Any]:
    began = time.perf_counter()
    with ExitStack() as stack:
        files = [stack.enter_context(h5py.File(stack.enter_context(fsspec.open(url, "rb")), "r")) for url in urls]
        data = [file["data/VV"] for file in files]
        opened = time.perf_counter()
        pixels = np.array([one[window] for one in data])
        done = time.perf_counter()
    return (done - began, done - opened), pixels


def _write(folder: Path, shape: tuple[int, int], dates: int) -> list[str]:
    """Products of equal pixels, with ten bits of mantissa as OPERA's."""
    rng = np.random.default_rng(1)
    pixels = rng.standard_normal((*shape, 2), np.float32)
    pixels.view(np.uint32)[...] &= 0xFFFFE000
    path = folder / "first"
    with h5py.File(path, "w") as file:
        packing: dict[str, Any] = {"chunks": (CHUNK, CHUNK), "compression": "gzip", "compression_opts": 4}
        file.create_dataset("data/VV", data=pixels.view(np.complex64)[..., 0], shuffle=True, **packing)
        file["data/x_coordinates"] = 500_002.5 + 5.0 * np.arange(shape[1])
        file["data/y_coordinates"] = 5_500_000.0 - 10.0 * np.arange(shape[0])
        file["data/projection"] = 32631
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(12 * index) for index in range(dates)]
    names = [f"OPERA_L2_CSLC-S1_T087-185683-IW2_{day:%Y%m%d}T161651Z_20240504T181714Z_S1A_VV_v1.1.h5" for day in days]
    for name in names:
        os.link(path, folder / name)
    return names


def _stored(path: Path, window: tuple[slice, slice]) -> int:
    """Bytes of the chunks that a window touches."""
    with h5py.File(path, "r") as file:
        starts = [range(part.start // CHUNK * CHUNK, part.stop, CHUNK) for part in window]
        info: Callable[[tuple[int, int]], Any] = file["data/VV"].id.get_chunk_info_by_coord
        return sum(info((row, col)).size for row in starts[0] for col in starts[1])


@contextmanager
def _served(folder: Path, latency: float, bandwidth: float) -> Iterator[str]:
    """Address of a server of the folder, a process of its own."""
    command = [sys.executable, str(_SERVER), str(folder), str(latency), str(bandwidth)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def frame(size: int = FRAME) -> list[tuple[str, float, float, int, int]]:
    """Step, seconds of the CPU and of the clock, requests and bytes, of a process that has read another file before."""
    sys.path.insert(0, str(_SERVER.parent))
    from range_server import RangeServer

    found = []
    with tempfile.TemporaryDirectory() as folder, RangeServer(Path(folder), latency=LATENCY) as server:
        write_frame(Path(folder), size)
        (path,) = Path(folder).iterdir()
        address = f"{server.url}/{path.name}"
        stack: Any = None
        for step in ("import and open", "open", "read a tile"):
            open_remote.forget_all() if step == "open" else None
            asked, taken = len(server.asked), server.bytes_asked
            began = time.process_time(), time.perf_counter()
            if stack is None or step == "open":
                stack = open_stack(address)
            else:
                stack.window(slice(size // 2, size // 2 + 500), slice(size // 3, size // 3 + 500))
            spent = time.process_time() - began[0], time.perf_counter() - began[1]
            found.append((step, *spent, len(server.asked) - asked, server.bytes_asked - taken))
    return found


def main(kind: str, which: str = "") -> None:
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    if kind == "frame":
        for step, cpu, wall, asked, taken in frame():
            print(f"{step:<16}{cpu:6.2f} s CPU {wall:6.2f} s {asked:3} requests {taken / 1e6:6.2f} MB")
        return
    if kind != "far":
        raise SystemExit("name what to measure: far or frame")
    took = far(with_fsspec=which != "ours")
    print(f"{DATES} dates, {took.megabytes:.1f} MB of chunks, {1e3 * LATENCY:g} ms, {BANDWIDTH / 1e6:g} MB/s")
    print(f"ideal                          {took.ideal:7.2f} s")
    print(f"plain requests of these bytes  {took.plain:7.2f} s")
    for name, ours, theirs in (
        ("files open", took.ours, took.fsspec),
        ("from nothing", took.ours_from_nothing, took.fsspec_from_nothing),
    ):
        ratios = f"{ours / took.ideal:.2f} of the ideal, {ours / took.plain:.2f} of plain requests"
        print(f"{name:<14} open_stack      {ours:7.2f} s  {ratios}")
        if which != "ours":
            print(f"{name:<14} h5py over fsspec{theirs:7.2f} s  {theirs / ours:5.1f} x as long")


if __name__ == "__main__":
    main(*sys.argv[1:3] or ["far"])
