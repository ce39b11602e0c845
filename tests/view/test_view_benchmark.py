"""The benchmark of the view runs on tiny input."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import view as bench


def test_the_table_has_a_row_of_each_kind(monkeypatch):
    monkeypatch.setattr(bench, "_SIDE", 1)
    lines = bench.table(3, 2, (700, 1300), browser=False)
    names = [line.split("|")[1].strip() for line in lines[2:]]
    assert names[:3] == ["another pair of known dates", "nothing known, from disk", "20 at once, nothing known"]
    assert any(name.startswith("4 map tiles at once") for name in names)
    assert all(float(line.split("|")[2]) > 0 for line in lines[2:])
