# distutils: language = c++
"""Interferogram of one pair: rows of the result over OpenMP threads (formula in interferogram.h)."""

from cython.parallel cimport prange

cdef extern from "interferogram.h" namespace "m3" nogil:
    void interferogram_at[T](const T* a, const T* b, T* out, long long cols, int look_rows, int look_cols,
                             long long row, long long col, long long out_cols)

ctypedef fused Real:
    float
    double


def interferogram(const Real[:, :, ::1] a, const Real[:, :, ::1] b, int look_rows, int look_cols, Real[:, :, ::1] out):
    """Fill out (rows, cols, 2) from a and b (rows, cols, 2); the last axis holds the real and imaginary parts."""
    cdef long long cols = a.shape[1], out_rows = out.shape[0], out_cols = out.shape[1], r, c
    for r in prange(out_rows, nogil=True, schedule="static"):
        for c in range(out_cols):
            interferogram_at(&a[0, 0, 0], &b[0, 0, 0], &out[0, 0, 0], cols, look_rows, look_cols, r, c, out_cols)
