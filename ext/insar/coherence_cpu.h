/* Coherence of many pairs of one stack (CPU): tiles of rows x columns over OpenMP threads. Where dates recur, the
   windowed power of each is computed once per tile and each pair streams its cross product; a pair alone, or one with a
   hole in the tile, takes all its sums itself, with the same additions, so the path that was taken does not show in the
   bits. Holes are counted in the rows that have some. */
#ifndef M3_COHERENCE_CPU_H
#define M3_COHERENCE_CPU_H

#include <algorithm>
#include <memory>
#include <vector>

#include "coherence.h"
#include "hole_counts.h"
#include "parallel.h"
#include "past_caches.h"
#include "product_rows.h"
#include "window_sums.h"

namespace m3 {

#define T float
#include "coherence_loops.h"
#undef T
#define T double
#include "coherence_loops.h"
#undef T

/* Columns of a tile: a row of its sums stays in the nearest caches. Bytes a thread may keep of dates' powers: with
   two of them on each of 8 threads still below 64 MiB. */
constexpr long long TILE_COLS = 1024, KEPT_BYTES = 4 << 20;

struct CoherenceShape {
  long long rows, cols;
  int window_rows, window_cols;
  int step_rows, step_cols;
  const double *row_weights, *col_weights;  // null for a boxcar
  double min_valid;                         // share of the window's weight on the image that must be valid
  bool centred;                             // no data where the window's centre sample has none
  bool clip;

  /* Whether a hole leaves more than its own samples out. */
  bool strict() const { return centred || min_valid > 0; }
  bool boxcar() const { return !row_weights && !col_weights; }

  long long out_rows() const { return rows / step_rows; }
  long long out_cols() const { return cols / step_cols; }
};

/* One SLC: interleaved parts of the type of the sums, or of int16. */
struct Image {
  const void* data;
  bool int16;
};

/* Two of them, and the phase to remove from their product, (rows, cols) or null. */
struct ImagePair {
  const Image &a, &b;
  const double* phase;
};

template <typename T>
class CoherenceTile {
 public:
  CoherenceTile(const CoherenceShape& shape, long long tile_rows, long long tile_cols, long long kept_dates,
                bool past_caches)
      : shape_(shape),
        past_caches_(past_caches),
        ceiling_(shape.clip ? T(1) : T(INFINITY)),
        tile_rows_(tile_rows),
        tile_cols_(tile_cols),
        width_((tile_cols - 1) * shape.step_cols + shape.window_cols),
        padded_(padded((tile_cols - 1) * shape.step_cols + 1)),
        inverse_(size_t(kept_dates) * tile_rows * padded_),
        result_(2 * padded_),
        wide_(4 * width_),
        turn_(2 * width_),
        along_(padded_),
        holes_(width_, padded_, shape.window_rows, shape.window_cols, shape.step_rows),
        whole_(kept_dates) {}

  /* Results from (first_row, first_col) on. */
  void place(long long first_row, long long first_col) {
    row0_ = first_row;
    col0_ = first_col;
    rows_ = std::min(tile_rows_, shape_.out_rows() - row0_);
    cols_ = std::min(tile_cols_, shape_.out_cols() - col0_);
    // Columns of the halo that exist, and where they go in a padded row.
    const long long left = col0_ * shape_.step_cols + shape_.step_cols / 2 - shape_.window_cols / 2;
    from_ = std::max(0LL, left);
    pad_ = from_ - left;
    count_ = std::min(shape_.cols, left + (cols_ - 1) * shape_.step_cols + shape_.window_cols) - from_;
    weighed_ = false;
    counted_rows_ = -1;
  }

  /* The inverse amplitude of one date, kept for its pairs; `kept` is its place among those kept. */
  void power_of(long long kept, const Image& image) {
    bool valid = true;
    stream(sums(power_, 1), {image, image, nullptr},
           [&](const T* z, const T*, T* row) {
             valid &= power_row(z, row + pad_, count_);
             return true;
           },
           [&](long long r, const Terms<T>& terms) {
             inverse_of_terms(terms.from.data(), terms.count(), inverse_row(kept, r), padded_);
           });
    whole_[kept] = valid;
  }

  bool whole(long long i, long long j) const { return whole_[i] && whole_[j]; }

