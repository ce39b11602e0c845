/* Sliding sums of a window over rows that arrive one by one (CPU).

   A window of n samples is the sum of blocks whose lengths are the powers of two in n, and each block is the sum
   of its two halves, so n costs about log2(n) additions a sample, every loop runs along memory, nothing is ever
   subtracted, and the order of additions depends on the offset inside the window alone.

   A row holds `planes` planes of `width` samples one after the other. Column c of a result sums columns c ... c +
   window_cols - 1 of its row, so the last window_cols - 1 columns of each plane mix with the next and are not used. */
#ifndef M3_WINDOW_SUMS_H
#define M3_WINDOW_SUMS_H

#include <stddef.h>

#include <algorithm>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(M3_NO_CLONES)
/* Leaf loops only: the loader picks the best clone, so one wheel serves every processor. */
#define M3_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define M3_CLONES
#endif

namespace m3 {

/* Overloads, as clones of a template are not supported. */
#define M3_ADD_LOOPS(T)                                                                                       \
  M3_CLONES static void add_rows(const T* __restrict p, const T* __restrict q, T* __restrict out, ptrdiff_t n) { \
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = p[i] + q[i];                                                   \
  }                                                                                                           \
  M3_CLONES static void add_to(T* __restrict out, const T* __restrict q, ptrdiff_t n) {                       \
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = out[i] + q[i];                                                 \
  }
M3_ADD_LOOPS(float)
M3_ADD_LOOPS(double)
#undef M3_ADD_LOOPS

template <typename T>
class WindowSums {
 public:
  WindowSums(int planes, ptrdiff_t width, int window_rows, int window_cols)
      : length_(planes * width), cols_(window_cols), total_(length_) {
    // A shifted read may pass the last plane's end by a window; what it finds lands in unused columns.
    for (auto& buffer : buffers_) buffer.assign(size_t(length_) + window_cols, T(0));
    int offset = 0;
    for (int block = 1; block <= window_rows; block *= 2) {
      Level level;
      level.block = block;
      level.used = (window_rows & block) != 0;
      // How many pushes ago the block that the window needs was completed.
      level.age = level.used ? window_rows - block - offset : 0;
      if (level.used) offset += block;
      level.count = std::max(level.age, block) + 1;
      level.ring.assign(size_t(level.count) * length_, T(0));
      levels_.push_back(std::move(level));
    }
  }

  /* Samples in a row, all planes. */
  ptrdiff_t length() const { return length_; }

  /* Where to put the next row: its samples, before any sum. */
  T* next_row() { return buffers_[0].data(); }

  /* Take the row in next_row(); returns the sums of the window that ends with it. Right after start() the rows before
     count as zero. */
  const T* push() {
    sum_columns(row(levels_[0], pushed_));
    for (size_t k = 1; k < levels_.size(); ++k) {
      const long long half = levels_[k - 1].block;
      add_rows(row(levels_[k - 1], pushed_ - half), row(levels_[k - 1], pushed_), row(levels_[k], pushed_), length_);
    }
    const T* sum = nullptr;
    for (auto& level : levels_) {
      if (!level.used) continue;
      const T* part = row(level, pushed_ - level.age);
      if (!sum) sum = part;
      else if (sum == total_.data()) add_to(total_.data(), part, length_);
      else add_rows(sum, part, total_.data(), length_), sum = total_.data();
    }
    ++pushed_;
    return sum;
  }

  /* Forget all rows. */
  void start() {
    pushed_ = 0;
    for (auto& level : levels_) std::fill(level.ring.begin(), level.ring.end(), T(0));
  }

 private:
  struct Level {
    int block, age, count;
    bool used;
    std::vector<T> ring;
  };

  /* Row of a level that push number `index` completed; before the first push, a row of zeros. */
  T* row(Level& level, long long index) {
    const long long slot = (index % level.count + level.count) % level.count;
    return level.ring.data() + size_t(slot) * length_;
  }

  void sum_columns(T* out) {
    const T* blocks = buffers_[0].data();
    const T* sum = nullptr;
    int offset = 0;
    for (int block = 1;; block *= 2) {
      const bool last = 2 * block > cols_;
      if (cols_ & block) {
        if (!sum) sum = blocks;
        else if (last) add_rows(sum, blocks + offset, out, length_), sum = out;
        else if (sum == buffers_[3].data()) add_to(buffers_[3].data(), blocks + offset, length_);
        else add_rows(sum, blocks + offset, buffers_[3].data(), length_), sum = buffers_[3].data();
        offset += block;
      }
      if (last) break;
      T* to = 2 * block == cols_ ? out : spare(blocks, sum);
      add_rows(blocks, blocks + block, to, length_);
      blocks = to;
    }
    if (sum != out) std::copy(sum, sum + length_, out);
  }

  T* spare(const T* first, const T* second) {
    int i = 0;
    while (buffers_[i].data() == first || buffers_[i].data() == second) ++i;
    return buffers_[i].data();
  }

  ptrdiff_t length_;
  int cols_;
  long long pushed_ = 0;
  std::vector<T> buffers_[4], total_;
  std::vector<Level> levels_;
};

}  // namespace m3
#endif
