/* Coherence along the local fringe (CPU; formula in fringe.h): one row of results at a time over OpenMP threads, in blocks
   of columns, so that every loop runs along memory. */
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

#define T float
#include "fringe_loops.h"
#undef T
#define T double
#include "fringe_loops.h"
#undef T

template <typename T>
class FringeRow {
 public:
  explicit FringeRow(const FringeShape& shape)
      : shape_(shape), width_(padded(BLOCK + shape.window_cols)), buffer_(size_t(PLANES) * shape.window_rows * width_),
        work_(size_t(WORK) * padded(BLOCK)) {}

  void block(const T* a, const T* b, long long row, long long col, T* frequency_rows, T* frequency_cols,
             const CoherenceMaps<T>& maps) {
    const long long n = std::min<long long>(BLOCK, shape_.cols - col), at = row * shape_.cols + col;
    const bool whole = load(a, b, row, col, n);
    const T scaled = shape_.given ? T(1) : scale();
    T *power_a = work(0), *power_b = work(1), *ur = work(2), *ui = work(3), *vr = work(4), *vi = work(5);
    sum(2, shape_.window_rows, shape_.window_cols, power_a);
    sum(3, shape_.window_rows, shape_.window_cols, power_b);
    T *re = work(6), *im = work(7);
    if (shape_.given) {
      for (long long i = 0; i < n; ++i) {
        const Turn<T> u = undoing_frequency(frequency_rows[at + i]), v = undoing_frequency(frequency_cols[at + i]);
        ur[i] = u.re, ui[i] = u.im, vr[i] = v.re, vi[i] = v.im;
      }
      undo(n, ur, ui, vr, vi);
    } else {
      estimate(n, ur, ui, vr, vi);
      for (int round = 0; round < FRINGE_ROUNDS; ++round) {
        undo(n, ur, ui, vr, vi);
        if (shape_.window_rows > 1) refine_row(ur, ui, re, im, work(8), work(9), shape_.window_rows, n);
        if (shape_.window_cols > 1) refine_row(vr, vi, re, im, work(10), work(11), shape_.window_cols, n);
      }
      undo(n, ur, ui, vr, vi);
      T *plain_re = work(12), *plain_im = work(13);
      sum(0, shape_.window_rows, shape_.window_cols, plain_re);
      sum(1, shape_.window_rows, shape_.window_cols, plain_im);
      keep_larger(plain_re, plain_im, re, im, ur, ui, vr, vi, work(21), work(22), n);
      for (long long i = 0; i < n; ++i) {
        const bool valid = (power_a[i] > T(0)) & (power_b[i] > T(0));
        frequency_rows[at + i] = valid ? atan2(-ui[i], ur[i]) : T(NAN);
        frequency_cols[at + i] = valid ? atan2(-vi[i], vr[i]) : T(NAN);
      }
    }
    if (maps.magnitude_only()) {
      for (long long i = 0; i < n; ++i)
        maps.magnitude[at + i] = coherence_of(re[i] / scaled, im[i] / scaled, inverse_amplitude(power_a[i]),
                                              inverse_amplitude(power_b[i]), T(1));
    } else {
      details(n, at, scaled, maps);
    }
    if (!whole) drop(row, col, n, frequency_rows, frequency_cols, maps);
  }

  static constexpr long long BLOCK = 256;

 private:
  // re, im, |a|^2, |b|^2 of each row of the window; change along, change down; one where both images have data.
  static constexpr int PLANES = 9, WORK = 23;

  T* plane(int which, int r) { return buffer_.data() + (size_t(which) * shape_.window_rows + r) * width_; }
  T* work(int which) { return work_.data() + which * padded(BLOCK); }

  /* The window's rows; returns whether both images have all samples. */
  bool load(const T* a, const T* b, long long row, long long col, long long n) {
    bool whole = true;
    const long long left = col - shape_.window_cols / 2, from = std::max(0LL, left);
    const long long count = std::min(shape_.cols, left + n + shape_.window_cols - 1) - from;
    for (int r = 0; r < shape_.window_rows; ++r) {
      const long long source = row - shape_.window_rows / 2 + r;
      for (int p : {0, 1, 2, 3, 8}) std::fill(plane(p, r), plane(p, r) + width_, T(0));
      if (source < 0 || source >= shape_.rows) continue;
      const ptrdiff_t stride = plane(1, 0) - plane(0, 0);
      const long long k = 2 * (source * shape_.cols + from);
      if (joint_row(a + k, b + k, plane(0, r) + (from - left), stride, count)) {
        std::fill(plane(8, r) + (from - left), plane(8, r) + (from - left) + count, T(1));
      } else {
        valid_row(a + k, b + k, plane(8, r) + (from - left), count);
        whole = false;
      }
    }
    return whole;
  }

