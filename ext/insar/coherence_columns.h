/* Columns of a strip that the lanes of a warp own (GPU only): four or eight beside each other per lane, whose samples are read
   together, whose sums down a window are kept from row to row, and whose sums along it are exchanged among the lanes. */
#ifndef M3_COHERENCE_COLUMNS_H
#define M3_COHERENCE_COLUMNS_H

#include "hostdev.h"
#include "coherence.h"
#include "coherence_inputs.h"

namespace m3 {

constexpr unsigned WHOLE_WARP = 0xffffffffu;

struct alignas(4) Short2 {
  short x, y;
};
struct alignas(16) Short8 {
  Short2 part[4];
};

struct Sample {
  float re, im;
};

__device__ inline Sample sample_of(float2 s) { return {s.x, s.y}; }
__device__ inline Sample sample_of(Short2 s) { return {part_of<float>(s.x), part_of<float>(s.y)}; }

/* How a sample of an image is stored, and four of them. */
template <typename In>
struct Stored;
template <>
struct Stored<float> {
  typedef float2 One;
  __device__ static void four(const float2* from, Sample* to) {
    const float4 low = M3_LOAD(reinterpret_cast<const float4*>(from));
    const float4 high = M3_LOAD(reinterpret_cast<const float4*>(from) + 1);
    to[0] = {low.x, low.y}, to[1] = {low.z, low.w}, to[2] = {high.x, high.y}, to[3] = {high.z, high.w};
  }
};
template <>
struct Stored<short> {
  typedef Short2 One;
  __device__ static void four(const Short2* from, Sample* to) {
    const Short8 all = M3_LOAD(reinterpret_cast<const Short8*>(from));
    M3_UNROLL(4)
    for (int i = 0; i < 4; ++i) to[i] = sample_of(all.part[i]);
  }
};

/* Four samples of a row from `col` on, zero where there is no data; returns which are. */
template <typename In>
__device__ inline unsigned four_samples(const void* image, long long rows, long long cols, long long row, long long col,
                                        Sample* to) {
  typedef typename Stored<In>::One One;
  const One* const from = static_cast<const One*>(image) + row * cols + col;
  const bool row_on = row >= 0 && row < rows;
  unsigned holes = 0;
  if (row_on && col >= 0 && col + 4 <= cols && (reinterpret_cast<unsigned long long>(from) & 15) == 0) {
    Stored<In>::four(from, to);
  } else {
    M3_UNROLL(4)
    for (int i = 0; i < 4; ++i) to[i] = row_on && col + i >= 0 && col + i < cols ? sample_of(M3_LOAD(from + i)) : Sample{0, 0};
  }
  M3_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    if (sample_valid(to[i].re, to[i].im)) continue;
    to[i] = {0, 0};
    holes |= 1u << i;
  }
  return holes;
}

/* The strip of a warp: rows of results [first_out, last_out), columns of the image from `left` on. */
struct StripPlace {
  long long first_out, last_out, top, left;
  int strip;
  __device__ StripPlace(const CoherenceInputs& in, int strip_, int useful)
      : first_out((long long)blockIdx.z * in[STRIP_ROWS]),
        last_out(first_out + in[STRIP_ROWS] < in[OUT_ROWS] ? first_out + in[STRIP_ROWS] : in[OUT_ROWS]),
        top(first_out * in[STEP_ROWS] + in[STEP_ROWS] / 2 - in[WINDOW_ROWS] / 2),
        left((long long)strip_ * useful - in[WINDOW_COLS] / 2),
        strip(strip_) {}
};

/* Columns of whole windows in a strip, a multiple of four so that results are stored by four. */
__device__ inline int useful_cols(const CoherenceInputs& in, int width) { return (width - (int)in[WINDOW_COLS] + 1) & ~3; }

/* Rows of sums of four that a warp keeps: the last is kept in a register. */
__device__ inline int rows_kept(int window_rows) { return window_rows >= 6 ? window_rows - 4 : 0; }

/* What a lane knows of the rows above, of N sums in C columns. */
template <int N, int C>
struct Above {
  float one[N][C], two[N][C], two_before[N][C], four[N][C];
  float4* kept;  // [row][sum][4 columns][lane]
  int slot;

  __device__ void clear(float4* place) {
    kept = place;
    slot = 0;
    M3_UNROLL(8)
    for (int n = 0; n < N; ++n) {
      M3_UNROLL(8)
      for (int i = 0; i < C; ++i) one[n][i] = two[n][i] = two_before[n][i] = four[n][i] = 0.0f;
    }
  }

  __device__ float4* at(int row, int n, int quad, int lane) const { return kept + ((row * N + n) * (C / 4) + quad) * 32 + lane; }

