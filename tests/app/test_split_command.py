"""The command that divides tiles: few tiles are answered with what works for them."""

from __future__ import annotations

import pytest

from m3leo_sar import TileGrid
from m3leo_sar.app.command import main
from m3leo_sar.io.tables.tile_file import write_tiles


def test_few_tiles_are_pointed_to_order(tmp_path, monkeypatch, capsys):
    write_tiles(tmp_path / "tiles.geojson", TileGrid.exact((3.0, 48.70, 3.06, 48.78)))
    words = ["split", str(tmp_path / "tiles.geojson"), str(tmp_path / "splits.csv")]
    monkeypatch.setattr("sys.argv", ["m3leo-sar", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "--by order" in capsys.readouterr().err
    assert not (tmp_path / "splits.csv").exists()
    monkeypatch.setattr("sys.argv", ["m3leo-sar", *words, "--by", "order"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert (tmp_path / "splits.csv").is_file()
