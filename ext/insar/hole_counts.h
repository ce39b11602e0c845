/* Samples without data in the windows of a boxcar that slides over rows (CPU). They are whole numbers, which may be added
   and subtracted in any order; rows that have all samples cost nothing. */
#ifndef M3_HOLE_COUNTS_H
#define M3_HOLE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <vector>

namespace m3 {

class HoleCounts {
 public:
  /* Rows have `width` samples; `windows` results are wanted of each row of windows, `step_rows` rows apart. */
  HoleCounts(long long width, long long windows, int window_rows, int window_cols, int step_rows)
      : width_(width),
        windows_(windows),
        rows_(window_rows),
        cols_(window_cols),
        kept_(window_rows + step_rows + 1) {}

  /* The first window begins with row `first` of an image of so many rows; off the image there are no holes. */
  void start(long long first, long long image_rows) {
    if (ring_.empty()) {
      // What lies behind a row is read for results that nobody wants.
      ring_.resize(size_t(kept_) * width_ + windows_ + cols_), has_.resize(kept_);
      down_.resize(std::max(width_, windows_ + cols_)), before_.resize(windows_ + cols_ + 1), counts_.resize(windows_);
    }
    std::fill(down_.begin(), down_.end(), 0);
    within_ = 0;
    image_rows_ = image_rows;
    entered_ = left_ = std::max(0LL, first);
  }

  /* Notes whether a row has holes; its flags, one where a sample has no data, are to be put where this points. */
  int32_t* note(long long row, bool has) {
    has_[row % kept_] = has;
    return flags(row);
  }

  /* Flags of a row, or null where it has all samples. */
  const int32_t* holes_of(long long row) { return has_[row % kept_] ? flags(row) : nullptr; }

  /* Holes of each window that begins with row `first`, or null where there are none. Windows come in order. */
  const int32_t* of_windows(long long first) {
    for (; entered_ < std::min(first + rows_, image_rows_); ++entered_) pass(entered_, 1);
    for (; left_ < std::min(first, entered_); ++left_) pass(left_, -1);
    if (!within_) return nullptr;
    for (long long c = 0; c < windows_ + cols_; ++c) before_[c + 1] = before_[c] + down_[c];
    for (long long c = 0; c < windows_; ++c) counts_[c] = before_[c + cols_] - before_[c];
    return counts_.data();
  }

 private:
  int32_t* flags(long long row) { return ring_.data() + row % kept_ * width_; }

  void pass(long long row, int sign) {
    const int32_t* const holes = holes_of(row);
    if (!holes) return;
    within_ += sign;
    for (long long c = 0; c < width_; ++c) down_[c] += sign * holes[c];
  }

  long long width_, windows_, rows_, cols_, kept_, image_rows_ = 0;
  long long entered_ = 0, left_ = 0, within_ = 0; /* rows counted up to, no longer, and those that have holes */
  std::vector<int32_t> ring_, down_, before_, counts_;
  std::vector<char> has_;
};

}  // namespace m3
#endif
