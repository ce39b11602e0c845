"""Native kernels: one stem an algorithm."""

import os
from contextlib import suppress
from importlib import import_module

from m3leo_sar import _openmp

# Kernels for newer processors, of a compiler that cannot put several builds of a function in one library.
__path__[:0] = _openmp.faster_kernels(__path__)
# Any kernel loads the OpenMP runtime of all; where none is built, the one that is wanted says so.
with _openmp.openmp_settings(), suppress(ImportError):
    import_module(f"{__name__}.multilook")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_openmp.one_thread)
