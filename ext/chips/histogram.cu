/* Counts and moments of channels (GPU; formula in histogram.h): blocks along a channel, each with counts of its own in
   shared memory; moments leave block by block and are added in order by the host, so that runs agree to the bit. */
#include "hostdev.h"
#include "histogram.h"

namespace m3 {

constexpr int HISTOGRAM_THREADS = 256;

__device__ inline void histogram_block(const float* values, const unsigned char* mask, unsigned long long* counts,
                                       double* moments, long long pixels) {
  M3_SHARED(unsigned, bins, HISTOGRAM_BINS);
  M3_SHARED(double, parts, 7 * HISTOGRAM_THREADS);
  for (int bin = threadIdx.x; bin < HISTOGRAM_BINS; bin += blockDim.x) bins[bin] = 0;
  __syncthreads();
  const long long channel = blockIdx.y, stride = (long long)gridDim.x * blockDim.x;
  Moments m = no_moments();
  for (long long pixel = (long long)blockIdx.x * blockDim.x + threadIdx.x; pixel < pixels; pixel += stride) {
    if (!mask[channel * pixels + pixel]) continue;
    const float value = values[channel * pixels + pixel];
    atomicAdd(&bins[histogram_bin(value)], 1u);
    add_value(m, value);
  }
  double* const own = parts + 7 * threadIdx.x;
  own[0] = m.count, own[1] = m.sum, own[2] = m.squares, own[3] = m.smallest, own[4] = m.largest, own[5] = m.below;
  own[6] = m.above;
  __syncthreads();
  for (int bin = threadIdx.x; bin < HISTOGRAM_BINS; bin += blockDim.x)
    if (bins[bin]) atomicAdd(&counts[channel * HISTOGRAM_BINS + bin], (unsigned long long)bins[bin]);
  if (threadIdx.x) return;
  m = no_moments();
  for (int t = 0; t < (int)blockDim.x; ++t) {
    const double* const p = parts + 7 * t;
    add_moments(m, {p[0], p[1], p[2], p[3], p[4], p[5], p[6]});
  }
  double* const out = moments + 7 * (channel * gridDim.x + blockIdx.x);
  out[0] = m.count, out[1] = m.sum, out[2] = m.squares, out[3] = m.smallest, out[4] = m.largest, out[5] = m.below;
  out[6] = m.above;
}

}  // namespace m3

extern "C" __global__ void __launch_bounds__(256)
    histogram_channels(const float* values, const unsigned char* mask, unsigned long long* counts, double* moments,
                       long long pixels) {
  m3::histogram_block(values, mask, counts, moments, pixels);
}
M3_ENTRY(histogram_channels)
