# distutils: language = c++
"""Complex images at fractional positions: rows over OpenMP threads (resample_cpu.h, formula in resample.h)."""

cdef extern from "resample_cpu.h" namespace "m3" nogil:
    cdef struct WarpPlaces:
        const double* rows
        const double* cols
        int terms
        long long tile_rows
        long long tile_cols
        double origin_row
        double origin_col

    void resample_any[Real](
        const Real* image, const double* table, int taps, const double* phase, Real* out, long long rows,
        long long cols, const WarpPlaces& places)
    void resample_turn[Real](
        const Real* image, const double* phase, double sign, Real* out, long long rows, long long cols)

ctypedef fused Real:
    float
    double


def resample(const Real[:, :, ::1] image, const double[:, ::1] table, phase, const double[::1] rows,
             const double[::1] cols, int terms, origin, Real[:, :, ::1] out):
    """Value at each place, turned by a phase or None; the last axis holds the two parts."""
    cdef WarpPlaces places
    cdef const double[:, ::1] turn
    cdef const double* radians = NULL
    if phase is not None:
        turn = phase
        radians = &turn[0, 0]
    places.rows, places.cols, places.terms = &rows[0], &cols[0], terms
    places.tile_rows, places.tile_cols = out.shape[0], out.shape[1]
    places.origin_row, places.origin_col = origin
    with nogil:
        resample_any(&image[0, 0, 0], &table[0, 0], <int>table.shape[1], radians, &out[0, 0, 0], image.shape[0],
                     image.shape[1], places)


def turn(const Real[:, :, ::1] image, const double[:, ::1] phase, double sign, Real[:, :, ::1] out):
    """Image times exp(j sign phase)."""
    with nogil:
        resample_turn(&image[0, 0, 0], &phase[0, 0], sign, &out[0, 0, 0], image.shape[0], image.shape[1])
