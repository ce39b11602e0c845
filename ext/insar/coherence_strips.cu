/* Magnitude of the coherence of float and int16 images by warps that own strips of columns (GPU; formula in coherence.h, order
   of the sums in coherence_inputs.h).

   A warp marches down a strip, each lane with 4 or 8 columns beside each other. Down the window it keeps in registers the
   terms of the row before and its last sums of two and of four, and in shared memory sums of four of older rows, so that a
   row takes 3 additions and not a window of them; along the window its lanes exchange sums of four.

   coherence_strip    one pair per warp: cross products and both powers
   coherence_powers   one date per warp: 1 / sqrt(sum |a|^2) of every window, laid out as coherence_group reads it, and marks
                      where the date has no data
   coherence_group    a block takes up to a pair per warp among a few dates, which it reads once into shared memory; each
                      warp then adds up cross products alone. Powers are those of each date by itself, so a pair is wrong
                      where either image lacks data: a kernel that looks at pairs follows and redoes what reads a mark. */
#include "hostdev.h"
#include "coherence.h"
#include "coherence_columns.h"
#include "coherence_inputs.h"

namespace m3 {

/* Dates and pairs of a group at most; numbers of a group in the table: dates, pairs, its dates, (first, second, pair) each. */
constexpr int GROUP_DATES = 7, GROUP_PAIRS = 12, GROUP_SIZE = 2 + GROUP_DATES + 3 * GROUP_PAIRS;
constexpr int GROUP_COLS = 256, STAGED_HALF = 144, STAGED_PLANE = 2 * STAGED_HALF - 16;

template <typename In>
__device__ inline void coherence_strip(const CoherenceInputs& in, bool redo) {
  M3_DYNAMIC_SHARED(float4, shared);
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS], useful = useful_cols(in, 128);
  const StripPlace place(in, (int)(blockIdx.y * (blockDim.x / 32)) + warp, useful);
  const long long pair = blockIdx.x, date_a = in.pairs[2 * pair], date_b = in.pairs[2 * pair + 1];
  if (place.left + window_cols / 2 >= in[COLS]) return;
  if (redo && !in.has_hole(pair, blockIdx.z, place.left, 128)) return;
  const void *const a = reinterpret_cast<const void*>(in.dates[date_a]), *const b = reinterpret_cast<const void*>(in.dates[date_b]);
  float* const plane = CoherenceMaps<float>::at(in.maps).magnitude + pair * in[OUT_ROWS] * in[OUT_COLS];
  const float ceiling = in[CLIP] ? 1.0f : INFINITY;
  const long long rows = in[ROWS], cols = in[COLS], step_rows = in[STEP_ROWS], col = place.left + 4 * lane;
  Above<4, 4> above;
  above.clear(shared + warp * rows_kept(window_rows) * 4 * 32);
  unsigned hole_a = 0, hole_b = 0;
  long long out_row = place.first_out;
  M3_UNROLL(1)
  for (long long pushed = 0; out_row < place.last_out; ++pushed) {
    Sample p[4], q[4];
    const unsigned lacks_a = four_samples<In>(a, rows, cols, place.top + pushed, col, p);
    const unsigned lacks_b = four_samples<In>(b, rows, cols, place.top + pushed, col, q);
    hole_a |= lacks_a, hole_b |= lacks_b;
    float x[4][4], down[4][4];
    M3_UNROLL(4)
    for (int i = 0; i < 4; ++i) {
      const bool lacks = (lacks_a | lacks_b) >> i & 1;
      const CoherenceTerms<float> terms = terms_of(p[i].re, p[i].im, q[i].re, q[i].im);
      x[0][i] = terms.re, x[1][i] = terms.im;
      x[2][i] = lacks ? 0.0f : terms.power_a, x[3][i] = lacks ? 0.0f : terms.power_b;
    }
    const bool wanted = pushed >= (out_row - place.first_out) * step_rows + window_rows - 1;
    M3_UNROLL(4)
    for (int n = 0; n < 4; ++n) above.push(n, x[n], window_rows, lane, wanted, down[n]);
    above.next_row(window_rows);
    if (!wanted) continue;
    float sum[4][4], values[4];
    M3_UNROLL(4)
    for (int n = 0; n < 4; ++n) sum_over_lanes<4>(down[n], window_cols, sum[n]);
    M3_UNROLL(4)
    for (int i = 0; i < 4; ++i)
      values[i] = coherence_of(sum[0][i], sum[1][i], inverse_amplitude(sum[2][i]), inverse_amplitude(sum[3][i]), ceiling);
    store_four(in, plane, out_row, col, 4 * lane, useful, values);
    ++out_row;
  }
  if (!in.holes || redo) return;
  if (hole_a) in.mark_hole(date_a, blockIdx.z, col > 0 ? col : 0), in.mark_hole(date_a, blockIdx.z, col + 3);
  if (hole_b) in.mark_hole(date_b, blockIdx.z, col > 0 ? col : 0), in.mark_hole(date_b, blockIdx.z, col + 3);
}

