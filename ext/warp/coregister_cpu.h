/* A burst onto the pixels of another acquisition of it (CPU; formulas in coregister.h): first lines without their carrier,
   segments of rows over threads; then rows of the reference over threads, in chunks of pixels.

   Pixels whose taps all lie on the window are summed in vectors; the others, and those nothing finite came out for, go
   through resample.h one by one. Which way a pixel goes depends on its position and the pixels it needs alone, so
   a part of the rows has the bits of the whole. */
#ifndef M3_COREGISTER_CPU_H
#define M3_COREGISTER_CPU_H

#include <string.h>

#include <atomic>
#include <vector>

#include "coregister.h"
#include "lanes.h"
#include "parallel.h"
#include "registers.h"
#include "turned_samples.h"

namespace m3 {

/* Pixels of a chunk, rows of the reference that a thread takes at a time, lanes of a vector. */
constexpr int COREGISTER_CHUNK = 64, COREGISTER_ROWS = 16, COREGISTER_LANES = 8;
typedef Lanes<float, COREGISTER_LANES>::type Wide8;

/* The burst as it is read: lines of complex float or int16, and the valid columns of each, first and last; none if null. */
template <typename Part>
struct BurstLines {
  const Part* parts;
  const long long* valid;
  long long rows, cols;
};

struct CarrierChunk {
  alignas(64) float value_re[COREGISTER_CHUNK], value_im[COREGISTER_CHUNK], factor_re[COREGISTER_CHUNK];
  alignas(64) float factor_im[COREGISTER_CHUNK], growth_re[COREGISTER_CHUNK], growth_im[COREGISTER_CHUNK];
};

M3_CLONES static void carrier_begun(const double* model, long long row, long long col, int count, CarrierChunk& chunk) {
  for (int p = 0; p < count; ++p) {
    const CarrierStep step = carrier_step(model, row, col + p);
    chunk.value_re[p] = step.value.re, chunk.value_im[p] = step.value.im;
    chunk.factor_re[p] = step.factor.re, chunk.factor_im[p] = step.factor.im;
    chunk.growth_re[p] = step.growth.re, chunk.growth_im[p] = step.growth.im;
  }
}

M3_CLONES static void carrier_moved(int count, CarrierChunk& chunk) {
  for (int p = 0; p < count; ++p) {
    const Turn<float> factor = {chunk.factor_re[p], chunk.factor_im[p]};
    const Turn<float> value = times(Turn<float>{chunk.value_re[p], chunk.value_im[p]}, factor);
    const Turn<float> next = times(factor, Turn<float>{chunk.growth_re[p], chunk.growth_im[p]});
    chunk.value_re[p] = value.re, chunk.value_im[p] = value.im;
    chunk.factor_re[p] = next.re, chunk.factor_im[p] = next.im;
  }
}

/* Samples times the carrier's turn; whether any is finite. */
template <typename Part>
static M3_INLINE bool carrier_taken(const Part* line, const CarrierChunk& chunk, int count, float* out) {
  int found = 0;
  for (int p = 0; p < count; ++p) {
    const Turn<float> turned = times(burst_sample(line + 2 * p), {chunk.value_re[p], chunk.value_im[p]});
    out[2 * p] = turned.re;
    out[2 * p + 1] = turned.im;
    found |= turned.re * 0.0f + turned.im * 0.0f == 0.0f;
  }
  return found != 0;
}
M3_CLONES static bool carrier_off(const float* line, const CarrierChunk& chunk, int count, float* out) {
  return carrier_taken(line, chunk, count, out);
}
M3_CLONES static bool carrier_off(const short* line, const CarrierChunk& chunk, int count, float* out) {
  return carrier_taken(line, chunk, count, out);
}

/* Columns of a chunk outside a line's valid ones become NaN; whether any is left. */
inline bool chunk_masked(const long long* valid, long long col, int count, float* out) {
  const long long first = valid[0] < 0 ? col + count : valid[0], last = valid[0] < 0 ? -1 : valid[1];
  if (first <= col && last >= col + count - 1) return true;
  for (int p = 0; p < count; ++p)
    if (col + p < first || col + p > last) out[2 * p] = out[2 * p + 1] = NAN;
  return first <= col + count - 1 && last >= col;
}

/* Lines first ... first + rows - 1 without their carrier, (rows, cols) complex. `found` (rows, chunks) tells where any
   sample is finite. */
template <typename Part>
void coregister_still(const BurstLines<Part>& burst, const double* model, long long first, long long rows, float* out,
                      unsigned char* found) {
  const long long chunks = (burst.cols + COREGISTER_CHUNK - 1) / COREGISTER_CHUNK, begin = first / CARRIER_ROWS;
  const long long segments = (first + rows - 1) / CARRIER_ROWS - begin + 1;
  parallel_for(
      segments * chunks, [] { return CarrierChunk(); },
      [&](CarrierChunk& chunk, long long task) {
        const long long at = task % chunks, col = at * COREGISTER_CHUNK, start = (begin + task / chunks) * CARRIER_ROWS;
        const int count = burst.cols - col < COREGISTER_CHUNK ? (int)(burst.cols - col) : COREGISTER_CHUNK;
        carrier_begun(model, start, col, count, chunk);
        for (long long r = start; r < start + CARRIER_ROWS && r < first + rows; ++r) {
          if (r >= first) {
            float* const line = out + 2 * ((r - first) * burst.cols + col);
            const bool any = carrier_off(burst.parts + 2 * (r * burst.cols + col), chunk, count, line);
            const bool left = burst.valid == nullptr || chunk_masked(burst.valid + 2 * r, col, count, line);
            found[(r - first) * chunks + at] = any && left;
          }
          carrier_moved(count, chunk);
        }
      });
}

/* Tables of weights in the type of the sums; those along columns hold each weight twice, for both parts. */
struct CoregisterTables {
  const double* down;
  const double* right;
  int taps;
  std::vector<float> down_line, right_line;
  CoregisterTables(const double* down_table, const double* right_table, int right_taps)
      : down(down_table),
        right(right_table),
        taps(right_taps),
        down_line((RESAMPLE_STEPS + 1) * COREGISTER_DOWN),
        right_line(2 * (RESAMPLE_STEPS + 1) * right_taps) {
    for (size_t k = 0; k < down_line.size(); ++k) down_line[k] = (float)down[k];
    for (size_t k = 0; k < right_line.size(); ++k) right_line[k] = (float)right[k / 2];
  }
};

/* What is to be computed: rows of the reference from `first_row` on, from a window of lines of the burst. */
struct CoregisterJob {
  const float* still;
  const unsigned char* found;
  long long first_line, lines, cols; /* of the window */
  const double* model;
  HeightPosts posts;
  long long first_row, out_rows, out_cols;
  double flatten; /* 1 or 0 */
  float* values;  /* (out_rows, out_cols) complex, or null */
  short* stored;  /* the same as int16, or null */
  float inverse;
};

struct CoregisterChunk {
  double azimuth[COREGISTER_ROWS][OFFSET_LINE], range[COREGISTER_ROWS][OFFSET_LINE];
  double post[COREGISTER_CHUNK + 2], height[COREGISTER_CHUNK], part[COREGISTER_CHUNK];
  int before[COREGISTER_CHUNK];
  double row[COREGISTER_CHUNK], col[COREGISTER_CHUNK], phase[COREGISTER_CHUNK];
  double whole[COREGISTER_CHUNK], first[COREGISTER_CHUNK];
  alignas(64) float down[COREGISTER_CHUNK * COREGISTER_DOWN], right[COREGISTER_CHUNK * 24];
  alignas(64) float value[2 * COREGISTER_CHUNK];
  int full[COREGISTER_CHUNK];
};

/* Posts before the pixels of a chunk, counted from that of its first pixel, and the way to the next. */
inline long long chunk_posts(const HeightPosts& posts, long long col, int count, CoregisterChunk& chunk) {
  long long first = 0;
  for (int p = 0; p < count; ++p) {
    long long post;
    chunk.part[p] = post_before(col + p, posts.col_step, posts.cols, &post);
    if (p == 0) first = post;
    chunk.before[p] = (int)(post - first);
  }
  return first;
}

M3_CLONES static void chunk_heights(const double* post, const int* before, const double* part, int count, double* height) {
  for (int p = 0; p < count; ++p) height[p] = between_posts(post[before[p]], post[before[p] + 1], part[p]);
}

M3_CLONES static void chunk_placed(const double* model, const double* azimuth, const double* range, double row, double col,
                                   double flatten, const double* height, int count, double* __restrict to_row,
                                   double* __restrict to_col, double* __restrict phase) {
  for (int p = 0; p < count; ++p) {
    const CoregisterPlace place = coregister_place(model, azimuth, range, row, col + p, height[p], flatten);
    to_row[p] = place.row;
    to_col[p] = place.col;
    phase[p] = place.phase;
  }
}

/* Which pixels have all their taps on the window and lie between its samples, and the flat index of their first tap. */
M3_CLONES static int chunk_on(const double* row, const double* col, double rows, double cols, double right, int count,
                              double* __restrict whole, double* __restrict first) {
  int found = 0;
  for (int p = 0; p < count; ++p) {
    const double above = floor(row[p]), beside = floor(col[p]);
    const double top = above - (0.5 * COREGISTER_DOWN - 1.0), left = beside - (0.5 * right - 1.0);
    const bool on = (top >= 0.0) & (left >= 0.0) & (top + COREGISTER_DOWN <= rows) & (left + right <= cols);
    const bool between = (row[p] != above) | (col[p] != beside);
    whole[p] = on & between ? 1.0 : 0.0;
    first[p] = on & between ? top * cols + left : 0.0; /* exact up to 2^53 pixels */
  }
  for (int p = 0; p < count; ++p) found += whole[p] != 0.0;
  return found;
}

/* Weights of a chunk's pixels, BLOCKS vectors each. */
template <int BLOCKS>
static M3_INLINE void chunk_lines(const float* table, const double* position, int count, float* weights) {
  for (int p = 0; p < count; ++p) {
    const double at = (position[p] - floor(position[p])) * RESAMPLE_STEPS;
    const int line = at >= 0.0 && at < RESAMPLE_STEPS ? (int)at : 0;
    const float part = (float)(at - line);
    const float* const low = table + line * BLOCKS * COREGISTER_LANES;
    const float* const high = low + BLOCKS * COREGISTER_LANES;
    for (int b = 0; b < BLOCKS; ++b)
      *reinterpret_cast<Wide8*>(weights + (p * BLOCKS + b) * COREGISTER_LANES) =
          (1.0f - part) * *reinterpret_cast<const Wide8*>(low + b * COREGISTER_LANES) +
          part * *reinterpret_cast<const Wide8*>(high + b * COREGISTER_LANES);
  }
}

/* Sums of the taps of a chunk's pixels, BLOCKS vectors of columns a row. */
template <int BLOCKS>
static M3_INLINE void chunk_taps(const float* still, ptrdiff_t line, const CoregisterChunk& chunk, int count,
                                 float* out) {
  for (int p = 0; p < count; ++p) {
    const float* const from = still + 2 * (long long)chunk.first[p];
    const float* const down = chunk.down + p * COREGISTER_DOWN;
    const float* const right = chunk.right + p * BLOCKS * COREGISTER_LANES;
    Wide8 sum = {};
    for (int b = 0; b < BLOCKS; ++b) {
      const float* const column = from + b * COREGISTER_LANES;
      /* Two sums, so that additions need not wait for each other. */
      Wide8 even = down[0] * *reinterpret_cast<const Wide8*>(column);
      Wide8 odd = down[1] * *reinterpret_cast<const Wide8*>(column + line);
      for (int i = 2; i < COREGISTER_DOWN; i += 2) {
        even += down[i] * *reinterpret_cast<const Wide8*>(column + i * line);
        odd += down[i + 1] * *reinterpret_cast<const Wide8*>(column + (i + 1) * line);
      }
      sum += (even + odd) * *reinterpret_cast<const Wide8*>(right + b * COREGISTER_LANES);
    }
    out[2 * p] = (sum[0] + sum[4]) + (sum[2] + sum[6]);
    out[2 * p + 1] = (sum[1] + sum[5]) + (sum[3] + sum[7]);
  }
}

#define M3_CHUNK_TAPS(taps, blocks)                                                                                  \
  M3_CLONES static void chunk_taps_##taps(const CoregisterTables& tables, const float* still, ptrdiff_t line, int count, \
                                          CoregisterChunk& chunk) {                                                  \
    chunk_lines<1>(tables.down_line.data(), chunk.row, count, chunk.down);                                           \
    chunk_lines<blocks>(tables.right_line.data(), chunk.col, count, chunk.right);                                    \
    chunk_taps<blocks>(still, line, chunk, count, chunk.value);                                                      \
  }
