/* Interferogram of one pair (CPU; formula in interferogram.h): rows of the result over threads, a tile of columns summed
   down its looks in vectors and then folded along them. */
#ifndef M3_INTERFEROGRAM_CPU_H
#define M3_INTERFEROGRAM_CPU_H

#include <stddef.h>
#include <string.h>

#include <vector>

#include "interferogram.h"
#include "parallel.h"
#include "past_caches.h"
#include "product_rows.h"

namespace m3 {

#define T float
#include "interferogram_loops.h"
#undef T
#define T double
#include "interferogram_loops.h"
#undef T

/* Products are of the images' type; after this many rows their sums go over to double. */
constexpr int FORMING_ROWS = 8;

template <typename Real>
struct FormingSums {
  static constexpr ptrdiff_t tile = 1024; /* so that they stay in the nearest cache */
  std::vector<Real> columns = std::vector<Real>(3 * tile); /* re, im, count */
  std::vector<double> looks;                               /* re, im, count per look */
};

/* phase   (rows, cols) radians to remove from each product, or none */
template <typename Real>
void interferogram_rows(const Real* a, const Real* b, const double* phase, Real* out, long long cols, int look_rows,
                        int look_cols, double min_valid, long long out_rows, long long out_cols) {
  constexpr ptrdiff_t tile = FormingSums<Real>::tile;
  const bool past_caches = 2 * out_rows * out_cols * (long long)sizeof(Real) > STREAMED_BYTES;
  parallel_for(
      out_rows,
      [&] {
        FormingSums<Real> sums;
        sums.looks.resize(3 * out_cols);
        return sums;
      },
      [&](FormingSums<Real>& sums, long long row) {
        Real *const re = sums.columns.data(), *const im = re + tile, *const count = im + tile;
        double* const looks = sums.looks.data();
        if (look_rows == 1 && look_cols == 1) {
          for (long long from = 0; from < cols; from += tile) {
            const long long at = row * cols + from;
            const ptrdiff_t n = cols - from < tile ? cols - from : tile;
            Real* const to = past_caches ? re : out + 2 * at;
            if (phase) single_turned(a + 2 * at, b + 2 * at, phase + at, to, n);
            else single_row(a + 2 * at, b + 2 * at, to, n);
            if (past_caches) stream_row(to, out + 2 * at, 2 * n);
          }
          return;
        }
        for (long long k = 0; k < 3 * out_cols; ++k) looks[k] = 0.0;
        const long long used = out_cols * look_cols;
        for (long long from = 0; from < used; from += tile) {
          const ptrdiff_t n = used - from < tile ? used - from : tile;
          for (int i = 0; i < look_rows; ++i) {
            if (i % FORMING_ROWS == 0) memset(re, 0, 3 * tile * sizeof(Real));
            const long long at = (row * look_rows + i) * cols + from;
            if (phase) turning_row(a + 2 * at, b + 2 * at, phase + at, re, im, count, n);
            else forming_row(a + 2 * at, b + 2 * at, re, im, count, n);
            if (i % FORMING_ROWS < FORMING_ROWS - 1 && i < look_rows - 1) continue;
            long long c = from / look_cols, left = look_cols - from % look_cols;
            for (ptrdiff_t k = 0; k < n; ++c, left = look_cols) {
              const ptrdiff_t stop = k + left < n ? k + left : n;
              double x = 0.0, y = 0.0, m = 0.0;
              for (; k < stop; ++k) x += (double)re[k], y += (double)im[k], m += (double)count[k];
              looks[3 * c] += x, looks[3 * c + 1] += y, looks[3 * c + 2] += m;
            }
          }
        }
        Real* const to = out + 2 * row * out_cols;
        for (long long c = 0; c < out_cols; ++c) {
          const double m = looks[3 * c + 2];
          const bool enough = m > 0.0 && enough_valid(m, min_valid, (double)look_rows * look_cols);
          to[2 * c] = enough ? (Real)(looks[3 * c] / m) : (Real)NAN;
          to[2 * c + 1] = enough ? (Real)(looks[3 * c + 1] / m) : (Real)NAN;
        }
      });
}

}  // namespace m3
#endif
