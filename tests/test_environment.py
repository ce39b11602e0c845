"""docs/environment.md has every environment variable of this project's own that a source reads, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "environment.md"
FOLDERS = ("src", "ext", "tests", "benchmarks", ".ci", "packaging", "examples", "findings")
#: Suffixes of sources; a script may have none.
SOURCES = (".py", ".pyx", ".pxd", ".h", ".cu", ".cpp", ".sh", ".toml", ".yml", ".yaml", "")
NAME = r"_?M3LEO_[A-Z0-9_]+"
#: How Python, C++ and the shell read a variable, or a test and a script set one for them.
READS = (
    rf"environ(?:\.get\(|\.pop\(|\.setdefault\(|\[)\s*[\"']({NAME})[\"']",
    rf"getenv\(\s*[\"']({NAME})[\"']",
    rf"setting\(\s*[\"']({NAME})[\"']",
    rf"setenv\(\s*[\"']({NAME})[\"']",
    rf"\$\{{?({NAME})",
    rf"(?:^|[\s;])(?:export |env )?({NAME})=",
)


def variables_read() -> set[str]:
    files = [ROOT / "m3", ROOT / "setup.py", ROOT / "pyproject.toml"]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in SOURCES]
    found: set[str] = set()
    for path in files:
        if path == Path(__file__).resolve() or "__pycache__" in path.parts:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        if "M3LEO_" in text:
            found |= {name for pattern in READS for name in re.findall(pattern, text, re.MULTILINE)}
            constants = re.findall(rf"^(\w+) = [\"']({NAME})[\"']", text, re.MULTILINE)
            found |= {name for constant, name in constants if f"environ.get({constant}" in text}
    return found


def test_the_page_has_every_variable_that_a_source_reads_and_no_other() -> None:
    listed = set(re.findall(rf"`({NAME})`", PAGE.read_text()))
    # Set by typer, from the name of the command.
    assert listed - {"_M3LEO_SAR_COMPLETE"} == variables_read() - {"_M3LEO_SAR_COMPLETE"}
    assert {"M3LEO_DEBUG", "M3LEO_SAR_REMOTE_INDEX", "M3LEO_SIMT_ORDER", "M3LEO_ONLY"} <= variables_read()
