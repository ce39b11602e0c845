/* Sliding sums of a separable window over rows that arrive one by one (CPU).

   A boxcar of n samples is the sum of a few blocks, which are sums of blocks themselves: down the rows as BoxcarPlan
   splits it, along columns by doubling in registers and then as BoxcarPlan splits the rest (20 = 16 + 4). So n costs
   little more than log n additions, every loop runs along memory, nothing is ever subtracted, and the order of additions
   depends on the offset inside the window alone. Weights other than one are summed directly.

   A row holds `planes` planes of `stride` samples one after the other. Column c of a result sums columns c ... c +
   window_cols - 1 of its row; the last columns of each plane mix with the next and are not used. */
#ifndef M3_WINDOW_SUMS_H
#define M3_WINDOW_SUMS_H

#include <stddef.h>

#include <algorithm>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(M3_NO_CLONES)
/* Leaf loops only: the loader picks the best clone, so one wheel serves every processor. */
#define M3_CLONES __attribute__((unused, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define M3_CLONES __attribute__((unused))
#endif

namespace m3 {

/* Samples that a leaf loop takes at a time; rows are padded to it, so that no loop has a tail. */
constexpr ptrdiff_t CHUNK = 64;

inline ptrdiff_t padded(ptrdiff_t count) { return (count + CHUNK - 1) / CHUNK * CHUNK; }

/* What a result is the sum of: rows to read at shifts, each times a weight. */
template <typename T>
struct Terms {
  std::vector<const T*> from;
  std::vector<T> weight;  // empty: all one
  int count() const { return int(from.size()); }
};

/* Memory to prefetch, a few lines per step, while something else is computed. */
struct Ahead {
  const char* next[2] = {nullptr, nullptr};
  const char* end = nullptr;  // of next[0]
  void step() {
    for (int line = 0; line < 2 && next[0] < end; ++line) {
      __builtin_prefetch(next[0]);
      __builtin_prefetch(next[1]);
      next[0] += 64;
      next[1] += 64;
    }
  }
};

template <size_t size>
struct IndexOf;
template <>
struct IndexOf<4> { typedef int type; };
template <>
struct IndexOf<8> { typedef long long type; };
#define M3_INDEX(T) IndexOf<sizeof(T)>::type

#define T float
#include "window_loops.h"
#undef T
#define T double
#include "window_loops.h"
#undef T

/* How a boxcar is split: level k + 1 is the sum of fan[k] blocks of level k side by side, and the window takes
   used[k] blocks of level k. The split with the fewest reads per sample is used, where a level counts as one more. */
struct BoxcarPlan {
  std::vector<int> fan, used;

  /* Sizes up to `direct` are not split. */
  BoxcarPlan(int size, int direct) {
    std::vector<int> cost(size_t(size) + 1), best(size_t(size) + 1, 0);
    for (int s = 0; s <= size; ++s) {
      cost[s] = s;
      for (int n = 2; s > direct && n <= LARGEST_FAN && 2 * n <= s; ++n) {
        const int reads = n + 1 + s % n + cost[s / n];
        if (reads < cost[s]) cost[s] = reads, best[s] = n;
      }
    }
    for (; best[size] > 0; size /= fan.back()) {
      fan.push_back(best[size]);
      used.push_back(size % best[size]);
    }
    used.push_back(size);
  }

  int levels() const { return int(used.size()); }

 private:
  static constexpr int LARGEST_FAN = 6;
};

/* Weights of one axis, scaled by nothing; `weights` is null for a boxcar. */
template <typename T>
struct AxisWindow {
  int size;
  const double* weights;
  std::vector<T> taps() const {
    return weights ? std::vector<T>(weights, weights + size) : std::vector<T>();
  }
};

template <typename T>
class WindowSums {
 public:
  /* `width`: columns of a plane that hold samples, halo included. */
  WindowSums(int planes, ptrdiff_t width, const AxisWindow<T>& rows, const AxisWindow<T>& cols)
      : stride_((width + LANES - 1) / LANES * LANES), length_(padded(planes * stride_)), rows_(rows.size), cols_(cols.size),
        row_plan_(rows.weights ? 1 : rows.size, DIRECT_ROWS), col_plan_(cols.size / LANES, 0), vertical_(allocate(2)) {
    down_.weight = rows.taps();
    across_.weight = cols.taps();
    // A ring holds as many rows of a level as the window, or the next level, looks back, and one for a second window.
    for (int k = 0, block = 1, age = 0; k < row_plan_.levels(); ++k) {
      const int used = rows.weights ? rows.size : row_plan_.used[k];
      const int fan = k + 1 < row_plan_.levels() ? row_plan_.fan[k] : 0;
      Level level{block, std::max({1, used ? age + (used - 1) * block + 1 : 1, (fan - 1) * block + 1}) + 1, {}};
      level.ring = allocate(level.count);
      levels_.push_back(std::move(level));
      age += used * block;
      if (fan) block *= fan;
    }
    // Levels of doubling up to one register, then the plan's levels above it.
    while (!cols.weights && doublings_ < DOUBLINGS && (2 << doublings_) <= cols.size) ++doublings_;
    for (int k = 0; k < doublings_; ++k) {
      const bool wanted = (cols.size & (2 << k)) || (k == DOUBLINGS - 1);
      doubled_.push_back(wanted ? allocate(1) : std::vector<T>());
    }
    for (int k = 1; k < col_plan_.levels(); ++k) blocks_.push_back(allocate(1));
  }

