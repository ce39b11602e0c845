/* Neighbours by the Kolmogorov-Smirnov test (CPU; formula in homogeneous.h): bands of rows over threads, in blocks of
   columns. A row is sorted over its dates once, by a network of exchanges, and kept while it is in reach; then every
   place of the window is one pass over two rows, rank by rank, with vectors over neighbouring pixels. */
#ifndef M3_HOMOGENEOUS_CPU_H
#define M3_HOMOGENEOUS_CPU_H

#include <stddef.h>

#include <algorithm>
#include <array>
#include <vector>

#include "homogeneous.h"
#include "parallel.h"
#include "window_sums.h" /* M3_CLONES, padded */

namespace m3 {

/* Rows and columns of results that a thread takes at a time; columns that are sorted in the first cache. */
constexpr long long KS_ROWS = 32, KS_COLS = 512;
constexpr ptrdiff_t KS_SORTED = 128;

#define T float
#include "homogeneous_loops.h"
#undef T
#define T double
#include "homogeneous_loops.h"
#undef T

/* Exchanges that sort a series: merges of odd and even places (Batcher, 1968, Sorting networks and their applications). */
inline std::vector<std::array<int, 2>> sorting_network(int size) {
  std::vector<std::array<int, 2>> found;
  for (int run = 1; run < size; run *= 2)
    for (int apart = run; apart > 0; apart /= 2)
      for (int first = apart % run; first + apart < size; first += 2 * apart)
        for (int i = first; i < first + apart && i + apart < size; ++i)
          if (i / (2 * run) == (i + apart) / (2 * run)) found.push_back({i, i + apart});
  return found;
}

/* Sorted rows of a block of columns and of the window's reach beside them. */
template <typename T>
class KsRows {
  typedef typename LaneFlag<T>::type Flag;

 public:
  KsRows(const HomogeneousShape& shape, int dates, int limit)
      : shape_(shape), dates_(dates), limit_(std::min(limit, dates)), network_(sorting_network(dates)),
        width_(padded(KS_COLS + shape.window_cols)), rows_(size_t(shape.window_rows) * dates * width_),
        known_(size_t(shape.window_rows) * width_), words_(size_t(shape.words) * KS_COLS) {}

  /* Rows first ... last - 1 of results from column `col` on. */
  void band(const T* amplitude, long long first, long long last, long long col, unsigned long long* mask) {
    const int half = shape_.window_rows / 2;
    const long long ahead = shape_.window_rows - 1 - half;
    for (long long r = std::max(0LL, first - half); r < std::min(shape_.rows, first + ahead); ++r) load(amplitude, r, col);
    for (long long r = first; r < last; ++r) {
      if (r + ahead < shape_.rows) load(amplitude, r + ahead, col);
      row(r, col, mask);
    }
  }

 private:
  T* sorted(long long r) { return &rows_[size_t(r % shape_.window_rows) * dates_ * width_]; }
  Flag* known(long long r) { return &known_[size_t(r % shape_.window_rows) * width_]; }

  void load(const T* amplitude, long long r, long long col) {
    const long long left = col - shape_.window_cols / 2, from = std::max(0LL, left);
    const ptrdiff_t n = std::min<long long>(shape_.cols, col + KS_COLS + shape_.window_cols) - from;
    const ptrdiff_t skipped = from - left, count = std::min(n, width_ - skipped);
    std::fill(known(r), known(r) + width_, Flag(0));
    std::fill(known(r) + skipped, known(r) + skipped + count, Flag(-1));
    for (int d = 0; d < dates_; ++d)
      amplitude_row(amplitude + (d * shape_.rows + r) * shape_.cols + from, sorted(r) + d * width_ + skipped,
                    known(r) + skipped, count);
    sort_columns(sorted(r), width_, reinterpret_cast<const int(*)[2]>(network_.data()), network_.size(), width_);
  }

  void row(long long r, long long col, unsigned long long* mask) {
    const ptrdiff_t n = std::min<long long>(KS_COLS, shape_.cols - col), whole = padded(n);
    const int own = shape_.window_cols / 2;
    std::fill(words_.begin(), words_.end(), 0ULL);
    for (int i = 0; i < shape_.window_rows; ++i) {
      const long long other = r - shape_.window_rows / 2 + i;
      if (other < 0 || other >= shape_.rows) continue;
      for (int j = 0; j < shape_.window_cols; ++j) {
        const int bit = i * shape_.window_cols + j;
        ks_row(sorted(r) + own, sorted(other) + j, width_, dates_, limit_, known(other) + j, 1ULL << (bit % 64),
               &words_[size_t(bit / 64) * KS_COLS], whole);
      }
    }
    unsigned long long* out = mask + (r * shape_.cols + col) * shape_.words;
    for (ptrdiff_t c = 0; c < n; ++c)
      for (int w = 0; w < shape_.words; ++w) *out++ = known(r)[own + c] ? words_[size_t(w) * KS_COLS + c] : 0;
  }

  HomogeneousShape shape_;
  int dates_, limit_;
  std::vector<std::array<int, 2>> network_;
  ptrdiff_t width_;
  std::vector<T> rows_;
  std::vector<Flag> known_;
  std::vector<unsigned long long> words_;
};

/* amplitude is (dates, rows, cols), in any order along dates. */
template <typename T>
void homogeneous_ks(const T* amplitude, int dates, int limit, const HomogeneousShape& shape, unsigned long long* mask) {
  const long long across = (shape.cols + KS_COLS - 1) / KS_COLS, down = (shape.rows + KS_ROWS - 1) / KS_ROWS;
  parallel_for(
      across * down, [&] { return KsRows<T>(shape, dates, limit); },
      [&](KsRows<T>& rows, long long block) {
        const long long first = block / across * KS_ROWS;
        rows.band(amplitude, first, std::min(first + KS_ROWS, shape.rows), block % across * KS_COLS, mask);
      });
}

}  // namespace m3
#endif
