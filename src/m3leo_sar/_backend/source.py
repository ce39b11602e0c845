"""CUDA texts with their headers pasted in."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)


@cache
def kernel_source(stem: str) -> str:
    """Text of ``ext/<room>/<stem>.cu``, self-contained, each header once.

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
        return _INCLUDE.sub(pasted, _located(name).read_text(encoding="utf-8"))

    return expanded(f"{stem}.cu")


def _located(name: str) -> Any:
    """File of ext/ by its name, which is the same in no two of its folders."""
    for folder in files("m3leo_sar._ext").iterdir():
        if folder.is_dir() and folder.joinpath(name).is_file():
            return folder.joinpath(name)
    raise FileNotFoundError(f"ext/ must hold {name}, found it in none of its folders")