  /* Bring the products near one by a power of two, which costs no digit, and return it. */
  T scale() {
    T largest[2];
    for (int k = 0; k < 2; ++k) {
      const T* const power = plane(2 + k, 0);
      largest[k] = *std::max_element(power, power + size_t(shape_.window_rows) * width_);
      if (!(largest[k] > T(0)) || !std::isfinite(largest[k])) return T(1);
    }
    const T by = std::ldexp(T(1), -(std::ilogb(largest[0]) + std::ilogb(largest[1])) / 2);
    for (int p = 0; p < 2; ++p)
      for (T *x = plane(p, 0), *end = x + size_t(shape_.window_rows) * width_; x < end; ++x) *x *= by;
    return by;
  }

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
    const T* const own = plane(8, shape_.window_rows / 2) + shape_.window_cols / 2;
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

  /* Sum undone (6, 7), its moments down (8, 9) and along (10, 11), and what undid the pixels' own samples (21, 22). */
  void undo(long long n, const T* ur, const T* ui, const T* vr, const T* vi) {
    T *qr = work(14), *qi = work(15), *pr = work(16), *pi = work(17), *line_re = work(18), *line_im = work(19);
    std::fill(work(6), work(12), T(0));
    std::fill(qr, qr + n, T(1));
    std::fill(qi, qi + n, T(0));
    for (int r = 0; r < shape_.window_rows; ++r) {
      std::copy(qr, qr + n, pr);
      std::copy(qi, qi + n, pi);
      std::fill(line_re, line_re + n, T(0));
      std::fill(line_im, line_im + n, T(0));
      for (int c = 0; c < shape_.window_cols; ++c) {
        if (r == shape_.window_rows / 2 && c == shape_.window_cols / 2) {
          std::copy(pr, pr + n, work(21));
          std::copy(pi, pi + n, work(22));
        }
        turn_and_add(plane(0, r) + c, plane(1, r) + c, pr, pi, vr, vi, T(2 * c - (shape_.window_cols - 1)) / 2, line_re,
                     line_im, work(10), work(11), n);
      }
      add_line(line_re, line_im, T(2 * r - (shape_.window_rows - 1)) / 2, work(6), work(7), work(8), work(9), n);
      turn_on(qr, qi, ur, ui, n);
    }
  }

  void estimate(long long n, T* ur, T* ui, T* vr, T* vi) {
    T *re = work(12), *im = work(13);
    const long long reach = n + shape_.window_cols - 1;
    for (int r = 0; r < shape_.window_rows; ++r)
      change_row(plane(0, r), plane(1, r), plane(0, r) + 1, plane(1, r) + 1, plane(4, r), plane(5, r), reach);
    sum(4, shape_.window_rows, shape_.window_cols - 1, re);
    sum(5, shape_.window_rows, shape_.window_cols - 1, im);
    undo_row(re, im, vr, vi, n);
    for (int r = 0; r + 1 < shape_.window_rows; ++r)
      change_row(plane(0, r), plane(1, r), plane(0, r + 1), plane(1, r + 1), plane(6, r), plane(7, r), reach);
    sum(6, shape_.window_rows - 1, shape_.window_cols, re);
    sum(7, shape_.window_rows - 1, shape_.window_cols, im);
    undo_row(re, im, ur, ui, n);
  }

  void sum(int which, int rows, int cols, T* out) {
    from_.clear();
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < cols; ++c) from_.push_back(plane(which, r) + c);
    Ahead nothing;
    if (from_.empty()) std::fill(out, out + BLOCK, T(0));
    else sum_terms(from_.data(), int(from_.size()), out, BLOCK, nothing);
  }

  FringeShape shape_;
  ptrdiff_t width_;
  std::vector<T> buffer_, work_;
  std::vector<const T*> from_;
};

/* a, b, frequencies and maps are (rows, cols). */
template <typename T>
void fringe_coherence(const T* a, const T* b, const FringeShape& shape, T* frequency_rows, T* frequency_cols,
                      const CoherenceMaps<T>& maps) {
  parallel_for(
      shape.rows, [&] { return FringeRow<T>(shape); },
      [&](FringeRow<T>& line, long long row) {
        for (long long col = 0; col < shape.cols; col += FringeRow<T>::BLOCK)
          line.block(a, b, row, col, frequency_rows, frequency_cols, maps);
      });
}

}  // namespace m3
#endif
