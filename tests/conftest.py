"""Fixtures of the whole suite."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from skip_reasons import hold_to_the_list

hypothesis.settings.register_profile(
    "suite", deadline=None, derandomize=True, max_examples=40, suppress_health_check=list(hypothesis.HealthCheck)
)
# Other examples at every run: --hypothesis-profile=fresh. A failure prints the decorator that repeats it.
hypothesis.settings.register_profile(
    "fresh",
    hypothesis.settings.get_profile("suite"),
    derandomize=False,
    max_examples=20,
    print_blob=True,
    database=None,
)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]

# Files of ten seconds and more start first, the longest at the front: one that started last would run alone.
LONG_FILES = (
    "tests/test_site.py",
    "tests/insar/test_window_map.py",
    "src/m3leo_sar/insar/window_map.py",
    "tests/run/test_scale_docs.py",
    "tests/gpu/test_nvrtc.py",
    "tests/run/test_update.py",
    "tests/run/test_faults.py",
    "tests/app/test_every_command.py",
    "tests/io/test_fuzz.py",
    "tests/training/test_training_docs.py",
    "tests/bench/test_benchmark.py",
    "tests/app/test_demo.py",
    "tests/learn/fit/test_fit.py",
    "tests/test_loader_benchmark.py",
    "tests/test_examples.py",
    "tests/training/test_pair_training.py",
    "tests/training/test_multirun.py",
    "tests/test_scale_benchmarks.py",
    "tests/learn/tasks/test_ssl_tasks.py",
)


class Backend:
    """Where a test's arrays live: NumPy, the emulation of the GPU's kernels, or a GPU."""

    def __init__(self, name: str) -> None:
        self.name = name

    def array(self, array: np.ndarray) -> Any:
        if self.name == "cpu":
            return array
        if self.name == "simt":
            from m3leo_sar._backend.simt import as_simt

            return as_simt(array)
        import cupy

        return cupy.asarray(array)

    def numpy(self, array: Any) -> np.ndarray:
        return array.get() if self.name == "gpu" else np.asarray(array)


def _why_not(name: str) -> str:
    if name == "simt" and not list((ROOT / "ext").glob("_simt.*.so")):
        return "the emulation is not built (M3LEO_SIMT=1)"
    if name == "gpu":
        if importlib.util.find_spec("cupy") is None:
            return "CuPy is not installed"
        import cupy

        if not cupy.is_available():
            return "there is no CUDA device"
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    hold_to_the_list(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    hold_to_the_list(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, after the order was shuffled."""
    rank = {ROOT / name: place for place, name in enumerate(LONG_FILES)}
    if gone := [path for path in rank if not path.is_file()]:
        raise pytest.UsageError(f"LONG_FILES of tests/conftest.py names files that are gone: {gone}")
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take thousands of collected tests out of the garbage collector's sight: it doubled the time of training."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the scores that the gates of `tests/science` recorded, also where another process ran them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    gates = sorted(text for report in reports for name, text in report.user_properties if name == "gate")
    if gates:
        terminalreporter.section("scores of the gates")
        terminalreporter.write_line("\n".join(gates))


@pytest.fixture(params=["cpu", "simt", "gpu"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each kernel test runs on the CPU kernel, the emulated GPU kernel and the GPU."""
    reason = _why_not(request.param)
    if reason:
        pytest.skip(reason)
    return Backend(request.param)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20230319)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Small real data beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data are not beside the repository (../shared/data)")
    return folder


@pytest.fixture
def columns(monkeypatch):
    """Sets the width of the terminal; the environment is read once per process, when the command is loaded."""

    def set_width(width):
        from m3leo_sar.app import progress

        for console in (progress.OUT, progress.ERR, progress.LISTS, progress.FAULTS):
            monkeypatch.setattr(console, "_width", width)

    return set_width
