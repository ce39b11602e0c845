"""Native kernels: one stem an algorithm."""

from contextlib import suppress
from importlib import import_module

from m3leo_sar._openmp import openmp_settings

# Any kernel loads the OpenMP runtime of all; where none is built, the one that is wanted says so.
with openmp_settings(), suppress(ImportError):
    import_module(f"{__name__}.multilook")
