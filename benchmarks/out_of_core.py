"""Memory and time of ``prepare`` over stacks of growing size on disk: ``python benchmarks/out_of_core.py [SHARE ...]``.

Shares are of 20 000 x 25 000 pixels and 4 dates; 1/16, 1/4, 1/2 and all of it if none is named.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from iw_like import write_iw_like

FULL, DATES = (20_000, 25_000), 4
#: Runs all tiles of a stack in one worker process, whose memory is then known, and reports its time and memory.
CODE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from iw_like import tiles_over
from pipeline import WINDOW
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.run_options import RunOptions
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.stack.pairs import all_pairs

catalogue = open_catalogue(sys.argv[2])
grid = tiles_over(catalogue.stack.shape[1:])
recipe = Recipe(pairs=all_pairs(catalogue.stack.dates), window=WINDOW, intensities=False)
started = time.perf_counter()
done = bring_up_to_date(
    catalogue, ChipArchive.create(sys.argv[3], storage="zarr"), grid, recipe, options=RunOptions(workers=1, threads=2)
)
seconds = time.perf_counter() - started
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(part.ru_utime + part.ru_stime for part in used)
# Not its ru_maxrss, which counts the process that started it until it began anew.
main = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
peaks = [main, used[1].ru_maxrss / 1024]
print(json.dumps([len(grid), sum(done.computed.values()), seconds, cpu, *peaks]))
"""


class Measured(NamedTuple):
    """One size."""

    shape: tuple[int, int]
    tiles: int
    chips: int
    seconds: float
    #: Seconds of all CPUs together, which others on the machine disturb less.
    cpu: float
    #: MiB at most, of the process that plans and of the one that works.
    main: float
    worker: float


def measure(share: float, *, full: tuple[int, int] = FULL) -> Measured:
    """Prepare all pairs of all tiles of a stack with so much of the full area."""
    shape = (round(full[0] * np.sqrt(share)), round(full[1] * np.sqrt(share)))
    with tempfile.TemporaryDirectory() as folder:
        stack = write_iw_like(Path(folder) / "stack", shape, DATES)
        command = [sys.executable, "-c", CODE, str(Path(__file__).parent), str(stack), str(Path(folder) / "chips")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(shape, *json.loads(done.stdout))


def slope(found: list[Measured]) -> tuple[float, float]:
    """Power of the chips with which CPU time grows, and its milliseconds per chip by a line through all sizes."""
    chips, seconds = (np.array([getattr(item, name) for item in found], float) for name in ("chips", "cpu"))
    power = np.polyfit(np.log(chips), np.log(seconds), 1)[0]
    return float(power), float(1e3 * np.polyfit(chips, seconds, 1)[0])


def main(shares: list[float]) -> None:
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    found = []
    for share in shares:
        item = measure(share)
        found.append(item)
        print(
            f"{item.shape[0]:>6} x {item.shape[1]:<6} {item.tiles:>5} tiles {item.chips:>6} chips {item.seconds:8.1f} s"
            f"{1e3 * item.cpu / item.chips:7.1f} CPU ms per chip, peak {item.main:6.0f} and {item.worker:6.0f} MiB",
            flush=True,
        )
    if len(found) > 1:
        power, line = slope(found)
        print(f"CPU time grows with the power {power:.2f} of the chips; {line:.1f} ms for each further one")


if __name__ == "__main__":
    main([float(argument) for argument in sys.argv[1:]] or [1 / 16, 1 / 4, 1 / 2, 1])