template <typename In>
__device__ inline void coherence_powers(const CoherenceInputs& in, float* inverse) {
  M3_DYNAMIC_SHARED(float4, shared);
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS], useful = useful_cols(in, GROUP_COLS);
  const StripPlace place(in, (int)(blockIdx.y * (blockDim.x / 32)) + warp, useful);
  const long long strips = (in[COLS] + useful - 1) / useful, date = blockIdx.x;
  if (place.strip >= strips) return;
  const void* const image = reinterpret_cast<const void*>(in.dates[date]);
  const long long rows = in[ROWS], cols = in[COLS], step_rows = in[STEP_ROWS], col = place.left + 8 * lane;
  Above<1, 8> above;
  above.clear(shared + warp * rows_kept(window_rows) * 2 * 32);
  unsigned holes = 0;
  long long out_row = place.first_out;
  M3_UNROLL(1)
  for (long long pushed = 0; out_row < place.last_out; ++pushed) {
    Sample p[8];
    holes |= four_samples<In>(image, rows, cols, place.top + pushed, col, p);
    holes |= four_samples<In>(image, rows, cols, place.top + pushed, col + 4, p + 4);
    float x[8], down[8], sum[8];
    M3_UNROLL(8)
    for (int i = 0; i < 8; ++i) x[i] = product(p[i].re, p[i].re) + product(p[i].im, p[i].im);
    const bool wanted = pushed >= (out_row - place.first_out) * step_rows + window_rows - 1;
    above.push(0, x, window_rows, lane, wanted, down);
    above.next_row(window_rows);
    if (!wanted) continue;
    sum_over_lanes<8>(down, window_cols, sum);
    float4* const line = reinterpret_cast<float4*>(inverse + ((date * in[OUT_ROWS] + out_row) * strips + place.strip) * GROUP_COLS);
    M3_UNROLL(2)
    for (int quad = 0; quad < 2; ++quad)
      M3_STORE(line + quad * 32 + lane, (float4{inverse_amplitude(sum[4 * quad]), inverse_amplitude(sum[4 * quad + 1]),
                                                inverse_amplitude(sum[4 * quad + 2]), inverse_amplitude(sum[4 * quad + 3])}));
    ++out_row;
  }
  if (holes) in.mark_hole(date, blockIdx.z, col > 0 ? col : 0), in.mark_hole(date, blockIdx.z, col + 7);
}

/* Float parts of the eight samples of a lane in a staged row; halves lie so that neither lanes nor columns share a bank. */
__device__ inline void staged_eight(const float* plane, int lane, float (&to)[8]) {
  const float4 low = M3_LOAD(reinterpret_cast<const float4*>(plane + 4 * lane));
  const float4 high = M3_LOAD(reinterpret_cast<const float4*>(plane + STAGED_HALF + 4 * lane));
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
  to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}

