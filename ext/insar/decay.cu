/* Decay fits (GPU; formula in decay.h): one thread per pixel. What a fit reads again and again, its coherences and a few numbers
   per lag, lies in shared memory where that is large enough, side by side over threads; else coherences are read again from
   where they are, and `scratch` holds the numbers of each pixel of a launch. */
#include "hostdev.h"
#include "decay.h"

namespace m3 {

template <typename T>
struct DecayJob {
  const T* coherence;
  const int* lag_of_pair;
  const double *lag_days, *table;
  DecayProblem problem;
  long long first_pixel, count;
  double* scratch;
  int numbers_per_pixel;
  T* out;
};

template <typename T>
__device__ inline void decay_in_shared(const DecayJob<T>& job) {
  M3_DYNAMIC_SHARED(double, shared);
  const long long width = blockDim.x, t = threadIdx.x, i = blockIdx.x * width + t;
  if (i >= job.count) return;
  const long long pairs = job.problem.pairs, all = job.problem.pixels, pixel = job.first_pixel + i;
  T* const own = reinterpret_cast<T*>(shared + job.numbers_per_pixel * width);
  T* const found = own + pairs * width;
  M3_UNROLL(4)
  for (long long p = 0; p < pairs; ++p) own[p * width + t] = job.coherence[p * all + pixel];
  // The block is an image of its own to the formula.
  DecayProblem problem = job.problem;
  problem.pixels = width;
  decay_at<T>(own, job.lag_of_pair, job.lag_days, job.table, problem, shared + t, width, t, found);
  M3_UNROLL(3)
  for (int k = 0; k < 3; ++k) job.out[k * all + pixel] = found[k * width + t];
}

template <typename T>
__device__ inline void decay_in_scratch(const DecayJob<T>& job) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= job.count) return;
  decay_at<T>(job.coherence, job.lag_of_pair, job.lag_days, job.table, job.problem, job.scratch + i, job.count,
              job.first_pixel + i, job.out);
}

}  // namespace m3

#define M3_DECAY_KERNEL(name, T)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      decay_##name(const T* coherence, const int* lag_of_pair, const double* lag_days, const double* table,         \
                   long long pairs, long long pixels, int lags, int taus, double first_tau, double ratio,           \
                   double scale, long long first_pixel, long long count, int numbers_per_pixel, double* scratch,    \
                   int has_scratch, T* out) {                                                                       \
    const m3::DecayJob<T> job = {coherence, lag_of_pair, lag_days, table,                                           \
                                 {pairs, pixels, lags, taus, first_tau, ratio, scale},                              \
                                 first_pixel, count, scratch, numbers_per_pixel, out};                              \
    if (has_scratch) m3::decay_in_scratch<T>(job);                                                                  \
    else m3::decay_in_shared<T>(job);                                                                               \
  }                                                                                                                 \
  M3_ENTRY(decay_##name)
M3_DECAY_KERNEL(f32, float)
M3_DECAY_KERNEL(f64, double)
