"""Classes of a map from a file, as plain values."""

from __future__ import annotations

import pytest

from m3leo_sar.chips.land_cover import read_legend
from m3leo_sar.io.tables.class_file import read_classes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "code,name,colour\n0,dry,#aabbcc\n1,flooded,\n"),
        ("a.csv", "\ufeffCode, Name , colour\n0, dry, #aabbcc\n1, flooded\n"),
        ("a.json", '[{"code": 0, "name": "dry", "colour": "#aabbcc"}, {"code": 1, "name": "flooded"}]'),
        ("a.json", '{"0": "dry", "1": "flooded"}'),
    ],
)
def test_classes_are_read_from_csv_and_json(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    legend = read_legend(read_classes(tmp_path / name))
    assert (legend.codes, legend.names) == ((0, 1), ("dry", "flooded"))
    assert legend.classes[0].colour == "#aabbcc" or text.startswith("{")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "value,label\n0,dry\n",
            "a.csv is not a file of classes: its columns must be code, name, colour, got",
        ),
        ("a.csv", "", "its columns must be code, name, colour, got none"),
        ("a.json", "[", "a.json is not a file of classes"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_classes(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_classes(tmp_path / "none.csv")
