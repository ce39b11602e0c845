"""Which spelling of a compiler's own the CPU kernels hold, and where."""

from __future__ import annotations

import re
from pathlib import Path

EXT = Path(__file__).resolve().parents[2] / "ext"
#: Known to GCC and Clang, not to MSVC; `__restrict` is known to all, for pointers.
OWN = re.compile(
    r"__attribute__|__builtin_|__typeof|__extension__|__int128|__asm|\basm\b|&\s*__restrict|"
    r"#include <(unistd|sched|pthread|x86intrin|immintrin|sys/|bits/)|M_PI|\bssize_t\b"
)
KERNELS = [file for file in sorted(EXT.glob("*/*.h")) if file.parent.name != "simt"]


def code(file):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read_text(), flags=re.DOTALL)


def test_only_the_headers_made_for_it_hold_spelling_of_one_compiler():
    found = {file.name for file in KERNELS if OWN.search(code(file))}
    assert found == {"portable.h", "lanes.h"}


def test_no_kernel_relies_on_long_which_has_four_bytes_on_windows():
    found = [file.name for file in KERNELS if re.search(r"\blong\b", code(file).replace("long long", ""))]
    assert found == []
