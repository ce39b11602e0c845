"""CUDA texts with their headers pasted in."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)


@cache
def kernel_source(stem: str) -> str:
    """Text of ``ext/<stem>.cu``, self-contained, each header once.

    CuPy caches compiled kernels by their text and does not see included files, so a header that is found by a path and
    edited would leave an old kernel running.

    Raises
    ------
    FileNotFoundError
        If there is no such kernel.
    """
    seen: set[str] = set()

    def pasted(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return expanded(match[1])

    def expanded(name: str) -> str:
        return _INCLUDE.sub(pasted, files("m3leo_sar._ext").joinpath(name).read_text(encoding="utf-8"))

    return expanded(f"{stem}.cu")
