"""What may go wrong in a long run, each with the real thing: afterwards the archive is that of an undisturbed run."""

from __future__ import annotations

import datetime
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import rasterio
import rasterio.shutil
from production import BOX, DATES, assert_same, recipe, run, tiles, write_dates

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.products.tile_maker import is_whole
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.run_options import RunOptions, Watch
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.simulate.scene import simulate_scene

ROOT = Path(__file__).parents[1]
#: Runs the small job in a process of its own: stack, archive, storage, options.
RUNNER = (
    "import sys, json; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from production import run; "
    "done = run(Path(sys.argv[2]), Path(sys.argv[3]), **json.loads(sys.argv[4])); print(len(done.failed))"
)
CHIPS = 36 + 24 + 12
#: Of a program that was killed, and of a run whose scheduler was.
TRIALS = int(os.environ.get("M3LEO_FAULT_TRIALS", "24"))
#: Other moments at every run: CI tries few of them each time, and over time many.
SEED = int(os.environ.get("M3LEO_FAULT_SEED", random.SystemRandom().randrange(1 << 31)))


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("stack") / "stack")


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "chips"
    run(stack, folder)
    return folder


def start(stack: Path, archive: Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUNNER, str(ROOT), str(stack), str(archive), json.dumps(options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def written(archive: Path) -> int:
    return len([path for path in archive.rglob("*.tif") if ".partial-" not in path.name])


def until(what, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not what():
        time.sleep(0.002)


def in_the_middle(stack: Path, folder: Path, **options: object) -> tuple[subprocess.Popen[str], list[int]]:
    """A run of two workers that has written three chips, and those of its workers that run."""
    for _ in range(5):
        process = start(stack, folder / "chips", workers=2, log=str(folder / "log"), **options)
        until(lambda: written(folder / "chips") >= 3, process)
        if workers := children(process.pid):
            return process, workers
        # On a busy machine the run may be over before its chips are seen.
        process.communicate(timeout=60)
        shutil.rmtree(folder / "chips")
    pytest.fail("no run was seen in its middle")


def test_a_worker_killed_in_the_middle_costs_nothing(stack, whole, tmp_path):
    process, victims = in_the_middle(stack, tmp_path)
    kill(victims[0])
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out.strip(), errors) == (0, "0", "")
    assert len(victims) == 2
    assert "ended by signal 9" in (tmp_path / "log").read_text()
    assert_same(tmp_path / "chips", whole)


def test_the_main_process_killed_takes_its_workers_along_and_a_second_run_completes(stack, whole, tmp_path):
    process, workers = in_the_middle(stack, tmp_path)
    process.kill()
    process.communicate()
    # Holds only once the workers are gone, as the lock is theirs too.
    done = run(stack, tmp_path / "chips")
    assert not any(is_running(worker) for worker in workers)
    assert sum(done.computed.values()) + done.present == CHIPS
    assert_same(tmp_path / "chips", whole)


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_kills_at_random_moments_leave_the_archive_of_an_undisturbed_run(stack, whole, tmp_path):
    """Main process, or one of its workers, at a random moment of a run; then runs until nothing is missing."""
    print(f"M3LEO_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    longest = undisturbed(stack, tmp_path / "first", workers=2)
    killed = {"main": 0, "worker": 0}
    for trial in range(TRIALS):
        archive = tmp_path / f"chips{trial}"
        process = start(stack, archive, workers=2)
        time.sleep(rng.uniform(0.0, longest))
        workers = children(process.pid)
        what = rng.choice(("main", "worker")) if workers else "main"
        if process.poll() is None:
            killed[what] += 1
            kill(process.pid if what == "main" else rng.choice(workers))
        process.communicate(timeout=120)
        if what == "worker":
            assert process.returncode == 0
        assert_completed(stack, archive, whole)
    print(killed)
    assert min(killed.values()) > TRIALS // 10 or TRIALS < 100


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_kills_on_a_cluster_at_random_moments_leave_the_archive_of_an_undisturbed_run(stack, whole, tmp_path):
    """The scheduler, one of its two workers or the process that asked; then a run on this machine, at once."""
    pytest.importorskip("distributed")
    print(f"M3LEO_FAULT_SEED={SEED}")
    rng = random.Random(SEED)
    with _cluster(tmp_path) as (address, _, _):
        longest = undisturbed(stack, tmp_path / "first", scheduler=address)
    killed = {"scheduler": 0, "worker": 0, "main": 0}
    for trial in range(max(1, TRIALS // 5)):
        archive, folder = tmp_path / f"chips{trial}", tmp_path / f"cluster{trial}"
        folder.mkdir()
        with _cluster(folder) as (address, scheduler, workers):
            process = start(stack, archive, scheduler=address)
            # Until then nothing is on the cluster that could be lost.
            until(lambda: (archive / LEDGER).exists(), process)  # noqa: B023
            time.sleep(rng.uniform(0.0, longest / 2))
            what = rng.choice(("scheduler", "scheduler", "worker", "main"))
            if process.poll() is None:
                killed[what] += 1
                {"scheduler": scheduler, "worker": rng.choice(workers), "main": process}[what].kill()
            _, errors = process.communicate(timeout=120)
            ends = {"scheduler": (0, 1), "worker": (0,), "main": (0, -signal.SIGKILL)}
            assert process.returncode in ends[what], errors
            assert process.returncode != 1 or re.search("OSError: (the )?scheduler", errors), errors
            # Workers whose run is gone may still be writing meanwhile.
            run(stack, archive)
        assert_completed(stack, archive, whole)
    print(killed)
    assert min(killed.values()) > 0 or TRIALS < 100


def undisturbed(stack: Path, archive: Path, **options: object) -> float:
    """Seconds of a run in a process of its own."""
    started = time.monotonic()
    process = start(stack, archive, **options)
    _, errors = process.communicate()
    seconds = time.monotonic() - started
    assert process.returncode == 0, errors
    shutil.rmtree(archive)
    return seconds


def assert_completed(stack: Path, archive: Path, whole: Path) -> None:
    """A run makes what is missing, the next one nothing, and the archive, which is removed, is the undisturbed one."""
    done = run(stack, archive)
    assert sum(done.computed.values()) + done.present == CHIPS
    assert_same(archive, whole)
    assert not run(stack, archive).computed
    shutil.rmtree(archive)


def test_dask_goes_on_without_a_worker_and_a_run_without_its_scheduler_ends(stack, whole, tmp_path):
    """The scheduler and its workers are processes of their own, as on a cluster."""
    pytest.importorskip("distributed")
    with _cluster(tmp_path) as (address, scheduler, workers):
        process = start(stack, tmp_path / "chips", scheduler=address)
        until(lambda: written(tmp_path / "chips") >= 3, process)
        workers[0].kill()
        out, errors = process.communicate(timeout=120)
        assert (process.returncode, out.strip()) == (0, "0"), errors
        assert_same(tmp_path / "chips", whole)
        process = start(stack, tmp_path / "half", scheduler=address)
        until(lambda: written(tmp_path / "half") >= 3, process)
        scheduler.kill()
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "OSError: the scheduler is gone" in errors
    run(stack, tmp_path / "half")
    assert_same(tmp_path / "half", whole)


class _cluster:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"

    def __enter__(self):
        common = ["--no-dashboard"]
        dask = [sys.executable, "-m", "distributed.cli"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        options = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self.file), *common]
        self.processes = [subprocess.Popen([*dask[:2], "distributed.cli.dask_scheduler", *options], **quiet)]
        address = self._address()
        place = ["--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny", *common]
        for _ in range(2):
            self.processes.append(subprocess.Popen([*dask[:2], "distributed.cli.dask_worker", *place], **quiet))
        return address, self.processes[0], self.processes[1:]

    def _address(self) -> str:
        """The scheduler's, once its file is there and whole."""
        for _ in range(1500):
            with suppress(OSError, ValueError):
                return json.loads(self.file.read_text())["address"]
            time.sleep(0.02)
        self.__exit__()
        raise TimeoutError("the scheduler did not start within 30 s")

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def test_a_slow_worker_is_replaced(stack, whole, tmp_path):
    process, victims = in_the_middle(stack, tmp_path, timeout=5.0)
    os.kill(victims[0], signal.SIGSTOP)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, out.strip(), errors) == (0, "0", "")
    assert "gave no answer for 5 s" in (tmp_path / "log").read_text()
    assert_same(tmp_path / "chips", whole)


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(stack, whole, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=220k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs rights that are not there")
    try:
        with pytest.raises(OSError, match="written|disk|space|full"):
            run(stack, disk / "chips")
        assert not list(disk.rglob("*.partial-*"))
        assert not list(ChipArchive(disk / "chips").verify())
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        done = run(stack, disk / "chips")
        assert sum(done.computed.values()) + done.present == CHIPS
        assert_same(disk / "chips", whole)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_that_may_not_grow_ends_the_run_and_the_next_one_goes_on(stack, whole, tmp_path):
    """The kernel's limit on a file's size stands for a full disk where none can be mounted."""
    archive = ChipArchive.create(tmp_path / "chips")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done = []

    def tighten(entry):
        done.append(entry)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))

    options = RunOptions()
    try:
        with pytest.raises(OSError):
            bring_up_to_date(
                open_catalogue(stack), archive, tiles(), recipe(), options=options, watch=Watch(settled=tighten)
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert done
    assert not list(archive.verify())
    run(stack, tmp_path / "chips")
    assert_same(tmp_path / "chips", whole)


@pytest.mark.parametrize("damage", ["cut short", "overwritten"])
def test_an_input_that_cannot_be_read_fails_its_tiles_only_and_a_whole_one_repairs(tmp_path, damage):
    stack = write_dates(tmp_path / "stack", labels=False)
    run(stack, tmp_path / "whole")
    chunk = stack / "20230313" / "VV" / "c" / "0" / "0"
    good = chunk.read_bytes()
    archive = tmp_path / "chips"
    run(stack, archive, count=2, asked=recipe(pairs=recipe().pairs[2:3]))
    if damage == "cut short":
        chunk.write_bytes(good[: len(good) // 2])
    else:
        chunk.write_bytes(b"\0" * len(good))
    reported = run(stack, archive)
    assert len(reported.failed) == 6
    assert all("20230313" in reason for reason in reported.failed.values())
    assert not list(ChipArchive(archive).verify())
    chunk.write_bytes(good)
    assert not run(stack, archive).failed
    assert_same(archive, tmp_path / "whole")


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_a_damaged_chip_is_found_by_verify_and_made_again(stack, tmp_path, storage):
    archive, place = tmp_path / "chips", tiles()[3].identifier
    run(stack, archive, storage=storage)
    run(stack, tmp_path / "whole", storage=storage)
    path = ChipArchive(archive).path(place, "coherence", "20230301_20230325")
    file = (
        path
        if path.is_file()
        else next(file for file in path.rglob("*") if file.is_file() and file.name != "zarr.json")
    )
    content, at = bytearray(file.read_bytes()), 400
    if storage == "geotiff":
        at = content.find(b"\x78") if len(content) < 800 else len(content) // 2
    content[at : at + 40] = bytes(40)
    before = file.stat()
    file.write_bytes(content)
    # Nobody has noted that it was changed.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    faults = list(ChipArchive(archive).verify())
    assert len(faults) >= 1
    assert run(stack, archive).computed == {}
    done = run(stack, archive, verify=True)
    assert done.computed.keys() == {"coherence"}
    assert 1 <= done.computed["coherence"] <= 6
    assert_same(archive, tmp_path / "whole")


def test_every_wrong_bit_of_a_chip_is_found(stack, tmp_path):
    """Some still unpack into pixels, of which the checksum tells."""
    grid = tiles(1, 2, pixels=96)
    run(stack, tmp_path / "chips", grid=grid)
    archive, name = ChipArchive(tmp_path / "chips"), "coherence/20230301_20230325"
    path = archive.path(grid[1].identifier, *name.split("/"))
    good, pixels = path.read_bytes(), archive.read(grid[1].identifier, *name.split("/")).array
    rng, slipped = random.Random(5), 0
    for _ in range(60):
        bad = bytearray(good)
        bad[rng.randrange(1500, len(bad) - 6000)] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        try:
            same = (archive.read(grid[1].identifier, *name.split("/")).array == pixels).all()
        except ValueError:
            same = None
        slipped += same is not None and not same
        assert same or not is_whole(archive, grid[1].identifier, name)
    assert slipped
    assert sum(run(stack, tmp_path / "chips", grid=grid, verify=True).computed.values()) == 1


def test_a_raster_cut_short_is_refused_and_one_damaged_inside_fails_its_tiles_only(tmp_path):
    scene = simulate_scene(BOX, dates=DATES[:2], seed=4)
    folder = tmp_path / "rasters"
    for date in DATES[:2]:
        write_geotiff(folder / f"{date:%Y%m%d}.tif", scene.stack.window(dates=[date])[0], BOX)
    file = folder / "20230313.tif"
    good = file.read_bytes()
    file.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="20230313.tif cannot be read as a raster"):
        run(folder, tmp_path / "chips", count=2)
    # Compressed, so that damage is seen: any bytes are valid samples otherwise. Over the beginning of a strip, as
    # nobody can tell garbage within one that still unpacks.
    file.write_bytes(good)
    rasterio.shutil.copy(file, tmp_path / "deflated.tif", driver="GTiff", compress="deflate", blockysize=16)
    os.replace(tmp_path / "deflated.tif", file)
    good = file.read_bytes()
    with rasterio.open(file) as raster:
        north = int(raster.get_tag_item("BLOCK_OFFSET_0_2", "TIFF", 1))
    file.write_bytes(good[:north] + bytes(9000) + good[north + 9000 :])
    reported = run(folder, tmp_path / "chips", count=2)
    assert len(reported.failed) == 3
    assert all("20230313.tif" in reason for reason in reported.failed.values())
    file.write_bytes(good)
    assert not run(folder, tmp_path / "chips", count=2).failed
    run(folder, tmp_path / "fresh", count=2)
    assert_same(tmp_path / "chips", tmp_path / "fresh")


def test_a_clock_that_is_set_back_changes_nothing(tmp_path, monkeypatch):
    stack = write_dates(tmp_path / "stack", 3)
    run(stack, tmp_path / "chips", count=3)
    write_dates(tmp_path / "stack", 4)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 10 * 365 * 86400)

    class Past(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(days=3650)

    monkeypatch.setattr(datetime, "datetime", Past)
    for path in (stack / "20230406").rglob("*"):
        os.utime(path, (10, 10))
    assert run(stack, tmp_path / "chips").computed == {"coherence": 18, "intensity": 6}
    assert run(stack, tmp_path / "chips").computed == {}
    monkeypatch.undo()
    run(stack, tmp_path / "fresh")
    assert_same(tmp_path / "chips", tmp_path / "fresh")


def test_an_input_replaced_while_the_run_reads_it_gives_no_chip_of_two_minds(tmp_path):
    stack = write_dates(tmp_path / "stack", labels=False)
    other = write_dates(tmp_path / "other", seed=5, labels=False) / "20230313"
    seen = []

    def replace(entry):
        if not seen:
            (stack / "20230313").rename(tmp_path / "old")
            other.rename(stack / "20230313")
        seen.append(entry)

    reported = run(stack, tmp_path / "chips", settled=replace)
    assert 0 < len(reported.failed) < 6
    assert all("was changed while the run was reading it; run again" in reason for reason in reported.failed.values())
    assert not run(stack, tmp_path / "chips").failed
    run(stack, tmp_path / "fresh")
    assert_same(tmp_path / "chips", tmp_path / "fresh")


def test_a_folder_that_cannot_be_written_to_ends_the_run_in_a_sentence(stack, tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    # Root may write anywhere; a file in the way stops it too.
    (archive.root / tiles()[0].identifier).write_text("in the way")
    with pytest.raises(OSError, match="chips cannot be written: .*run again to continue"):
        run(stack, tmp_path / "chips")


def test_a_lock_is_held_for_children_and_ends_with_the_last_of_them(tmp_path):
    with RunLock(tmp_path) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.fileno(),))
    with pytest.raises(BlockingIOError, match="is in use by process"), RunLock(tmp_path, expiry=0.2):
        pass
    child.kill()
    child.communicate()
    with RunLock(tmp_path, expiry=0.2):
        pass


def test_an_owner_on_another_machine_counts_as_dead_when_it_gives_no_sign(tmp_path):
    reported = {"host": "elsewhere", "machine": "elsewhere", "pid": 12, "beat": 3, "started": "5"}
    (tmp_path / "run.lock").write_text(json.dumps(reported))
    started = time.monotonic()
    with RunLock(tmp_path, expiry=0.3):
        assert time.monotonic() - started >= 0.3
    (tmp_path / "run.lock").write_text(json.dumps(reported))
    code = (
        "import json, sys, time\n"
        "for beat in range(400):\n"
        "    reported = json.loads(sys.argv[2]) | {'beat': beat}\n"
        "    open(sys.argv[1], 'r+').write(json.dumps(reported)); print('beat', flush=True); time.sleep(0.05)"
    )
    alive = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run.lock"), json.dumps(reported)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert alive.stdout is not None
        # Not before its Python is up, however long a busy machine takes; the next sign ends the wait.
        assert alive.stdout.readline() == "beat\n"
        with pytest.raises(BlockingIOError, match="in use by process 12 on elsewhere"), RunLock(tmp_path, expiry=60):
            pass
    finally:
        alive.kill()
        alive.communicate()
    with pytest.raises(ValueError, match="expiry must be above 0 seconds, got 0"):
        RunLock(tmp_path, expiry=0)


def test_a_lock_of_a_killed_process_is_taken_at_once(tmp_path):
    code = (
        "import sys; from m3leo_sar.io.files.run_lock import RunLock\n"
        "with RunLock(sys.argv[1]): print('held', flush=True); input()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    with pytest.raises(BlockingIOError, match=f"process {owner.pid} on"), RunLock(tmp_path):
        pass
    owner.kill()
    owner.communicate()
    with RunLock(tmp_path):
        pass
    assert (tmp_path / "run.lock").read_text() == ""


def test_a_lock_waits_for_the_children_of_a_killed_owner(tmp_path):
    """They may still be writing; that nobody else is alive to ask is no refusal."""
    code = (
        "import subprocess, sys; from m3leo_sar.io.files.run_lock import RunLock\n"
        "with RunLock(sys.argv[1]) as lock:\n"
        "    subprocess.Popen(['cat', sys.argv[2]], pass_fds=(lock.fileno(),), stdin=-3, stdout=-3)\n"
        "    print('held', flush=True); input()"
    )
    # The child lives until someone opens and closes its pipe.
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(gate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    owner.kill()
    owner.communicate()
    opened = threading.Event()

    def let_go():
        opened.set()
        gate.write_text("")

    threading.Timer(0.3, let_go).start()
    with RunLock(tmp_path, expiry=60):
        assert opened.is_set()


def test_a_lost_ledger_is_rebuilt_from_the_archive(stack, whole, tmp_path):
    run(stack, tmp_path / "chips")
    for file in (tmp_path / "chips").glob(f"{LEDGER}*"):
        file.unlink()
    assert run(stack, tmp_path / "chips").computed == {}
    assert_same(tmp_path / "chips", whole)