  /* Magnitude or complex value of a pair of kept dates without a hole in the tile. Stops, with false, at the first
     sample without a phase. */
  bool cross(long long i, long long j, const ImagePair& pair, const CoherenceMaps<T>& out) {
    WindowSums<T>& planes = sums(cross_, 2);
    const ptrdiff_t stride = planes.stride();
    return stream(planes, pair,
                  [&](const T* za, const T* zb, T* row) {
                    cross_row(za, zb, row + pad_, row + stride + pad_, count_);
                    return turned(pair.phase, row, stride);
                  },
                  [&](long long r, const Terms<T>& terms) {
                    const T *const a = inverse_row(i, r), *const b = inverse_row(j, r);
                    T* const row = result_.data();
                    if (out.magnitude)
                      ratio_of_cross(terms.from.data(), terms.count(), stride, a, b, row, padded_, ceiling_);
                    else value_of_cross(terms.from.data(), terms.count(), stride, a, b, row, padded_, ceiling_);
                    put_result(out, r);
                  });
  }

  /* Any pair, from all four sums. Of a boxcar, holes are counted where there are some; with weights, stops at the first
     hole, and reports it, where they must be counted. */
  bool joint(const ImagePair& pair, const CoherenceMaps<T>& out) {
    WindowSums<T>& planes = sums(joint_, 4);
    const ptrdiff_t stride = planes.stride();
    const bool details_too = !out.single(), counts = shape_.boxcar() && (details_too || shape_.strict());
    if (counts) start_counts();
    return stream(planes, pair,
                  [&](const T* za, const T* zb, T* row) {
                    bool whole = joint_row(za, zb, row + pad_, stride, count_);
                    if (!turned(pair.phase, row, stride)) whole = false, drop_unturned(row, stride, 4);
                    if (counts) note_holes(za, zb, pair.phase, whole);
                    return whole | counts | !shape_.strict();
                  },
                  [&](long long r, const Terms<T>& terms) {
                    const int32_t* const holes = counts ? holes_.of_windows(top_of(r)) : nullptr;
                    if (holes) count_row(rows_on_image(r), along_.data(), holes, counts_.data(), padded_);
                    const T* const gaps = holes && shape_.strict() ? gaps_of(r) : nullptr;
                    if (!details_too) return result_of(r, terms, stride, gaps, out);
                    if (!holes) count_whole(r);
                    else inverse_count_row(counts_.data(), means_.data(), padded_), counted_rows_ = -1;
                    details(r, terms, stride, counts_.data(), gaps, out);
                  });
  }

  /* Weights, and holes that count: the weight of valid samples is a fifth sum. */
  void full(const ImagePair& pair, const CoherenceMaps<T>& out) {
    WindowSums<T>& planes = sums(full_, 5);
    const ptrdiff_t stride = planes.stride();
    start_counts();
    stream(planes, pair,
           [&](const T* za, const T* zb, T* row) {
             bool whole = joint_row(za, zb, row + pad_, stride, count_);
             valid_row(za, zb, row + 4 * stride + pad_, count_);
             if (!turned(pair.phase, row, stride)) whole = false, drop_unturned(row, stride, 5);
             note_holes(za, zb, pair.phase, whole);
             return true;
           },
           [&](long long r, const Terms<T>& terms) {
             valid_.from.clear();
             for (const T* from : terms.from) valid_.from.push_back(from + 4 * stride);
             sum_of_terms(valid_, counts_.data(), padded_);
             const T* const gaps = shape_.strict() ? gaps_of(r) : nullptr;
             if (out.single()) return result_of(r, terms, stride, gaps, out);
             inverse_count_row(counts_.data(), means_.data(), padded_);
             details(r, terms, stride, counts_.data(), gaps, out);
           });
  }

 private:
  using Planes = std::unique_ptr<WindowSums<T>>;

  WindowSums<T>& sums(Planes& planes, int count) {
    if (!planes)
      planes.reset(new WindowSums<T>(count, width_, {shape_.window_rows, shape_.row_weights},
                                     {shape_.window_cols, shape_.col_weights}));
    return *planes;
  }

  void start_counts() {
    counts_.resize(padded_), means_.resize(padded_), gaps_.resize(padded_);
    counted_rows_ = -1;
    weigh_columns();
    holes_.start(top_of(0), shape_.rows);
  }

  /* Where the row of images that was read last lacks samples. */
  void note_holes(const T* za, const T* zb, const double* phase, bool whole) {
    int32_t* const row = holes_.note(source_row_, !whole);
    if (whole) return;
    std::fill(row, row + pad_, 0);
    std::fill(row + pad_ + count_, row + width_, 0);
    hole_row(za, zb, row + pad_, count_);
    if (phase) unturned_hole_row(turn_.data(), turn_.data() + width_, row + pad_, count_);
  }

