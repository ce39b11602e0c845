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

#include "registers.h"

namespace m3 {

/* Samples that a leaf loop takes at a time; rows are padded to it, so that no loop has a tail. */
constexpr ptrdiff_t CHUNK = 64;

/* Registers of a chunk that are summed side by side, as one addition has to wait for the one before. */
constexpr int at_once(int lanes) { return CHUNK / lanes < 8 ? int(CHUNK) / lanes : 8; }

inline ptrdiff_t padded(ptrdiff_t count) { return (count + CHUNK - 1) / CHUNK * CHUNK; }

/* What a result is the sum of: rows to read at shifts, each times a weight. */
template <typename T>
struct Terms {
  std::vector<const T*> from;
  std::vector<T> weight;  // empty: all one
  bool mirrored = false;  // whether the weights read the same from the end
  int count() const { return int(from.size()); }
  void weigh(std::vector<T> weights) {
    weight = std::move(weights);
    mirrored = std::equal(weight.begin(), weight.end(), weight.rbegin());
  }
};

/* Memory to bring nearer, a few lines per step, while something else is computed. */
class Ahead {
 public:
  void add(const void* from, size_t size) {
    next_[count_] = static_cast<const char*>(from);
    end_[count_] = next_[count_] + size;
    ++count_;
    largest_ = std::max(largest_, size);
  }
  /* All of it is to be there after so many steps. */
  void spread(ptrdiff_t steps) { lines_ = int((largest_ + LINE * steps - 1) / (LINE * steps)); }
  M3_INLINE void step() {
    for (int k = 0; k < count_; ++k)
      for (int line = 0; line < lines_ && next_[k] < end_[k]; ++line, next_[k] += LINE) M3_PREFETCH(next_[k]);
  }

 private:
  static constexpr ptrdiff_t LINE = 64;
  const char *next_[4], *end_[4];
  size_t largest_ = 0;
  int count_ = 0, lines_ = 0;
};

/* Sums of 1, 2, 4, 8 and 16 neighbours in a row that passes, `count` registers at a time. Each level adds the one below
   to itself, shifted between registers. */
template <typename T, int bytes, int count>
struct Doubling {
  typedef Register<T, bytes> Row;
  PairSums<T, bytes, 1> by1;
  PairSums<T, bytes, 2> by2;
  PairSums<T, bytes, 4> by4;
  PairSums<T, bytes, 8> by8;

  /* Samples i on; out[k] takes sums of 2^k where it is not null. Sums trail, up to CHUNK samples in front of out. */
  M3_INLINE void next(typename Row::type* x, ptrdiff_t i, int levels, T* const* out) {
    put(x, out[0], i);
    if (levels < 1) return;
    pass(by1, x, &i);
    put(x, out[1], i);
    if (levels < 2) return;
    pass(by2, x, &i);
    put(x, out[2], i);
    if (levels < 3) return;
    pass(by4, x, &i);
    put(x, out[3], i);
    if (levels < 4) return;
    pass(by8, x, &i);
    put(x, out[4], i);
  }

 private:
  template <int by>
  static M3_INLINE void pass(PairSums<T, bytes, by>& sums, typename Row::type* x, ptrdiff_t* i) {
    for (int k = 0; k < count; ++k) x[k] = sums.next(x[k]);
    *i -= sums.trail * Row::lanes;
  }
  static M3_INLINE void put(const typename Row::type* x, T* out, ptrdiff_t i) {
    if (!out) return;
    for (int k = 0; k < count; ++k) Row::put(x[k], out + i + k * Row::lanes);
  }
};

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
        row_plan_(rows.weights ? 1 : rows.size, DIRECT_ROWS), col_plan_(cols.size / LANES, 0) {
    down_.weigh(rows.taps());
    across_.weigh(cols.taps());
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
    // Levels of doubling up to a block, then the plan's levels above it.
    while (!cols.weights && doublings_ < DOUBLINGS && (2 << doublings_) <= cols.size) ++doublings_;
    for (int k = 0; k <= doublings_; ++k) {
      if (!(cols.weights || k == DOUBLINGS || (cols.size & (1 << k)))) continue;
      for (int back = 0; back < 2; ++back) {
        doubled_.push_back(allocate(1));
        along_[back][k] = front(doubled_.back());
      }
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
    ahead.spread(length_ / CHUNK);
    if (two && row_plan_.levels() == 1 && down_.weight.empty() && rows_ > 1) {
      down_.from.clear();
      for (int age = 0; age <= rows_; ++age) down_.from.push_back(row(levels_[0], pushed_ - 1 - age));
      sum_along_twice(down_.from.data(), rows_, doublings_, along_[0], along_[1], length_, ahead);
    } else {
      for (int back = 0; back <= int(two); ++back) sum_rows(back, ahead);
    }
  }

  /* The terms whose sum, at column c of a plane, is the window that ended `back` rows before the last; see sum_down. */
  const Terms<T>& terms(int back, Ahead& ahead) {
    T* const* const sums = along_[back];
    across_.from.clear();
    if (!across_.weight.empty()) {
      for (int c = 0; c < cols_; ++c) across_.from.push_back(sums[0] + c);
      return across_;
    }
    int shift = 0;
    const T* blocks = sums[DOUBLINGS];
    for (int k = 0, block = LANES; k < col_plan_.levels(); ++k) {
      for (int j = 0; j < col_plan_.used[k]; ++j, shift += block) across_.from.push_back(blocks + shift);
      if (k + 1 == col_plan_.levels()) break;
      from_.clear();
      for (int j = 0; j < col_plan_.fan[k]; ++j) from_.push_back(blocks + j * block);
      sum_terms(from_.data(), int(from_.size()), front(blocks_[k]), length_, ahead);
      blocks = front(blocks_[k]);
      block *= col_plan_.fan[k];
    }
    for (int k = DOUBLINGS - 1; k >= 0; --k)
      if (cols_ & (1 << k)) across_.from.push_back(sums[k] + shift), shift += 1 << k;
    return across_;
  }

  /* Forget all rows. The first rows - 1 results after it are not of whole windows and must not be asked for. */
  void start() { pushed_ = 0; }

 private:
  /* The largest block of columns by doubling, whatever the registers: sums have the same bits on every processor. */
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
  void sum_rows(int back, Ahead& ahead) {
    const long long last = pushed_ - 1 - back;
    down_.from.clear();
    long long age = 0;
    for (size_t k = 0; k < levels_.size(); ++k) {
      const int used = down_.weight.empty() ? row_plan_.used[k] : rows_;
      for (int j = 0; j < used; ++j, age += levels_[k].block) down_.from.push_back(row(levels_[k], last - age));
    }
    if (!down_.weight.empty()) {
      // The first weight belongs to the oldest row.
      std::reverse(down_.from.begin(), down_.from.end());
      sum_weighted(down_.from.data(), down_.weight.data(), down_.count(), down_.mirrored, along_[back][0], length_,
                   ahead);
    } else {
      sum_along(down_.from.data(), down_.count(), doublings_, along_[back], length_, ahead);
    }
  }

  ptrdiff_t stride_, length_;
  int rows_, cols_, doublings_ = 0;
  BoxcarPlan row_plan_, col_plan_;
  long long pushed_ = 0;
  std::vector<Level> levels_;
  std::vector<std::vector<T>> doubled_, blocks_;
  T* along_[2][DOUBLINGS + 1] = {};  // of either window, sums of 2^k columns, where they are wanted
  std::vector<const T*> from_;
  Terms<T> down_, across_;
};

}  // namespace m3
#endif
