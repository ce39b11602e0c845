"""A sweep from the command line: every combination is trained, and one table compares them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tiny_archive import COHERENCE, SPLITS, make

from m3leo_sar.app.command import main
from m3leo_sar.io.tables.split_file import write_splits

OWN_MODEL = Path(__file__).resolve().parents[2] / "examples" / "own_model.py"


def test_every_combination_is_trained_and_compared(tmp_path, monkeypatch, capsys):
    root = make(tmp_path / "chips").root
    write_splits(tmp_path / "splits.csv", SPLITS)
    common = ["epochs=1", "batch=4", "threads=1", "accelerator=cpu", f"model={OWN_MODEL}", f"input=[{COHERENCE}]"]
    words = ["train", str(root), *common, "--multirun", "--output", str(tmp_path / "runs")]
    words += ["--splits", str(tmp_path / "splits.csv"), "model.width=4,6", "learning_rate=0.01,0.1"]
    monkeypatch.setattr("sys.argv", ["m3leo-sar", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None), capsys.readouterr()
    rows = list(csv.DictReader((tmp_path / "runs" / "sweep.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == ["000", "001", "002", "003"]
    assert rows[1]["settings"] == "model.width=4, learning_rate=0.1"
    assert len({row["loss"] for row in rows}) == 4
    assert all((tmp_path / "runs" / row["run"] / "model.pt").is_file() for row in rows)
    assert "model.width=6, learning_rate=0.01" in capsys.readouterr().out.replace("\n", " ")


def test_a_mistake_in_one_run_stops_all_before_the_first(tmp_path, monkeypatch, capsys):
    root = make(tmp_path / "chips").root
    words = ["train", str(root), "--multirun", "--output", str(tmp_path / "runs"), "model=unet,unett", "epochs=1"]
    monkeypatch.setattr("sys.argv", ["m3leo-sar", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "did you mean 'unet'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
