/* What the kernels of coherence.cu and coherence_strips.cu are given, and how each of them adds up a window (GPU only).

   A window is added up in blocks of four, (1 + 2) + (3 + 4), and the blocks one after another: down its rows first, from the
   newest row, what four do not divide before the blocks; then along its columns, what four do not divide after them. Every
   kernel keeps to this tree and to products that are not fused with sums, so that a pixel has the same bits whichever
   kernel wrote it. */
#ifndef M3_COHERENCE_INPUTS_H
#define M3_COHERENCE_INPUTS_H

#include "hostdev.h"
#include "coherence.h"

namespace m3 {

enum Setting {
  ROWS, COLS, OUT_ROWS, OUT_COLS, WINDOW_ROWS, WINDOW_COLS, STEP_ROWS, STEP_COLS, RING, STRIP_ROWS, WEIGHTED, CLIP, CENTRED,
  HOLE_COLS, PAIRS
};

/* Everything a kernel is given. */
struct CoherenceInputs {
  const long long* settings;
  const unsigned long long* dates;
  const long long* pairs;
  const unsigned long long* phases;
  const unsigned long long* maps;
  const double *row_weights, *col_weights;
  double min_valid;
  unsigned char* holes;  // (dates, strips, columns / HOLE_COLS), or null
  __device__ long long operator[](Setting setting) const { return settings[setting]; }

  __device__ unsigned char* holes_of(long long date, long long strip) const {
    const CoherenceInputs& in = *this;
    const long long strips = (in[OUT_ROWS] + in[STRIP_ROWS] - 1) / in[STRIP_ROWS];
    return holes + (date * strips + strip) * ((in[COLS] + in[HOLE_COLS] - 1) / in[HOLE_COLS]);
  }
  /* Whether an image of a pair has a hole in columns [first, first + count) of a strip. */
  __device__ bool has_hole(long long pair, long long strip, long long first, long long count) const {
    const CoherenceInputs& in = *this;
    const unsigned char *const a = holes_of(pairs[2 * pair], strip), *const b = holes_of(pairs[2 * pair + 1], strip);
    const long long last = first + count - 1 < in[COLS] - 1 ? first + count - 1 : in[COLS] - 1;
    for (long long k = (first > 0 ? first : 0) / in[HOLE_COLS]; k <= last / in[HOLE_COLS]; ++k)
      if (a[k] | b[k]) return true;
    return false;
  }
  __device__ void mark_hole(long long date, long long strip, long long col) const {
    const CoherenceInputs& in = *this;
    if (col >= 0 && col < in[COLS]) holes_of(date, strip)[col / in[HOLE_COLS]] = 1;
  }
};

/* A part of a sample in the type of the sums. */
template <typename T>
__device__ inline T part_of(T value) {
  return value;
}
template <typename T>
__device__ inline T part_of(short value) {
  return value == -32768 ? T(NAN) : T(value);
}

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
__device__ inline float product(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double product(double a, double b) { return __dmul_rn(a, b); }
#else
template <typename T>
inline T product(T a, T b) {
  return a * b;
}
#endif

/* As coherence_terms, of samples that are zero where either is no data; exchanging the images changes no bit. */
template <typename T>
__device__ inline CoherenceTerms<T> terms_of(T ar, T ai, T br, T bi) {
  return {product(ar, br) + product(ai, bi), product(ai, br) - product(ar, bi), product(ar, ar) + product(ai, ai),
          product(br, br) + product(bi, bi)};
}

/* Sum of `count` terms, 1 to 3. */
template <typename Sums, typename Term>
__device__ inline Sums sum_of_few(int first, int count, const Term& term) {
  Sums sum = term(first);
  if (count == 1) return sum;
  Sums rest = term(first + 1);
  if (count == 3) rest.add(term(first + 2));
  sum.add(rest);
  return sum;
}

template <typename Sums, typename Term>
__device__ inline Sums sum_of_four(int first, const Term& term) {
  Sums sum = term(first), rest = term(first + 2);
  sum.add(term(first + 1));
  rest.add(term(first + 3));
  sum.add(rest);
  return sum;
}

/* Sum down a window: term(0) is its newest row's. */
template <typename Sums, typename Term>
__device__ inline Sums sum_down(int count, const Term& term) {
  Sums sum = {};
  int age = count % 4;
  if (age) sum = sum_of_few<Sums>(0, age, term);
  M3_UNROLL(1)
  for (; age < count; age += 4) sum.add(sum_of_four<Sums>(age, term));
  return sum;
}

/* Sum along a window of which block(first) gives four. */
template <typename Sums, typename Term, typename Block>
__device__ inline Sums sum_along(int count, const Term& term, const Block& block) {
  Sums sum = {};
  int first = 0;
  M3_UNROLL(2)
  for (; first + 4 <= count; first += 4) sum.add(block(first));
  if (first < count) sum.add(sum_of_few<Sums>(first, count - first, term));
  return sum;
}

}  // namespace m3

#define M3_COHERENCE_ARGUMENTS                                                                                      \
  const long long *settings, const unsigned long long *dates, const long long *pairs,                               \
      const unsigned long long *phases, const unsigned long long *maps, const double *row_weights,                  \
      const double *col_weights, double min_valid, int has_phases, unsigned char *holes, int has_holes
#define M3_COHERENCE_INPUTS \
  {                                                                                                 \
    settings, dates, pairs, has_phases ? phases : nullptr, maps, row_weights, col_weights, min_valid, \
        has_holes ? holes : nullptr                                                                  \
  }
#endif
