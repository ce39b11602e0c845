# distutils: language = c++
"""Values of a raster over the ground of a tile pixel: rows of the tile over OpenMP threads (formula in area.h)."""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "area.h" namespace "m3" nogil:
    void area_value_parts[Real](
        const Real* source, const double* rows, const double* cols, Real* out, long long bands, long long source_rows,
        long long source_cols, long long tile_rows, long long tile_cols, int parts, int rule, long long pixel)
    void area_mode[Word](
        const Word* source, const double* rows, const double* cols, Word* out, long long bands, long long source_rows,
        long long source_cols, long long tile_rows, long long tile_cols, Word nodata, long long pixel)

ctypedef fused Word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Real:
    float
    double


def value(const Real[:, :, :, ::1] source, const double[:, ::1] rows, const double[:, ::1] cols, int rule,
          Real[:, :, :, ::1] out):
    """Mean, sum or extreme in each tile pixel; the last axis holds the parts of one value, 1 real or 2 complex."""
    cdef long long high = out.shape[1], wide = out.shape[2], r, c
    cdef int parts = <int>source.shape[3]
    for r in prange(high, nogil=True, schedule="dynamic", chunksize=4):
        for c in range(wide):
            area_value_parts(&source[0, 0, 0, 0], &rows[0, 0], &cols[0, 0], &out[0, 0, 0, 0], source.shape[0],
                             source.shape[1], source.shape[2], high, wide, parts, rule, r * wide + c)


def mode(const Word[:, :, ::1] source, const double[:, ::1] rows, const double[:, ::1] cols, Word nodata,
         Word[:, :, ::1] out):
    """Commonest label in each tile pixel."""
    cdef long long high = out.shape[1], wide = out.shape[2], r, c
    for r in prange(high, nogil=True, schedule="dynamic", chunksize=4):
        for c in range(wide):
            area_mode(&source[0, 0, 0], &rows[0, 0], &cols[0, 0], &out[0, 0, 0], source.shape[0], source.shape[1],
                      source.shape[2], high, wide, nodata, r * wide + c)
