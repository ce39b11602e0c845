/* Coherence along the local fringe (CPU; formula in fringe.h): bands of rows over OpenMP threads, in blocks of columns, so
   that every loop runs along memory and the products of a sample are taken once. */
#ifndef M3_FRINGE_CPU_H
#define M3_FRINGE_CPU_H

#include <algorithm>
#include <cmath>
#include <vector>

#include "fringe.h"
#include "parallel.h"
#include "product_rows.h"
#include "window_sums.h"

namespace m3 {

/* The rows of a window folded at its middle: for each distance the sum and the difference of two rows, re and im each,
   `width` apart, and the middle row, zero if there is none as their number is even. */
template <typename T>
struct FringeFold {
  const T* centre_re;
  const T* centre_im;
  const T* folded;
  const T* half_re;  // square roots of the phasors, for half rows
  const T* half_im;
  T* turns;  // room for four registers per distance
  ptrdiff_t width;
  int pairs, cols;
  bool even;
};

template <typename T>
struct FringeUndone {
  T *re, *im, *down_re, *down_im, *along_re, *along_im, *own_re, *own_im;
};

#define T float
#include "fringe_loops.h"
#undef T
#define T double
#include "fringe_loops.h"
#undef T

template <typename T>
class FringeBand {
 public:
  static constexpr long long BLOCK = 256, ROWS = 32;

  explicit FringeBand(const FringeShape& shape)
      : shape_(shape), width_(padded(BLOCK + shape.window_cols)), height_(ROWS + shape.window_rows - 1),
        buffer_(size_t(PLANES) * height_ * width_), folded_(size_t(4 * (shape.window_rows / 2) + 1) * width_),
        summed_(width_ + shape.window_cols), turns_(64 / sizeof(T) * 4 * (shape.window_rows / 2)),
        work_(size_t(WORK) * padded(BLOCK)), whole_(height_) {}

  /* Rows first ... last - 1 of results, of the block of columns from `col` on. */
  void band(const T* a, const T* b, long long first, long long last, long long col, T* frequency_rows, T* frequency_cols,
            const CoherenceMaps<T>& maps) {
    const long long n = std::min<long long>(BLOCK, shape_.cols - col);
    const int rows = int(last - first) + shape_.window_rows - 1;
    load(a, b, first, rows, col, n);
    const T scaled = shape_.given ? T(1) : scale(rows);
    if (!shape_.given) change(rows, n + shape_.window_cols - 1);
    for (long long row = first; row < last; ++row) {
      top_ = int(row - first);
      block(row, col, n, scaled, frequency_rows, frequency_cols, maps);
    }
  }

 private:
  // re, im, |a|^2, |b|^2 of each row; change along, change down; one where both images have data.
  static constexpr int PLANES = 9, WORK = 23;

  T* plane(int which, int r) { return buffer_.data() + (size_t(which) * height_ + r) * width_; }
  T* work(int which) { return work_.data() + which * padded(BLOCK); }

  void block(long long row, long long col, long long n, T scaled, T* frequency_rows, T* frequency_cols,
             const CoherenceMaps<T>& maps) {
    const long long at = row * shape_.cols + col;
    T *power_a = work(0), *power_b = work(1), *ur = work(2), *ui = work(3), *vr = work(4), *vi = work(5);
    sum(2, shape_.window_rows, shape_.window_cols, power_a);
    sum(3, shape_.window_rows, shape_.window_cols, power_b);
    fold();
    T *re = work(6), *im = work(7);
    if (shape_.given) {
      for (long long i = 0; i < n; ++i) {
        const Turn<T> u = undoing_frequency(frequency_rows[at + i]), v = undoing_frequency(frequency_cols[at + i]);
        ur[i] = u.re, ui[i] = u.im, vr[i] = v.re, vi[i] = v.im;
      }
      undo(false);
    } else {
      estimate(n, ur, ui, vr, vi);
      for (int round = 0; round < FRINGE_ROUNDS; ++round) {
        undo(true);
        if (shape_.window_rows > 1) refine_row(ur, ui, re, im, work(8), work(9), shape_.window_rows, n);
        if (shape_.window_cols > 1) refine_row(vr, vi, re, im, work(10), work(11), shape_.window_cols, n);
      }
      undo(false);
      T *plain_re = work(12), *plain_im = work(13);
      sum(0, shape_.window_rows, shape_.window_cols, plain_re);
      sum(1, shape_.window_rows, shape_.window_cols, plain_im);
      keep_larger(plain_re, plain_im, re, im, ur, ui, vr, vi, work(21), work(22), n);
      frequency_row(ur, ui, power_a, power_b, frequency_rows + at, n);
      frequency_row(vr, vi, power_a, power_b, frequency_cols + at, n);
    }
    if (maps.magnitude_only()) magnitude_row(re, im, T(1) / scaled, power_a, power_b, maps.magnitude + at, n);
    else details(n, at, scaled, maps);
    const auto window = whole_.begin() + top_;
    if (!std::all_of(window, window + shape_.window_rows, [](char whole) { return whole != 0; }))
      drop(row, col, n, frequency_rows, frequency_cols, maps);
  }

