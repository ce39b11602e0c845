"""Folders of one kind that are taken for another: stacks of bursts, simulated products, simulated stacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import call_here

from m3leo_sar import open_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    call_here("simulate", "stack", "--rows", 20, "--cols", 30, "--dates", 2, cwd=folder, code=0)
    return folder / "stack"


def test_a_folder_of_stacks_names_them(stack, tmp_path):
    for name in ("T052-110431-IW1-VV", "T052-110432-IW1-VV"):
        shutil.copytree(stack, tmp_path / "stacks" / name)
    with pytest.raises(ValueError, match=r"holds 2 stacks, T052-110431-IW1-VV, T052-110432-IW1-VV; open one of them"):
        open_stack(tmp_path / "stacks")


@pytest.mark.parametrize("option", [["--swath", "IW1"], ["--zip"], ["--geoid"], ["--bursts", "3"]])
def test_options_of_products_need_safe(tmp_path, option):
    said = call_here("simulate", "new", *option, cwd=tmp_path, code=1)
    assert f"{option[0]} must come with --safe" in said
    assert not (tmp_path / "new").exists()


def test_a_stack_and_products_are_not_mixed_in_one_folder(stack, tmp_path):
    before = sorted(stack.rglob("*"))
    said = call_here("simulate", stack, "--safe", cwd=tmp_path, code=1)
    assert "holds a stack; give another folder for products" in " ".join(said.split())
    assert sorted(stack.rglob("*")) == before
    (tmp_path / "scene" / "truth").mkdir(parents=True)
    (tmp_path / "scene" / "truth" / "truth.json").write_text("{}")
    said = call_here("simulate", "scene", cwd=tmp_path, code=1)
    assert "scene holds products that simulate --safe wrote; add --safe, or give another folder" in said
