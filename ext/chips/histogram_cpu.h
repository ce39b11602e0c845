/* Counts and moments of channels (CPU; formula in histogram.h): a channel a thread, so that no two add to one count and
   the order of additions does not depend on the threads. */
#ifndef M3_HISTOGRAM_CPU_H
#define M3_HISTOGRAM_CPU_H

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "histogram.h"
#include "parallel.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

/* Sums kept side by side, and values that are gone through for one thing after the other. */
constexpr ptrdiff_t HISTOGRAM_LANES = 16, HISTOGRAM_BLOCK = 1024;

M3_CLONES static void bins_row(const float* __restrict values, int32_t* __restrict bins, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) bins[i] = histogram_bin(values[i]);
}

/* The next two: n is a multiple of HISTOGRAM_LANES, lanes are added to. */
M3_CLONES static void sums_row(const float* __restrict values, const uint8_t* __restrict mask, double* __restrict sums,
                               double* __restrict squares, ptrdiff_t n) {
  constexpr ptrdiff_t L = HISTOGRAM_LANES;
  double s[L], q[L];
  for (ptrdiff_t l = 0; l < L; ++l) s[l] = sums[l], q[l] = squares[l];
  for (ptrdiff_t i = 0; i < n; i += L)
    for (ptrdiff_t l = 0; l < L; ++l) {
      const double x = mask[i + l] ? (double)values[i + l] : 0.0;
      s[l] += x;
      q[l] += x * x;
    }
  for (ptrdiff_t l = 0; l < L; ++l) sums[l] = s[l], squares[l] = q[l];
}

M3_CLONES static void ends_row(const float* __restrict values, const uint8_t* __restrict mask, float* __restrict lows,
                               float* __restrict highs, int32_t* __restrict below, int32_t* __restrict above,
                               ptrdiff_t n) {
  constexpr ptrdiff_t L = HISTOGRAM_LANES;
  float low[L], high[L];
  int32_t under[L], over[L];
  for (ptrdiff_t l = 0; l < L; ++l) low[l] = lows[l], high[l] = highs[l], under[l] = over[l] = 0;
  for (ptrdiff_t i = 0; i < n; i += L)
    for (ptrdiff_t l = 0; l < L; ++l) {
      const float x = values[i + l], y = mask[i + l] ? x : (float)INFINITY, z = mask[i + l] ? x : -(float)INFINITY;
      low[l] = y < low[l] ? y : low[l];
      high[l] = z > high[l] ? z : high[l];
      under[l] += y < 0.0f;
      over[l] += z > 1.0f;
    }
  for (ptrdiff_t l = 0; l < L; ++l) lows[l] = low[l], highs[l] = high[l], below[l] += under[l], above[l] += over[l];
}

inline void histogram_channel(const float* values, const uint8_t* mask, long long pixels, long long* counts,
                              Moments* moments) {
  constexpr ptrdiff_t L = HISTOGRAM_LANES;
  std::vector<int32_t> bins(HISTOGRAM_BLOCK);
  /* Two tables by turns: neighbours often fall into one bin, and an addition would wait for the one before. */
  std::vector<uint32_t> tables(2 * HISTOGRAM_BINS);
  double sums[L] = {}, squares[L] = {};
  float lows[L], highs[L];
  int32_t below[L] = {}, above[L] = {};
  for (ptrdiff_t l = 0; l < L; ++l) lows[l] = (float)INFINITY, highs[l] = -(float)INFINITY;
  Moments found = no_moments();
  for (long long from = 0; from < pixels; from += HISTOGRAM_BLOCK) {
    const ptrdiff_t n = pixels - from < HISTOGRAM_BLOCK ? pixels - from : HISTOGRAM_BLOCK, whole = n / L * L;
    bins_row(values + from, bins.data(), n);
    for (ptrdiff_t i = 0; i < n; ++i) tables[(i & 1) * HISTOGRAM_BINS + bins[i]] += mask[from + i];
    sums_row(values + from, mask + from, sums, squares, whole);
    ends_row(values + from, mask + from, lows, highs, below, above, whole);
    for (ptrdiff_t i = whole; i < n; ++i)
      if (mask[from + i]) add_value(found, values[from + i]);
  }
  for (ptrdiff_t l = 0; l < L; ++l)
    add_moments(found, {0.0, sums[l], squares[l], (double)lows[l], (double)highs[l], (double)below[l], (double)above[l]});
  found.count = 0.0;
  for (int bin = 0; bin < HISTOGRAM_BINS; ++bin) {
    counts[bin] = (long long)tables[bin] + tables[HISTOGRAM_BINS + bin];
    found.count += (double)counts[bin];
  }
  *moments = found;
}

/* counts (channels, HISTOGRAM_BINS) and moments of values and mask (channels, pixels), fewer than 2^31 pixels. */
inline void histogram_channels(const float* values, const uint8_t* mask, int channels, long long pixels,
                               long long* counts, Moments* moments) {
  parallel_for(
      channels, [] { return 0; },
      [&](int, long long c) {
        histogram_channel(values + c * pixels, mask + c * pixels, pixels, counts + c * HISTOGRAM_BINS, moments + c);
      });
}

}  // namespace m3
#endif
