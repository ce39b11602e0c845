/* Levels of values in [0, 1] (GPU; formula in quantise.h): one thread per value. */
#include "hostdev.h"
#include "quantise.h"

#define M3_QUANTISE_KERNEL(name, Real)                                                                            \
  extern "C" __global__ void __launch_bounds__(256)                                                               \
      quantise_##name(const Real* values, unsigned char* out, long long count, int levels, int no_data) {         \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                         \
    if (i >= count) return;                                                                                       \
    out[i] = m3::quantised((float)values[i], (float)levels, no_data);                                             \
  }                                                                                                               \
  M3_ENTRY(quantise_##name)
M3_QUANTISE_KERNEL(f32, float)
M3_QUANTISE_KERNEL(f64, double)