M3_CHUNK_TAPS(8, 2)
M3_CHUNK_TAPS(12, 3)
#undef M3_CHUNK_TAPS

M3_CLONES static long long chunk_stored(const float* value, float inverse, int count, int* full, short* out) {
  for (int p = 0; p < count; ++p) {
    full[p] = 0;
    out[2 * p] = stored_part(value[2 * p], inverse, &full[p]);
    out[2 * p + 1] = stored_part(value[2 * p + 1], inverse, &full[p]);
  }
  long long found = 0;
  for (int p = 0; p < count; ++p) found += full[p];
  return found;
}

/* Whether any sample near the pixels of a chunk is finite. */
inline bool chunk_found(const CoregisterJob& job, const CoregisterChunk& chunk, int count) {
  double top = 1e300, low = -1e300, left = 1e300, right = -1e300;
  for (int p = 0; p < count; ++p) {
    top = chunk.row[p] < top ? chunk.row[p] : top;
    low = chunk.row[p] > low ? chunk.row[p] : low;
    left = chunk.col[p] < left ? chunk.col[p] : left;
    right = chunk.col[p] > right ? chunk.col[p] : right;
  }
  const double reach = COREGISTER_CHUNK / 8;
  const double last_line = (double)job.lines - 1.0, last_col = (double)job.cols - 1.0;
  if (!(top - reach <= last_line && low + reach >= 0.0 && left - reach <= last_col && right + reach >= 0.0)) return false;
  const long long chunks = (job.cols + COREGISTER_CHUNK - 1) / COREGISTER_CHUNK;
  const long long from_line = (long long)fmax(top - reach, 0.0), to_line = (long long)fmin(low + reach, last_line);
  const long long from_chunk = (long long)fmax(left - reach, 0.0) / COREGISTER_CHUNK;
  const long long to_chunk = (long long)fmin(right + reach, last_col) / COREGISTER_CHUNK;
  for (long long r = from_line; r <= to_line; ++r)
    for (long long c = from_chunk; c <= to_chunk; ++c)
      if (job.found[r * chunks + c]) return true;
  return false;
}

