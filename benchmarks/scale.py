"""Planning ten thousand tiles, the scheduler's own cost, workers side by side, and what six AOIs would take.

``python benchmarks/scale.py [plan|overhead|dask|aois ...]``; all of them if none is named.
"""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pipeline import prepared

from m3leo_sar import TileGrid, Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER, ChipLedger, TileState
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.products.recipe import Recipe, wanted_chips
from m3leo_sar.run.dask_pool import connected, dask_outcomes, local_cluster
from m3leo_sar.run.job import job_values
from m3leo_sar.run.plan import folder_stamp, make_plan
from m3leo_sar.run.pool import WorkerPool
from m3leo_sar.stack.pairs import all_pairs, pairs_by_days, sequential_pairs

#: Tiles of all six AOIs of the data set, dates of five years at 30 days.
AOI_TILES, AOI_DATES = 1_048_827, 60
#: Pixels of 5 m by 10 m of a tile of 4480 m, and bytes of memory that the coherence of a pair moves for each.
AOI_SOURCE_PIXELS, COHERENCE_BYTES = 896 * 448, 20.0
#: Bytes a second that RESULTS.md expects of the kernel on an H200, and of a link of sixteen lanes (PCI Express 4).
GPU_BANDWIDTH, HOST_LINK = 2.1e12, 25e9
SLEEP = "m3leo_sar.run.rehearsal.sleep"
SPIN = "m3leo_sar.run.rehearsal.spin"


def dates(count: int, *, every: int = 12) -> list[datetime.date]:
    return [datetime.date(2020, 1, 1) + datetime.timedelta(days=every * index) for index in range(count)]


def plan_seconds(tiles: int = 10_000, pairs: int = 10) -> dict[str, float]:
    """Seconds to plan an empty archive, one that the ledger knows, and one with a date more."""
    grid = TileGrid.exact((-10.0, 42.0, 18.0, 55.0)).take(slice(0, tiles))
    days = dates(pairs + 2)
    before, after = (
        wanted_chips(
            Recipe(pairs=sequential_pairs(days[:count]), window=Window(rows=5, cols=20), intensities=False),
            polarisation="VV",
            shape=(448, 448),
        )
        for count in (pairs + 1, pairs + 2)
    )
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        archive = ChipArchive.create(folder)
        with ChipLedger(Path(folder) / LEDGER) as ledger:
            seconds["an empty archive"] = _timed(lambda: _jobs(make_plan(grid, before, archive=archive, ledger=ledger)))
            _pretend(archive, ledger, grid, before)
            seconds["nothing missing"] = _timed(lambda: _jobs(make_plan(grid, before, archive=archive, ledger=ledger)))
            seconds["one date more"] = _timed(lambda: _jobs(make_plan(grid, after, archive=archive, ledger=ledger)))
    return seconds


def overhead(*, jobs: int = 8, seconds: float = 1.0, workers: int = 2) -> tuple[float, float]:
    """Share of the time of sleeping jobs that is the pool's own, with its start and without."""
    pool = WorkerPool(SLEEP, {}, workers=workers)
    started = time.perf_counter()
    ends = [time.perf_counter() for _ in pool.run([seconds] * jobs)]
    ideal = jobs * seconds / workers
    # The first answers come when the processes have started and slept once.
    steady = (ends[-1] - ends[workers - 1]) / (ideal - seconds) - 1
    return (ends[-1] - started) / ideal - 1, steady


def dask_scaling(function: str, *, jobs: int = 16, amount: float) -> float:
    """Times that two Dask workers are as fast as one."""
    seconds = []
    for workers in (1, 2):
        with local_cluster(workers=workers) as cluster, connected(cluster) as client:
            client.wait_for_workers(workers)
            list(dask_outcomes(client, function, {}, [0.01] * 2 * workers, threads=1))
            seconds.append(_timed(lambda: list(dask_outcomes(client, function, {}, [amount] * jobs, threads=1))))
    return seconds[0] / seconds[1]


