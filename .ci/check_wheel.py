"""Whether a wheel works where nothing but Python is: ``python .ci/check_wheel.py WHEEL``.

The file: each library finds what it needs in the wheel or on every Linux, none is looked for elsewhere, and no text of
the machine that built it is left inside. Then, in an environment of its own outside of the checkout, without a compiler
on PATH, without a home and without variables: right values, the command. Options add other Pythons, each extra in turn,
and a second build from the sdist, which must give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Modules that each extra must bring.
EXTRAS = {
    "io": "rasterio h5py zarr numcodecs google_crc32c defusedxml pyarrow pystac",
    "far": "aiohttp yarl obstore",
    "vector": "geopandas",
    "unwrap": "whirlwind",
    "app": "typer rich matplotlib cmcrameri m3leo_sar.app.cli",
    "train": "torch lightning torchmetrics hydra omegaconf m3leo_sar.learn.fit.compose",
    "gpu": "cupy",
    "labels": "xarray dask.array h5netcdf",
    "ee": "xee xarray",
    "numba": "numba",
    "timm": "timm",
    "umap": "umap",
    "scale": "dask.array distributed",
    "view": "bokeh tornado",
}
#: Extras of those who work on the package.
DEVELOPMENT = ("test", "docs", "dev")
#: Libraries of every Linux, of the manylinux policies.
SYSTEM = re.compile(r"(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|ld-linux-[\w-]+)\.so(\.\d+)*")
#: Programs that a machine without a compiler has.
PROGRAMS = "sh env cat ls uname mkdir rm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", nargs="*", default=[sys.executable], help="Pythons to test it with (this one)")
    parser.add_argument("--extras", nargs="*", default=[], help="extras to install and import in turn, or 'all'")
    parser.add_argument("--sdist", type=Path, help="build it once more and compare")
    asked = parser.parse_args()
    for problem in (found := list(problems(asked.wheel))):
        print(f"wheel: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"{asked.wheel.name}: {size(asked.wheel)}, nothing leaks in")
    for python in asked.python:
        with tempfile.TemporaryDirectory() as folder:
            print(Environment(Path(folder), python).tested(asked.wheel.resolve()))
    for extra in EXTRAS if asked.extras == ["all"] else asked.extras:
        with tempfile.TemporaryDirectory() as folder:
            print(Environment(Path(folder), asked.python[0]).imported(asked.wheel.resolve(), extra), flush=True)
    if asked.sdist:
        print(compared(asked.wheel, asked.sdist))


def problems(wheel: Path) -> Iterator[str]:
    """What leaks into a wheel, in sentences."""
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile

    root = str(HERE.parent)
    machine = {root, str(Path.home()), sys.base_prefix, sys.prefix, tempfile.gettempdir()} - {"/", "/usr"}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        inside = {Path(name).name for name in names}
        for name in names:
            text = archive.read(name)
            yield from (f"{name} holds the path {path}" for path in machine if f"{path}/".encode() in text)
            if name.startswith(("tests/", "benchmarks/", "ext/")) or "/simt/" in name or name.endswith(".cpp"):
                yield f"{name} has no place in a wheel"
            if ".so" not in Path(name).name:
                continue
            with archive.open(name) as opened:
                sections = [part for part in ELFFile(opened).iter_sections() if isinstance(part, DynamicSection)]
                tags = [tag for section in sections for tag in section.iter_tags()]
            for tag in tags:
                if tag.entry.d_tag == "DT_NEEDED" and tag.needed not in inside and not SYSTEM.fullmatch(tag.needed):
                    yield f"{name} needs {tag.needed}, which is neither in the wheel nor on every Linux"
                if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                    path = getattr(tag, "rpath", None) or tag.runpath
                    yield from (f"{name} looks in {part}" for part in path.split(":") if not part.startswith("$ORIGIN"))


def size(wheel: Path) -> str:
    """Size of a wheel and of what it becomes."""
    with zipfile.ZipFile(wheel) as archive:
        whole = sum(part.file_size for part in archive.infolist())
    return f"{wheel.stat().st_size / 1e6:.1f} MB, {whole / 1e6:.1f} MB installed"


class Environment:
    """A virtual environment in a folder of its own, and a PATH that leads to it and to a few programs."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.home, programs = folder, folder / "home", folder / "programs"
        self.python = folder / "environment" / "bin" / "python"
        for new in (self.home, programs):
            new.mkdir()
        for name in PROGRAMS.split():
            (programs / name).symlink_to(str(shutil.which(name)))
        subprocess.run([python, "-m", "venv", folder / "environment"], check=True)
        self.path = f"{self.python.parent}:{programs}"

    def install(self, *words: object) -> None:
        """What pip is given, from wheels alone; its index and proxy are those of the machine."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if re.match(r"(?i)pip_|uv_|https?_proxy|no_proxy|ssl", name)
        }
        command = [self.python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *words]
        command += ["--constraint", HERE.parent / "constraints.txt"]
        self._run(command, kept | {"HOME": os.environ.get("HOME", "/"), "PATH": self.path})

    def run(self, *words: object) -> str:
        """A command of the environment, with no variable but PATH and HOME."""
        command = [self.python.parent / str(words[0]), *words[1:]]
        return self._run(command, {"PATH": self.path, "HOME": str(self.home)})

    def tested(self, wheel: Path) -> str:
        """The core alone, then the command."""
        said = self.core(wheel)
        self.install(f"{wheel}[app]")
        assert "prepare" in self.run("m3leo-sar", "--help")
        assert "built" in self.run("m3leo-sar", "doctor")
        return said

    def core(self, wheel: Path) -> str:
        """What is installed without an extra gives right values."""
        self.install(wheel)
        shutil.copy(HERE / "smoke.py", self.folder)
        absent = ("rasterio", "torch", "typer", "matplotlib")
        return self.run("python", self.folder / "smoke.py", "--without", *absent).strip()

    def imported(self, wheel: Path, extra: str) -> str:
        """One extra: what it brings is imported, and the kernels beside it give right values."""
        self.install(f"{wheel}[{extra}]")
        modules = EXTRAS[extra].split()
        self.run("python", "-W", "ignore", "-c", "\n".join(f"import {name}" for name in modules))
        shutil.copy(HERE / "smoke.py", self.folder)
        code = f"import runpy, {modules[0]}; runpy.run_path({str(self.folder / 'smoke.py')!r}, run_name='__main__')"
        self.run("python", "-W", "ignore", "-c", code)
        return f"extra {extra}: {' '.join(modules)}"

    def _run(self, command: list[object], environment: dict[str, str]) -> str:
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{done.stdout[-3000:]}{done.stderr[-6000:]}\nwheel: {' '.join(words[:8])} failed")
        return done.stdout


def compared(wheel: Path, sdist: Path) -> str:
    """Whether a second build gives the same bytes."""
    spec = importlib.util.spec_from_file_location("wheel_of_this_project", HERE / "wheel.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    with tempfile.TemporaryDirectory() as folder:
        again = build.build_wheel(sdist, Path(folder), abi3="abi3" in wheel.name)
        first, second = (_digests(path) for path in (wheel, again))
    if first != second:
        differing = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
        sys.exit(f"wheel: a second build from the sdist differs in {', '.join(differing)}")
    return f"a second build from {sdist.name} gives the same {len(first)} files, byte for byte"


def _digests(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


if __name__ == "__main__":
    main()
