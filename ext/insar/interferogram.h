/* Interferogram = mean of a b* over the looks, over samples that both images have.

   a, b       (rows, cols) interleaved complex, C order, on one grid; a sample with a part that is not finite is no data
   out        interleaved complex, (rows / look_rows, cols / look_cols); a remainder is left out
   phase      (rows, cols) radians to remove from each product, or none; no number makes a sample no data
   no data    NaN in both parts where no sample of the looks is valid, or less than a share of them
   sums       double: a mean over thousands of looks would lose digits in float, and the loop waits for memory */
#ifndef M3_INTERFEROGRAM_H
#define M3_INTERFEROGRAM_H

#include "coherence.h"
#include "phasor.h"

namespace m3 {

template <typename T>
M3_HD inline void interferogram_at(const T* a, const T* b, const double* phase, T* out, long long cols, int look_rows,
                                   int look_cols, double min_valid, long long row, long long col, long long out_cols) {
  double re = 0.0, im = 0.0;
  long long count = 0;
  for (int i = 0; i < look_rows; ++i) {
    const long long start = (row * look_rows + i) * cols + col * look_cols;
    for (int j = 0; j < look_cols; ++j) {
      const long long k = 2 * (start + j);
      const double ar = a[k], ai = a[k + 1], br = b[k], bi = b[k + 1];
      if (!sample_valid(ar, ai) || !sample_valid(br, bi)) continue;
      const double x = ar * br + ai * bi, y = ai * br - ar * bi;
      const Turn<T> turn = phase != nullptr ? unit_turn<T>(phase[start + j]) : Turn<T>{T(1), T(0)};
      if (turn.re != turn.re) continue;
      re += x * turn.re + y * turn.im;
      im += y * turn.re - x * turn.im;
      ++count;
    }
  }
  const long long at = 2 * (row * out_cols + col);
  const bool enough = count && enough_valid((double)count, min_valid, (double)look_rows * look_cols);
  out[at] = enough ? (T)(re / (double)count) : (T)NAN;
  out[at + 1] = enough ? (T)(im / (double)count) : (T)NAN;
}

}  // namespace m3
#endif
