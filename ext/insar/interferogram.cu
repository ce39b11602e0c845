/* Interferogram of one pair (GPU; formula in interferogram.h): one thread per pixel of the result. */
#include "hostdev.h"
#include "coherence.h"
#include "interferogram.h"

#define M3_INTERFEROGRAM_KERNEL(name, T)                                                                           \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      interferogram_##name(const T* a, const T* b, const double* phase, int turned, T* out, long long cols,          \
                           int look_rows, int look_cols, double min_valid, long long out_rows, long long out_cols) { \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                          \
    if (i >= out_rows * out_cols) return;                                                                          \
    m3::interferogram_at(a, b, turned ? phase : nullptr, out, cols, look_rows, look_cols, min_valid, i / out_cols,  \
                         i % out_cols, out_cols);                                                                  \
  }                                                                                                                \
  M3_ENTRY(interferogram_##name)
M3_INTERFEROGRAM_KERNEL(f32, float)
M3_INTERFEROGRAM_KERNEL(f64, double)
