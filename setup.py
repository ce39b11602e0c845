"""Native extensions only; everything else is in pyproject.toml.

Switches (environment):
M3LEO_SIMT=1   also build the CPU emulation of the CUDA kernels (tests need it, wheels do not carry it).
M3LEO_ONLY=a,b build only these stems of ext/ (quick turn-around while working on one kernel).
M3LEO_DEBUG=1  bounds checks in Cython, no optimisation.
M3LEO_ABI3=1   kernels on Python's stable ABI: one wheel for Python 3.11 and every later one.
M3LEO_OPENMP=  0: kernels in one thread; 1: OpenMP on macOS too, whose compiler has none of its own (libomp is needed).
M3LEO_LEVELS=1 kernels a second time for x86-64-v3 (AVX2), as is done where the compiler cannot put several builds of a
               function in one library; `_ext/__init__.py` picks. 0: never.
"""

import copy
import os
import platform
import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = bool(os.environ.get("M3LEO_DEBUG"))
ONLY = {stem for stem in os.environ.get("M3LEO_ONLY", "").split(",") if stem}
#: ext/ has a folder per room of the package, `shared` for what several kernels include and `simt` for the emulation.
FOLDERS = sorted(str(path) for path in Path("ext").iterdir() if path.is_dir() and list(path.glob("*.h")))
HEADERS = sorted(str(path) for path in Path("ext").glob("*/*.h"))

# A build without the global interpreter lock has no stable ABI.
ABI3 = bool(os.environ.get("M3LEO_ABI3")) and not sysconfig.get_config_var("Py_GIL_DISABLED")
OPENMP = os.environ.get("M3LEO_OPENMP", "0" if sys.platform == "darwin" else "1") == "1"
#: The folder of the kernels that are built a second time, a level of x86-64.
LEVEL = "x86_64_v3"

