/* Decay fits (GPU; formula in decay.h): one thread per pixel. `scratch` holds 4 numbers per lag for each pixel of a launch, side
   by side over threads, so that a warp reads it in whole lines. */
#include "hostdev.h"
#include "decay.h"

#define M3_DECAY_KERNEL(name, T)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      decay_##name(const T* coherence, const int* lag_of_pair, const double* lag_days, const double* table,         \
                   long long pairs, long long pixels, int lags, int taus, double first_tau, double ratio,           \
                   double scale, long long first_pixel, long long count, double* scratch, T* out) {                 \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                           \
    if (i >= count) return;                                                                                         \
    const m3::DecayProblem problem = {pairs, pixels, lags, taus, first_tau, ratio, scale};                          \
    m3::decay_at<T>(coherence, lag_of_pair, lag_days, table, problem, scratch + i, count, first_pixel + i,    \
                    out);                                                                                           \
  }                                                                                                                 \
  M3_ENTRY(decay_##name)
M3_DECAY_KERNEL(f32, float)
M3_DECAY_KERNEL(f64, double)
