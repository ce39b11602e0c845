"""A test that is skipped for a reason that nobody listed is a failure, and so is a test file that is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _pytest.reports import CollectReport
from skip_reasons import EXPECTED, hold_to_the_list, is_expected

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("there is no CUDA device", True),
        ("there is no clang++", True),
        ("NVRTC cannot be loaded: libnvrtc.so.13: cannot open", True),
        ("could not import 'snaphu': No module named 'snaphu'", True),
        ("could not import 'rasterio': No module named 'rasterio'", False),
        ("unable to import module PosixPath('tests/test_fit.py')", False),
        ("there is no CUDA device today", False),
        ("flaky", False),
    ],
)
def test_reasons(reason, expected):
    assert is_expected(reason) is expected


def test_every_reason_is_given_by_a_test():
    sources = "\n".join(path.read_text() for path in TESTS.rglob("*.py") if "skip_reasons" not in path.name)
    for pattern in EXPECTED:
        # The pieces of a reason between its variable parts.
        pieces = re.split(r"\[.*?\]\+|\.\*|could not import '|'", pattern.replace("\\", ""))
        assert all(piece.strip() in sources for piece in pieces), pattern


@pytest.mark.parametrize(
    ("reason", "outcome"), [("Skipped: there is no CUDA device", "skipped"), ("Skipped: flaky", "failed")]
)
def test_a_report_with_another_reason_fails(reason, outcome):
    report = CollectReport("a", "skipped", ("a.py", 1, reason), [])
    hold_to_the_list(report)
    assert report.outcome == outcome
    assert outcome == "skipped" or "does not list: flaky" in report.longrepr


def test_the_hooks_are_those_of_the_suite(request):
    for hook in ("pytest_runtest_makereport", "pytest_make_collect_report"):
        found = [plugin.plugin_name for plugin in getattr(request.config.hook, hook).get_hookimpls()]
        assert any(name.endswith("conftest.py") for name in found)
