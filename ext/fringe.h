/* Coherence along the local fringe: |sum a b* u_r^(r - r0) u_c^(c - c0)| / (sqrt(sum |a|^2) sqrt(sum |b|^2)), where u_r
   and u_c are the phasors that undo the fringe from one row and one column to the next.

   a, b       (rows, cols) interleaved complex, C order; a sample with a part that is not finite is no data
   u          from frequencies in rad a sample, one a pixel, or estimated in the window itself: the conjugate of the
              normalised sum of x(r, c + 1) x*(r, c) over neighbours that both lie in it (x = a b*), and likewise down
   result     in [0, 1]; NaN where either power is zero; frequency NaN there too, zero along an axis with one sample
   edge       the window is cut at the image's edge
   sums       in the type of the data, sample by sample */
#ifndef M3_FRINGE_H
#define M3_FRINGE_H

#include "coherence.h"
#include "phasor.h"

namespace m3 {

template <typename T>
struct Turn {
  T re, im;
};

template <typename T>
M3_HD inline Turn<T> times(Turn<T> p, Turn<T> q) {
  return {p.re * q.re - p.im * q.im, p.re * q.im + p.im * q.re};
}

/* The phasor that undoes a fringe whose sum of neighbour products is (re, im); none where they cancel. */
template <typename T>
M3_HD inline Turn<T> undoing(T re, T im) {
  const T inverse = inverse_amplitude(re * re + im * im);
  const bool found = inverse > T(0);
  return {found ? re * inverse : T(1), found ? -im * inverse : T(0)};
}

template <typename T>
M3_HD inline Turn<T> undoing_frequency(T frequency) {
  const Phasor p = phasor((double)frequency);
  return {T(p.re), T(-p.im)};
}

struct FringeShape {
  long long rows, cols;
  int window_rows, window_cols;
  bool given;  // frequencies are inputs
};

/* One pixel; frequencies are read if given, else written. */
template <typename T>
M3_HD inline void fringe_at(const T* a, const T* b, const FringeShape& shape, long long row, long long col,
                            T* frequency_rows, T* frequency_cols, T* out) {
  const long long top = row - shape.window_rows / 2, left = col - shape.window_cols / 2;
  const long long first_row = top < 0 ? 0 : top, first_col = left < 0 ? 0 : left;
  const long long end_row = top + shape.window_rows < shape.rows ? top + shape.window_rows : shape.rows;
  const long long end_col = left + shape.window_cols < shape.cols ? left + shape.window_cols : shape.cols;
  const long long at = row * shape.cols + col;
  const auto terms = [&](long long r, long long c) {
    const long long k = 2 * (r * shape.cols + c);
    return coherence_terms(a[k], a[k + 1], b[k], b[k + 1]);
  };
  T power_a = T(0), power_b = T(0);
  Turn<T> down = {T(0), T(0)}, along = {T(0), T(0)};
  for (long long r = first_row; r < end_row; ++r) {
    for (long long c = first_col; c < end_col; ++c) {
      const CoherenceTerms<T> x = terms(r, c);
      power_a += x.power_a;
      power_b += x.power_b;
      if (shape.given) continue;
      if (c + 1 < end_col) {
        const CoherenceTerms<T> y = terms(r, c + 1);
        const Turn<T> z = times(Turn<T>{y.re, y.im}, Turn<T>{x.re, -x.im});
        along.re += z.re, along.im += z.im;
      }
      if (r + 1 < end_row) {
        const CoherenceTerms<T> y = terms(r + 1, c);
        const Turn<T> z = times(Turn<T>{y.re, y.im}, Turn<T>{x.re, -x.im});
        down.re += z.re, down.im += z.im;
      }
    }
  }
  const bool valid = (power_a > T(0)) & (power_b > T(0));
  Turn<T> step_down, step_along;
  if (shape.given) {
    step_down = undoing_frequency(frequency_rows[at]);
    step_along = undoing_frequency(frequency_cols[at]);
  } else {
    step_down = undoing(down.re, down.im);
    step_along = undoing(along.re, along.im);
    frequency_rows[at] = valid ? atan2(-step_down.im, step_down.re) : T(NAN);
    frequency_cols[at] = valid ? atan2(-step_along.im, step_along.re) : T(NAN);
  }
  Turn<T> start = {T(1), T(0)};
  T re = T(0), im = T(0);
  for (long long r = first_row; r < end_row; ++r) {
    Turn<T> p = start;
    for (long long c = first_col; c < end_col; ++c) {
      const CoherenceTerms<T> x = terms(r, c);
      re += x.re * p.re - x.im * p.im;
      im += x.re * p.im + x.im * p.re;
      p = times(p, step_along);
    }
    start = times(start, step_down);
  }
  out[at] = coherence_of(re, im, inverse_amplitude(power_a), inverse_amplitude(power_b), T(1));
}

}  // namespace m3
#endif
