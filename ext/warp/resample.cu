/* Complex images at fractional positions (GPU; formula in resample.h): one thread per pixel, weights and taps in registers, no
   scratch in memory. */
#include "hostdev.h"
#include "resample.h"

#define M3_RESAMPLE_KERNEL(name, Real, TAPS)                                                                        \
  extern "C" __global__ void __launch_bounds__(128)                                                                 \
      resample_##TAPS##_##name(const Real* image, const double* table, const double* phase, int turned, Real* out,   \
                               long long rows, long long cols, const double* at_row, const double* at_col,          \
                               int terms, double origin_row, double origin_col, long long out_rows,                  \
                               long long out_cols) {                                                                \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                           \
    if (i >= out_rows * out_cols) return;                                                                           \
    const m3::WarpPlaces places = {at_row, at_col, terms, out_rows, out_cols, origin_row, origin_col};              \
    double row, col, re, im;                                                                                        \
    m3::warp_place(places, i, &row, &col);                                                                          \
    m3::resample_value<Real, TAPS, TAPS>(image, table, table, rows, cols, row, col, &re, &im);                      \
    m3::resample_turned<Real>(re, im, turned ? phase : nullptr, i, out);                                            \
  }                                                                                                                 \
  M3_ENTRY(resample_##TAPS##_##name)
M3_RESAMPLE_KERNEL(f32, float, 4)
M3_RESAMPLE_KERNEL(f64, double, 4)
M3_RESAMPLE_KERNEL(f32, float, 8)
M3_RESAMPLE_KERNEL(f64, double, 8)

#define M3_TURN_KERNEL(name, Real)                                                                     \
  extern "C" __global__ void __launch_bounds__(256)                                                    \
      resample_turn_##name(const Real* image, const double* phase, double sign, Real* out, long long count) { \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                              \
    if (i >= count) return;                                                                            \
    const m3::Phasor p = m3::phasor(sign * phase[i]);                                                  \
    const double re = image[2 * i], im = image[2 * i + 1];                                             \
    out[2 * i] = (Real)(re * p.re - im * p.im);                                                        \
    out[2 * i + 1] = (Real)(re * p.im + im * p.re);                                                    \
  }                                                                                                    \
  M3_ENTRY(resample_turn_##name)
M3_TURN_KERNEL(f32, float)
M3_TURN_KERNEL(f64, double)
