"""The script that sets up and runs, with a stand-in for uv that writes down what it is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = """#!/bin/sh
echo "$@" >>"$UV_LOG"
case "$*" in
*torch-backend*) exit 1 ;;
venv*)
    mkdir -p .venv/bin
    printf '#!/bin/sh\\ncase "$*" in *torch*) exit 1;; esac\\nexec %s "$@"\\n' "$REAL_PYTHON" >.venv/bin/python
    chmod +x .venv/bin/python
    ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "ext").mkdir(parents=True)
    for name in ("m3", "pyproject.toml", "constraints.txt", "setup.py"):
        shutil.copy(ROOT / name, folder)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(UV)
    (tools / "uv").chmod(0o755)
    return folder


def m3(project, *words, **variables):
    path = f"{project.parent / 'tools'}:{os.environ['PATH']}"
    more = {"PATH": path, "UV_LOG": str(project.parent / "log"), "REAL_PYTHON": sys.executable, **variables}
    kept = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "M3_PYTHON")}
    return subprocess.run(
        [project / "m3", *words], cwd=project, env={**kept, **more}, capture_output=True, text=True, check=False
    )


def test_run_without_a_word_says_so_before_anything_is_installed(project):
    done = m3(project, "run")
    assert (done.returncode, done.stderr) == (1, "m3: run needs a command, for example ./m3 run m3leo-sar --help\n")
    assert not (project / ".venv").exists()


def test_an_index_of_torch_that_does_not_answer_is_done_without(project):
    done = m3(project, "run", "true")
    assert done.returncode == 0, done.stderr
    assert "taking what the package index of this machine has" in done.stderr
    asked = [line for line in (project.parent / "log").read_text().splitlines() if "torch==" in line]
    assert ["--torch-backend" in line for line in asked] == [True, False]
    assert m3(project, "run", "true").stderr == ""


def test_another_python_makes_the_environment_anew(project):
    m3(project, "run", "true")
    # The one that is there already is kept.
    assert "making it anew" not in m3(project, "run", "true", M3_PYTHON=sys.executable).stderr
    other = project.parent / "tools" / "other"
    other.write_text(f'#!/bin/sh\ncase "$*" in *base_prefix*) echo elsewhere;; *) exec {sys.executable} "$@";; esac\n')
    other.chmod(0o755)
    assert "making it anew" in m3(project, "run", "true", M3_PYTHON=str(other)).stderr
