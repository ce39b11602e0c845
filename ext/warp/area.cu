/* Values of a raster over the ground of a tile pixel (GPU; formula in area.h): one thread per tile pixel, all bands. */
#include "hostdev.h"
#include "area.h"

#define M3_AREA_KERNEL(name, Real, PARTS)                                                                            \
  extern "C" __global__ void __launch_bounds__(64)                                                                  \
      area_##name(const Real* source, const double* rows, const double* cols, Real* out, long long bands,             \
                  long long source_rows, long long source_cols, long long tile_rows, long long tile_cols, int rule) { \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                            \
    if (i >= tile_rows * tile_cols) return;                                                                          \
    m3::area_value<Real, PARTS>(source, rows, cols, out, bands, source_rows, source_cols, tile_rows, tile_cols, rule, \
                                i);                                                                                  \
  }                                                                                                                  \
  M3_ENTRY(area_##name)
M3_AREA_KERNEL(real_f32, float, 1)
M3_AREA_KERNEL(real_f64, double, 1)
M3_AREA_KERNEL(complex_f32, float, 2)
M3_AREA_KERNEL(complex_f64, double, 2)

#define M3_MODE_KERNEL(name, Word)                                                                                 \
  extern "C" __global__ void __launch_bounds__(64)                                                                \
      area_mode_##name(const Word* source, const double* rows, const double* cols, Word* out, long long bands,      \
                       long long source_rows, long long source_cols, long long tile_rows, long long tile_cols,      \
                       Word nodata) {                                                                              \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                          \
    if (i >= tile_rows * tile_cols) return;                                                                        \
    m3::area_mode<Word>(source, rows, cols, out, bands, source_rows, source_cols, tile_rows, tile_cols, nodata, i); \
  }                                                                                                                \
  M3_ENTRY(area_mode_##name)
M3_MODE_KERNEL(u8, unsigned char)
M3_MODE_KERNEL(u16, unsigned short)
M3_MODE_KERNEL(u32, unsigned int)
M3_MODE_KERNEL(u64, unsigned long long)
