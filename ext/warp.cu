/* Values of a raster at fractional positions (GPU; formula in warp.h): one thread a tile pixel, all bands. */
#include "hostdev.h"
#include "warp.h"

#define M3_NEAREST_KERNEL(name, Word)                                                                              \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      warp_nearest_##name(const Word* source, const double* rows, const double* cols, Word fill, Word* out,         \
                          long long bands, long long source_rows, long long source_cols, int words,                 \
                          long long pixels) {                                                                      \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                          \
    if (i >= pixels) return;                                                                                       \
    m3::warp_nearest<Word>(source, out, bands, source_rows, source_cols, words, rows[i], cols[i], fill, i, pixels); \
  }                                                                                                                \
  M3_ENTRY(warp_nearest_##name)
M3_NEAREST_KERNEL(u8, unsigned char)
M3_NEAREST_KERNEL(u16, unsigned short)
M3_NEAREST_KERNEL(u32, unsigned int)
M3_NEAREST_KERNEL(u64, unsigned long long)

#define M3_BILINEAR_KERNEL(name, Real, PARTS)                                                                      \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      warp_bilinear_##name(const Real* source, const double* rows, const double* cols, Real* out, long long bands,  \
                           long long source_rows, long long source_cols, long long pixels) {                        \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                          \
    if (i >= pixels) return;                                                                                       \
    m3::warp_bilinear<Real, PARTS>(source, out, bands, source_rows, source_cols, rows[i], cols[i], i, pixels);      \
  }                                                                                                                \
  M3_ENTRY(warp_bilinear_##name)
M3_BILINEAR_KERNEL(real_f32, float, 1)
M3_BILINEAR_KERNEL(real_f64, double, 1)
M3_BILINEAR_KERNEL(complex_f32, float, 2)
M3_BILINEAR_KERNEL(complex_f64, double, 2)

#define M3_WARP_KERNEL(name, Real, PARTS)                                                                           \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      warp_kernel_##name(const Real* source, const double* rows, const double* cols, Real* out, long long bands,     \
                         long long source_rows, long long source_cols, int kernel, double row_scale,                \
                         double col_scale, long long pixels) {                                                      \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                           \
    if (i >= pixels) return;                                                                                        \
    m3::warp_kernel<Real, PARTS>(source, out, bands, source_rows, source_cols, kernel, row_scale, col_scale,        \
                                 rows[i], cols[i], i, pixels);                                                      \
  }                                                                                                                 \
  M3_ENTRY(warp_kernel_##name)
M3_WARP_KERNEL(real_f32, float, 1)
M3_WARP_KERNEL(real_f64, double, 1)
M3_WARP_KERNEL(complex_f32, float, 2)
M3_WARP_KERNEL(complex_f64, double, 2)
