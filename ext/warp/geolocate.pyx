# distutils: language = c++
"""Inverse of a radar grid's geolocation, two passes over OpenMP threads (formula in geolocate.h)."""

from cython.parallel cimport prange

cdef extern from "geolocate.h" namespace "m3" nogil:
    void geolocate_claim(
        const double* tile_row, const double* tile_col, long long* owner, long long rows, long long cols,
        long long tile_rows, long long tile_cols, long long cell_row, long long cell_col)
    void geolocate_resolve(
        const double* tile_row, const double* tile_col, const long long* owner, double* out_row, double* out_col,
        long long rows, long long cols, long long tile_cols, long long pixel)


def inverse(const double[:, ::1] tile_row, const double[:, ::1] tile_col, long long[:, ::1] owner,
            double[:, ::1] out_row, double[:, ::1] out_col):
    """Radar position of every tile pixel; ``owner`` comes in as zeros, the size of the tile."""
    cdef long long rows = tile_row.shape[0], cols = tile_row.shape[1], r, c
    cdef long long tile_rows = owner.shape[0], tile_cols = owner.shape[1], pixel
    for r in prange(rows - 1, nogil=True, schedule="dynamic", chunksize=8):
        for c in range(cols - 1):
            geolocate_claim(&tile_row[0, 0], &tile_col[0, 0], &owner[0, 0], rows, cols, tile_rows, tile_cols, r, c)
    for pixel in prange(tile_rows * tile_cols, nogil=True, schedule="static"):
        geolocate_resolve(&tile_row[0, 0], &tile_col[0, 0], &owner[0, 0], &out_row[0, 0], &out_col[0, 0],
                          rows, cols, tile_cols, pixel)
