/* Statistically homogeneous pixels: neighbours in a window whose amplitudes over the dates may come from one distribution,
   and the coherence over these instead of over a whole window.

   amplitude  (rows, cols, dates), sorted along dates for the Kolmogorov-Smirnov test
   intensity  (rows, cols), mean of the squared amplitude over the dates, for the likelihood-ratio test; no finite number in
              either marks a pixel that has no neighbours and is nobody's
   mask       (rows, cols, words): bit k of the window, row by row, is bit k % 64 of word k / 64; the centre is always set
              where the pixel is valid
   maps       as in coherence.h, over the samples whose bit is set; NaN where less than a share of them or fewer than a
              number are valid, and, if `centred`, where the pixel's own sample is not
   edge       neighbours off the image are not set */
#ifndef M3_HOMOGENEOUS_H
#define M3_HOMOGENEOUS_H

#include "coherence.h"

namespace m3 {

struct HomogeneousShape {
  long long rows, cols;
  int window_rows, window_cols, words;
};

/* Which pixels have a coherence. */
struct HomogeneousRule {
  double min_valid;
  int min_neighbours;
  bool centred;
};

/* Kolmogorov-Smirnov: whether the numbers of values up to any value differ by at most `limit` in two sorted series. They
   differ by more exactly where the value of rank i + limit of one is below the value of rank i of the other (ranks from
   0): then at least i + limit + 1 of one are no larger, and at most i of the other. So the series are compared rank by
   rank at a shift, not merged; ties need no rule of their own. */
template <typename T>
M3_HD inline bool ks_alike(const T* x, const T* y, int dates, int limit) {
  for (int i = 0; i + limit < dates; ++i)
    if (x[i + limit] < y[i] || y[i + limit] < x[i]) return false;
  return true;
}

/* Alike when the distance times the number of dates is at most `limit`. */
template <typename T>
struct SortedAmplitudes {
  const T* amplitude;
  int dates, limit;
  M3_HD bool valid(long long k) const {
    // NaN sorts last, infinities before it.
    const T first = amplitude[k * dates], last = amplitude[k * dates + dates - 1];
    return first * T(0) == T(0) && last * T(0) == T(0);
  }
  M3_HD bool alike(long long k, long long l) const {
    return ks_alike(amplitude + k * dates, amplitude + l * dates, dates, limit);
  }
};

/* Likelihood ratio of two Rayleigh samples: alike when each has a share of their sum of at least `limit`. */
template <typename T>
struct MeanIntensities {
  const T* intensity;
  double limit;
  M3_HD bool valid(long long k) const { return intensity[k] * T(0) == T(0); }
  M3_HD bool alike(long long k, long long l) const {
    const double x = (double)intensity[k], y = (double)intensity[l];
    return x >= limit * (x + y) && y >= limit * (x + y);
  }
};

template <typename Test>
M3_HD inline void homogeneous_at(const Test& test, const HomogeneousShape& shape, long long row, long long col,
                                 unsigned long long* mask) {
  const long long at = row * shape.cols + col;
  unsigned long long* const words = mask + at * shape.words;
  for (int w = 0; w < shape.words; ++w) words[w] = 0;
  if (!test.valid(at)) return;
  for (int r = 0; r < shape.window_rows; ++r) {
    // Several tests at once would take twice the registers.
    M3_UNROLL(1)
    for (int c = 0; c < shape.window_cols; ++c) {
      const long long y = row - shape.window_rows / 2 + r, x = col - shape.window_cols / 2 + c;
      if (y < 0 || y >= shape.rows || x < 0 || x >= shape.cols) continue;
      const long long other = y * shape.cols + x;
      if (other != at && !(test.valid(other) && test.alike(at, other))) continue;
      const int bit = r * shape.window_cols + c;
      words[bit / 64] |= 1ULL << (bit % 64);
    }
  }
}

template <typename T>
M3_HD inline void homogeneous_coherence_at(const T* a, const T* b, const unsigned long long* mask,
                                           const HomogeneousShape& shape, const HomogeneousRule& rule, long long row,
                                           long long col, const CoherenceMaps<T>& maps) {
  const long long at = row * shape.cols + col;
  const unsigned long long* const words = mask + at * shape.words;
  CoherenceTerms<T> sum = {T(0), T(0), T(0), T(0)};
  int named = 0, valid = 0;
  for (int r = 0; r < shape.window_rows; ++r) {
    for (int c = 0; c < shape.window_cols; ++c) {
      const int bit = r * shape.window_cols + c;
      const long long y = row - shape.window_rows / 2 + r, x = col - shape.window_cols / 2 + c;
      // A mask from elsewhere may have bits off the image.
      if (!(words[bit / 64] >> (bit % 64) & 1) || y < 0 || y >= shape.rows || x < 0 || x >= shape.cols) continue;
      const long long k = 2 * (y * shape.cols + x);
      const CoherenceTerms<T> t = coherence_terms(a[k], a[k + 1], b[k], b[k + 1]);
      const bool has = sample_valid(a[k], a[k + 1]) && sample_valid(b[k], b[k + 1]);
      ++named;
      valid += has;
      sum.re += t.re;
      sum.im += t.im;
      sum.power_a += t.power_a;
      sum.power_b += t.power_b;
    }
  }
  const bool own = sample_valid(a[2 * at], a[2 * at + 1]) && sample_valid(b[2 * at], b[2 * at + 1]);
  const bool enough = valid >= rule.min_neighbours && enough_valid((double)valid, rule.min_valid, (double)named);
  const CoherenceDetail<T> d = coherence_detail(sum.re, sum.im, sum.power_a, sum.power_b, T(valid),
                                                inverse_amplitude(sum.power_a), inverse_amplitude(sum.power_b), T(1));
  maps.put(at, d, T(valid), enough && (own || !rule.centred));
}

}  // namespace m3
#endif
