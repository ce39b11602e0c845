"""The sdist and, from it, the wheel of this machine, in dist/: ``./m3 wheel [--per-python] [--check]``.

The wheel is built on the stable ABI of Python, for 3.11 and later. On Linux, auditwheel puts the OpenMP runtime into
it and gives it the manylinux tag that its symbols allow; the symbols that allow no older one are printed. On a machine
with an older C library, such as the containers of cibuildwheel, the same sources give an older tag.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Time of files in archives where no commit states one: the first that zip can hold.
_NO_TIME = "315532800"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--per-python", action="store_true", help="not on the stable ABI: a wheel for this Python alone"
    )
    parser.add_argument("--check", action="store_true", help="then install it, test it, and build it a second time")
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="Pythons of --check (this one)")
    parser.add_argument("--extras", nargs="*", default=[], help="extras of --check to install in turn, or 'all'")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archives (%(default)s)")
    asked = parser.parse_args()
    asked.out.mkdir(exist_ok=True)
    sdist = build_sdist(ROOT, asked.out)
    wheel = build_wheel(sdist, asked.out, abi3=not asked.per_python)
    print(sdist, wheel, *oldest_library(wheel), sep="\n")
    if asked.check:
        check = Path(__file__).with_name("check_wheel.py")
        options = ["--python", *asked.python, "--extras", *asked.extras, "--sdist", sdist]
        sys.exit(subprocess.run([sys.executable, check, wheel, *options], check=False).returncode)


def build_sdist(root: Path, out: Path, *, isolated: bool = True) -> Path:
    """The source archive of a tree."""
    with tempfile.TemporaryDirectory() as folder:
        _run([*_build("--sdist", isolated), "--outdir", folder, root], cwd=root)
        return _moved(Path(folder), "*.tar.gz", out)


def build_wheel(sdist: Path, out: Path, *, abi3: bool = True, isolated: bool = True, **settings: str) -> Path:
    """The wheel of an sdist for this platform, with all libraries that not every machine has.

    Unless ``isolated``, by the tools that this Python has, not by those that pyproject.toml names.
    """
    with tempfile.TemporaryDirectory() as folder:
        made, source = Path(folder, "made"), _unpacked(sdist, Path(folder))
        settings = {"SOURCE_DATE_EPOCH": _last_change(), "PIP_CONSTRAINT": str(ROOT / "constraints.txt"), **settings}
        if abi3:
            settings["M3LEO_ABI3"] = "1"
        # Where it was built is nobody's business, and would make each build another.
        paths = f"-ffile-prefix-map={source}=."
        settings["CFLAGS"] = f"{os.environ.get('CFLAGS', '')} {paths}".strip()
        _run([*_build("--wheel", isolated), "--outdir", made, source], cwd=source, **settings)
        if sys.platform != "linux":
            return _moved(made, "*.whl", out)
        repaired = Path(folder, "repaired")
        _run(
            ["auditwheel", "repair", "--strip", "--wheel-dir", repaired, next(made.glob("*.whl"))],
            cwd=source,
            **settings,
        )
        return _moved(repaired, "*.whl", out)


def oldest_library(wheel: Path) -> list[str]:
    """Which C library a Linux wheel needs at least, and the symbols that need it, by file."""
    needed = sorted(versioned_symbols(wheel), reverse=True)
    if not needed:
        return []
    newest = needed[0][0]
    by_file: dict[str, list[str]] = {}
    for version, file, symbol in needed:
        if version == newest:
            by_file.setdefault(file, []).append(symbol)
    lines = [f"needs glibc {'.'.join(map(str, newest))}, for"]
    lines += [f"  {file}: {', '.join(sorted(symbols))}" for file, symbols in sorted(by_file.items())]
    rest = max((version for version, file, _ in needed if file not in by_file), default=None)
    return lines + ([f"without these files, glibc {'.'.join(map(str, rest))}"] if rest else [])


def versioned_symbols(wheel: Path) -> Iterator[tuple[tuple[int, ...], str, str]]:
    """Version of glibc, file and name of each symbol that the libraries of a wheel take from glibc."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection

    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".so" not in Path(name).name:
                continue
            with archive.open(name) as opened:
                elf = ELFFile(opened)
                sections = list(elf.iter_sections())
                needed = next(section for section in sections if isinstance(section, GNUVerNeedSection))
                versions = {part["vna_other"]: part.name for _, parts in needed.iter_versions() for part in parts}
                numbers = next(section for section in sections if isinstance(section, GNUVerSymSection))
                for number, symbol in zip(
                    numbers.iter_symbols(), elf.get_section_by_name(".dynsym").iter_symbols(), strict=True
                ):
                    found = re.fullmatch(r"GLIBC_([0-9.]+)", versions.get(number["ndx"], ""))
                    if found:
                        yield tuple(map(int, found[1].split("."))), Path(name).name, symbol.name


def _build(kind: str, isolated: bool) -> list[object]:
    return [sys.executable, "-m", "build", kind, *([] if isolated else ["--no-isolation"])]


def _unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def _moved(folder: Path, pattern: str, out: Path) -> Path:
    made = next(folder.glob(pattern))
    return Path(shutil.move(made, out / made.name))


def _last_change() -> str:
    """Time of the last commit, the same for all who build it."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return os.environ["SOURCE_DATE_EPOCH"]
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return done.stdout.strip() if done and done.returncode == 0 and done.stdout.strip() else _NO_TIME


def _run(command: list[object], *, cwd: Path, **settings: str) -> None:
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PATH": paths, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-6000:]}\nwheel: {' '.join(str(part) for part in command[:6])} failed")


if __name__ == "__main__":
    main()
