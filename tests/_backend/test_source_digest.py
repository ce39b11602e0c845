"""A library of other sources than those beside it is refused before a kernel is called with other arguments."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from m3leo_sar._backend.simt import _require_current
from m3leo_sar._backend.source import SIMT_SOURCES, source_digest


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "simt/runtime.cpp": "#include <stdio.h>\n",
        "simt/kernels.cpp": '#include "../warp/shift.cu"\n',
        "warp/shift.cu": '  #  include "shift.h"\n#include "window.h"\n',
        "warp/shift.h": '#include "shift.h"\nint shift(int rows);\n',
        "shared/window.h": "struct Window {};\n",
        "warp/shift_cpu.h": "int cpu();\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["simt/runtime.cpp", "warp/shift.cu", "warp/shift.h", "shared/window.h"])
def test_each_source_changes_the_digest(folder, name):
    before = source_digest(folder, *SIMT_SOURCES)
    assert before == source_digest(folder, *reversed(SIMT_SOURCES))
    assert len(before) == 16
    (folder / name).write_text((folder / name).read_text() + "// more\n")
    assert source_digest(folder, *SIMT_SOURCES) != before


def test_a_header_that_nothing_includes_does_not(folder):
    before = source_digest(folder, *SIMT_SOURCES)
    (folder / "warp/shift_cpu.h").write_text("int other();\n")
    assert source_digest(folder, *SIMT_SOURCES) == before
    (folder / "shared/window.h").unlink()
    with pytest.raises(FileNotFoundError, match=r"window\.h"):
        source_digest(folder, *SIMT_SOURCES)


def library(digest):
    def simt_sources():
        return digest.encode()

    return SimpleNamespace(simt_sources=simt_sources)


def test_a_stale_library_is_refused_with_the_command_that_builds_it(folder):
    _require_current(library(source_digest(folder, *SIMT_SOURCES)), folder)
    for stale in (library("0123456789abcdef"), SimpleNamespace()):
        with pytest.raises(
            ImportError, match=r"built from other sources than those in ext/; build it again: M3LEO_SIMT=1"
        ):
            _require_current(stale, folder)
    (folder / "simt/kernels.cpp").unlink()
    # An installed library has no sources beside it.
    _require_current(library("0123456789abcdef"), folder)
