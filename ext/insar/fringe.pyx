# distutils: language = c++
"""Coherence along the local fringe (formula in fringe.h, traversal in fringe_cpu.h)."""

cdef extern from "fringe_cpu.h" namespace "m3" nogil:
    cdef struct FringeShape:
        long long rows
        long long cols
        int window_rows
        int window_cols
        bint given
        double min_valid
        bint centred
    cdef cppclass CoherenceMaps[T]:
        @staticmethod
        CoherenceMaps[T] at(const unsigned long long* addresses)
    void fringe_coherence_cpu "m3::fringe_coherence"[T](
        const T* a, const T* b, const FringeShape& shape, T* frequency_rows, T* frequency_cols,
        const CoherenceMaps[T]& maps)

ctypedef fused Real:
    float
    double


def fringe_coherence(const Real[:, :, ::1] reference, const Real[:, :, ::1] secondary, int window_rows, int window_cols,
                     bint given, double min_valid, bint centred, Real[:, ::1] frequency_rows,
                     Real[:, ::1] frequency_cols, const unsigned long long[::1] maps):
    """Fill the maps of coherence.pyx (addresses of (rows, cols), 0 where not wanted) from (rows, cols, 2), and the
    frequencies unless they are given."""
    cdef FringeShape shape
    shape.rows, shape.cols = reference.shape[0], reference.shape[1]
    shape.window_rows, shape.window_cols, shape.given = window_rows, window_cols, given
    shape.min_valid, shape.centred = min_valid, centred
    cdef CoherenceMaps[Real] out = CoherenceMaps[Real].at(&maps[0])
    with nogil:
        fringe_coherence_cpu(&reference[0, 0, 0], &secondary[0, 0, 0], shape, &frequency_rows[0, 0],
                             &frequency_cols[0, 0], out)
