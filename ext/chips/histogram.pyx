# distutils: language = c++
"""Counts and moments of channels: a channel an OpenMP thread (histogram_cpu.h)."""

from libc.stdint cimport uint8_t

cdef extern from "histogram_cpu.h" namespace "m3" nogil:
    cdef struct Moments:
        pass
    void histogram_channels(const float* values, const uint8_t* mask, int channels, long long pixels,
                            long long* counts, Moments* moments)


def histogram(const float[:, :, ::1] values, const uint8_t[:, :, ::1] mask, long long[:, ::1] counts,
              double[:, ::1] moments):
    """Fill counts (channels, 4096) and moments (channels, 7), in histogram.h's order, from (channels, rows, cols)."""
    with nogil:
        histogram_channels(&values[0, 0, 0], &mask[0, 0, 0], <int>values.shape[0], values.shape[1] * values.shape[2],
                           &counts[0, 0], <Moments*>&moments[0, 0])