/* Values of a chunk before their phase comes on. */
template <int RIGHT>
void chunk_values(const CoregisterJob& job, const CoregisterTables& tables, int count, CoregisterChunk& chunk) {
  for (int p = 0; p < count; ++p) chunk.row[p] -= (double)job.first_line;
  if (!chunk_found(job, chunk, count)) {
    for (int k = 0; k < 2 * count; ++k) chunk.value[k] = NAN;
    return;
  }
  const int on = chunk_on(chunk.row, chunk.col, (double)job.lines, (double)job.cols, (double)RIGHT, count, chunk.whole,
                          chunk.first);
  if (on > 0) (RIGHT == 8 ? chunk_taps_8 : chunk_taps_12)(tables, job.still, 2 * job.cols, count, chunk);
  for (int p = 0; p < count; ++p) {
    if (chunk.whole[p] != 0.0 && resample_valid(chunk.value[2 * p], chunk.value[2 * p + 1])) continue;
    double re, im;
    resample_value<float, COREGISTER_DOWN, RIGHT>(job.still, tables.down, tables.right, job.lines, job.cols, chunk.row[p],
                                                  chunk.col[p], &re, &im);
    chunk.value[2 * p] = (float)re;
    chunk.value[2 * p + 1] = (float)im;
  }
}

