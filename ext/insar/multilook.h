/* Multilook = mean over the looks of the valid samples.

   image      (rows, cols), C order, PARTS = 1 real or 2 interleaved complex; a sample with a part that is not finite is
              no data
   out        (rows / look_rows, cols / look_cols) of the same parts; a remainder is left out
   no data    NaN where no sample of the looks is valid, or less than a share of them
   sums       double, as in interferogram.h */
#ifndef M3_MULTILOOK_H
#define M3_MULTILOOK_H

#include "coherence.h"

namespace m3 {

template <typename T, int PARTS>
M3_HD inline void multilook_at(const T* image, T* out, long long cols, int look_rows, int look_cols,
                               double min_valid, long long row, long long col, long long out_cols) {
  double sum[2] = {0.0, 0.0};
  long long count = 0;
  for (int i = 0; i < look_rows; ++i) {
    const long long start = (row * look_rows + i) * cols + col * look_cols;
    for (int j = 0; j < look_cols; ++j) {
      const T* sample = image + PARTS * (start + j);
      if (!sample_valid(sample[0], sample[PARTS - 1])) continue;
      for (int part = 0; part < PARTS; ++part) sum[part] += (double)sample[part];
      ++count;
    }
  }
  const long long at = PARTS * (row * out_cols + col);
  const bool enough = count && enough_valid((double)count, min_valid, (double)look_rows * look_cols);
  for (int part = 0; part < PARTS; ++part) out[at + part] = enough ? (T)(sum[part] / (double)count) : (T)NAN;
}

}  // namespace m3
#endif
