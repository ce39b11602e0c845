/* Coherence of many pairs of one stack (CPU): tiles of rows x columns over OpenMP threads. In a tile the windowed power
   of each date is computed once, then each pair streams its cross product; a pair with no data in the tile takes all
   four sums itself, with the same additions, so the path that was taken does not show in the bits. */
#ifndef M3_COHERENCE_CPU_H
#define M3_COHERENCE_CPU_H

#include <algorithm>
#include <memory>
#include <vector>

#include "coherence.h"
#include "window_sums.h"

namespace m3 {

#define M3_COHERENCE_LOOPS(T)                                                                                      \
  /* |z|^2 of n samples; returns whether all of them are valid. */                                                 \
  M3_CLONES static bool power_row(const T* __restrict z, T* __restrict out, ptrdiff_t n) {                          \
    int invalid = 0;                                                                                               \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                            \
      const T re = z[2 * i], im = z[2 * i + 1];                                                                    \
      const bool valid = sample_valid(re, im);                                                                     \
      invalid |= !valid;                                                                                           \
      out[i] = valid ? re * re + im * im : T(0);                                                                   \
    }                                                                                                              \
    return !invalid;                                                                                               \
  }                                                                                                                \
  M3_CLONES static void cross_row(const T* __restrict a, const T* __restrict b, T* __restrict re, T* __restrict im, \
                                  ptrdiff_t n) {                                                                   \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                            \
      const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];                                  \
      re[i] = ar * br + ai * bi;                                                                                   \
      im[i] = ai * br - ar * bi;                                                                                   \
    }                                                                                                              \
  }                                                                                                                \
  M3_CLONES static void joint_row(const T* __restrict a, const T* __restrict b, T* __restrict re, T* __restrict im, \
                                  T* __restrict power_a, T* __restrict power_b, ptrdiff_t n) {                      \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                            \
      const CoherenceTerms<T> t = coherence_terms(a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1]);                 \
      re[i] = t.re;                                                                                                \
      im[i] = t.im;                                                                                                \
      power_a[i] = t.power_a;                                                                                      \
      power_b[i] = t.power_b;                                                                                      \
    }                                                                                                              \
  }                                                                                                                \
  M3_CLONES static void inverse_row(const T* __restrict power, T* __restrict out, ptrdiff_t n) {                    \
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = inverse_amplitude(power[i]);                                        \
  }                                                                                                                \
  M3_CLONES static void ratio_row(const T* __restrict re, const T* __restrict im, const T* __restrict inverse_a,    \
                                  const T* __restrict inverse_b, T* __restrict out, ptrdiff_t n, bool clip) {       \
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = coherence_of(re[i], im[i], inverse_a[i], inverse_b[i], clip);       \
  }
M3_COHERENCE_LOOPS(float)
M3_COHERENCE_LOOPS(double)
#undef M3_COHERENCE_LOOPS

struct CoherenceShape {
  long long rows, cols;
  int window_rows, window_cols;
  bool clip;
};

template <typename T>
class CoherenceTile {
 public:
  CoherenceTile(const CoherenceShape& shape, long long tile_rows, long long tile_cols, long long dates)
      : shape_(shape),
        tile_rows_(tile_rows),
        tile_cols_(tile_cols),
        width_(tile_cols + shape.window_cols - 1),
        power_(1, width_, shape.window_rows, shape.window_cols),
        cross_(2, width_, shape.window_rows, shape.window_cols),
        inverse_(size_t(dates) * tile_rows * tile_cols),
        row_a_(tile_cols),
        row_b_(tile_cols),
        valid_(dates) {}

  void place(long long first_row, long long first_col) {
    row0_ = first_row;
    col0_ = first_col;
    rows_ = std::min(tile_rows_, shape_.rows - row0_);
    cols_ = std::min(tile_cols_, shape_.cols - col0_);
    // Columns of the halo that exist, and where they go in a padded row.
    const long long left = col0_ - shape_.window_cols / 2;
    from_ = std::max(0LL, left);
    pad_ = from_ - left;
    count_ = std::min(shape_.cols, left + cols_ + shape_.window_cols - 1) - from_;
  }

  void power_of(long long date, const T* z) {
    bool valid = true;
    stream(power_, [&](long long offset, T* row) { valid &= power_row(z + 2 * offset, row + pad_, count_); },
           [&](long long r, const T* sums) { inverse_row(sums, inverse_row_of(date, r), cols_); });
    valid_[date] = valid;
  }