  /* Products of the rows that the band's windows reach. */
  void load(const T* a, const T* b, long long first, int rows, long long col, long long n) {
    const long long left = col - shape_.window_cols / 2, from = std::max(0LL, left);
    const long long count = std::min(shape_.cols, left + n + shape_.window_cols - 1) - from, skipped = from - left;
    for (int r = 0; r < rows; ++r) {
      const long long source = first - shape_.window_rows / 2 + r;
      const bool on_image = source >= 0 && source < shape_.rows;
      for (int p : {0, 1, 2, 3, 8}) {
        T* const row = plane(p, r);
        std::fill(row, row + (on_image ? skipped : width_), T(0));
        std::fill(row + skipped + count, row + width_, T(0));
      }
      whole_[r] = true;
      if (!on_image) continue;
      const ptrdiff_t stride = plane(1, 0) - plane(0, 0);
      const long long k = 2 * (source * shape_.cols + from);
      whole_[r] = joint_row(a + k, b + k, plane(0, r) + skipped, stride, count);
      if (whole_[r]) std::fill(plane(8, r) + skipped, plane(8, r) + skipped + count, T(1));
      else valid_row(a + k, b + k, plane(8, r) + skipped, count);
    }
  }

  /* Bring the products near one by a power of two, which costs no digit, and return it. */
  T scale(int rows) {
    T largest[2];
    for (int k = 0; k < 2; ++k) {
      largest[k] = largest_of(plane(2 + k, 0), T(0), rows * width_);
      if (!(largest[k] > T(0)) || !std::isfinite(largest[k])) return T(1);
    }
    const T by = std::ldexp(T(1), -(std::ilogb(largest[0]) + std::ilogb(largest[1])) / 2);
    for (int p = 0; p < 2; ++p) scale_row(plane(p, 0), by, rows * width_);
    return by;
  }

  /* Changes from each sample to its neighbours along and down. */
  void change(int rows, long long reach) {
    for (int r = 0; r < rows; ++r) {
      change_row(plane(0, r), plane(1, r), plane(0, r) + 1, plane(1, r) + 1, plane(4, r), plane(5, r), reach);
      if (r + 1 < rows)
        change_row(plane(0, r), plane(1, r), plane(0, r + 1), plane(1, r + 1), plane(6, r), plane(7, r), reach);
    }
  }

  /* Rows at each distance from the middle of the window. */
  void fold() {
    const int size = shape_.window_rows;
    for (int k = 0; k < size / 2; ++k) {
      const int later = top_ + (size + 1) / 2 + k, earlier = top_ + size / 2 - 1 - k;
      for (int p = 0; p < 2; ++p)
        fold_row(plane(p, later), plane(p, earlier), folded(4 * k + p), folded(4 * k + 2 + p), width_);
    }
  }
  T* folded(int which) { return folded_.data() + size_t(which) * width_; }

  /* All maps from the sums undone. */
  void details(long long n, long long at, T scaled, const CoherenceMaps<T>& maps) {
    const T *re = work(6), *im = work(7), *power_a = work(0), *power_b = work(1), *own_re = work(21), *own_im = work(22);
    T* const count = work(20);
    sum(8, shape_.window_rows, shape_.window_cols, count);
    for (long long i = 0; i < n; ++i) {
      const CoherenceDetail<T> d =
          coherence_detail(re[i] / scaled, im[i] / scaled, power_a[i], power_b[i], count[i],
                           inverse_amplitude(power_a[i]), inverse_amplitude(power_b[i]), T(1));
      maps.put(at + i, turned_back(d, Turn<T>{own_re[i], own_im[i]}), count[i], true);
    }
  }

