"""Each command of docs/scale.md runs, in its order, on a small simulated stand-in for the folder it names."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "scale.md").read_text()
COMMANDS = {
    "m3leo-sar": [sys.executable, "-c", "from m3leo_sar.app.command import main; main()"],
    "dask scheduler": [sys.executable, "-m", "distributed.cli.dask_scheduler"],
    "dask worker": [sys.executable, "-m", "distributed.cli.dask_worker"],
}


def commands() -> list[list[str]]:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    # The stand-in, which has labels to learn from, is a container; it has no burst to name.
    return [shlex.split(re.sub(r" --burst \S+", "", line)) for line in lines]


def call(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [*COMMANDS["m3leo-sar"], *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout.replace("\n", " ")


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def folder(tmp_path):
    """A container under the name of the guide's folder, and a CSV of rasters."""
    call("simulate", "cslc", "--rows", "1000", "--cols", "1450", "--dates", "3", folder=tmp_path)
    from m3leo_sar.io.files.raster import write_geotiff
    from m3leo_sar.io.stacks.zarr_stack import read_stack

    stack = read_stack(tmp_path / "cslc")
    lines = ["path,date"]
    for date in stack.dates[:2]:
        write_geotiff(tmp_path / f"{date:%Y%m%d}.tif", stack.window(dates=[date])[0], stack.geometry)
        lines.append(f"{date:%Y%m%d}.tif,{date.isoformat()}")
    (tmp_path / "products.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_guides_commands_run_on_a_stand_in(folder):
    pytest.importorskip("distributed")
    reported, started = [], []
    port, dashboard = free_port(), free_port()
    try:
        for number, words in enumerate(commands()):
            words = [word.replace("8786", port).replace("8787", dashboard) for word in words]
            if words[0] == "dask":
                command = [*COMMANDS[" ".join(words[:2])], *words[2:]]
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                started.append(subprocess.Popen(command, cwd=folder, **quiet))
                time.sleep(1)
                continue
            if number == 4:
                call("simulate", "cslc", "--rows", "1000", "--cols", "1450", "--dates", "4", folder=folder)
            reported.append(call(*words[1:], folder=folder))
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
    # Two of the six tiles lie too far off the stack, which the plan knows.
    assert "chips: 12 coherence, 12 intensity, 8 label to compute" in reported[0]
    assert "computed 12 coherence, 12 intensity, 8 label; 0 chips already existed" in reported[1]
    assert "mIoU" in reported[2]
    assert "computed 4 coherence, 8 intensity" in reported[3]
    # The new date's pairs with those up to 48 days before it, and nothing else.
    assert "computed 12 coherence, 4 intensity; 32 chips already existed" in reported[4]
    assert "computed nothing; 48 chips already existed" in reported[5]
    assert all("computed 20 coherence, 16 intensity, 8 label" in text for text in reported[6:8])
    assert len(reported) == 8


@pytest.mark.slow
def test_the_guides_code_runs_on_a_stand_in(folder, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == "{}\n"
