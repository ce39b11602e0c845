# distutils: language = c++
"""Coherence of many pairs of one stack (formula in coherence.h, traversal in coherence_cpu.h)."""

from libc.stdint cimport uintptr_t
from libcpp.vector cimport vector

cdef extern from "coherence_cpu.h" namespace "m3" nogil:
    cdef struct CoherenceShape:
        long long rows
        long long cols
        int window_rows
        int window_cols
        int step_rows
        int step_cols
        const double* row_weights
        const double* col_weights
        double min_valid
        bint centred
        bint clip
    cdef struct Image:
        const void* data
        bint int16
    cdef cppclass CoherenceMaps[T]:
        @staticmethod
        CoherenceMaps[T] at(const unsigned long long* addresses)
    void coherence_pairs_cpu "m3::coherence_pairs"[T](
        const Image* images, long long image_count, const long long* pairs, long long pair_count,
        const double* const* phases, const CoherenceShape& shape, const CoherenceMaps[T]& maps)

ctypedef fused Real:
    float
    double


def coherence_pairs(const uintptr_t[::1] images, bint int16, const long long[:, ::1] pairs, const uintptr_t[::1] phases,
                    tuple size, tuple window, tuple step, const double[::1] row_weights, const double[::1] col_weights,
                    double min_valid, bint centred, bint clip, const unsigned long long[::1] maps,
                    const Real[::1] kind):
    """Fill the maps (magnitude, complex value, looks, both powers, phase; address 0 where not wanted) of each pair.

    `images` and `phases` hold addresses of (rows, cols) arrays, of complex or int16 pairs and of double; `kind` only
    carries the type of the sums.
    """
    cdef CoherenceShape shape
    shape.rows, shape.cols = size
    shape.window_rows, shape.window_cols = window
    shape.step_rows, shape.step_cols = step
    shape.row_weights = &row_weights[0] if row_weights.shape[0] else NULL
    shape.col_weights = &col_weights[0] if col_weights.shape[0] else NULL
    shape.min_valid, shape.centred, shape.clip = min_valid, centred, clip
    cdef CoherenceMaps[Real] out = CoherenceMaps[Real].at(&maps[0])
    cdef vector[Image] sources
    cdef Image source
    source.int16 = int16
    cdef Py_ssize_t k
    for k in range(images.shape[0]):
        source.data = <const void*>images[k]
        sources.push_back(source)
    cdef const double* const* turns = <const double* const*>&phases[0] if phases.shape[0] else NULL
    with nogil:
        coherence_pairs_cpu(sources.data(), images.shape[0], &pairs[0, 0], pairs.shape[0], turns, shape, out)
