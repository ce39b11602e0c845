/* Complex images at fractional positions under a tabulated kernel, with a phase put on.

   image   (rows, cols) complex, interleaved
   table   (RESAMPLE_STEPS + 1, taps): weights of the taps first ... first + taps - 1, first = floor(position) - taps / 2 + 1,
           for positions between two pixels in equal steps. Between lines they are interpolated.
   phase   radians per pixel of the result, or none: the value is turned by it, in double
   Weights are real. Values that are not finite (either part) or off the image are left out and the rest scaled to the sum of all,
   unless less than half of the absolute weight is left. A position on a pixel that is data gives its very bits
   before it is turned. */
#ifndef M3_RESAMPLE_H
#define M3_RESAMPLE_H

#include "hostdev.h"
#include "phasor.h"
#include "warp_places.h"

namespace m3 {

constexpr int RESAMPLE_STEPS = 1024, RESAMPLE_TAPS = 8;

template <typename Real>
M3_HD inline bool resample_valid(Real re, Real im) {
  return re * Real(0) + im * Real(0) == Real(0);
}

template <int TAPS>
M3_HD inline long long resample_weights(const double* table, double position, double* weights) {
  const double below = floor(position), at = (position - below) * RESAMPLE_STEPS, line = floor(at), part = at - line;
  const double* const low = table + (int)line * TAPS;
  const double* const high = line < RESAMPLE_STEPS ? low + TAPS : low;
  for (int k = 0; k < TAPS; ++k) weights[k] = (1.0 - part) * low[k] + part * high[k];
  return (long long)below - TAPS / 2 + 1;
}

/* Value at one position under DOWN x RIGHT taps, each axis from its own table; `re` and `im` come out as double. */
template <typename Real, int DOWN, int RIGHT>
M3_HD inline void resample_value(const Real* image, const double* down_table, const double* right_table, long long rows,
                                 long long cols, double row, double col, double* re, double* im) {
  *re = *im = nan("");
  if (!(warp_inside(row, rows) && warp_inside(col, cols))) return;
  if (row == floor(row) && col == floor(col)) {
    const Real* const pixel = image + 2 * ((long long)row * cols + (long long)col);
    const bool valid = resample_valid(pixel[0], pixel[1]);
    *re = valid ? (double)pixel[0] : *re;
    *im = valid ? (double)pixel[1] : *im;
    return;
  }
  double down[DOWN], right[RIGHT];
  const long long top = resample_weights<DOWN>(down_table, row, down);
  const long long left = resample_weights<RIGHT>(right_table, col, right);
  double sum_re = 0.0, sum_im = 0.0, valid = 0.0, total = 0.0, found = 0.0, all = 0.0;
  for (int i = 0; i < DOWN; ++i) {
    const bool row_on = top + i >= 0 && top + i < rows;
    for (int j = 0; j < RIGHT; ++j) {
      const double weight = down[i] * right[j];
      all += fabs(weight);
      total += weight;
      if (!row_on || left + j < 0 || left + j >= cols) continue;
      const Real* const sample = image + 2 * ((top + i) * cols + left + j);
      if (weight == 0.0 || !resample_valid(sample[0], sample[1])) continue;
      sum_re += weight * (double)sample[0];
      sum_im += weight * (double)sample[1];
      valid += weight;
      found += fabs(weight);
    }
  }
  if (!(found >= 0.5 * all && valid > 0.0)) return;
  *re = sum_re / valid * total;
  *im = sum_im / valid * total;
}

/* Turns a value by a phase and writes it. */
template <typename Real>
M3_HD inline void resample_turned(double re, double im, const double* phase, long long pixel, Real* out) {
  Turn<Real> value = {(Real)re, (Real)im};
  if (phase != nullptr) value = times(value, unit_turn<Real>(phase[pixel]));
  out[2 * pixel] = value.re;
  out[2 * pixel + 1] = value.im;
}

}  // namespace m3
#endif