/* Samples that did not fit into int16. */
template <int RIGHT>
long long coregister_rows(const CoregisterJob& job, const CoregisterTables& tables) {
  std::atomic<long long> full{0};
  parallel_for(
      (job.out_rows + COREGISTER_ROWS - 1) / COREGISTER_ROWS, [] { return std::vector<CoregisterChunk>(1); },
      [&](std::vector<CoregisterChunk>& held, long long task) {
        CoregisterChunk& chunk = held[0];
        const long long start = task * COREGISTER_ROWS;
        const int rows = (int)(job.out_rows - start < COREGISTER_ROWS ? job.out_rows - start : COREGISTER_ROWS);
        for (int r = 0; r < rows; ++r)
          for (int k = 0; k < OFFSET_LINE; ++k) {
            const double u = offset_row(job.model, job.first_row + start + r);
            chunk.azimuth[r][k] = offset_of_row(job.model + MODEL_AZIMUTH, u, k);
            chunk.range[r][k] = offset_of_row(job.model + MODEL_RANGE, u, k);
          }
        long long own_full = 0;
        for (long long c = 0; c < job.out_cols; c += COREGISTER_CHUNK) {
          const int count = job.out_cols - c < COREGISTER_CHUNK ? (int)(job.out_cols - c) : COREGISTER_CHUNK;
          const long long post = chunk_posts(job.posts, c, count, chunk);
          for (int r = 0; r < rows; ++r) {
            const long long row = job.first_row + start + r, pixel = (start + r) * job.out_cols + c;
            long long i;
            const double down = post_before(row, job.posts.row_step, job.posts.rows, &i);
            for (int k = 0; k <= chunk.before[count - 1] + 1; ++k) {
              const long long j = post + k < job.posts.cols ? post + k : job.posts.cols - 1;
              chunk.post[k] = post_of_row(job.posts, i, down, j);
            }
            chunk_heights(chunk.post, chunk.before, chunk.part, count, chunk.height);
            chunk_placed(job.model, chunk.azimuth[r], chunk.range[r], (double)row, (double)c, job.flatten, chunk.height,
                         count, chunk.row, chunk.col, chunk.phase);
            chunk_values<RIGHT>(job, tables, count, chunk);
            turn_samples(chunk.phase, 1.0, chunk.value, count);
            if (job.stored != nullptr)
              own_full += chunk_stored(chunk.value, job.inverse, count, chunk.full, job.stored + 2 * pixel);
            else
              memcpy(job.values + 2 * pixel, chunk.value, 2 * count * sizeof(float));
          }
        }
        full += own_full;
      });
  return full;
}

/* For Cython, which has no integer template parameters. */
inline long long coregister_any(const CoregisterJob& job, const double* down, const double* right, int taps) {
  const CoregisterTables tables(down, right, taps);
  return taps == 8 ? coregister_rows<8>(job, tables) : coregister_rows<12>(job, tables);
}

}  // namespace m3
#endif
