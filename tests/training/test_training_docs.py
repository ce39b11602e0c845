"""The training guide's code runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from tiny_archive import make

from m3leo_sar.learn.fit import registry as catalogue
from m3leo_sar.learn.fit.config import load_config
from m3leo_sar.learn.fit.named_configs import preset_names

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
    for name in [*preset_names("task"), *preset_names("input"), *catalogue.names("models"), *catalogue.names("tasks")]:
        assert f"`{name}`" in GUIDE, name


def test_the_guides_commands_are_settings_that_are_known():
    for line in re.findall(r"^m3leo-sar train (.*)$", GUIDE, re.MULTILINE):
        settings = [word for word in line.split() if "=" in word]
        assert load_config(None, settings)
