"""The training guide's code runs and prints what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import torch
from tiny_archive import make

from m3leo_sar.learn.fit.compose import GROUPS, group_names
from m3leo_sar.learn.fit.config import load_config
from m3leo_sar.learn.fit.sweep import sweep_overrides

OWN_MODEL = str(Path(__file__).resolve().parents[2] / "examples" / "own_model.py")
GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text()


def test_the_code_of_the_training_guide(tmp_path, capsys):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    (tmp_path / "out").mkdir()
    names: dict[str, object] = {"root": make(tmp_path / "chips").root, "out": tmp_path / "out"}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    for code in blocks:
        exec(code, names)
    torch.set_num_threads(threads)
    promised = re.findall(r"print\(.*\)  # (.*)", "".join(blocks))
    assert capsys.readouterr().out.splitlines() == promised
    assert len(promised) == 4


def test_the_guide_names_what_there_is():
    for name in [name for group in GROUPS for name in group_names(group)]:
        assert f"`{name}`" in GUIDE, name


def test_the_guides_commands_are_settings_that_are_known(tmp_path, monkeypatch):
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "my_model.py").write_text(Path(OWN_MODEL).read_text())
    monkeypatch.syspath_prepend(tmp_path)
    for line in re.findall(r"^m3leo-sar train (.*)$", GUIDE, re.MULTILINE):
        settings = [word for word in shlex.split(line) if "=" in word]
        for run in sweep_overrides(settings) if "--multirun" in line else [settings]:
            assert load_config(None, [text.replace("my_model.py", OWN_MODEL) for text in run])
