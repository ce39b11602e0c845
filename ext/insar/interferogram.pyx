# distutils: language = c++
"""Interferogram of one pair: rows of the result over OpenMP threads (interferogram_cpu.h)."""

cdef extern from "interferogram_cpu.h" namespace "m3" nogil:
    void interferogram_rows[Real](
        const Real* a, const Real* b, const double* phase, Real* out, long long cols, int look_rows, int look_cols,
        double min_valid, long long out_rows, long long out_cols)

ctypedef fused Real:
    float
    double


def interferogram(const Real[:, :, ::1] a, const Real[:, :, ::1] b, phase, int look_rows, int look_cols,
                  double min_valid, Real[:, :, ::1] out):
    """Fill out (rows, cols, 2) from a and b, whose last axis holds the parts; phase is a plane or None."""
    cdef const double[:, ::1] plane
    cdef const double* radians = NULL
    if phase is not None:
        plane = phase
        radians = &plane[0, 0]
    with nogil:
        interferogram_rows(&a[0, 0, 0], &b[0, 0, 0], radians, &out[0, 0, 0], a.shape[1], look_rows, look_cols,
                           min_valid, out.shape[0], out.shape[1])
