"""The README's code runs and prints what it says."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def test_first_screen(capsys):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert len(code.strip().splitlines()) <= 8
    exec(code, {})
    assert capsys.readouterr().out.startswith("0.80")


def test_named_files_exist():
    root = Path(__file__).resolve().parents[1]
    for path in re.findall(r"\[[^\]]*\]\(([^)]+)\)", README):
        assert (root / path).exists(), path