  T* inverse_row(long long kept, long long r) { return inverse_.data() + (size_t(kept) * tile_rows_ + r) * padded_; }

  /* Turn the cross product in a row of planes by the phase, if there is one; false where a sample has none. */
  bool turned(const double* phase, T* row, ptrdiff_t stride) {
    if (!phase) return true;
    T *const re = turn_.data(), *const im = re + width_;
    const bool known = phasor_row(phase + source_row_ * shape_.cols + from_, re, im, count_);
    turn_row(re, im, row + pad_, row + stride + pad_, count_);
    return known;
  }

  void drop_unturned(T* row, ptrdiff_t stride, int planes) const {
    for (int p = 0; p < planes; ++p)
      unturned_row(turn_.data(), turn_.data() + width_, row + p * stride + pad_, count_);
  }

  /* Every step_cols-th pixel of a row to its front. */
  void thin(T* row, int parts) const {
    for (long long c = 0; c < cols_ && shape_.step_cols > 1; ++c)
      for (int k = 0; k < parts; ++k) row[parts * c + k] = row[parts * c * shape_.step_cols + k];
  }

  /* A row of results, of one number or two per pixel, to where it belongs. */
  void put(const T* row, T* out, long long r, int parts = 1) const {
    T* const to = out + parts * ((row0_ + r) * shape_.out_cols() + col0_);
    if (past_caches_) stream_row(row, to, parts * cols_);
    else std::copy(row, row + parts * cols_, to);
  }

  /* The row of magnitudes or of complex values in result_. */
  void put_result(const CoherenceMaps<T>& out, long long r) {
    const int parts = out.magnitude ? 1 : 2;
    thin(result_.data(), parts);
    put(result_.data(), out.magnitude ? out.magnitude : out.complex_value, r, parts);
  }

  /* The one map that is wanted of a row, from four planes of sums; `gaps` as for details. */
  void result_of(long long r, const Terms<T>& terms, ptrdiff_t stride, const T* gaps, const CoherenceMaps<T>& out) {
    T* const row = result_.data();
    if (out.magnitude) {
      ratio_of_joint(terms.from.data(), terms.count(), stride, row, padded_, ceiling_);
      if (gaps) add_gaps(gaps, row, padded_);
    } else {
      value_of_joint(terms.from.data(), terms.count(), stride, row, padded_, ceiling_);
      if (gaps) add_gaps_to_values(gaps, row, padded_);
    }
    put_result(out, r);
  }

  /* All maps of a row from four planes of sums and means_, the inverse of `valid`, the weight of valid samples; `gaps` is
     NaN where there is no data, or null for none. */
  void details(long long r, const Terms<T>& terms, ptrdiff_t stride, const T* valid, const T* gaps,
               const CoherenceMaps<T>& out) {
    detail_.resize(6 * padded_);
    T *re = detail_.data(), *im = re + padded_, *magnitude = im + padded_, *a = magnitude + padded_, *b = a + padded_;
    T* const other = b + padded_;
    detail_of_joint(terms.from.data(), terms.count(), stride, means_.data(), re, padded_, ceiling_);
    for (T* row = re; row < other; row += padded_) {
      if (gaps) add_gaps(gaps, row, padded_);
      thin(row, 1);
    }
    if (out.magnitude) put(magnitude, out.magnitude, r);
    if (out.power_a) put(a, out.power_a, r);
    if (out.power_b) put(b, out.power_b, r);
    if (out.looks) {
      std::copy(valid, valid + padded_, other);
      thin(other, 1);
      put(other, out.looks, r);
    }
    if (out.phase) {
      angle_row(re, im, other, cols_);
      put(other, out.phase, r);
    }
    if (out.complex_value) {
      interleave_row(re, im, result_.data(), cols_);
      put(result_.data(), out.complex_value, r, 2);
    }
  }

  /* Samples of each window of a row that lie on the image, of a boxcar: in counts_, with their inverse in means_. */
  void count_whole(long long r) {
    const double down = rows_on_image(r);
    if (down == counted_rows_) return;
    for (long long k = 0; k < padded_; ++k) counts_[k] = T(down * along_[k]);
    inverse_count_row(counts_.data(), means_.data(), padded_);
    counted_rows_ = down;
  }

