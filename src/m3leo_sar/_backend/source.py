"""CUDA sources with their headers inlined."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)


@cache
def kernel_source(stem: str) -> str:
    """Self-contained source of ``ext/<room>/<stem>.cu``, with each header inlined once.

    CuPy caches compiled kernels by their source and does not track included files, so an edited header on an include
    path would leave an old kernel in use.

    Raises
    ------
    FileNotFoundError
        If the kernel does not exist.
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
    """File of ext/ by its name, which is unique among its folders."""
    for folder in files("m3leo_sar._ext").iterdir():
        if folder.is_dir() and folder.joinpath(name).is_file():
            return folder.joinpath(name)
    raise FileNotFoundError(f"ext/ must hold {name}, found it in none of its folders")
