/* A burst onto the pixels of another acquisition of it, in one pass.

   still     the burst without its carrier, (rows, cols) complex64, interleaved, NaN where it is not valid: a window of its
             lines from `first_line` on. The carrier is a polynomial of degree 2 in rows, so that a column's is a recurrence of
             two products a sample; it begins anew in double at every CARRIER_ROWS-th row of the burst, whatever the window.
   model     one array of numbers (CoregisterModel below): offsets in rows and columns as polynomials in row, column and
             height of the reference, phase of the range difference, carrier
   posts     heights of the reference's pixels every row_step rows and col_step columns, float, bilinear between; NaN unknown
   Pixel (row, col) of the reference is the value of `still` at (row + azimuth + shift, col + range) under 8 rows and 8 or 12
   columns of tabulated weights, by the rule of resample.h; then the carrier at that position comes on again, and the phase of
   the range difference, which flattens reference x conj(secondary).
   Positions and phases in double, sums of taps in float. */
#ifndef M3_COREGISTER_H
#define M3_COREGISTER_H

#include "hostdev.h"
#include "phasor.h"
#include "resample.h"

namespace m3 {

constexpr int CARRIER_ROWS = 64, CARRIER_TERMS = 8;
/* Powers of row, column and height. */
constexpr int OFFSET_ROWS = 4, OFFSET_COLS = 7, OFFSET_HEIGHTS = 4, OFFSET_LINE = OFFSET_COLS * OFFSET_HEIGHTS;
constexpr int COREGISTER_DOWN = 8;
/* Part of a stored sample without data. */
constexpr short COREGISTER_NO_DATA = -32768;

/* Places in the model. */
enum CoregisterModel {
  MODEL_ORIGIN = 0,          /* of row, column and height */
  MODEL_INVERSE = 3,         /* one over their scale */
  MODEL_SHIFT = 6,           /* rows to add to the azimuth offset */
  MODEL_PHASE = 7,           /* radians, per column, per column of range offset */
  MODEL_CARRIER_ORIGIN = 10, /* of row and column */
  MODEL_CARRIER_INVERSE = 12,
  MODEL_AZIMUTH = 16, /* (OFFSET_ROWS, OFFSET_COLS, OFFSET_HEIGHTS) */
  MODEL_RANGE = 128,
  MODEL_CARRIER = 240, /* (3, CARRIER_TERMS): for each power of the row, powers of the column */
  MODEL_SIZE = 264
};

struct HeightPosts {
  const float* height;
  long long rows, cols;
  int row_step, col_step;
};

/* Carrier of a column: radians at row r are constant + y (slope + y bend), y = (r - origin) * inverse. */
struct CarrierColumn {
  double constant, slope, bend;
};

M3_HD inline double carrier_power(const double* terms, double v) {
  double sum = terms[CARRIER_TERMS - 1];
  for (int k = CARRIER_TERMS - 2; k >= 0; --k) sum = sum * v + terms[k];
  return sum;
}

M3_HD inline CarrierColumn carrier_column(const double* model, double col) {
  const double v = (col - model[MODEL_CARRIER_ORIGIN + 1]) * model[MODEL_CARRIER_INVERSE + 1];
  const double* const terms = model + MODEL_CARRIER;
  return {carrier_power(terms, v), carrier_power(terms + CARRIER_TERMS, v), carrier_power(terms + 2 * CARRIER_TERMS, v)};
}

M3_HD inline double carrier_at(const double* model, double row, double col) {
  const CarrierColumn column = carrier_column(model, col);
  const double y = (row - model[MODEL_CARRIER_ORIGIN]) * model[MODEL_CARRIER_INVERSE];
  return column.constant + y * (column.slope + y * column.bend);
}

/* exp(-j carrier) of a column at a row, its factor to the next row, and the factor of that factor. */
struct CarrierStep {
  Turn<float> value, factor, growth;
};

M3_HD inline Turn<float> carrier_turn(double phase) {
  const Phasor p = phasor(-phase);
  return {(float)p.re, (float)p.im};
}

M3_HD inline CarrierStep carrier_step(const double* model, long long row, long long col) {
  const CarrierColumn column = carrier_column(model, (double)col);
  const double step = model[MODEL_CARRIER_INVERSE], y = ((double)row - model[MODEL_CARRIER_ORIGIN]) * step;
  return {carrier_turn(column.constant + y * (column.slope + y * column.bend)),
          carrier_turn(step * (column.slope + column.bend * (2.0 * y + step))),
          carrier_turn(2.0 * column.bend * step * step)};
}

/* A sample as it is read. */
M3_HD inline Turn<float> burst_sample(const float* parts) { return {parts[0], parts[1]}; }
M3_HD inline Turn<float> burst_sample(const short* parts) {
  const bool known = !((parts[0] == COREGISTER_NO_DATA) & (parts[1] == COREGISTER_NO_DATA));
  return {known ? (float)parts[0] : NAN, known ? (float)parts[1] : NAN};
}

/* A polynomial of the offsets at one row: coefficients of column and height, (OFFSET_HEIGHTS, OFFSET_COLS). */
M3_HD inline double offset_of_row(const double* table, double u, int index) {
  const int k = index / OFFSET_COLS, j = index % OFFSET_COLS;
  double sum = 0.0;
  for (int i = OFFSET_ROWS - 1; i >= 0; --i) sum = sum * u + table[(i * OFFSET_COLS + j) * OFFSET_HEIGHTS + k];
  return sum;
}

M3_HD inline double offset_row(const double* model, long long row) {
  return ((double)row - model[MODEL_ORIGIN]) * model[MODEL_INVERSE];
}

M3_HD inline double offset_at(const double* line, double v, double w) {
  double total = 0.0;
  for (int k = OFFSET_HEIGHTS - 1; k >= 0; --k) {
    double sum = line[k * OFFSET_COLS + OFFSET_COLS - 1];
    for (int j = OFFSET_COLS - 2; j >= 0; --j) sum = sum * v + line[k * OFFSET_COLS + j];
    total = total * w + sum;
  }
  return total;
}

/* Where a pixel of the reference lies in the burst, and the phase that comes onto its value there. */
struct CoregisterPlace {
  double row, col, phase;
};

M3_HD inline CoregisterPlace coregister_place(const double* model, const double* azimuth, const double* range,
                                              double row, double col, double height, double flatten) {
  const double v = (col - model[MODEL_ORIGIN + 1]) * model[MODEL_INVERSE + 1];
  const double w = (height - model[MODEL_ORIGIN + 2]) * model[MODEL_INVERSE + 2];
  const double across = offset_at(range, v, w), to_row = row + (offset_at(azimuth, v, w) + model[MODEL_SHIFT]);
  const double difference = model[MODEL_PHASE] + model[MODEL_PHASE + 1] * col + model[MODEL_PHASE + 2] * across;
  return {to_row, col + across, carrier_at(model, to_row, col + across) + flatten * difference};
}

/* Post before a pixel along an axis, and how far beyond it the pixel lies. */
M3_HD inline double post_before(long long pixel, int step, long long posts, long long* post) {
  *post = pixel / step < posts - 1 ? pixel / step : (posts > 1 ? posts - 2 : 0);
  return (double)(pixel - *post * step) / step;
}

M3_HD inline double between_posts(double low, double high, double part) { return low + part * (high - low); }

/* Height of posts (i, j) and (i + 1, j), `down` of the way. */
M3_HD inline double post_of_row(const HeightPosts& posts, long long i, double down, long long j) {
  const float* const at = posts.height + i * posts.cols + j;
  return between_posts(at[0], posts.rows > 1 ? at[posts.cols] : at[0], down);
}

M3_HD inline double height_at(const HeightPosts& posts, long long row, long long col) {
  long long i, j;
  const double down = post_before(row, posts.row_step, posts.rows, &i);
  const double along = post_before(col, posts.col_step, posts.cols, &j);
  return between_posts(post_of_row(posts, i, down, j), post_of_row(posts, i, down, posts.cols > 1 ? j + 1 : j), along);
}

/* Weights of one axis in float, and the first of its taps. */
template <int TAPS>
M3_HD inline long long coregister_weights(const float* table, double position, float* weights) {
  const double below = floor(position), at = (position - below) * RESAMPLE_STEPS;
  const int line = (int)at;
  const float part = (float)(at - line);
  for (int k = 0; k < TAPS; ++k) weights[k] = (1.0f - part) * table[line * TAPS + k] + part * table[(line + 1) * TAPS + k];
  return (long long)below - TAPS / 2 + 1;
}

/* Sum of the taps about a position between samples, all of them on the window and finite; false if they are not. */
template <int RIGHT>
M3_HD inline bool coregister_sum(const float* still, const float* down_table, const float* right_table, long long rows,
                                 long long cols, double row, double col, float* re, float* im) {
  if (!(warp_inside(row, rows) && warp_inside(col, cols)) || (row == floor(row) && col == floor(col))) return false;
  float down[COREGISTER_DOWN], right[RIGHT];
  const long long top = coregister_weights<COREGISTER_DOWN>(down_table, row, down);
  const long long left = coregister_weights<RIGHT>(right_table, col, right);
  if (top < 0 || left < 0 || top + COREGISTER_DOWN > rows || left + RIGHT > cols) return false;
  float sum_re = 0.0f, sum_im = 0.0f;
  for (int i = 0; i < COREGISTER_DOWN; ++i) {
    const float* const from = still + 2 * ((top + i) * cols + left);
    float line_re = 0.0f, line_im = 0.0f;
    for (int j = 0; j < RIGHT; ++j) line_re += right[j] * from[2 * j], line_im += right[j] * from[2 * j + 1];
    sum_re += down[i] * line_re;
    sum_im += down[i] * line_im;
  }
  *re = sum_re;
  *im = sum_im;
  return resample_valid(sum_re, sum_im);
}

/* A part as int16; `full` is set where it does not fit. */
M3_HD inline short stored_part(float part, float inverse, int* full) {
  const float value = rintf(part * inverse);
  *full |= value > 32767.0f || value < -32767.0f;
  if (!(value == value)) return COREGISTER_NO_DATA;
  return (short)(value > 32767.0f ? 32767.0f : (value < -32767.0f ? -32767.0f : value));
}

}  // namespace m3
#endif