  /* Takes the terms of the next row; gives the sums down the window that ends there, if `wanted`. */
  __device__ void push(int n, const float (&x)[C], int window_rows, int lane, bool wanted, float (&sum)[C]) {
    const int rest = window_rows % 4, rows = rows_kept(window_rows);
    float four_now[C];
    M3_UNROLL(8)
    for (int i = 0; i < C; ++i) {
      const float pair = x[i] + one[n][i];
      four_now[i] = pair + two_before[n][i];
      sum[i] = rest == 1 ? x[i] : rest == 2 ? pair : rest == 3 ? x[i] + two[n][i] : 0.0f;
      if (window_rows >= 4 && rest < 2) sum[i] += rest ? four[n][i] : four_now[i];
      one[n][i] = x[i];
      two_before[n][i] = two[n][i];
      two[n][i] = pair;
      four[n][i] = four_now[i];
    }
    if (wanted) {
      M3_UNROLL(1)
      for (int age = rest < 2 ? rest + 4 : rest; age + 4 <= window_rows; age += 4) {
        const int row = slot >= age ? slot - age : slot - age + rows;
        M3_UNROLL(2)
        for (int quad = 0; quad < C / 4; ++quad) {
          const float4 old = M3_LOAD(at(row, n, quad, lane));
          sum[4 * quad] += old.x, sum[4 * quad + 1] += old.y, sum[4 * quad + 2] += old.z, sum[4 * quad + 3] += old.w;
        }
      }
    }
    if (rows == 0) return;
    M3_UNROLL(2)
    for (int quad = 0; quad < C / 4; ++quad)
      M3_STORE(at(slot, n, quad, lane), (float4{four_now[4 * quad], four_now[4 * quad + 1], four_now[4 * quad + 2],
                                                four_now[4 * quad + 3]}));
  }
  __device__ void next_row(int window_rows) { slot = slot + 1 < rows_kept(window_rows) ? slot + 1 : 0; }
};

/* Sums of windows of `count` columns that begin in this lane's columns, from sums v of single columns. */
template <int C>
__device__ inline void sum_over_lanes(const float (&v)[C], int count, float (&sum)[C]) {
  constexpr int quads = C / 4;
  float x[C + 3], two[C + 2], four[C], few[C];
  M3_UNROLL(8)
  for (int i = 0; i < C; ++i) x[i] = v[i];
  M3_UNROLL(3)
  for (int i = 0; i < 3; ++i) x[C + i] = __shfl_down_sync(WHOLE_WARP, v[i], 1);
  M3_UNROLL(10)
  for (int i = 0; i < C + 2; ++i) two[i] = x[i] + x[i + 1];
  const int blocks = count / 4, rest = count % 4;
  M3_UNROLL(8)
  for (int i = 0; i < C; ++i) {
    four[i] = two[i] + two[i + 2];
    few[i] = rest == 1 ? x[i] : rest == 2 ? two[i] : x[i] + two[i + 1];
    sum[i] = 0.0f;
  }
  // Block j of the window that begins in quad h of a lane is quad (h + j) % quads, (h + j) / quads lanes further.
  M3_UNROLL(1)
  for (int lanes = 0; lanes * quads < blocks + quads - 1; ++lanes) {
    M3_UNROLL(2)
    for (int quad = 0; quad < quads; ++quad) {
      if (lanes * quads + quad >= blocks + quads - 1) continue;
      float other[4];
      M3_UNROLL(4)
      for (int i = 0; i < 4; ++i)
        other[i] = lanes == 0 ? four[4 * quad + i] : __shfl_down_sync(WHOLE_WARP, four[4 * quad + i], lanes);
      M3_UNROLL(2)
      for (int h = 0; h < quads; ++h) {
        const int block = lanes * quads + quad - h;
        if (block < 0 || block >= blocks) continue;
        M3_UNROLL(4)
        for (int i = 0; i < 4; ++i) sum[4 * h + i] += other[i];
      }
    }
  }
  if (rest == 0) return;
  M3_UNROLL(2)
  for (int h = 0; h < quads; ++h) {
    const int quad = (h + blocks) % quads, lanes = (h + blocks) / quads;
    M3_UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const float mine = quads == 2 && quad == 1 ? few[C - 4 + i] : few[i];
      sum[4 * h + i] += lanes == 0 ? mine : __shfl_down_sync(WHOLE_WARP, mine, lanes);
    }
  }
}

/* Stores four results whose windows begin at columns col ... col + 3, where they are wanted. */
__device__ inline void store_four(const CoherenceInputs& in, float* plane, long long out_row, long long col, int first,
                                  int useful, const float* values) {
  float* const line = plane + out_row * in[OUT_COLS];
  const long long step = in[STEP_COLS], centre = col + in[WINDOW_COLS] / 2 - step / 2;
  if (step == 1 && first + 4 <= useful && centre >= 0 && centre + 4 <= in[OUT_COLS] &&
      (reinterpret_cast<unsigned long long>(line + centre) & 15) == 0) {
    M3_STORE(reinterpret_cast<float4*>(line + centre), (float4{values[0], values[1], values[2], values[3]}));
    return;
  }
  M3_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    const long long at = centre + i;
    if (first + i < useful && at >= 0 && at % step == 0 && at / step < in[OUT_COLS]) line[at / step] = values[i];
  }
}

}  // namespace m3
#endif
