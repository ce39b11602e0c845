# distutils: language = c++
"""Coherence of many pairs of one stack (formula in coherence.h, traversal in coherence_cpu.h)."""

cdef extern from "coherence_cpu.h" namespace "m3" nogil:
    cdef struct CoherenceShape:
        long long rows
        long long cols
        int window_rows
        int window_cols
        bint clip
    void coherence_pairs_cpu "m3::coherence_pairs"[T](
        const T* const* dates, long long date_count, const long long* pairs, long long pair_count,
        const CoherenceShape& shape, T* out)

ctypedef fused Real:
    float
    double


def coherence_pairs(const size_t[::1] dates, const long long[:, ::1] pairs, int window_rows, int window_cols, bint clip,
                    Real[:, :, ::1] out):
    """Fill out (pairs, rows, cols); `dates` holds the addresses of (rows, cols) images of the complex type of out."""
    cdef CoherenceShape shape = CoherenceShape(out.shape[1], out.shape[2], window_rows, window_cols, clip)
    cdef const Real* const* images = <const Real* const*>&dates[0]
    with nogil:
        coherence_pairs_cpu(images, dates.shape[0], &pairs[0, 0], pairs.shape[0], shape, &out[0, 0, 0])
