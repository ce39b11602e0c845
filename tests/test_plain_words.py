"""Messages, names and prose use plain terms: no wording that reads as if translated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What a figure or a count refers to: "two bytes per pixel", not "two bytes a pixel".
_THING = (
    "(pixel|tile|pair|date|chip|class|band|sample|axis|batch|epoch|worker|thread|process|second|line|burst|block|file|"
    "row|column|shard|lane|layer)"
)
_COUNT = (
    "(one|two|three|four|[0-9]+|bytes|seconds|numbers|values|taps|samples|cycles|steps|threads|ms|s|[MG]i?B|"
    "microseconds|milliseconds|B|layer)"
)
#: Wording to its plain form.
FORBIDDEN = {
    r"\btold\b|_told\b|_told_": "reported, specified, or a noun",
    r"\b(tells|telling)\b|\btell [a-z]": "gives, specifies, reports",
    r"\b(is|are|was|were) said\b": "stated, specified",
    r"\b(must|to) say what\b|\bsays what\b": "a noun",
    r"\blooked at\b": "read, examined",
    r"\bunasked\b": "implicitly",
    rf"\b{_COUNT} an? {_THING}\b": "per",
    r"\bgoes? with (the |a )?(rule|resampling|workers|CSLC|--)": "applies to",
    r"\bknows? no\b": "has no",
    r"\bbrings it\b": "install it with",
    r"(?<!there )\bis no (chip|stack|XML|YAML|JSON|checkpoint|archive|index|Zarr|SLC)\b|\} is no [A-Za-z{]": "is not a",
    r"\b(co-registrated|informations|actualise)\b": "an English word",
}
FILES = sorted(
    path
    for place in ("src", "docs", "examples", "benchmarks")
    for path in (ROOT / place).rglob("*")
    if path.suffix in (".py", ".md", ".yaml")
) + [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml")]


@pytest.mark.parametrize("wording", FORBIDDEN)
def test_no_translated_wording(wording):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(wording, line)
    ]
    assert not found, f"write {FORBIDDEN[wording]} in\n" + "\n".join(found)


def test_no_mark_of_a_merge_is_left():
    marks = tuple(sign * 7 for sign in "<>|")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if line.startswith(marks)
    ]
    assert not found
