/* Coherence = sum w a b* exp(-j phase) / (sqrt(sum w |a|^2) sqrt(sum w |b|^2)), sums over the window and over samples
   that both images have.

   a, b       (rows, cols) complex, C order, on one grid; a sample with a part that is not finite is no data, and so is
              one whose reference phase is not. Complex int16 is read as such, -32768 in a part being no data
   w          separable weights of the window, one for a boxcar
   result     magnitude in [0, 1], unitless; NaN where either power is zero, which is also where no sample is valid, where
              less than a share of the window's weight on the image is valid, and, if `centred`, where the window's centre
              sample is not
   edge       the window is cut at the image's edge
   sums       in the type of the data. Sums are trees whose shape depends on the offset inside the window alone, never
              running differences: float32 running sums lose up to 60 % beside a 60 dB target. The same tree at every
              pixel makes a tile with its halo equal the crop of the whole, bit for bit. */
#ifndef M3_COHERENCE_H
#define M3_COHERENCE_H

#include "angle.h"
#include "hostdev.h"

namespace m3 {

/* Aligned, so that a GPU moves the four parts of a sample at once. */
template <typename T>
struct alignas(4 * sizeof(T)) CoherenceTerms {
  T re, im, power_a, power_b;
};

template <typename T>
M3_HD inline bool sample_valid(T re, T im) {
  return re * T(0) + im * T(0) == T(0);
}

/* Terms of one sample, zero unless both images have it. */
template <typename T>
M3_HD inline CoherenceTerms<T> coherence_terms(T ar, T ai, T br, T bi) {
  const bool valid = sample_valid(ar, ai) && sample_valid(br, bi);
  ar = valid ? ar : T(0);
  ai = valid ? ai : T(0);
  br = valid ? br : T(0);
  bi = valid ? bi : T(0);
  return {ar * br + ai * bi, ai * br - ar * bi, ar * ar + ai * ai, br * br + bi * bi};
}

/* 1 / sqrt(power): each image is scaled by its own root, as the product of two powers would overflow. Zero power
   gives zero here and NaN in coherence_of. Root and quotient are taken whatever the power, so that loops vectorise. */
template <typename T>
M3_HD inline T inverse_amplitude(T power) {
  const bool positive = power > T(0);
  const T inverse = T(1) / sqrt(positive ? power : T(1));
  return positive ? inverse : T(0);
}

/* Magnitude of the coherence; `ceiling` is 1, or infinity to see the excess that rounding leaves. */
template <typename T>
M3_HD inline T coherence_of(T re, T im, T inverse_a, T inverse_b, T ceiling) {
  // One product of the two, so that exchanging the images changes no bit. Where it leaves the range, so do the powers.
  const T inverse = inverse_a * inverse_b;
  const T x = re * inverse, y = im * inverse;
  const T value = sqrt(x * x + y * y);
  const T bounded = value > ceiling ? ceiling : value;
  return (inverse_a > T(0)) & (inverse_b > T(0)) ? bounded : T(NAN);
}

/* Weight of the part of a window that lies on the image, along one axis; `first` is the window's first place. */
M3_HD inline double weight_on_image(long long first, long long window, long long size, const double* weights) {
  const long long from = first < 0 ? -first : 0, to = first + window > size ? size - first : window;
  if (!weights) return (double)(to - from);
  double sum = 0;
  for (long long k = from; k < to; ++k) sum += weights[k];
  return sum;
}

/* Whether enough of a window's weight is valid; a hair less will do, as the sum of weights is rounded. */
M3_HD inline bool enough_valid(double valid, double share, double weight) {
  return valid >= share * weight * (1 - 1e-5);
}

/* Further results of a pixel. */
template <typename T>
struct CoherenceDetail {
  T re, im, magnitude, power_a, power_b;
};

/* Complex value of the coherence, under the same ceiling; where the magnitude is NaN, so is it. */
template <typename T>
struct CoherenceValue {
  T re, im, magnitude;
};

template <typename T>
M3_HD inline CoherenceValue<T> coherence_value(T re, T im, T inverse_a, T inverse_b, T ceiling) {
  const T inverse = inverse_a * inverse_b;
  const T magnitude = coherence_of(re, im, inverse_a, inverse_b, ceiling);
  const T x = re * inverse, y = im * inverse, length = sqrt(x * x + y * y);
  const T fit = length > ceiling ? ceiling / (length > T(0) ? length : T(1)) : magnitude - magnitude + T(1);
  return {x * fit, y * fit, magnitude};
}

/* What turns a sum into a mean over the valid samples. */
template <typename T>
M3_HD inline T inverse_count(T valid) {
  const bool some = valid > T(0);
  const T inverse = T(1) / (some ? valid : T(1));
  return some ? inverse : T(NAN);
}

/* From the sums of one window, the weight of its valid samples and the inverse amplitudes; powers are means over the
   valid samples. */
template <typename T>
M3_HD inline CoherenceDetail<T> coherence_detail(T re, T im, T sum_a, T sum_b, T valid, T inverse_a, T inverse_b,
                                                 T ceiling) {
  const CoherenceValue<T> value = coherence_value(re, im, inverse_a, inverse_b, ceiling);
  const T mean = inverse_count(valid);
  return {value.re, value.im, value.magnitude, sum_a * mean, sum_b * mean};
}

/* Results, each a map or null where it is not wanted. A complex result has two parts per pixel. */
template <typename T>
struct CoherenceMaps {
  T *magnitude, *complex_value, *looks, *power_a, *power_b, *phase;

  /* From a table of addresses, in this order. */
  M3_HD static CoherenceMaps at(const unsigned long long* addresses) {
    return {reinterpret_cast<T*>(addresses[0]), reinterpret_cast<T*>(addresses[1]), reinterpret_cast<T*>(addresses[2]),
            reinterpret_cast<T*>(addresses[3]), reinterpret_cast<T*>(addresses[4]), reinterpret_cast<T*>(addresses[5])};
  }

  M3_HD CoherenceMaps of_pair(long long pair, long long plane) const {
    const long long k = pair * plane;
    return {magnitude ? magnitude + k : nullptr, complex_value ? complex_value + 2 * k : nullptr,
            looks ? looks + k : nullptr,         power_a ? power_a + k : nullptr,
            power_b ? power_b + k : nullptr,     phase ? phase + k : nullptr};
  }
  M3_HD bool magnitude_only() const { return !complex_value && !looks && !power_a && !power_b && !phase; }
  /* Whether the magnitude alone, or the complex value alone, is wanted. */
  M3_HD bool single() const { return !magnitude != !complex_value && !looks && !power_a && !power_b && !phase; }
  /* Numbers per pixel. */
  M3_HD int numbers() const { return !!magnitude + 2 * !!complex_value + !!looks + !!power_a + !!power_b + !!phase; }

  /* One pixel; where it is not `known`, the looks alone are data. */
  M3_HD void put(long long k, CoherenceDetail<T> d, T valid, bool known) const {
    if (!known) d.re = d.im = d.magnitude = d.power_a = d.power_b = T(NAN);
    if (magnitude) magnitude[k] = d.magnitude;
    if (complex_value) complex_value[2 * k] = d.re, complex_value[2 * k + 1] = d.im;
    if (looks) looks[k] = valid;
    if (power_a) power_a[k] = d.power_a;
    if (power_b) power_b[k] = d.power_b;
    if (phase) phase[k] = angle_of(d.im, d.re);
  }
};

}  // namespace m3
#endif
