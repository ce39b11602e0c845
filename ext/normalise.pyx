# distutils: language = c++
"""A chip to what a network sees, in one pass: rows over OpenMP threads (formula in normalise.h)."""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t

cdef extern from "normalise.h" namespace "m3" nogil:
    cdef struct Scaling:
        double low
        double high
        double centre
        double scale
    void normalise_at(double re, double im, int encoding, const Scaling& s, float* values, unsigned char* mask,
                      long long pixel, long long pixels)

ctypedef fused Real:
    float
    double


def normalise(const Real[:, :, :, ::1] chip, const int[::1] encodings, const int[::1] channels,
              const double[:, ::1] scalings, float[:, :, ::1] values, uint8_t[:, :, ::1] mask):
    """Fill values and mask (channels, rows, cols) from a chip (bands, rows, cols, parts).

    channels: the first channel of each band. scalings: low, high, centre and scale of each band.
    """
    cdef long long rows = chip.shape[1], cols = chip.shape[2], pixels = rows * cols, r, c
    cdef int bands = <int>chip.shape[0], last = <int>chip.shape[3] - 1, band
    cdef const Scaling* scaling = <const Scaling*>&scalings[0, 0]
    cdef float* value = &values[0, 0, 0]
    cdef uint8_t* valid = &mask[0, 0, 0]
    for r in prange(rows, nogil=True, schedule="static"):
        for band in range(bands):
            for c in range(cols):
                normalise_at(chip[band, r, c, 0], chip[band, r, c, last], encodings[band], scaling[band],
                             value + channels[band] * pixels, valid + channels[band] * pixels, r * cols + c, pixels)
