# distutils: language = c++
"""Levels of values in [0, 1]: pieces over OpenMP threads (quantise_cpu.h, formula in quantise.h)."""

from libc.stdint cimport uint8_t

cdef extern from "quantise_cpu.h" namespace "m3" nogil:
    void quantise_all[Real](const Real* values, unsigned char* out, long long count, int levels, int no_data)

ctypedef fused Real:
    float
    double


def quantise(const Real[::1] values, int levels, int no_data, uint8_t[::1] out):
    """Fill out with the levels of values, of the same length."""
    with nogil:
        quantise_all(&values[0], &out[0], values.shape[0], levels, no_data)
