"""CUDA sources with their headers inlined, and the digest of the sources that a library was built from.

setup.py runs this file too, before the package is there.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

#: Sources of the emulation of the GPU kernels, in ext/.
SIMT_SOURCES = ("simt/runtime.cpp", "simt/kernels.cpp")
_INCLUDED = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
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


def source_digest(folder: Path, *names: str) -> str:
    """SHA-256, as 16 hexadecimal digits, of some files and of all that they include by name.

    Parameters
    ----------
    folder : Path
        Folder of the sources. A header lies beside the file that includes it, or in any folder right below.
    *names : str
        Files in it, such as ``"simt/kernels.cpp"``.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    """
    found: dict[str, bytes] = {}
    left = [folder / name for name in names]
    while left:
        path = left.pop()
        name = path.resolve().relative_to(folder.resolve()).as_posix()
        if name not in found:
            found[name] = path.read_bytes()
            included = _INCLUDED.findall(found[name].decode("utf-8"))
            left += [_beside(folder, path, one) for one in included]
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{len(found[name])}\0".encode() + found[name])
    return digest.hexdigest()[:16]


def _beside(folder: Path, path: Path, name: str) -> Path:
    places = [path.parent / name, *(below / name for below in sorted(folder.iterdir()) if below.is_dir())]
    return next((place for place in places if place.is_file()), places[0])
