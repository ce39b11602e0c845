"""The code of docs/far-files.md runs against a server of this machine in place of example.org."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from far_stacks import DATES, speckle, write_cslc
from range_server import RangeServer
from remote_setting import quick_transfers

pytest.importorskip("aiohttp")
GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "far-files.md").read_text()


def test_the_code_of_the_guide(tmp_path, monkeypatch, capsys):
    (tmp_path / "slc").mkdir()
    paths = [write_cslc(tmp_path / "slc", speckle((450, 560), index), date) for index, date in enumerate(DATES[:2])]
    (tmp_path / "slc" / "list.csv").write_text("path\n" + "\n".join(path.name for path in paths))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with RangeServer(tmp_path) as server, quick_transfers():
        for code in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
            exec(code.replace("https://example.org", server.url), names)
    assert capsys.readouterr().out.splitlines() == ["(2, 71, 115) complex64", "{'coherence': 1, 'intensity': 2}"]