  /* Weight along rows of the part of a window that lies on the image. */
  double rows_on_image(long long r) const {
    return weight_on_image(top_of(r), shape_.window_rows, shape_.rows, shape_.row_weights);
  }

  long long centre_of(long long r) const { return (row0_ + r) * shape_.step_rows + shape_.step_rows / 2; }

  /* The first row of a window, which may lie off the image. */
  long long top_of(long long r) const { return centre_of(r) - shape_.window_rows / 2; }

  /* NaN where too little of a window is valid, by counts_, or nothing in its centre. */
  const T* gaps_of(long long r) {
    const int32_t* const row = shape_.centred ? holes_.holes_of(centre_of(r)) : nullptr;
    const int32_t* const own = row ? row + shape_.window_cols / 2 : nullptr;
    gap_row(counts_.data(), own, shape_.min_valid, rows_on_image(r), along_.data(), gaps_.data(), padded_);
    return gaps_.data();
  }

  /* Weight along columns of the part of each window that lies on the image, once per tile. */
  void weigh_columns() {
    const long long left = from_ - pad_;
    for (long long k = 0; k < padded_ && !weighed_; ++k)
      along_[k] = weight_on_image(left + k, shape_.window_cols, shape_.cols, shape_.col_weights);
    weighed_ = true;
  }

  /* A row of an image in the type of the sums. */
  const T* row_of(const Image& image, long long r, T* wide) const {
    const size_t offset = 2 * (size_t(r) * shape_.cols + from_);
    if (!image.int16) return static_cast<const T*>(image.data) + offset;
    widen_row(static_cast<const int16_t*>(image.data) + offset, wide, count_);
    return wide;
  }

  /* The rows of both images that the next step needs. */
  Ahead rows_ahead(const Image& a, const Image& b, long long first, long long count) const {
    Ahead ahead;
    for (long long r = std::max(0LL, first); r < std::min(first + count, shape_.rows); ++r)
      for (const Image* image : {&a, &b}) {
        const size_t size = image->int16 ? 4 : 2 * sizeof(T);
        ahead.add(static_cast<const char*>(image->data) + (size_t(r) * shape_.cols + from_) * size, count_ * size);
        if (a.data == b.data) break;
      }
    return ahead;
  }

  /* Feed the tile's rows with their halo: load(row of a, row of b, row to fill), then take(tile row, terms). Rows and
     columns off the image are zero. While rows are summed the next ones are fetched. Ends, with false, where load does. */
  template <typename Load, typename Take>
  bool stream(WindowSums<T>& sums, const ImagePair& images, Load load, Take take) {
    sums.start();
    const long long step = shape_.step_rows, first = top_of(0);
    long long ready = 0;  // results taken
    for (long long pushed = 0; ready < rows_; ++pushed) {
      source_row_ = first + pushed;
      T* row = sums.next_row();
      if (source_row_ >= 0 && source_row_ < shape_.rows) {
        clear_margins(row, sums);
        const T* a = row_of(images.a, source_row_, wide_.data());
        // A date on its own, or with itself, is widened once.
        const bool same = images.a.data == images.b.data;
        if (!load(a, same ? a : row_of(images.b, source_row_, wide_.data() + 2 * width_), row)) return false;
      } else {
        std::fill(row, row + sums.length(), T(0));
      }
      sums.push();
      // The window of result k ends with row k step + window - 1; two windows in turn are summed together.
      if (pushed < ready * step + shape_.window_rows - 1) continue;
      const bool last = ready + 1 == rows_, two = step == 1 && pushed == ready + shape_.window_rows;
      if (step == 1 && !two && !last) continue;
      Ahead next = rows_ahead(images.a, images.b, source_row_ + 1, 1 + two), nothing;
      sums.sum_down(two, next);
      for (int back = two; back >= 0; --back, ++ready) take(ready, single(sums, sums.terms(back, nothing)));
    }
    return true;
  }

  /* Weighted terms are summed here, so that the loops that finish need not know of weights. */
  const Terms<T>& single(const WindowSums<T>& sums, const Terms<T>& terms) {
    if (terms.weight.empty()) return terms;
    weighted_.resize(sums.length() + CHUNK);
    sum_of_terms(terms, weighted_.data(), sums.length());
    one_.from.assign(1, weighted_.data());
    return one_;
  }