# -ffp-contract=off: a tile with its halo must equal the crop of the whole bit for bit, so the vector body and
# the scalar tail of one loop may not round differently. -ffast-math is never used: it breaks NaN tests, and at
# link time it turns on flush-to-zero for the whole Python process.
COMPILE = ["-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
if DEBUG:
    COMPILE += ["-O0", "-g"]
else:
    # The level that a packager's CXXFLAGS name holds. Python's own flags ask for debug symbols, which take longer than
    # some kernels do.
    COMPILE += ["-g0"] if "-O" in os.environ.get("CXXFLAGS", "") else ["-g0", "-O3"]
#: The same for MSVC, which contracts nothing with /fp:precise.
COMPILE_MSVC = ["/std:c++17", "/permissive-", "/Zc:preprocessor", "/utf-8", "/fp:precise", "/EHsc", "/bigobj"]
COMPILE_MSVC += ["/Od"] if DEBUG else ["/O2"]
if not OPENMP:
    THREADS, LINK_THREADS = ["-Wno-unknown-pragmas"], []
elif sys.platform == "darwin":
    THREADS, LINK_THREADS = ["-Xpreprocessor", "-fopenmp"], ["-lomp"]
else:
    THREADS, LINK_THREADS = ["-fopenmp"], ["-fopenmp"]
#: What Cython adds to each module for memory views, compiled once for all.
SHARED = "m3leo_sar._ext._memory_views"
#: Kernels that take longest to compile, the longest first.
LONGEST = ("warp", "coherence", "area", "fringe", "resample", "geometry", "normalise")
MACROS = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")] + [("Py_LIMITED_API", "0x030B0000")] * ABI3


def kernel_extensions():
    """One extension per stem: ext/ROOM/x.pyx becomes m3leo_sar._ext.x."""
    sources = sorted(Path("ext").glob("*/*.pyx"))
    return [
        Extension(
            f"m3leo_sar._ext.{source.stem}",
            [str(source)],
            language="c++",
            include_dirs=[*FOLDERS, numpy.get_include()],
            depends=HEADERS,
            define_macros=MACROS,
            py_limited_api=ABI3,
        )
        for source in sources
        if not ONLY or source.stem in ONLY
    ]


def shared_extension():
    """The module that the kernels import their memory views from."""
    return Extension(SHARED, [], define_macros=MACROS[1:], py_limited_api=ABI3)


def simt_extension():
    """The CUDA texts compiled for the CPU: a plain shared object that ctypes opens."""
    words = runpy.run_path("src/m3leo_sar/_backend/source.py")
    sources = words["SIMT_SOURCES"]
    return Extension(
        "m3leo_sar._ext._simt",
        [f"ext/{name}" for name in sources],
        # Compared with that of the sources when the library is loaded.
        define_macros=[("M3_SIMT_SOURCES", words["source_digest"](Path("ext"), *sources))],
        language="c++",
        include_dirs=FOLDERS,
        depends=HEADERS + sorted(str(path) for path in Path("ext").glob("*/*.cu")),
    )


def flags(extension, compiler):
    """What an extension is compiled and linked with, by the kind of compiler."""
    stem = extension.name.rpartition(".")[2]
    level = f".{LEVEL}." in extension.name
    if compiler.compiler_type == "msvc":
        return [*COMPILE_MSVC, *["/openmp"] * OPENMP, *["/arch:AVX2"] * level], []
    if stem == "_simt":
        # Not -O3: the switch between fibers, not arithmetic, is what emulation costs.
        return ["-std=c++17", "-O2", "-ffp-contract=off"], ["-lpthread"]
    if extension.name == SHARED:
        return ["-O0", "-g"] if DEBUG else ["-g0", "-O1"], []
    return [*COMPILE, *THREADS, *["-march=x86-64-v3"] * level], LINK_THREADS


def wants_level(compiler):
    """Whether kernels are to be built twice: for x86-64, by a compiler other than GCC on Linux."""
    asked = os.environ.get("M3LEO_LEVELS")
    if asked is not None:
        return asked == "1"
    if platform.machine().lower() not in ("x86_64", "amd64") or DEBUG:
        return False
    if compiler.compiler_type == "msvc" or sys.platform != "linux":
        return True
    command = [getattr(compiler, "compiler_so_cxx", compiler.compiler_so)[0], "--version"]
    return "clang" in subprocess.run(command, capture_output=True, text=True, check=False).stdout


def of_level(extension):
    """A kernel once more, from the same text that Cython wrote."""
    other = copy.copy(extension)
    package, _, stem = extension.name.rpartition(".")
    other.name = f"{package}.{LEVEL}.{stem}"
    return other


def turn(extension):
    """Where an extension stands in the queue of the compilers: those that take longest begin first."""
    stem = extension.name.rpartition(".")[2]
    return LONGEST.index(stem) if stem in LONGEST else len(LONGEST)


class BuildExt(build_ext):
    """Compiles as many kernels side by side as there are CPUs."""

    def initialize_options(self):
        super().initialize_options()
        machine = runpy.run_path("src/m3leo_sar/_machine.py")
        # A kernel takes up to a GiB to compile, so not on all of the CPUs of a large machine or a small container.
        fitting = (machine["memory_limit"]() or 2 << 30) >> 30
        self.parallel = max(1, min(machine["available_cpus"](), fitting, 8))

    def build_extensions(self):
        if wants_level(self.compiler):
            kernels = [
                extension for extension in self.extensions if not extension.name.rpartition(".")[2].startswith("_")
            ]
            self.extensions = sorted([*self.extensions, *map(of_level, kernels)], key=turn)
        for extension in self.extensions:
            extension.extra_compile_args, extension.extra_link_args = flags(extension, self.compiler)
        if ABI3:
            # A wheel looks for nothing in the folders of the Python that built it.
            for name in ("linker_so", "linker_so_cxx"):
                words = getattr(self.compiler, name, [])
                setattr(self.compiler, name, [word for word in words if not word.startswith("-Wl,-rpath")])
        super().build_extensions()

    # The emulation is no Python module, so it exports no init symbol.
    def get_export_symbols(self, ext):
        return [] if ext.name.endswith("._simt") else super().get_export_symbols(ext)


extensions = cythonize(
    [*kernel_extensions(), shared_extension()],
    build_dir="build/cython",
    shared_utility_qualified_name=SHARED,
    compiler_directives={
        "language_level": 3,
        "boundscheck": DEBUG,
        "wraparound": False,
        "cdivision": True,
        "initializedcheck": DEBUG,
        "freethreading_compatible": True,
    },
)
extensions.sort(key=turn)
if os.environ.get("M3LEO_SIMT") and (not ONLY or "simt" in ONLY):
    extensions.append(simt_extension())
setup(
    ext_modules=extensions,
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
