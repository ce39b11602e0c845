/* Multilook of several images (GPU; formula in multilook.h): one thread per pixel of the result, grid y the image. */
#include "hostdev.h"
#include "coherence.h"
#include "multilook.h"

#define M3_MULTILOOK_KERNEL(name, T, PARTS)                                                                        \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      multilook_##name(const T* images, T* out, long long rows, long long cols, int look_rows, int look_cols,       \
                       double min_valid, long long out_rows, long long out_cols) {                                                   \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x, image = blockIdx.y;                       \
    if (i >= out_rows * out_cols) return;                                                                          \
    m3::multilook_at<T, PARTS>(images + image * rows * cols * PARTS, out + image * out_rows * out_cols * PARTS,     \
                               cols, look_rows, look_cols, min_valid, i / out_cols, i % out_cols, out_cols);                   \
  }                                                                                                                \
  M3_ENTRY(multilook_##name)
M3_MULTILOOK_KERNEL(real_f32, float, 1)
M3_MULTILOOK_KERNEL(real_f64, double, 1)
M3_MULTILOOK_KERNEL(complex_f32, float, 2)
M3_MULTILOOK_KERNEL(complex_f64, double, 2)
