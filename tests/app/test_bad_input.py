"""What a user may get wrong: one sentence, the right exit code, nothing half written."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import COMMAND, call, call_here
from production import assert_same

from m3leo_sar.io.chips.archive import ChipArchive


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stack")
    call_here("simulate", "stack", "--rows", 520, "--cols", 560, "--dates", 3, cwd=folder, code=0)
    return folder / "stack"


@pytest.mark.parametrize("command", ["", "simulate", "pairs", "prepare", "train", "plot", "demo"])
def test_help_teaches(tmp_path: Path, command: str) -> None:
    text = call_here(*([command] if command else []), "--help", cwd=tmp_path, code=0)
    assert "Usage" in text
    assert not command or command == "demo" or "Example" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pairs", "nothing"], "there is no file or folder nothing"),
        (["pairs", "."], "is not a stack: expected our Zarr container"),
        (["pairs", "STACK", "--max-days", 3], "no pair of the 3 dates fits the rule; they are 12, 24 days apart"),
        (["pairs", "STACK", "--pair", "20230301_20230302"], "date 2023-03-02 is not in the stack of 3 dates"),
        (["pairs", "STACK", "--pair", "yesterday"], "--pair must read YYYYMMDD_YYYYMMDD, got 'yesterday'"),
        (["pairs", "STACK", "--days", "twelve"], "--days must be whole numbers joined by commas"),
        (["pairs", "STACK", "--season", "autumn"], "season must be one of winter, spring, summer, fall"),
        (["prepare", "STACK", "out", "--window", "0x3"], "--window must have at least 1 row and 1 column, got '0x3'"),
        (["prepare", "STACK", "out", "--window", "5"], "--window must read ROWSxCOLS"),
        (["prepare", "STACK", "out", "--pairs", "best"], "pairs must be one of all, sequential, days"),
        (["prepare", "STACK", "out", "--aoi", "area.wkt"], "there is no file area.wkt"),
        (["prepare", "STACK", "out", "--tiles", "far.geojson"], "none of the 1 tiles touches"),
        (["prepare", "STACK", "out", "--tiles", "wrong.geojson"], "is named 0000000000000, but its corners give"),
        (["prepare", "STACK", "file/out"], "file/out cannot be used: Not a directory"),
        (["prepare", "STACK", "file"], "file is a file; give a folder"),
        (["simulate", "file"], "file is a file; give a folder"),
        (["prepare", "STACK", "."], "holds files but is not a chip archive"),
        (["train", "out"], "there is no folder out"),
        (["train", "chips", "epohcs=3"], "there is no key epohcs; did you mean 'epochs'? (known keys: archive"),
        (["train", "chips", "epochs=many"], "could not be converted to Integer"),
        (["train", "chips", "epochs"], "an override must read key=value"),
        (["plot", "out", "x.png"], "there is no folder out"),
        (["simulate", "STACK", "--rows", 40], "has shape [520, 560], the stack to add has [40, 1200]"),
    ],
)
def test_a_mistake_gets_one_sentence(tmp_path: Path, stack: Path, arguments: list[object], message: str) -> None:
    (tmp_path / "file").write_text("in the way")
    ChipArchive.create(tmp_path / "chips")
    ring = [[10.0, 50.0], [10.0, 50.1], [10.1, 50.1], [10.1, 50.0], [10.0, 50.0]]
    for name, properties in (("far", "{}"), ("wrong", '{"identifier": "0000000000000"}')):
        feature = f'{{"properties": {properties}, "geometry": {{"type": "Polygon", "coordinates": [{ring}]}}}}'
        (tmp_path / f"{name}.geojson").write_text(f'{{"features": [{feature}]}}')
    before = sorted(tmp_path.iterdir())
    text = call_here(*(stack if item == "STACK" else item for item in arguments), cwd=tmp_path, code=1)
    assert message in text.replace("\n", " ")
    assert len(text.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments", [["prepare"], ["dance"], ["simulate", "x", "--dates", 0], ["pairs", "x", "--wrong"]]
)
def test_wrong_usage_ends_with_two(tmp_path: Path, arguments: list[object]) -> None:
    assert "Usage" in call_here(*arguments, cwd=tmp_path, code=2)


def test_a_process_ends_with_the_code_of_its_fault(tmp_path: Path) -> None:
    assert "there is no file or folder nothing" in call("pairs", "nothing", cwd=tmp_path, code=1)


CUT = ["--interferograms", "--minimum-coverage", "0"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, stack: Path) -> Path:
    """The archive of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    call_here("prepare", stack, "chips", *CUT, cwd=folder, code=0)
    return folder / "chips"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_nothing_is_half_written_and_a_second_run_completes(
    tmp_path: Path, stack: Path, whole: Path, stop: signal.Signals
) -> None:
    arguments = [stack, "chips", *CUT]
    running = subprocess.Popen(
        [*COMMAND, "prepare", *map(str, arguments)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while running.poll() is None and len(list(tmp_path.rglob("*.tif"))) < 2:
        time.sleep(0.005)
    running.send_signal(stop)
    _, reported = running.communicate()
    assert running.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL)
    if stop == signal.SIGINT:
        assert reported == "m3leo-sar: stopped; finished work is kept, run again to continue\n"
        assert not list(tmp_path.rglob("*.partial-*"))
    call_here("prepare", *arguments, cwd=tmp_path, code=0)
    assert not list(tmp_path.rglob("*.partial-*"))
    assert_same(tmp_path / "chips", whole)