template <typename In>
__device__ inline void coherence_group(const CoherenceInputs& in, const int* groups, const float* inverse) {
  M3_DYNAMIC_SHARED(float, shared);
  typedef typename Stored<In>::One One;
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, warps = (int)blockDim.x / 32;
  const int* const group = groups + blockIdx.x * GROUP_SIZE;
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS], useful = useful_cols(in, GROUP_COLS);
  const int dates = group[0], row_floats = 2 * STAGED_PLANE;
  const bool working = warp < group[1];
  const int* const own = group + 2 + GROUP_DATES + 3 * (working ? warp : 0);
  const int first = own[0], second = own[1];
  const StripPlace place(in, (int)blockIdx.y, useful);
  const long long strips = gridDim.y, rows = in[ROWS], cols = in[COLS], step_rows = in[STEP_ROWS];
  float* const plane = CoherenceMaps<float>::at(in.maps).magnitude + own[2] * in[OUT_ROWS] * in[OUT_COLS];
  const float ceiling = in[CLIP] ? 1.0f : INFINITY;
  Above<2, 8> above;
  above.clear(reinterpret_cast<float4*>(shared + 2 * GROUP_DATES * row_floats) + warp * rows_kept(window_rows) * 4 * 32);
  int turn = 0;
  long long out_row = place.first_out;
  M3_UNROLL(1)
  for (long long pushed = 0; out_row < place.last_out; ++pushed) {
    const long long row = place.top + pushed;
    float* const staged = shared + turn * GROUP_DATES * row_floats;
    M3_UNROLL(1)
    for (int item = (int)threadIdx.x; item < dates * GROUP_COLS; item += 32 * warps) {
      const int date = item / GROUP_COLS, c = item % GROUP_COLS;
      const long long col = place.left + c;
      Sample s = {0, 0};
      if (row >= 0 && row < rows && col >= 0 && col < cols)
        s = sample_of(M3_LOAD(reinterpret_cast<const One*>(in.dates[group[2 + date]]) + row * cols + col));
      const bool valid = sample_valid(s.re, s.im);
      float* const to = staged + date * row_floats + c / 8 * 4 + c % 8 / 4 * STAGED_HALF + c % 4;
      to[0] = valid ? s.re : 0.0f;
      to[STAGED_PLANE] = valid ? s.im : 0.0f;
    }
    __syncthreads();
    turn = 1 - turn;
    const bool wanted = pushed >= (out_row - place.first_out) * step_rows + window_rows - 1;
    if (working) {
      const float *const a = staged + first * row_floats, *const b = staged + second * row_floats;
      float re[8], im[8], down[8];
      {
        float ar[8], ai[8], br[8], bi[8];
        staged_eight(a, lane, ar);
        staged_eight(b, lane, br);
        staged_eight(a + STAGED_PLANE, lane, ai);
        staged_eight(b + STAGED_PLANE, lane, bi);
        M3_UNROLL(8)
        for (int i = 0; i < 8; ++i) {
          re[i] = product(ar[i], br[i]) + product(ai[i], bi[i]);
          im[i] = product(ai[i], br[i]) - product(ar[i], bi[i]);
        }
      }
      float sum_re[8], sum_im[8];
      above.push(0, re, window_rows, lane, wanted, down);
      if (wanted) sum_over_lanes<8>(down, window_cols, sum_re);
      above.push(1, im, window_rows, lane, wanted, down);
      above.next_row(window_rows);
      if (wanted) {
        sum_over_lanes<8>(down, window_cols, sum_im);
        const long long line = out_row * strips + place.strip, all = in[OUT_ROWS] * strips;
        const float* const inverse_a = inverse + (group[2 + first] * all + line) * GROUP_COLS;
        const float* const inverse_b = inverse + (group[2 + second] * all + line) * GROUP_COLS;
        M3_UNROLL(2)
        for (int quad = 0; quad < 2; ++quad) {
          const float4 by_a = M3_LOAD(reinterpret_cast<const float4*>(inverse_a) + quad * 32 + lane);
          const float4 by_b = M3_LOAD(reinterpret_cast<const float4*>(inverse_b) + quad * 32 + lane);
          const int i = 4 * quad;
          const float values[4] = {coherence_of(sum_re[i], sum_im[i], by_a.x, by_b.x, ceiling),
                                   coherence_of(sum_re[i + 1], sum_im[i + 1], by_a.y, by_b.y, ceiling),
                                   coherence_of(sum_re[i + 2], sum_im[i + 2], by_a.z, by_b.z, ceiling),
                                   coherence_of(sum_re[i + 3], sum_im[i + 3], by_a.w, by_b.w, ceiling)};
          store_four(in, plane, out_row, place.left + 8 * lane + i, 8 * lane + i, useful, values);
        }
      }
    }
    if (wanted) ++out_row;
  }
}

}  // namespace m3

#define M3_STRIP_KERNELS(name, In)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128, 3) coherence_strip_##name(M3_COHERENCE_ARGUMENTS, int redo) {     \
    m3::coherence_strip<In>(M3_COHERENCE_INPUTS, redo != 0);                                                          \
  }                                                                                                                   \
  M3_ENTRY(coherence_strip_##name)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128, 4) coherence_powers_##name(M3_COHERENCE_ARGUMENTS,                \
                                                                               float* inverse) {                      \
    m3::coherence_powers<In>(M3_COHERENCE_INPUTS, inverse);                                                           \
  }                                                                                                                   \
  M3_ENTRY(coherence_powers_##name)                                                                                   \
  extern "C" __global__ void __launch_bounds__(384, 1)                                                                \
      coherence_group_##name(M3_COHERENCE_ARGUMENTS, const int* groups, const float* inverse) {                       \
    m3::coherence_group<In>(M3_COHERENCE_INPUTS, groups, inverse);                                                    \
  }                                                                                                                   \
  M3_ENTRY(coherence_group_##name)
M3_STRIP_KERNELS(f32, float)
M3_STRIP_KERNELS(i16, short)