  static void sum_of_terms(const Terms<T>& terms, T* out, ptrdiff_t n) {
    Ahead nothing;
    if (terms.weight.empty()) sum_terms(terms.from.data(), terms.count(), out, n, nothing);
    else sum_weighted(terms.from.data(), terms.weight.data(), terms.count(), terms.mirrored, out, n, nothing);
  }

  void clear_margins(T* row, const WindowSums<T>& sums) const {
    if (pad_ == 0 && count_ == width_) return;
    for (T* plane = row; plane + width_ <= row + sums.length(); plane += sums.stride()) {
      std::fill(plane, plane + pad_, T(0));
      std::fill(plane + pad_ + count_, plane + width_, T(0));
    }
  }

  CoherenceShape shape_;
  bool past_caches_, weighed_ = false;
  double counted_rows_ = -1; /* rows on the image of the windows in counts_ */
  T ceiling_;
  long long tile_rows_, tile_cols_, width_, padded_;
  long long row0_ = 0, col0_ = 0, rows_ = 0, cols_ = 0, from_ = 0, pad_ = 0, count_ = 0, source_row_ = 0;
  Planes power_, cross_, joint_, full_;
  std::vector<T> inverse_, result_, wide_, turn_;
  std::vector<double> along_;
  HoleCounts holes_;
  std::vector<T> weighted_, detail_, counts_, means_, gaps_;
  Terms<T> one_, valid_;
  std::vector<char> whole_;
};

/* images: one per date, (rows, cols); pairs: 2 x count indices; phases: (rows, cols) per pair, or null for none. */
template <typename T>
void coherence_pairs(const Image* images, long long image_count, const long long* pairs, long long pair_count,
                     const double* const* phases, const CoherenceShape& shape, const CoherenceMaps<T>& maps) {
  // Dates whose power is kept: those of a list in which dates recur. A lone pair is quicker in one sweep.
  std::vector<long long> kept(image_count, -1);
  long long kept_count = 0;
  const bool plain = maps.single();
  for (long long p = 0; p < 2 * pair_count && plain; ++p)
    if (kept[pairs[p]] < 0) kept[pairs[p]] = kept_count++;
  const bool keep = plain && kept_count < 2 * pair_count;
  if (!keep) kept_count = 0;
  // Halo rows are computed again in the next tile, so a tall window wants a tall tile; kept powers want a small one.
  const long long tile_cols = std::max(
      1LL, std::min<long long>(std::max<long long>(TILE_COLS, 8 * shape.window_cols) / shape.step_cols, shape.out_cols()));
  long long tile_rows = std::max<long long>(keep ? 32 : 64, 8 * shape.window_rows) / shape.step_rows;
  if (keep) tile_rows = std::min<long long>(tile_rows, KEPT_BYTES / (kept_count * padded(tile_cols) * sizeof(T)));
  tile_rows = std::max(1LL, std::min(std::max(8LL / shape.step_rows, tile_rows), shape.out_rows()));
  const long long down = (shape.out_rows() + tile_rows - 1) / tile_rows;
  const long long across = (shape.out_cols() + tile_cols - 1) / tile_cols;
  const long long plane = shape.out_rows() * shape.out_cols();
  const bool past_caches = plane * pair_count * maps.numbers() * (long long)sizeof(T) > STREAMED_BYTES;
  parallel_for(
      down * across,
      [&] { return CoherenceTile<T>(shape, tile_rows, tile_cols, kept_count, past_caches); },
      [&](CoherenceTile<T>& tile, long long k) {
        tile.place(k / across * tile_rows, k % across * tile_cols);
        for (long long d = 0; keep && d < image_count; ++d)
          if (kept[d] >= 0) tile.power_of(kept[d], images[d]);
        for (long long p = 0; p < pair_count; ++p) {
          const long long i = pairs[2 * p], j = pairs[2 * p + 1];
          const CoherenceMaps<T> out = maps.of_pair(p, plane);
          const ImagePair pair{images[i], images[j], phases ? phases[p] : nullptr};
          const bool whole = keep && tile.whole(kept[i], kept[j]);
          if (whole && tile.cross(kept[i], kept[j], pair, out)) continue;
          // Of weights, four sums serve where holes need not be counted, or are not known yet.
          const bool four = shape.boxcar() || (plain && !(shape.strict() && keep));
          if (four && tile.joint(pair, out)) continue;
          tile.full(pair, out);
        }
      });
}

}  // namespace m3
#endif
