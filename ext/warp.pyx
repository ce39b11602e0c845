# distutils: language = c++
"""Values of a raster at fractional positions: rows of the tile over OpenMP threads (formula in warp.h)."""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "warp.h" namespace "m3" nogil:
    void warp_nearest[Word](
        const Word* source, Word* out, long long bands, long long source_rows, long long source_cols, int words,
        double row, double col, Word fill, long long pixel, long long tile_pixels)
    void warp_bilinear_real[Real](
        const Real* source, Real* out, long long bands, long long source_rows, long long source_cols,
        double row, double col, long long pixel, long long tile_pixels)
    void warp_bilinear_complex[Real](
        const Real* source, Real* out, long long bands, long long source_rows, long long source_cols,
        double row, double col, long long pixel, long long tile_pixels)

    void warp_kernel_real[Real](
        const Real* source, Real* out, long long bands, long long source_rows, long long source_cols, int kernel,
        double row_scale, double col_scale, double row, double col, long long pixel, long long tile_pixels)
    void warp_kernel_complex[Real](
        const Real* source, Real* out, long long bands, long long source_rows, long long source_cols, int kernel,
        double row_scale, double col_scale, double row, double col, long long pixel, long long tile_pixels)

ctypedef fused Word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Real:
    float
    double


def nearest(const Word[:, :, :, ::1] source, const double[:, ::1] rows, const double[:, ::1] cols, Word fill,
            Word[:, :, :, ::1] out):
    """Nearest pixel at each position; the last axis holds the words of one value."""
    cdef long long bands = source.shape[0], source_rows = source.shape[1], source_cols = source.shape[2]
    cdef long long tile_rows = rows.shape[0], tile_cols = rows.shape[1], r, c
    cdef int words = <int>source.shape[3]
    cdef const Word* from_ = &source[0, 0, 0, 0]
    cdef Word* to = &out[0, 0, 0, 0]
    for r in prange(tile_rows, nogil=True, schedule="static"):
        for c in range(tile_cols):
            warp_nearest(from_, to, bands, source_rows, source_cols, words, rows[r, c], cols[r, c], fill,
                         r * tile_cols + c, tile_rows * tile_cols)


def bilinear(const Real[:, :, :, ::1] source, const double[:, ::1] rows, const double[:, ::1] cols,
             Real[:, :, :, ::1] out):
    """Bilinear value at each position; the last axis holds the parts of one value, 1 real or 2 complex."""
    cdef long long bands = source.shape[0], source_rows = source.shape[1], source_cols = source.shape[2]
    cdef long long tile_rows = rows.shape[0], tile_cols = rows.shape[1], r, c
    cdef bint is_complex = source.shape[3] == 2
    cdef const Real* from_ = &source[0, 0, 0, 0]
    cdef Real* to = &out[0, 0, 0, 0]
    for r in prange(tile_rows, nogil=True, schedule="static"):
        for c in range(tile_cols):
            if is_complex:
                warp_bilinear_complex(from_, to, bands, source_rows, source_cols, rows[r, c], cols[r, c],
                                      r * tile_cols + c, tile_rows * tile_cols)
            else:
                warp_bilinear_real(from_, to, bands, source_rows, source_cols, rows[r, c], cols[r, c],
                                   r * tile_cols + c, tile_rows * tile_cols)


def kernel(const Real[:, :, :, ::1] source, const double[:, ::1] rows, const double[:, ::1] cols, int kind,
           double row_scale, double col_scale, Real[:, :, :, ::1] out):
    """Value under a kernel at each position; the last axis holds the parts of one value, 1 real or 2 complex."""
    cdef long long bands = source.shape[0], source_rows = source.shape[1], source_cols = source.shape[2]
    cdef long long tile_rows = rows.shape[0], tile_cols = rows.shape[1], r, c
    cdef bint is_complex = source.shape[3] == 2
    cdef const Real* from_ = &source[0, 0, 0, 0]
    cdef Real* to = &out[0, 0, 0, 0]
    for r in prange(tile_rows, nogil=True, schedule="static"):
        for c in range(tile_cols):
            if is_complex:
                warp_kernel_complex(from_, to, bands, source_rows, source_cols, kind, row_scale, col_scale,
                                    rows[r, c], cols[r, c], r * tile_cols + c, tile_rows * tile_cols)
            else:
                warp_kernel_real(from_, to, bands, source_rows, source_cols, kind, row_scale, col_scale,
                                 rows[r, c], cols[r, c], r * tile_cols + c, tile_rows * tile_cols)
