"""Native extensions only; everything else is in pyproject.toml.

Switches (environment):
M3LEO_SIMT=1   also build the CPU emulation of the CUDA kernels (tests need it, wheels do not carry it).
M3LEO_ONLY=a,b build only these stems of ext/ (quick turn-around while working on one kernel).
M3LEO_DEBUG=1  bounds checks in Cython, no optimisation.
"""

import os
import runpy
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

# -ffp-contract=off: a tile with its halo must equal the crop of the whole bit for bit, so the vector body and
# the scalar tail of one loop may not round differently. -ffast-math is never used: it breaks NaN tests, and at
# link time it turns on flush-to-zero for the whole Python process.
COMPILE = ["-std=c++17", "-fopenmp", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
if DEBUG:
    COMPILE += ["-O0", "-g"]
else:
    # The level that a packager's CXXFLAGS name holds. Python's own flags ask for debug symbols, which take longer than
    # some kernels do.
    COMPILE += ["-g0"] if "-O" in os.environ.get("CXXFLAGS", "") else ["-g0", "-O3"]
#: What Cython adds to each module for memory views, compiled once for all.
SHARED = "m3leo_sar._ext._memory_views"
#: Kernels that take longest to compile, the longest first.
LONGEST = ("warp", "coherence", "area", "fringe", "resample", "geometry", "normalise")
MACROS = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]


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
            extra_compile_args=COMPILE,
            extra_link_args=["-fopenmp"],
        )
        for source in sources
        if not ONLY or source.stem in ONLY
    ]


def shared_extension():
    """The module that the kernels import their memory views from."""
    return Extension(SHARED, [], extra_compile_args=["-O0", "-g"] if DEBUG else ["-g0", "-O1"])


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
        # Not -O3: the switch between fibers, not arithmetic, is what emulation costs.
        extra_compile_args=["-std=c++17", "-O2", "-ffp-contract=off"],
        extra_link_args=["-lpthread"],
    )


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
setup(ext_modules=extensions, cmdclass={"build_ext": BuildExt})
