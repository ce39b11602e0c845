# distutils: language = c++
"""Values of a raster at fractional positions: rows of the tile over OpenMP threads (warp_cpu.h, formula in warp.h)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "warp_cpu.h" namespace "m3" nogil:
    cdef struct WarpPlaces:
        const double* rows
        const double* cols
        int terms
        long long tile_rows
        long long tile_cols
        double origin_row
        double origin_col

    void warp_nearest_rows[Word](
        const Word* source, Word* out, long long bands, long long source_rows, long long source_cols, int words,
        const WarpPlaces& places, Word fill)
    void warp_any[Real](
        const Real* source, Real* out, long long bands, long long source_rows, long long source_cols, int parts,
        const WarpPlaces& places, int kernel, double row_scale, double col_scale)

ctypedef fused Word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Real:
    float
    double


cdef WarpPlaces _places(const double[:] rows, const double[:] cols, int terms, origin, shape):
    cdef WarpPlaces places
    places.rows = &rows[0]
    places.cols = &cols[0]
    places.terms = terms
    places.tile_rows, places.tile_cols = shape
    places.origin_row, places.origin_col = origin
    return places


def nearest(const Word[:, :, :, ::1] source, const double[::1] rows, const double[::1] cols, int terms, origin,
            Word fill, Word[:, :, :, ::1] out):
    """Nearest pixel at each place; the last axis holds the words of one value."""
    cdef WarpPlaces places = _places(rows, cols, terms, origin, (out.shape[1], out.shape[2]))
    with nogil:
        warp_nearest_rows(&source[0, 0, 0, 0], &out[0, 0, 0, 0], source.shape[0], source.shape[1], source.shape[2],
                          <int>source.shape[3], places, fill)


def kernel(const Real[:, :, :, ::1] source, const double[::1] rows, const double[::1] cols, int terms, origin,
           int kind, double row_scale, double col_scale, Real[:, :, :, ::1] out):
    """Value under a kernel at each place; the last axis holds the parts of one value, 1 real or 2 complex."""
    cdef WarpPlaces places = _places(rows, cols, terms, origin, (out.shape[1], out.shape[2]))
    with nogil:
        warp_any(&source[0, 0, 0, 0], &out[0, 0, 0, 0], source.shape[0], source.shape[1], source.shape[2],
                 <int>source.shape[3], places, kind, row_scale, col_scale)
