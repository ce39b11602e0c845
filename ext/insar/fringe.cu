/* Coherence along the local fringe (GPU; formula in fringe.h): one thread per pixel; neighbours share samples through the
   cache. */
#include "hostdev.h"
#include "coherence.h"
#include "phasor.h"
#include "fringe.h"

#define M3_FRINGE_KERNEL(name, T)                                                                                   \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      fringe_##name(const T* a, const T* b, long long rows, long long cols, int window_rows, int window_cols,        \
                    int given, double min_valid, int centred, T* frequency_rows, T* frequency_cols,                 \
                    const unsigned long long* maps) {                                                               \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                           \
    if (i >= rows * cols) return;                                                                                   \
    const m3::FringeShape shape = {rows, cols, window_rows, window_cols, given != 0, min_valid, centred != 0};      \
    m3::fringe_at<T>(a, b, shape, i / cols, i % cols, frequency_rows, frequency_cols,                               \
                     m3::CoherenceMaps<T>::at(maps));                                                               \
  }                                                                                                                 \
  M3_ENTRY(fringe_##name)
M3_FRINGE_KERNEL(f32, float)
M3_FRINGE_KERNEL(f64, double)
