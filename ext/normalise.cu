/* A chip to what a network sees (GPU; formula in normalise.h): one thread a pixel, all bands. */
#include "hostdev.h"
#include "normalise.h"

namespace m3 {

template <typename T, int PARTS>
__device__ inline void normalise_pixel(const T* chip, const int* encodings, const int* channels,
                                       const double* scalings, float* values, unsigned char* mask, int bands,
                                       long long pixels) {
  const long long pixel = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (pixel >= pixels) return;
  for (int band = 0; band < bands; ++band) {
    const T* const sample = chip + (band * pixels + pixel) * PARTS;
    const double* const s = scalings + 4 * band;
    const Scaling scaling = {s[0], s[1], s[2], s[3]};
    const long long plane = channels[band] * pixels;
    normalise_at((double)sample[0], (double)sample[PARTS - 1], encodings[band], scaling, values + plane, mask + plane,
                 pixel, pixels);
  }
}

}  // namespace m3

#define M3_NORMALISE_KERNEL(name, T, PARTS)                                                                        \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      normalise_##name(const T* chip, const int* encodings, const int* channels, const double* scalings,            \
                       float* values, unsigned char* mask, int bands, long long pixels) {                           \
    m3::normalise_pixel<T, PARTS>(chip, encodings, channels, scalings, values, mask, bands, pixels);                \
  }                                                                                                                \
  M3_ENTRY(normalise_##name)
M3_NORMALISE_KERNEL(real_f32, float, 1)
M3_NORMALISE_KERNEL(real_f64, double, 1)
M3_NORMALISE_KERNEL(complex_f32, float, 2)
M3_NORMALISE_KERNEL(complex_f64, double, 2)