  ptrdiff_t stride() const { return stride_; }
  ptrdiff_t length() const { return length_; }

  /* Where to put the next row: its samples, before any sum. */
  T* next_row() { return row(levels_[0], pushed_); }

  /* Take the row in next_row(). */
  void push() {
    Ahead nothing;
    for (size_t k = 1; k < levels_.size(); ++k) {
      from_.clear();
      for (int j = 0; j < row_plan_.fan[k - 1]; ++j)
        from_.push_back(row(levels_[k - 1], pushed_ - j * levels_[k - 1].block));
      sum_terms(from_.data(), int(from_.size()), row(levels_[k], pushed_), length_, nothing);
    }
    ++pushed_;
  }

  /* Sum the windows that end with the last row pushed and, if `two`, with the one before. */
  void sum_down(bool two, Ahead& ahead) {
    if (two && row_plan_.levels() == 1 && down_.weight.empty() && rows_ > 1) {
      down_.from.clear();
      for (int age = 0; age <= rows_; ++age) down_.from.push_back(row(levels_[0], pushed_ - 1 - age));
      sum_terms_twice(down_.from.data(), rows_, front(vertical_), front(vertical_) + length_, length_, ahead);
      summed_[0] = front(vertical_);
      summed_[1] = front(vertical_) + length_;
    } else {
      for (int back = 0; back <= int(two); ++back) summed_[back] = sum_rows(back, ahead);
    }
  }

  /* The terms whose sum, at column c of a plane, is the window that ended `back` rows before the last; see sum_down. */
  const Terms<T>& terms(int back, Ahead& ahead) {
    const T* sums = summed_[back];
    across_.from.clear();
    if (!across_.weight.empty()) {
      for (int c = 0; c < cols_; ++c) across_.from.push_back(sums + c);
      return across_;
    }
    if (doublings_) {
      T* out[DOUBLINGS] = {};
      for (int k = 0; k < doublings_; ++k) out[k] = doubled_[k].empty() ? nullptr : front(doubled_[k]);
      double_along(sums, doublings_, out, length_, ahead);
    }
    int shift = 0;
    const T* blocks = doublings_ == DOUBLINGS ? front(doubled_[DOUBLINGS - 1]) : nullptr;
    for (int k = 0, block = LANES; k < col_plan_.levels(); ++k) {
      for (int j = 0; j < col_plan_.used[k]; ++j, shift += block) across_.from.push_back(blocks + shift);
      if (k + 1 == col_plan_.levels()) break;
      from_.clear();
      for (int j = 0; j < col_plan_.fan[k]; ++j) from_.push_back(blocks + j * block);
      sum_terms(from_.data(), int(from_.size()), front(blocks_[k]), length_, ahead);
      blocks = front(blocks_[k]);
      block *= col_plan_.fan[k];
    }
    for (int k = DOUBLINGS - 2; k >= 0; --k)
      if (cols_ & (2 << k)) across_.from.push_back(front(doubled_[k]) + shift), shift += 2 << k;
    if (cols_ & 1) across_.from.push_back(sums + shift);
    return across_;
  }

  /* Forget all rows. The first rows - 1 results after it are not of whole windows and must not be asked for. */
  void start() { pushed_ = 0; }

 private:
  static constexpr int LANES = 64 / sizeof(T);
  static constexpr int DOUBLINGS = LANES == 16 ? 4 : 3;
  /* Two windows that share their rows read half of them each, which beats blocks up to here. */
  static constexpr int DIRECT_ROWS = 16;

  struct Level {
    int block, count;
    std::vector<T> ring;
  };

  /* Rows of T with room in front for what trails the doubling, and behind for reads shifted by a window. */
  std::vector<T> allocate(int rows) const {
    return std::vector<T>(CHUNK + size_t(rows) * length_ + cols_ + 4 * CHUNK, T(0));
  }
  static T* front(std::vector<T>& buffer) { return buffer.data() + CHUNK; }

  T* row(Level& level, long long index) {
    const long long slot = (index % level.count + level.count) % level.count;
    return front(level.ring) + size_t(slot) * length_;
  }

  /* Newest row first, level by level. */
  const T* sum_rows(int back, Ahead& ahead) {
    const long long last = pushed_ - 1 - back;
    T* const out = front(vertical_) + back * length_;
    down_.from.clear();
    long long age = 0;
    for (size_t k = 0; k < levels_.size(); ++k) {
      const int used = down_.weight.empty() ? row_plan_.used[k] : rows_;
      for (int j = 0; j < used; ++j, age += levels_[k].block) down_.from.push_back(row(levels_[k], last - age));
    }
    if (!down_.weight.empty()) {
      // The first weight belongs to the oldest row.
      std::reverse(down_.from.begin(), down_.from.end());
      sum_weighted(down_.from.data(), down_.weight.data(), down_.count(), out, length_);
    } else if (down_.count() == 1) {
      return down_.from[0];
    } else {
      sum_terms(down_.from.data(), down_.count(), out, length_, ahead);
    }
    return out;
  }

  ptrdiff_t stride_, length_;
  int rows_, cols_, doublings_ = 0;
  BoxcarPlan row_plan_, col_plan_;
  long long pushed_ = 0;
  const T* summed_[2] = {nullptr, nullptr};
  std::vector<T> vertical_;
  std::vector<Level> levels_;
  std::vector<std::vector<T>> doubled_, blocks_;
  std::vector<const T*> from_;
  Terms<T> down_, across_;
};

}  // namespace m3
#endif
