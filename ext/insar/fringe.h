/* Coherence along the local fringe: |sum a b* u_r^(r - r0) u_c^(c - c0)| / (sqrt(sum |a|^2) sqrt(sum |b|^2)), where u_r
   and u_c are the phasors that undo the fringe from one row and one column to the next.

   a, b       (rows, cols) interleaved complex, C order; a sample with a part that is not finite is no data
   u          from frequencies in rad per sample, one per pixel, or estimated in the window itself: first from the sum of
              x(r, c + 1) x*(r, c) over neighbours that both lie in it (x = a b*), and likewise down, then FRINGE_ROUNDS
              times by the slope that is left, Im(sum (c - m) y / sum y) / var(c) with y the product so far undone and m
              the middle of the window; none at all where that gives the larger coherence
   maps       as in coherence.h, NaN where it has NaN. A complex value has the phase of the fringe in the pixel itself: that
              of the sum above with r0 and c0 the pixel's own row and column. Frequency NaN there too, zero along an axis
              with one sample
   edge       the window is cut at the image's edge
   sums       in the type of the data, sample by sample. Sums of neighbour products are of the fourth order in the
              amplitude and their squares of the eighth, so x is scaled near one first, and sums before they are squared */
#ifndef M3_FRINGE_H
#define M3_FRINGE_H

#include "angle.h"
#include "coherence.h"
#include "phasor.h"

