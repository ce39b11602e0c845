"""Ctrl-C of a terminal, which reaches a command and its workers: one line, exit code 130, nothing half written."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import COMMAND
from production import write_dates

from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.simulate.safe_scene import SafeScene, simulate_passes

ONE_LINE = "m3leo-sar: stopped; finished work is kept, run again to continue\n"


def stopped(words: list[object], folder: Path, is_time: Callable[[int], bool], wait: float) -> str:
    """Run a command, send Ctrl-C to its group some time after a moment, and return what it said on standard error."""
    run = subprocess.Popen([*COMMAND, *map(str, words)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True, start_new_session=True)  # fmt: skip
    while run.poll() is None and not is_time(run.pid):
        time.sleep(0.002)
    time.sleep(wait)
    assert run.poll() is None, "the command ended before"
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert not list(folder.rglob("*partial*"))
    return said


def has_workers(pid: int) -> bool:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    with suppress(FileNotFoundError):
        # Libraries start other processes for a moment while they load.
        return any(b"m3leo_sar.run.worker" in Path(f"/proc/{child}/cmdline").read_bytes() for child in found)
    return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Path:
    return write_dates(tmp_path_factory.mktemp("stack") / "stack", 2)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system has no /proc")
@pytest.mark.parametrize("wait", [0.03, *(pytest.param(late, marks=pytest.mark.slow) for late in (0.2, 0.5))])
def test_while_workers_start(stack, tmp_path, wait):
    words = ["prepare", stack, "chips", "--lattice", "exact", "--minimum-coverage", "0.01", "--workers", 2]
    assert stopped(words, tmp_path, has_workers, wait) == ONE_LINE


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    passes = simulate_passes(4, start=datetime.date(2023, 9, 4))
    one = SafeScene(passes=passes, lines=170, columns=210, noise=None)
    return write_safe_scene(one, tmp_path_factory.mktemp("scene"))


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.1, 0.5])
def test_while_products_are_co_registered(scene, tmp_path, wait):
    words = ["coregister", *scene.products, "s", "--orbits", scene.orbits, "--dem", scene.terrain]
    begun = tmp_path / "s" / "coregister.sqlite"
    assert stopped(words, tmp_path, lambda pid: begun.exists(), wait) == ONE_LINE
