# distutils: language = c++
"""Multilook of one image: rows of the result over OpenMP threads (formula in multilook.h)."""

from cython.parallel cimport prange

cdef extern from "multilook.h" namespace "m3" nogil:
    void multilook_real "m3::multilook_at<float, 1>"(
        const float* image, float* out, long long cols, int look_rows, int look_cols, double min_valid,
        long long row, long long col, long long out_cols)
    void multilook_real "m3::multilook_at<double, 1>"(
        const double* image, double* out, long long cols, int look_rows, int look_cols, double min_valid,
        long long row, long long col, long long out_cols)
    void multilook_complex "m3::multilook_at<float, 2>"(
        const float* image, float* out, long long cols, int look_rows, int look_cols, double min_valid,
        long long row, long long col, long long out_cols)
    void multilook_complex "m3::multilook_at<double, 2>"(
        const double* image, double* out, long long cols, int look_rows, int look_cols, double min_valid,
        long long row, long long col, long long out_cols)

ctypedef fused Real:
    float
    double


def multilook(const Real[:, :, ::1] image, int look_rows, int look_cols, double min_valid, Real[:, :, ::1] out):
    """Fill out (rows, cols, parts) from image (rows, cols, parts), 1 part real or 2 complex."""
    cdef long long cols = image.shape[1], out_rows = out.shape[0], out_cols = out.shape[1], r, c
    cdef bint is_complex = image.shape[2] == 2
    for r in prange(out_rows, nogil=True, schedule="static"):
        for c in range(out_cols):
            if is_complex:
                multilook_complex(&image[0, 0, 0], &out[0, 0, 0], cols, look_rows, look_cols, min_valid, r, c,
                                  out_cols)
            else:
                multilook_real(&image[0, 0, 0], &out[0, 0, 0], cols, look_rows, look_cols, min_valid, r, c, out_cols)
