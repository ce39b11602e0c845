# distutils: language = c++
"""Homogeneous pixels and the coherence over them: rows over OpenMP threads (formulas in homogeneous.h; traversal of the
Kolmogorov-Smirnov test in homogeneous_cpu.h)."""

from cython.parallel cimport prange

cdef extern from "homogeneous.h" namespace "m3" nogil:
    cdef struct HomogeneousShape:
        long long rows
        long long cols
        int window_rows
        int window_cols
        int words
    cdef cppclass MeanIntensities[T]:
        const T* intensity
        double limit
    cdef struct HomogeneousRule:
        double min_valid
        int min_neighbours
        bint centred
    void homogeneous_at[Test](const Test& test, const HomogeneousShape& shape, long long row, long long col,
                              unsigned long long* mask)
    cdef cppclass CoherenceMaps[T]:
        @staticmethod
        CoherenceMaps[T] at(const unsigned long long* addresses)
    void homogeneous_coherence_at[T](const T* a, const T* b, const unsigned long long* mask,
                                     const HomogeneousShape& shape, const HomogeneousRule& rule, long long row,
                                     long long col, const CoherenceMaps[T]& maps)

cdef extern from "homogeneous_cpu.h" namespace "m3" nogil:
    void homogeneous_ks_cpu "m3::homogeneous_ks"[T](const T* amplitude, int dates, int limit,
                                                    const HomogeneousShape& shape, unsigned long long* mask)

ctypedef fused Real:
    float
    double


cdef HomogeneousShape shape_of(unsigned long long[:, :, ::1] mask, int window_rows, int window_cols):
    cdef HomogeneousShape shape
    shape.rows, shape.cols, shape.words = mask.shape[0], mask.shape[1], <int>mask.shape[2]
    shape.window_rows, shape.window_cols = window_rows, window_cols
    return shape


def homogeneous_ks(const Real[:, :, ::1] amplitude, int limit, int window_rows, int window_cols,
                   unsigned long long[:, :, ::1] mask):
    """Fill the mask from amplitudes (dates, rows, cols)."""
    cdef HomogeneousShape shape = shape_of(mask, window_rows, window_cols)
    with nogil:
        homogeneous_ks_cpu(&amplitude[0, 0, 0], <int>amplitude.shape[0], limit, shape, &mask[0, 0, 0])


def homogeneous_glrt(const Real[:, ::1] intensity, double limit, int window_rows, int window_cols,
                     unsigned long long[:, :, ::1] mask):
    """Fill the mask from mean intensities (rows, cols)."""
    cdef HomogeneousShape shape = shape_of(mask, window_rows, window_cols)
    cdef MeanIntensities[Real] test
    test.intensity, test.limit = &intensity[0, 0], limit
    cdef long long r, c
    for r in prange(shape.rows, nogil=True, schedule="dynamic"):
        for c in range(shape.cols):
            homogeneous_at(test, shape, r, c, &mask[0, 0, 0])


def homogeneous_coherence(const Real[:, :, ::1] reference, const Real[:, :, ::1] secondary,
                          unsigned long long[:, :, ::1] mask, int window_rows, int window_cols, double min_valid,
                          int min_neighbours, bint centred, const unsigned long long[::1] maps):
    """Fill the maps of coherence.pyx (addresses of (rows, cols), 0 where not wanted) from images (rows, cols, 2)."""
    cdef HomogeneousShape shape = shape_of(mask, window_rows, window_cols)
    cdef HomogeneousRule rule
    rule.min_valid, rule.min_neighbours, rule.centred = min_valid, min_neighbours, centred
    cdef CoherenceMaps[Real] out = CoherenceMaps[Real].at(&maps[0])
    cdef long long r, c
    for r in prange(shape.rows, nogil=True, schedule="dynamic"):
        for c in range(shape.cols):
            homogeneous_coherence_at(&reference[0, 0, 0], &secondary[0, 0, 0], &mask[0, 0, 0], shape, rule, r, c,
                                     out)
