/* A chip to the input of a network (GPU; formula in normalise.h): one block per piece of pixels of one band, a few pixels
   per thread, so that several loads are under way. */
#include "hostdev.h"
#include "normalise.h"

namespace m3 {

constexpr int NORMALISE_PIXELS = 4;

template <typename R>
__device__ inline R decoded(R stored, const NormalisedBand& band) {
  if (stored == (R)band.nodata) return (R)NAN;
  return band.gain == band.gain ? stored * (R)band.gain + (R)band.offset : stored;
}

/* Part `part` of a pixel of a plane. */
template <typename R>
__device__ inline R stored_at(const void* data, int type, long long pixel, int part, const NormalisedBand& band) {
  switch (type) {
    case FLOAT32: return decoded<R>((R)((const float*)data)[pixel], band);
    case FLOAT64: return decoded<R>((R)((const double*)data)[pixel], band);
    case UINT8: return decoded<R>((R)((const unsigned char*)data)[pixel], band);
    case UINT16: return decoded<R>((R)((const unsigned short*)data)[pixel], band);
    case INT16: return decoded<R>((R)((const short*)data)[pixel], band);
    case COMPLEX64: return decoded<R>((R)((const float*)data)[2 * pixel + part], band);
    case COMPLEX128: return decoded<R>((R)((const double*)data)[2 * pixel + part], band);
    default: return decoded<R>((R)((const short*)data)[2 * pixel + part], band);
  }
}

template <typename R>
__device__ inline void normalise_pixel(const void* first, int first_type, const void* second, int second_type,
                                       const NormalisedPlaces& places, const NormalisedBand& band, long long pixel,
                                       long long pixels, long long cols, float* value, unsigned char* mask) {
  R x = stored_at<R>(first, first_type, pixel, 0, band);
  R y = second ? stored_at<R>(second, second_type, pixel, 0, band) : R(0);
  const bool weighted = places.encoding == WEIGHTED_PHASOR;
  if (band.inverse_looks > 0.0) (weighted ? y : x) = without_bias(weighted ? y : x, (R)band.inverse_looks);
  if (band.ramp != 0.0 || band.ramp_row != 0.0 || band.ramp_col != 0.0)
    x = (R)((double)x - (band.ramp + band.ramp_row * (double)(pixel / cols) + band.ramp_col * (double)(pixel % cols)));
  if (!is_pair_of_channels(places.encoding)) {
    finish(encoded(places.encoding, x, y), band, value[pixel], mask[pixel]);
    return;
  }
  R re, im;
  if (places.encoding == PHASE) {
    cosine_sine(x, re, im);
    if (x * R(0) != R(0)) re = (R)NAN;
  } else {
    unit_phasor(x, stored_at<R>(first, first_type, pixel, 1, band), re, im);
    if (weighted) {
      const R held = y > R(1) ? R(1) : (y < R(0) ? R(0) : y);
      re = y * R(0) == R(0) ? re * held : (R)NAN;
      im *= held;
    }
  }
  const bool valid = re * R(0) == R(0);
  value[pixel] = valid ? (float)re : 0.0f;
  value[pixel + pixels] = valid ? (float)im : 0.0f;
  mask[pixel] = mask[pixel + pixels] = valid;
}

template <typename R>
__device__ inline void normalise_band(const unsigned long long* addresses, const int* types, const int* places_table,
                                      const double* recipes, float* values, unsigned char* mask, long long pixels,
                                      long long cols) {
  const int b = blockIdx.y;
  const NormalisedPlaces places = {places_table[4 * b], places_table[4 * b + 1], places_table[4 * b + 2],
                                   places_table[4 * b + 3]};
  const double* const r = recipes + 11 * b;
  const NormalisedBand band = {r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]};
  const bool two = places.second >= 0;
  const int first_type = types[places.first], second_type = two ? types[places.second] : 0;
  const void* const first = (const void*)addresses[places.first];
  const void* const second = two ? (const void*)addresses[places.second] : nullptr;
  const long long plane = places.channel * pixels;
  const long long start = (long long)blockIdx.x * blockDim.x * NORMALISE_PIXELS + threadIdx.x;
  M3_UNROLL(4)
  for (int k = 0; k < NORMALISE_PIXELS; ++k) {
    const long long pixel = start + (long long)k * blockDim.x;
    if (pixel < pixels)
      normalise_pixel<R>(first, first_type, second, second_type, places, band, pixel, pixels, cols, values + plane,
                         mask + plane);
  }
}

}  // namespace m3

#define M3_NORMALISE_KERNEL(name, R)                                                                                 \
  extern "C" __global__ void __launch_bounds__(256)                                                                  \
      normalise_##name(const unsigned long long* addresses, const int* types, const int* places,                     \
                       const double* recipes, float* values, unsigned char* mask, long long pixels, long long cols) { \
    m3::normalise_band<R>(addresses, types, places, recipes, values, mask, pixels, cols);                            \
  }                                                                                                                  \
  M3_ENTRY(normalise_##name)
M3_NORMALISE_KERNEL(f32, float)
M3_NORMALISE_KERNEL(f64, double)