def six_aois(*, seconds_a_chip: float, bytes_a_chip: float) -> list[tuple[str, int, float, float, float]]:
    """Rule, chips, CPU hours, bytes and GPU hours of all tiles of the data set, for each rule over its dates.

    GPU hours are counted, not measured: what the kernels move through memory and what goes back to the host, none of
    it at once, without reading, packing and writing, which stay on the CPU.
    """
    days = dates(AOI_DATES, every=30)
    rules = {
        "all pairs": len(all_pairs(days)),
        "each date and the next": len(sequential_pairs(days)),
        "30, 60, 90 and 120 days": len(pairs_by_days(days, days=(30, 60, 90, 120))),
    }
    gpu_seconds = AOI_SOURCE_PIXELS * COHERENCE_BYTES / GPU_BANDWIDTH + 448 * 448 * 4.0 / HOST_LINK
    rows = []
    for name, pairs in rules.items():
        chips = pairs * AOI_TILES
        rows.append((name, chips, chips * seconds_a_chip / 3600, chips * bytes_a_chip, chips * gpu_seconds / 3600))
    # What the library is for: the dates, as complex int16, from which any pair is made when it is asked for.
    stored = AOI_DATES * AOI_TILES
    return [*rows, ("no pair: dates as complex int16", stored, 0.0, stored * 448 * 448 * 4.0, 0.0)]


def _jobs(plan) -> int:
    return len([job_values(plan, block) for block in plan.blocks(16)])


def _pretend(archive: ChipArchive, ledger: ChipLedger, grid: TileGrid, wanted) -> None:
    """Folders and ledger as a run leaves them; the chips themselves are not needed."""
    holding = ledger.keep({name: parameter_digest(parameters) for name, parameters in wanted.items()})
    states = {}
    for identifier in grid.identifiers:
        (archive.root / identifier / "coherence").mkdir(parents=True)
        states[identifier] = TileState("done", "", holding, folder_stamp(archive.root, identifier, wanted))
    ledger.record_tiles(states)


def _timed(job) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def main(wanted: list[str]) -> None:
    def asked(name: str) -> bool:
        return not wanted or name in wanted

    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    if asked("plan"):
        for what, seconds in plan_seconds().items():
            print(f"plan 10 000 tiles x 10 pairs, {what:<20}{seconds:8.2f} s")
        print(f"plan of an area of 100 000 tiles, empty        {plan_seconds(100_000)['an empty archive']:8.2f} s")
    if asked("overhead"):
        whole, steady = overhead(jobs=16)
        print(f"16 jobs of 1 s on 2 workers: {100 * whole:.1f} % more with their start, {100 * steady:.2f} % without")
        whole, steady = overhead(jobs=400, seconds=0.01)
        print(f"400 jobs of 10 ms: {100 * steady:.1f} % without the start")
    if asked("dask"):
        kinds = (("that sleep", SLEEP, 0.5), ("that compute", SPIN, 5.0), ("that compute a tenth of it", SPIN, 0.5))
        for name, function, amount in kinds:
            print(f"two Dask workers, jobs {name}: {dask_scaling(function, amount=amount):.2f} x one")
    if asked("aois"):
        rates = measured_chip()
        print(f"a chip of 448 x 448: {1e3 * rates[0]:.1f} ms of one thread, {rates[1] / 1e3:.0f} kB on disk")
        for rule, chips, hours, size, gpu in six_aois(seconds_a_chip=rates[0], bytes_a_chip=rates[1]):
            print(f"{rule:<34}{chips:>15,} chips {hours:>8,.0f} CPU h {gpu:>8,.1f} GPU h {size / 1e12:>10,.1f} TB")


def measured_chip() -> tuple[float, float]:
    """Seconds and bytes of a coherence chip from a simulated stack on disk, by one thread."""
    done = prepared(tiles=16, dates=12, storage="zarr", workers=1, threads=1)
    return done.seconds / done.chips, done.bytes / done.chips


if __name__ == "__main__":
    main(sys.argv[1:])
