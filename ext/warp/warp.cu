/* Values of a raster at fractional positions (GPU; formula in warp.h): a patch of the tile per block, all bands. */
#include "hostdev.h"
#include "patches.h"
#include "warp.h"

/* Places of a tile as every kernel here takes them. */
#define M3_PLACES                                                                                             \
  const double *rows, const double *cols, int terms, double origin_row, double origin_col, long long tile_rows, \
      long long tile_cols
#define M3_AT_EACH_PLACE(...)                                                                                  \
  const m3::WarpPlaces places = {rows, cols, terms, tile_rows, tile_cols, origin_row, origin_col};             \
  const long long pixels = tile_rows * tile_cols;                                                              \
  m3::each_pixel_of_patch<m3::PATCH_COLS, m3::PATCH_ROWS>(tile_rows, tile_cols, [&](long long r, long long c) { \
    const long long i = r * tile_cols + c;                                                                     \
    double row, col;                                                                                           \
    m3::warp_place(places, i, &row, &col);                                                                     \
    __VA_ARGS__;                                                                                                \
  });

#define M3_NEAREST_KERNEL(name, Word)                                                                              \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      warp_nearest_##name(M3_PLACES, const Word* source, Word fill, Word* out, long long bands,                    \
                          long long source_rows, long long source_cols, int words) {                               \
    M3_AT_EACH_PLACE(m3::warp_nearest<Word>(source, out, bands, source_rows, source_cols, words, row, col, fill, i,  \
                                            pixels))                                                                 \
  }                                                                                                                \
  M3_ENTRY(warp_nearest_##name)
M3_NEAREST_KERNEL(u8, unsigned char)
M3_NEAREST_KERNEL(u16, unsigned short)
M3_NEAREST_KERNEL(u32, unsigned int)
M3_NEAREST_KERNEL(u64, unsigned long long)

#define M3_BILINEAR_KERNEL(name, Real, PARTS)                                                                      \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                             \
      warp_bilinear_##name(M3_PLACES, const Real* source, Real* out, long long bands, long long source_rows,        \
                           long long source_cols) {                                                                \
    M3_AT_EACH_PLACE(m3::warp_bilinear<Real, PARTS>(source, out, bands, source_rows, source_cols, row, col, i,       \
                                                    pixels))                                                         \
  }                                                                                                                \
  M3_ENTRY(warp_bilinear_##name)
M3_BILINEAR_KERNEL(real_f32, float, 1)
M3_BILINEAR_KERNEL(real_f64, double, 1)
M3_BILINEAR_KERNEL(complex_f32, float, 2)
M3_BILINEAR_KERNEL(complex_f64, double, 2)

#define M3_WARP_KERNEL(name, Real, PARTS)                                                                           \
  extern "C" __global__ void __launch_bounds__(128, 3)                                                              \
      warp_kernel_##name(M3_PLACES, const Real* source, Real* out, long long bands, long long source_rows,          \
                         long long source_cols, int kernel, double row_scale, double col_scale) {                   \
    M3_AT_EACH_PLACE(m3::warp_kernel<Real, PARTS>(source, out, bands, source_rows, source_cols, kernel, row_scale,   \
                                                  col_scale, row, col, i, pixels))                                  \
  }                                                                                                                 \
  M3_ENTRY(warp_kernel_##name)
M3_WARP_KERNEL(real_f32, float, 1)
M3_WARP_KERNEL(real_f64, double, 1)
M3_WARP_KERNEL(complex_f32, float, 2)
M3_WARP_KERNEL(complex_f64, double, 2)
