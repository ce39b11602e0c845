/* Homogeneous pixels and the coherence over them (GPU; formulas in homogeneous.h): one thread per pixel. */
#include "hostdev.h"
#include "coherence.h"
#include "homogeneous.h"

#define M3_HOMOGENEOUS_PIXEL                                                            \
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                 \
  if (i >= rows * cols) return;                                                         \
  const m3::HomogeneousShape shape = {rows, cols, window_rows, window_cols, words};

#define M3_HOMOGENEOUS_KERNELS(name, T)                                                                             \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      homogeneous_ks_##name(const T* amplitude, int dates, int limit, long long rows, long long cols,               \
                            int window_rows, int window_cols, int words, unsigned long long* mask) {                \
    M3_HOMOGENEOUS_PIXEL                                                                                            \
    const m3::SortedAmplitudes<T> test = {amplitude, dates, limit};                                                 \
    m3::homogeneous_at(test, shape, i / cols, i % cols, mask);                                                      \
  }                                                                                                                 \
  M3_ENTRY(homogeneous_ks_##name)                                                                                   \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      homogeneous_glrt_##name(const T* intensity, double limit, long long rows, long long cols, int window_rows,    \
                              int window_cols, int words, unsigned long long* mask) {                               \
    M3_HOMOGENEOUS_PIXEL                                                                                            \
    const m3::MeanIntensities<T> test = {intensity, limit};                                                         \
    m3::homogeneous_at(test, shape, i / cols, i % cols, mask);                                                      \
  }                                                                                                                 \
  M3_ENTRY(homogeneous_glrt_##name)                                                                                 \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      homogeneous_coherence_##name(const T* a, const T* b, const unsigned long long* mask, long long rows,          \
                                   long long cols, int window_rows, int window_cols, int words,                     \
                                   double min_valid, int min_neighbours, int centred,                               \
                                   const unsigned long long* maps) {                                                \
    M3_HOMOGENEOUS_PIXEL                                                                                            \
    const m3::HomogeneousRule rule = {min_valid, min_neighbours, centred != 0};                                     \
    m3::homogeneous_coherence_at<T>(a, b, mask, shape, rule, i / cols, i % cols, m3::CoherenceMaps<T>::at(maps));   \
  }                                                                                                                 \
  M3_ENTRY(homogeneous_coherence_##name)
M3_HOMOGENEOUS_KERNELS(f32, float)
M3_HOMOGENEOUS_KERNELS(f64, double)
