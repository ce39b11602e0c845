"""The page from Python and in notebooks."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from fake_explorer import FakeExplorer

import m3leo_sar
from m3leo_sar.view.server import serve
from m3leo_sar.view.view import View


@pytest.fixture
def page():
    explorer = FakeExplorer()
    with View(explorer, serve(explorer, open_browser=False), owns=False) as page:
        yield page


def test_the_page_is_served_and_needs_no_other_machine(page):
    with urllib.request.urlopen(page.url) as answer:
        text = answer.read().decode()
    assert "Any pair at a click" in text
    for start in ('src="http', 'href="http', "url(http", "//cdn", "@import"):
        assert start not in text


def test_a_notebook_shows_it_in_a_frame(page):
    html = page._repr_html_()
    assert f'src="{page.url}"' in html
    assert 'title="Any pair of made/up/stack"' in html


def test_closed(page):
    page.close()
    assert repr(page) == "View(closed)"
    assert "closed" in page._repr_html_()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page.url, timeout=5)


def test_the_room_is_the_word_whatever_was_imported_first():
    ways = (
        "import m3leo_sar; word = m3leo_sar.view",
        "import m3leo_sar.view.query; word = m3leo_sar.view",
        "from m3leo_sar import view as word",
        "from m3leo_sar.view.view import view; import m3leo_sar; word = m3leo_sar.view",
    )
    code = "\n".join(f"{way}; assert callable(word) and word.__name__ == 'm3leo_sar.view', {way!r}" for way in ways)
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list(inspect.signature(m3leo_sar.view).parameters)[:2] == ["source", "tiles"]
    assert not callable(m3leo_sar.grid)


def test_a_stack_explores_itself(monkeypatch):
    import datetime

    import numpy as np

    seen = []
    monkeypatch.setattr("m3leo_sar.view.view.view", lambda stack, **options: seen.append((stack, options)))
    box = m3leo_sar.GeoBox.from_bounds((500000, 0, 500700, 500), shape=(5, 7), crs="EPSG:32631")
    dates = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]
    stack = m3leo_sar.SlcStack.from_arrays(np.ones((2, 5, 7), "complex64"), dates, geometry=box, polarisation="VV")
    stack.explore(port=0)
    assert seen == [(stack, {"port": 0})]


def test_the_code_of_the_guide(capsys):
    guide = (Path(__file__).resolve().parents[2] / "docs" / "view.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(code, "view.md", "exec"), {})
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
