/* Coherence = |sum a b*| / (sqrt(sum |a|^2) sqrt(sum |b|^2)), sums over the window and over samples that both
   images have.

   a, b       (rows, cols) interleaved complex, C order, on one grid; a sample with a part that is not finite is
              no data
   result     in [0, 1], unitless; NaN where either power is zero, which is also where no sample is valid
   edge       the window is cut at the image's edge
   sums       in the type of the data. Sums are trees whose shape depends on the offset inside the window alone, never
              running differences: float32 running sums lose up to 60 % beside a 60 dB target. The same tree at every
              pixel makes a tile with its halo equal the crop of the whole, bit for bit. */
#ifndef M3_COHERENCE_H
#define M3_COHERENCE_H

#include "hostdev.h"

namespace m3 {

template <typename T>
struct CoherenceTerms {
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
   gives zero here and NaN in coherence_of. */
template <typename T>
M3_HD inline T inverse_amplitude(T power) {
  return power > T(0) ? T(1) / sqrt(power) : T(0);
}

template <typename T>
M3_HD inline T coherence_of(T re, T im, T inverse_a, T inverse_b, bool clip) {
  // One product of the two, so that exchanging the images changes no bit. Where it leaves the range, so do the powers.
  const T inverse = inverse_a * inverse_b;
  const T x = re * inverse, y = im * inverse;
  const T value = sqrt(x * x + y * y);
  const T bounded = clip && value > T(1) ? T(1) : value;
  return inverse_a > T(0) && inverse_b > T(0) ? bounded : T(NAN);
}

}  // namespace m3
#endif