  /* No data where too little of the window is valid, or its own sample is not. */
  void drop(long long row, long long col, long long n, T* frequency_rows, T* frequency_cols,
            const CoherenceMaps<T>& maps) {
    T* const count = work(20);
    sum(8, shape_.window_rows, shape_.window_cols, count);
    const T* const own = plane(8, top_ + shape_.window_rows / 2) + shape_.window_cols / 2;
    const double down = weight_on_image(row - shape_.window_rows / 2, shape_.window_rows, shape_.rows, nullptr);
    for (long long i = 0, at = row * shape_.cols + col; i < n; ++i, ++at) {
      const double along =
          weight_on_image(col + i - shape_.window_cols / 2, shape_.window_cols, shape_.cols, nullptr);
      const bool enough = enough_valid((double)count[i], shape_.min_valid, down * along);
      if (enough && !(shape_.centred && own[i] == T(0))) continue;
      maps.put(at, CoherenceDetail<T>{}, count[i], false);
      if (!shape_.given) frequency_rows[at] = frequency_cols[at] = T(NAN);
    }
  }

  /* Sum undone (6, 7), and either its moments down (8, 9) and along (10, 11) or what undid the pixels' own samples
     (21, 22). */
  void undo(bool moments) {
    const int size = shape_.window_rows;
    const T *ur = work(2), *ui = work(3), *vr = work(4), *vi = work(5);
    const bool even = size % 2 == 0;
    if (even) half_turn_row(ur, ui, work(14), work(15), BLOCK);
    // The last of the folded rows stays zero.
    const T* const nothing = folded(4 * (size / 2));
    const FringeFold<T> fold = {even ? nothing : plane(0, top_ + size / 2), even ? nothing : plane(1, top_ + size / 2),
                                folded_.data(), work(14), work(15), turns_.data(), width_, size / 2, shape_.window_cols,
                                even};
    const FringeUndone<T> out = {work(6), work(7), work(8), work(9), work(10), work(11), work(21), work(22)};
    if (moments) undo_with_moments(fold, ur, ui, vr, vi, out, BLOCK);
    else undo_alone(fold, ur, ui, vr, vi, out, BLOCK);
  }

  void estimate(long long n, T* ur, T* ui, T* vr, T* vi) {
    T *re = work(12), *im = work(13);
    sum(4, shape_.window_rows, shape_.window_cols - 1, re);
    sum(5, shape_.window_rows, shape_.window_cols - 1, im);
    undo_row(re, im, vr, vi, n);
    sum(6, shape_.window_rows - 1, shape_.window_cols, re);
    sum(7, shape_.window_rows - 1, shape_.window_cols, im);
    undo_row(re, im, ur, ui, n);
  }

  /* Sum over the window's first rows and columns: down the rows, then along by doubling, so that the order of additions
     depends on the offset inside the window alone. */
  void sum(int which, int rows, int cols, T* out) {
    T* const x = summed_.data();
    std::fill(out, out + BLOCK, T(0));
    if (rows < 1 || cols < 1) return;
    sum_of_rows(plane(which, top_), width_, rows, x, width_);
    for (int block = 1, shift = 0; block <= cols; block *= 2) {
      if (cols & block) add_row(x + shift, out, BLOCK), shift += block;
      if (2 * block <= cols) double_row(x, block, width_ - block);
    }
  }

  FringeShape shape_;
  ptrdiff_t width_;
  int height_, top_ = 0;
  std::vector<T> buffer_, folded_, summed_, turns_, work_;
  std::vector<char> whole_;
};

/* a, b, frequencies and maps are (rows, cols). */
template <typename T>
void fringe_coherence(const T* a, const T* b, const FringeShape& shape, T* frequency_rows, T* frequency_cols,
                      const CoherenceMaps<T>& maps) {
  typedef FringeBand<T> Band;
  const long long across = (shape.cols + Band::BLOCK - 1) / Band::BLOCK, down = (shape.rows + Band::ROWS - 1) / Band::ROWS;
  parallel_for(
      across * down, [&] { return Band(shape); },
      [&](Band& band, long long block) {
        const long long first = block / across * Band::ROWS;
        band.band(a, b, first, std::min(first + Band::ROWS, shape.rows), block % across * Band::BLOCK, frequency_rows,
                  frequency_cols, maps);
      });
}

}  // namespace m3
#endif
