/* Coherence of many pairs of one stack (GPU; formula in coherence.h).

   dates      addresses of (rows, cols) interleaved complex images
   pairs      2 indices a pair; grid z is the pair
   out        (pairs, rows, cols)
   A block makes 8 rows x 32 columns: the terms of its samples and halo go to shared memory, are summed along rows,
   then along columns. A window whose halo does not fit takes the kernel without shared memory, which adds in the same
   order, so the choice does not show in the bits. */
#include "hostdev.h"
#include "coherence.h"

namespace m3 {

template <typename T>
__device__ inline CoherenceTerms<T> zero_terms() {
  return {T(0), T(0), T(0), T(0)};
}

template <typename T>
__device__ inline void add_terms(CoherenceTerms<T>& sum, const CoherenceTerms<T>& term) {
  sum.re += term.re;
  sum.im += term.im;
  sum.power_a += term.power_a;
  sum.power_b += term.power_b;
}

/* Terms of the sample (row, col), zero off the image. */
template <typename T>
__device__ inline CoherenceTerms<T> terms_at(const T* a, const T* b, long long rows, long long cols, long long row,
                                             long long col) {
  if (row < 0 || row >= rows || col < 0 || col >= cols) return zero_terms<T>();
  const long long k = 2 * (row * cols + col);
  return coherence_terms(a[k], a[k + 1], b[k], b[k + 1]);
}

template <typename T>
__device__ inline T coherence_of_terms(const CoherenceTerms<T>& sum, bool clip) {
  return coherence_of(sum.re, sum.im, inverse_amplitude(sum.power_a), inverse_amplitude(sum.power_b), clip);
}

template <typename T>
__device__ inline void coherence_tiled(const unsigned long long* dates, const long long* pairs, T* out,
                                       long long rows, long long cols, int window_rows, int window_cols, int clip) {
  M3_DYNAMIC_SHARED(CoherenceTerms<T>, shared);
  const int width = (int)blockDim.x + window_cols - 1, height = (int)blockDim.y + window_rows - 1;
  CoherenceTerms<T>* const along = shared + width * height;
  const T* const a = reinterpret_cast<const T*>(dates[pairs[2 * blockIdx.z]]);
  const T* const b = reinterpret_cast<const T*>(dates[pairs[2 * blockIdx.z + 1]]);
  const long long first_row = (long long)blockIdx.y * blockDim.y, first_col = (long long)blockIdx.x * blockDim.x;
  const int tx = (int)threadIdx.x, ty = (int)threadIdx.y, threads = (int)(blockDim.x * blockDim.y);
  for (int i = ty * (int)blockDim.x + tx; i < width * height; i += threads) {
    shared[i] = terms_at(a, b, rows, cols, first_row - window_rows / 2 + i / width,
                         first_col - window_cols / 2 + i % width);
  }
  __syncthreads();
  for (int r = ty; r < height; r += (int)blockDim.y) {
    CoherenceTerms<T> sum = zero_terms<T>();
    for (int c = 0; c < window_cols; ++c) add_terms(sum, shared[r * width + tx + c]);
    along[r * (int)blockDim.x + tx] = sum;
  }
  __syncthreads();
  const long long row = first_row + ty, col = first_col + tx;
  if (row >= rows || col >= cols) return;
  CoherenceTerms<T> sum = zero_terms<T>();
  for (int r = 0; r < window_rows; ++r) add_terms(sum, along[(ty + r) * (int)blockDim.x + tx]);
  out[((long long)blockIdx.z * rows + row) * cols + col] = coherence_of_terms(sum, clip != 0);
}

template <typename T>
__device__ inline void coherence_direct(const unsigned long long* dates, const long long* pairs, T* out,
                                        long long rows, long long cols, int window_rows, int window_cols, int clip) {
  const T* const a = reinterpret_cast<const T*>(dates[pairs[2 * blockIdx.z]]);
  const T* const b = reinterpret_cast<const T*>(dates[pairs[2 * blockIdx.z + 1]]);
  const long long row = (long long)blockIdx.y * blockDim.y + threadIdx.y;
  const long long col = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows || col >= cols) return;
  CoherenceTerms<T> sum = zero_terms<T>();
  for (int r = 0; r < window_rows; ++r) {
    CoherenceTerms<T> along = zero_terms<T>();
    for (int c = 0; c < window_cols; ++c)
      add_terms(along, terms_at(a, b, rows, cols, row - window_rows / 2 + r, col - window_cols / 2 + c));
    add_terms(sum, along);
  }
  out[((long long)blockIdx.z * rows + row) * cols + col] = coherence_of_terms(sum, clip != 0);
}

}  // namespace m3

#define M3_COHERENCE_KERNEL(name, T)                                                                               \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      coherence_tiled_##name(const unsigned long long* dates, const long long* pairs, T* out, long long rows,       \
                             long long cols, int window_rows, int window_cols, int clip) {                          \
    m3::coherence_tiled<T>(dates, pairs, out, rows, cols, window_rows, window_cols, clip);                          \
  }                                                                                                                \
  M3_ENTRY(coherence_tiled_##name)                                                                                 \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      coherence_direct_##name(const unsigned long long* dates, const long long* pairs, T* out, long long rows,      \
                              long long cols, int window_rows, int window_cols, int clip) {                         \
    m3::coherence_direct<T>(dates, pairs, out, rows, cols, window_rows, window_cols, clip);                         \
  }                                                                                                                \
  M3_ENTRY(coherence_direct_##name)
M3_COHERENCE_KERNEL(f32, float)
M3_COHERENCE_KERNEL(f64, double)
