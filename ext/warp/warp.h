/* Values of a raster at fractional positions, several bands at one position each.

   source     (bands, source_rows, source_cols), C order; complex values interleaved, PARTS = 2
   row, col   position in source pixels, 0.0 is the centre of the first; NaN gives no data
   out        (bands, tile pixels), C order; `pixel` is the flat index in a tile plane
   Positions (warp_places.h) up to half a pixel beyond the outermost centres take the value on that edge; further out there is
   no data. Weights and sums are double. */
#ifndef M3_WARP_H
#define M3_WARP_H

#include "hostdev.h"
#include "warp_places.h"

namespace m3 {

M3_HD inline double warp_clamped(double position, long long size) {
  const double last = (double)(size - 1);
  return position < 0.0 ? 0.0 : (position > last ? last : position);
}

/* Round half up, without the double rounding of floor(position + 0.5). */
M3_HD inline long long warp_nearest_index(double position, long long size) {
  const double below = floor(position);
  const long long index = (long long)below + (position - below >= 0.5 ? 1 : 0);
  return index < 0 ? 0 : (index >= size ? size - 1 : index);
}

/* Copies the nearest pixel, `words` words of Word each, so one text serves every dtype bit for bit. */
template <typename Word>
M3_HD inline void warp_nearest(const Word* source, Word* out, long long bands, long long source_rows,
                               long long source_cols, int words, double row, double col, Word fill,
                               long long pixel, long long tile_pixels) {
  const bool inside = warp_inside(row, source_rows) && warp_inside(col, source_cols);
  long long from = 0;
  if (inside) from = warp_nearest_index(row, source_rows) * source_cols + warp_nearest_index(col, source_cols);
  const long long source_pixels = source_rows * source_cols;
  for (long long band = 0; band < bands; ++band) {
    const Word* const pixel_in = source + (band * source_pixels + from) * words;
    Word* const pixel_out = out + (band * tile_pixels + pixel) * words;
    for (int word = 0; word < words; ++word) pixel_out[word] = inside ? pixel_in[word] : fill;
  }
}

/* Whether a sample is data: NaN and infinities, in either part, are not. */
template <typename Real, int PARTS>
M3_HD inline bool warp_usable(const Real* sample) {
  bool usable = true;
  for (int part = 0; part < PARTS; ++part) usable = usable && sample[part] * Real(0) == Real(0);
  return usable;
}

/* Weighted mean of the four pixels around; what is not finite (either part) is left out and the rest renormalised,
   unless less than half of the weight is left. A pixel of zero weight is never read. */
template <typename Real, int PARTS>
M3_HD inline void warp_bilinear(const Real* source, Real* out, long long bands, long long source_rows,
                                long long source_cols, double row, double col, long long pixel,
                                long long tile_pixels) {
  const bool inside = warp_inside(row, source_rows) && warp_inside(col, source_cols);
  const double at_row = inside ? warp_clamped(row, source_rows) : 0.0;
  const double at_col = inside ? warp_clamped(col, source_cols) : 0.0;
  const double down = at_row - floor(at_row), right = at_col - floor(at_col);
  const double weight[4] = {(1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right};
  const long long offset[4] = {0, 1, source_cols, source_cols + 1};
  const long long first = (long long)at_row * source_cols + (long long)at_col;
  const long long source_pixels = source_rows * source_cols;
  const Real no_data = (Real)nan("");
  for (long long band = 0; band < bands; ++band) {
    const Real* const corner = source + (band * source_pixels + first) * PARTS;
    Real* const value = out + (band * tile_pixels + pixel) * PARTS;
    double sum[PARTS] = {}, valid = 0.0;
    for (int k = 0; k < 4; ++k) {
      if (!(inside && weight[k] > 0.0)) continue;
      const Real* const sample = corner + offset[k] * PARTS;
      if (!warp_usable<Real, PARTS>(sample)) continue;
      for (int part = 0; part < PARTS; ++part) sum[part] += weight[k] * (double)sample[part];
      valid += weight[k];
    }
    const bool whole = down == 0.0 && right == 0.0; /* keeps the very bits, -0.0 too */
    const bool dropped = valid < 0.999999999999;    /* the four weights add up to 1 but for rounding */
    for (int part = 0; part < PARTS; ++part) {
      const double mean = dropped ? sum[part] / valid : sum[part];
      value[part] = !(valid >= 0.5) ? no_data : (whole ? corner[part] : (Real)mean);
    }
  }
}

/* Kernels of a distance in pixels. */
enum WarpKernel { WARP_TRIANGLE = 0, WARP_CUBIC = 1, WARP_SPLINE = 2, WARP_LANCZOS = 3 };

/* Taps an axis that a pixel may have: a kernel stretched further is refused before it comes here. */
constexpr int WARP_TAPS = 40;

M3_HD inline double warp_radius(int kernel) {
  return kernel == WARP_TRIANGLE ? 1.0 : kernel == WARP_LANCZOS ? 3.0 : 2.0;
}

M3_HD inline double warp_sinc(double x) {
  const double y = 3.14159265358979323846 * x;
  return x == 0.0 ? 1.0 : sin(y) / y;
}

M3_HD inline double warp_weight(int kernel, double distance) {
  const double x = fabs(distance);
  if (x >= warp_radius(kernel)) return 0.0;
  if (kernel == WARP_TRIANGLE) return 1.0 - x;
  /* Keys, 1981, with a = -1/2: exact for parabolas. */
  if (kernel == WARP_CUBIC) return x < 1.0 ? (1.5 * x - 2.5) * x * x + 1.0 : ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0;
  /* Cubic B-spline: smooths, never overshoots. */
  if (kernel == WARP_SPLINE) return x < 1.0 ? (0.5 * x - 1.0) * x * x + 2.0 / 3.0 : (2.0 - x) * (2.0 - x) * (2.0 - x) / 6.0;
  return warp_sinc(x) * warp_sinc(x / 3.0);
}

/* Weights of one axis about a position; returns the first tap, `count` of them. A kernel stretched by `scale` > 1 is cut at
   the raster and bent, a w + b |w| distance, so that it still sums to one about its position: between pixels a stretched
   kernel would move what it resamples by up to a tenth of a pixel, and at an edge by more. */
M3_HD inline long long warp_taps(int kernel, double position, double scale, long long size, double* weights, int* count) {
  const double reach = warp_radius(kernel) * scale;
  long long first = (long long)floor(position - reach) + 1, last = (long long)ceil(position + reach) - 1;
  const bool stretched = scale > 1.0;
  if (stretched) first = first > 0 ? first : 0, last = last < size - 1 ? last : size - 1;
  *count = (int)(last - first + 1) < WARP_TAPS ? (int)(last - first + 1) : WARP_TAPS;
  double sum = 0.0, moment = 0.0, bend = 0.0, square = 0.0;
  for (int k = 0; k < *count; ++k) {
    const double distance = ((double)(first + k) - position) / scale;
    weights[k] = warp_weight(kernel, distance);
    sum += weights[k];
    moment += weights[k] * distance;
    bend += fabs(weights[k]) * distance;
    square += fabs(weights[k]) * distance * distance;
  }
  const double determinant = sum * square - moment * bend;
  if (!stretched || !(fabs(determinant) > 1e-6)) return first;
  for (int k = 0; k < *count; ++k) {
    const double distance = ((double)(first + k) - position) / scale;
    weights[k] = (square * weights[k] - moment * fabs(weights[k]) * distance) / determinant;
  }
  return first;
}

/* Sum of the pixels under a kernel, of weights that sum to one. Values that are not finite (either part) or off the raster are left out
   and the rest renormalised, unless less than half of the absolute weight is left. */
template <typename Real, int PARTS>
M3_HD inline void warp_kernel(const Real* source, Real* out, long long bands, long long source_rows,
                              long long source_cols, int kernel, double row_scale, double col_scale, double row,
                              double col, long long pixel, long long tile_pixels) {
  const bool inside = warp_inside(row, source_rows) && warp_inside(col, source_cols);
  const double at_row = inside ? warp_clamped(row, source_rows) : 0.0;
  const double at_col = inside ? warp_clamped(col, source_cols) : 0.0;
  double down[WARP_TAPS], right[WARP_TAPS];
  int high = 0, wide = 0;
  const long long top = warp_taps(kernel, at_row, row_scale, source_rows, down, &high);
  const long long left = warp_taps(kernel, at_col, col_scale, source_cols, right, &wide);
  const bool whole = kernel != WARP_SPLINE && row_scale == 1.0 && col_scale == 1.0 && at_row == floor(at_row) &&
                     at_col == floor(at_col); /* keeps the very bits */
  const long long centre = (long long)at_row * source_cols + (long long)at_col, pixels = source_rows * source_cols;
  const bool interior = top >= 0 && left >= 0 && top + high <= source_rows && left + wide <= source_cols;
  double down_sum = 0.0, right_sum = 0.0;
  for (int i = 0; i < high; ++i) down_sum += down[i];
  for (int j = 0; j < wide; ++j) right_sum += right[j];
  const double weight_sum = down_sum * right_sum;
  const Real no_data = (Real)nan("");
  for (long long band = 0; band < bands; ++band) {
    const Real* const plane = source + band * pixels * PARTS;
    Real* const value = out + (band * tile_pixels + pixel) * PARTS;
    double sum[PARTS] = {}, valid = 0.0, found = 0.0, all = 0.0;
    /* All taps on the raster: add without looking, and look only if nothing finite came out. */
    bool done = whole || !inside;
    if (interior && !done) {
      for (int i = 0; i < high; ++i) {
        const Real* const line = plane + ((top + i) * source_cols + left) * PARTS;
        double along[PARTS] = {};
        for (int j = 0; j < wide; ++j)
          for (int part = 0; part < PARTS; ++part) along[part] += right[j] * (double)line[j * PARTS + part];
        for (int part = 0; part < PARTS; ++part) sum[part] += down[i] * along[part];
      }
      done = true;
      for (int part = 0; part < PARTS; ++part) done = done && sum[part] * 0.0 == 0.0;
      valid = done ? weight_sum : 0.0;
      found = all = done ? 1.0 : 0.0;
      for (int part = 0; part < PARTS; ++part) sum[part] = done ? sum[part] : 0.0;
    }
    for (int i = 0; !done && i < high; ++i) {
      const bool row_on = top + i >= 0 && top + i < source_rows;
      for (int j = 0; j < wide; ++j) {
        const double weight = down[i] * right[j];
        if (weight == 0.0) continue;
        all += fabs(weight);
        if (!row_on || left + j < 0 || left + j >= source_cols) continue;
        const Real* const sample = plane + ((top + i) * source_cols + left + j) * PARTS;
        if (!warp_usable<Real, PARTS>(sample)) continue;
        for (int part = 0; part < PARTS; ++part) sum[part] += weight * (double)sample[part];
        valid += weight;
        found += fabs(weight);
      }
    }
    const bool enough = inside && found >= 0.5 * all && valid > 0.0;
    const bool copied = inside && whole && warp_usable<Real, PARTS>(plane + centre * PARTS);
    for (int part = 0; part < PARTS; ++part)
      value[part] = copied ? plane[centre * PARTS + part] : enough ? (Real)(sum[part] / valid) : no_data;
  }
}

}  // namespace m3
#endif