namespace m3 {

/* What brings the larger part of a sum to one. */
template <typename T>
M3_HD inline T inverse_of_larger(T re, T im) {
  const T x = fabs(re), y = fabs(im), larger = x > y ? x : y;
  return T(1) / (larger > T(0) ? larger : T(1));
}

/* The phasor that undoes a fringe whose sum of neighbour products is (re, im); none where they cancel. */
template <typename T>
M3_HD inline Turn<T> undoing(T re, T im) {
  const T by = inverse_of_larger(re, im), x = re * by, y = im * by;
  const T inverse = inverse_amplitude(x * x + y * y);
  const bool found = inverse > T(0);
  return {found ? x * inverse : T(1), found ? -y * inverse : T(0)};
}

template <typename T>
M3_HD inline Turn<T> undoing_frequency(T frequency) {
  const Phasor p = phasor((double)frequency);
  return {T(p.re), T(-p.im)};
}

constexpr int FRINGE_ROUNDS = 2;

/* Sum of the product undone, its moments down and along, and the phasor that undid the pixel's own sample. */
template <typename T>
struct FringeSum {
  Turn<T> all, down, along, own;
};

/* The complex value turned back to the phase in the pixel; its length stays the magnitude, whatever rounding made of
   the phasor's own. */
template <typename T>
M3_HD inline CoherenceDetail<T> turned_back(CoherenceDetail<T> d, Turn<T> own) {
  const Turn<T> z = times(Turn<T>{d.re, d.im}, Turn<T>{own.re, -own.im});
  const T size = sqrt(z.re * z.re + z.im * z.im), by = size > T(0) ? d.magnitude / size : d.magnitude - d.magnitude + T(1);
  d.re = z.re * by;
  d.im = z.im * by;
  return d;
}

/* A step further by the slope that a sum's moment gives. A step is held to half a radian: beyond, the slope is noise. */
template <typename T>
M3_HD inline Turn<T> refined(Turn<T> step, Turn<T> all, Turn<T> moment, int size) {
  const T by = inverse_of_larger(all.re, all.im), re = all.re * by, im = all.im * by;
  const T power = re * re + im * im, variance = T((double)size * size - 1) / T(12);
  const T scale = power * variance;
  const T slope = (moment.im * by * re - moment.re * by * im) / (scale > T(0) ? scale : T(1));
  const T held = slope > T(0.5) ? T(0.5) : slope < T(-0.5) ? T(-0.5) : slope;
  // exp(-j held), to third order and normalised, so that loops vectorise.
  const T half = held / 2, square = half * half, norm = T(1) / (T(1) + square);
  return times(step, Turn<T>{(T(1) - square) * norm, -2 * half * norm});
}

struct FringeShape {
  long long rows, cols;
  int window_rows, window_cols;
  bool given;        // frequencies are inputs
  double min_valid;  // share of the window on the image that must be valid
  bool centred;      // no data where the window's centre sample has none
};

/* One pixel; frequencies are read if given, else written. */
template <typename T>
M3_HD inline void fringe_at(const T* a, const T* b, const FringeShape& shape, long long row, long long col,
                            T* frequency_rows, T* frequency_cols, const CoherenceMaps<T>& maps) {
  const long long top = row - shape.window_rows / 2, left = col - shape.window_cols / 2;
  const long long first_row = top < 0 ? 0 : top, first_col = left < 0 ? 0 : left;
  const long long end_row = top + shape.window_rows < shape.rows ? top + shape.window_rows : shape.rows;
  const long long end_col = left + shape.window_cols < shape.cols ? left + shape.window_cols : shape.cols;
  const long long at = row * shape.cols + col;
  const auto has = [&](long long r, long long c) {
    const long long k = 2 * (r * shape.cols + c);
    return sample_valid(a[k], a[k + 1]) && sample_valid(b[k], b[k + 1]);
  };
  T power_a = T(0), power_b = T(0), scale = T(1);
  const auto terms = [&](long long r, long long c) {
    const long long k = 2 * (r * shape.cols + c);
    CoherenceTerms<T> x = coherence_terms(a[k], a[k + 1], b[k], b[k + 1]);
    x.re *= scale;
    x.im *= scale;
    return x;
  };
  long long count = 0;
  for (long long r = first_row; r < end_row; ++r) {
    for (long long c = first_col; c < end_col; ++c) {
      const CoherenceTerms<T> x = terms(r, c);
      power_a += x.power_a;
      power_b += x.power_b;
      count += has(r, c);
    }
  }
  const double on_image = (double)((end_row - first_row) * (end_col - first_col));
  const bool known = enough_valid((double)count, shape.min_valid, on_image) && (!shape.centred || has(row, col));
  const bool valid = known & (power_a > T(0)) & (power_b > T(0));
  scale = inverse_amplitude(power_a) * inverse_amplitude(power_b);
  Turn<T> down = {T(0), T(0)}, along = {T(0), T(0)};
  for (long long r = first_row; r < end_row && !shape.given; ++r) {
    for (long long c = first_col; c < end_col; ++c) {
      const CoherenceTerms<T> x = terms(r, c);
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
  const auto undone = [&](Turn<T> step_down, Turn<T> step_along) {
    FringeSum<T> sum = {{T(0), T(0)}, {T(0), T(0)}, {T(0), T(0)}, {T(1), T(0)}};
    Turn<T> start = {T(1), T(0)};
    for (long long r = first_row; r < end_row; ++r) {
      Turn<T> p = start, line = {T(0), T(0)};
      for (long long c = first_col; c < end_col; ++c) {
        const CoherenceTerms<T> x = terms(r, c);
        const Turn<T> y = times(Turn<T>{x.re, x.im}, p);
        const T place = T(2 * (c - left) - (shape.window_cols - 1)) / 2;
        line.re += y.re, line.im += y.im;
        sum.along.re += place * y.re, sum.along.im += place * y.im;
        if (r == row && c == col) sum.own = p;
        p = times(p, step_along);
      }
      const T place = T(2 * (r - top) - (shape.window_rows - 1)) / 2;
      sum.all.re += line.re, sum.all.im += line.im;
      sum.down.re += place * line.re, sum.down.im += place * line.im;
      start = times(start, step_down);
    }
    return sum;
  };
  Turn<T> step_down, step_along;
  if (shape.given) {
    step_down = undoing_frequency(frequency_rows[at]);
    step_along = undoing_frequency(frequency_cols[at]);
  } else {
    step_down = undoing(down.re, down.im);
    step_along = undoing(along.re, along.im);
    for (int round = 0; round < FRINGE_ROUNDS; ++round) {
      const FringeSum<T> sum = undone(step_down, step_along);
      if (shape.window_rows > 1) step_down = refined(step_down, sum.all, sum.down, shape.window_rows);
      if (shape.window_cols > 1) step_along = refined(step_along, sum.all, sum.along, shape.window_cols);
    }
  }
  FringeSum<T> sum = undone(step_down, step_along);
  if (!shape.given) {
    const Turn<T> none = {T(1), T(0)};
    const FringeSum<T> plain = undone(none, none);
    const Turn<T> x = plain.all, y = sum.all;
    if (x.re * x.re + x.im * x.im >= y.re * y.re + y.im * y.im) sum = plain, step_down = none, step_along = none;
    frequency_rows[at] = valid ? angle_of(-step_down.im, step_down.re) : T(NAN);
    frequency_cols[at] = valid ? angle_of(-step_along.im, step_along.re) : T(NAN);
  }
  // The products were scaled by both inverse amplitudes; what is left of them says which power is zero.
  const T some_a = T(power_a > T(0)), some_b = T(power_b > T(0));
  const CoherenceDetail<T> d =
      coherence_detail(sum.all.re, sum.all.im, power_a, power_b, T(count), some_a, some_b, T(1));
  maps.put(at, turned_back(d, sum.own), T(count), known);
}

}  // namespace m3
#endif