  void pair(long long i, long long j, const T* a, const T* b, T* out) {
    if (valid_[i] && valid_[j]) {
      stream(cross_,
             [&](long long offset, T* row) {
               cross_row(a + 2 * offset, b + 2 * offset, row + pad_, row + width_ + pad_, count_);
             },
             [&](long long r, const T* sums) {
               ratio_row(sums, sums + width_, inverse_row_of(i, r), inverse_row_of(j, r), at(out, r), cols_,
                         shape_.clip);
             });
    } else {
      joint(a, b, out);
    }
  }

 private:
  T* inverse_row_of(long long date, long long r) {
    return inverse_.data() + (size_t(date) * tile_rows_ + r) * tile_cols_;
  }
  T* at(T* out, long long r) const { return out + (row0_ + r) * shape_.cols + col0_; }

  void joint(const T* a, const T* b, T* out) {
    if (!joint_) joint_.reset(new WindowSums<T>(4, width_, shape_.window_rows, shape_.window_cols));
    stream(*joint_,
           [&](long long offset, T* row) {
             T* plane = row + pad_;
             joint_row(a + 2 * offset, b + 2 * offset, plane, plane + width_, plane + 2 * width_, plane + 3 * width_,
                       count_);
           },
           [&](long long r, const T* sums) {
             inverse_row(sums + 2 * width_, row_a_.data(), cols_);
             inverse_row(sums + 3 * width_, row_b_.data(), cols_);
             ratio_row(sums, sums + width_, row_a_.data(), row_b_.data(), at(out, r), cols_, shape_.clip);
           });
  }

  /* Feed the tile's rows with their halo: load(offset of the row's first sample, row to fill), then take(tile row,
     sums). Rows and columns off the image are zero. */
  template <typename Load, typename Take>
  void stream(WindowSums<T>& sums, Load load, Take take) {
    sums.start();
    const long long before = shape_.window_rows / 2, first = row0_ - before;
    for (long long step = 0; step < rows_ + shape_.window_rows - 1; ++step) {
      const long long r = first + step;
      T* row = sums.next_row();
      std::fill(row, row + sums.length(), T(0));
      if (r >= 0 && r < shape_.rows) load(r * shape_.cols + from_, row);
      const T* result = sums.push();
      if (step >= shape_.window_rows - 1) take(step - shape_.window_rows + 1, result);
    }
  }

  CoherenceShape shape_;
  long long tile_rows_, tile_cols_, width_, row0_ = 0, col0_ = 0, rows_ = 0, cols_ = 0, from_ = 0, pad_ = 0, count_ = 0;
  WindowSums<T> power_, cross_;
  std::unique_ptr<WindowSums<T>> joint_;
  std::vector<T> inverse_, row_a_, row_b_;
  std::vector<char> valid_;
};

/* dates: pointers to (rows, cols) images; pairs: 2 x count indices; out: (pairs, rows, cols). */
template <typename T>
void coherence_pairs(const T* const* dates, long long date_count, const long long* pairs, long long pair_count,
                     const CoherenceShape& shape, T* out) {
  // Halo rows are computed again in the next tile, so a tall window wants a tall tile.
  const long long tile_rows = std::min<long long>(shape.rows, std::max(64, 4 * shape.window_rows));
  const long long tile_cols = std::min<long long>(shape.cols, 512);
  const long long down = (shape.rows + tile_rows - 1) / tile_rows, across = (shape.cols + tile_cols - 1) / tile_cols;
  std::vector<char> used(date_count, 0);
  for (long long p = 0; p < 2 * pair_count; ++p) used[pairs[p]] = 1;
#pragma omp parallel
  {
    CoherenceTile<T> tile(shape, tile_rows, tile_cols, date_count);
#pragma omp for schedule(dynamic, 1) collapse(2)
    for (long long ty = 0; ty < down; ++ty) {
      for (long long tx = 0; tx < across; ++tx) {
        tile.place(ty * tile_rows, tx * tile_cols);
        for (long long d = 0; d < date_count; ++d)
          if (used[d]) tile.power_of(d, dates[d]);
        for (long long p = 0; p < pair_count; ++p)
          tile.pair(pairs[2 * p], pairs[2 * p + 1], dates[pairs[2 * p]], dates[pairs[2 * p + 1]],
                    out + p * shape.rows * shape.cols);
      }
    }
  }
}

}  // namespace m3
#endif
