/* Coherence of many pairs of one stack (GPU; formula in coherence.h).

   settings   see enum Setting; pairs: 2 indices per pair; dates, phases, maps: addresses, 0 for a map that is not wanted
   A block takes one pair and a strip of columns, and marches down a strip of rows. Each thread owns a column: it reads its
   sample of each row once, keeps the terms of the window's rows in shared memory, and sums them down; the sums of a row
   then go through shared memory to be summed along columns, first in blocks of `fan`, then blocks. The pair runs fastest
   over the grid, so that the blocks that read one strip of all dates run together and find it in the cache.
   A ring that does not fit is replaced by reading the samples again; a window wider than a block takes the kernel that
   sums directly. "plain" kernels give the magnitude alone, "full" ones everything. Plain kernels count no samples: they
   mark, by pair, strip of rows and HOLE_COLS columns, where they met a sample without data, and the kernel that counts
   follows and redoes what reads a marked place. */
#include "hostdev.h"
#include "coherence.h"
#include "phasor.h"

namespace m3 {

enum Setting {
  ROWS, COLS, OUT_ROWS, OUT_COLS, WINDOW_ROWS, WINDOW_COLS, STEP_ROWS, STEP_COLS, FAN, RING, STRIP_ROWS, WEIGHTED, CLIP,
  CENTRED, HOLE_COLS, PAIRS
};

/* Sums of the magnitude alone, and with the weight of valid samples. */
template <typename T>
struct PlainSums {
  static constexpr bool full = false;
  CoherenceTerms<T> terms;
  __device__ void add(const PlainSums& other, T weight) {
    terms.re += weight * other.terms.re;
    terms.im += weight * other.terms.im;
    terms.power_a += weight * other.terms.power_a;
    terms.power_b += weight * other.terms.power_b;
  }
  __device__ void count(bool) {}
  __device__ T valid() const { return T(0); }
};

template <typename T>
struct FullSums {
  static constexpr bool full = true;
  CoherenceTerms<T> terms;
  T weight;
  __device__ void add(const FullSums& other, T by) {
    terms.re += by * other.terms.re;
    terms.im += by * other.terms.im;
    terms.power_a += by * other.terms.power_a;
    terms.power_b += by * other.terms.power_b;
    weight += by * other.weight;
  }
  __device__ void count(bool valid) { weight = valid ? T(1) : T(0); }
  __device__ T valid() const { return weight; }
};

/* Everything a kernel is given. */
struct CoherenceInputs {
  const long long* settings;
  const unsigned long long* dates;
  const long long* pairs;
  const unsigned long long* phases;
  const unsigned long long* maps;
  const double *row_weights, *col_weights;
  double min_valid;
  unsigned char* holes;  // (pairs, strips, columns / HOLE_COLS), or null
  __device__ long long operator[](Setting setting) const { return settings[setting]; }

  __device__ unsigned char* holes_of(long long pair, long long strip) const {
    const CoherenceInputs& in = *this;
    const long long strips = (in[OUT_ROWS] + in[STRIP_ROWS] - 1) / in[STRIP_ROWS];
    return holes + (pair * strips + strip) * ((in[COLS] + in[HOLE_COLS] - 1) / in[HOLE_COLS]);
  }
  /* Whether a strip has a hole in columns [first, first + count). */
  __device__ bool has_hole(long long pair, long long strip, long long first, long long count) const {
    const CoherenceInputs& in = *this;
    const unsigned char* const marks = holes_of(pair, strip);
    const long long last = first + count - 1 < in[COLS] - 1 ? first + count - 1 : in[COLS] - 1;
    for (long long k = (first > 0 ? first : 0) / in[HOLE_COLS]; k <= last / in[HOLE_COLS]; ++k)
      if (marks[k]) return true;
    return false;
  }
};

/* A part of a sample in the type of the sums. */
template <typename T>
__device__ inline T part_of(T value) {
  return value;
}
template <typename T>
__device__ inline T part_of(short value) {
  return value == -32768 ? T(NAN) : T(value);
}

/* One pair's images and where to find them. */
template <typename T, typename In, typename Sums>
struct PairReader {
  const In *a, *b;
  const double* phase;
  long long rows, cols;

  /* Whether the sample (row, col), on the image, has data. */
  __device__ bool has(long long row, long long col) const {
    const long long k = row * cols + col;
    return sample_valid(part_of<T>(a[2 * k]), part_of<T>(a[2 * k + 1])) &&
           sample_valid(part_of<T>(b[2 * k]), part_of<T>(b[2 * k + 1])) && !(phase && !(phase[k] * 0.0 == 0.0));
  }

  /* Terms of the sample (row, col), zero off the image; reports a hole in it. */
  __device__ Sums at(long long row, long long col, bool* hole) const {
    Sums sums = {};
    if (row < 0 || row >= rows || col < 0 || col >= cols) return sums;
    const long long k = row * cols + col;
    T ar = part_of<T>(a[2 * k]), ai = part_of<T>(a[2 * k + 1]);
    const T br = part_of<T>(b[2 * k]), bi = part_of<T>(b[2 * k + 1]);
    bool valid = sample_valid(ar, ai) && sample_valid(br, bi);
    if (Sums::full && phase) {
      // No number makes the sample invalid; the cross product is turned, which leaves the powers as they are.
      if (!(phase[k] * 0.0 == 0.0)) valid = false, ar = T(NAN);
    }
    sums.terms = coherence_terms(ar, ai, br, bi);
    if (Sums::full && phase && valid) {
      const Phasor turn = phasor(phase[k]);
      const Turn<T> cross = times(Turn<T>{sums.terms.re, sums.terms.im}, Turn<T>{T(turn.re), T(-turn.im)});
      sums.terms.re = cross.re;
      sums.terms.im = cross.im;
    }
    sums.count(valid);
    *hole |= !valid;
    return sums;
  }
};

template <typename T, typename In, typename Sums>
__device__ inline PairReader<T, In, Sums> reader_of(const CoherenceInputs& in, long long pair) {
  return {reinterpret_cast<const In*>(in.dates[in.pairs[2 * pair]]),
          reinterpret_cast<const In*>(in.dates[in.pairs[2 * pair + 1]]),
          Sums::full && in.phases ? reinterpret_cast<const double*>(in.phases[pair]) : nullptr, in[ROWS], in[COLS]};
}

/* Store the result of the window whose first sample is (top, left), the out-th pixel of all maps. */
template <typename T, typename Sums, typename Reader>
__device__ inline void store(const CoherenceInputs& in, const Reader& reader, const Sums& sums, long long out,
                             long long top, long long left) {
  const CoherenceTerms<T>& s = sums.terms;
  const T ceiling = in[CLIP] ? T(1) : T(INFINITY);
  if (!Sums::full) {
    CoherenceMaps<T>::at(in.maps).magnitude[out] =
        coherence_of(s.re, s.im, inverse_amplitude(s.power_a), inverse_amplitude(s.power_b), ceiling);
    return;
  }
  const CoherenceDetail<T> d = coherence_detail(s.re, s.im, s.power_a, s.power_b, sums.valid(),
                                                inverse_amplitude(s.power_a), inverse_amplitude(s.power_b), ceiling);
  bool known = true;
  if (in.min_valid > 0 || in[CENTRED]) {
    const double all = weight_on_image(top, in[WINDOW_ROWS], in[ROWS], in[WEIGHTED] ? in.row_weights : nullptr) *
                       weight_on_image(left, in[WINDOW_COLS], in[COLS], in[WEIGHTED] ? in.col_weights : nullptr);
    const bool own = !in[CENTRED] || reader.has(top + in[WINDOW_ROWS] / 2, left + in[WINDOW_COLS] / 2);
    known = own && enough_valid((double)sums.valid(), in.min_valid, all);
  }
  CoherenceMaps<T>::at(in.maps).put(out, d, sums.valid(), known);
}

/* Sum of a window along one row of sums that lie side by side, in blocks of `fan` if there are any. */
template <typename T, typename Sums>
__device__ inline Sums sum_along(const Sums* row, const Sums* blocks, int count, int fan, const double* weights) {
  Sums sum = {};
  int c = 0;
  if (weights) {
    M3_UNROLL(2)
    for (; c < count; ++c) sum.add(row[c], T(weights[c]));
    return sum;
  }
  if (fan > 1) {
    M3_UNROLL(2)
    for (; c + fan <= count; c += fan) sum.add(blocks[c], T(1));
  }
  M3_UNROLL(2)
  for (; c < count; ++c) sum.add(row[c], T(1));
  return sum;
}

template <typename T, typename In, typename Sums>
__device__ inline void coherence_march(const CoherenceInputs& in) {
  M3_DYNAMIC_SHARED(Sums, shared);
  const int width = (int)blockDim.x, t = (int)threadIdx.x;
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS], fan = (int)in[FAN];
  const bool ring = in[RING] != 0;
  const double* const row_weights = in[WEIGHTED] ? in.row_weights : nullptr;
  const double* const col_weights = in[WEIGHTED] ? in.col_weights : nullptr;
  // Two rows of sums and of blocks take turns, so that one barrier a step is enough for each.
  Sums *const down = shared, *const blocks = shared + 2 * width, *const kept = shared + 4 * width;
  const long long pair = blockIdx.x;
  const PairReader<T, In, Sums> reader = reader_of<T, In, Sums>(in, pair);
  const long long step_rows = in[STEP_ROWS], step_cols = in[STEP_COLS];
  const long long left = (long long)blockIdx.y * (width - window_cols + 1) - window_cols / 2, col = left + t;
  if (Sums::full && in.holes && !in.has_hole(pair, blockIdx.z, left, width)) return;
  bool hole = false;
  const long long first_out = (long long)blockIdx.z * in[STRIP_ROWS];
  const long long last_out = first_out + in[STRIP_ROWS] < in[OUT_ROWS] ? first_out + in[STRIP_ROWS] : in[OUT_ROWS];
  const long long top = first_out * step_rows + step_rows / 2 - window_rows / 2;
  // The window that begins in this thread's column has its centre here, and is wanted if a step ends there.
  const long long centre = col + window_cols / 2 - step_cols / 2;
  const bool mine = t + window_cols <= width && centre >= 0 && centre % step_cols == 0 && centre / step_cols < in[OUT_COLS];
  int turn = 0;
  long long out_row = first_out;
  for (long long pushed = 0; out_row < last_out; ++pushed) {
    const long long row = top + pushed;
    if (ring) kept[(int)(pushed % window_rows) * width + t] = reader.at(row, col, &hole);
    if (pushed < (out_row - first_out) * step_rows + window_rows - 1) continue;
    Sums sum = {};
    // Unrolled further, the loop would take the registers of half the blocks.
    M3_UNROLL(2)
    for (int age = 0; age < window_rows; ++age) {
      const Sums term = ring ? kept[(int)((pushed - age) % window_rows) * width + t] : reader.at(row - age, col, &hole);
      sum.add(term, row_weights ? T(row_weights[window_rows - 1 - age]) : T(1));
    }
    Sums *const line = down + turn * width, *const block = blocks + turn * width;
    line[t] = sum;
    __syncthreads();
    if (fan > 1 && !col_weights) {
      if (t + fan <= width) block[t] = sum_along<T>(line + t, line, fan, 1, nullptr);
      __syncthreads();
    }
    if (mine) {
      const Sums whole = sum_along<T>(line + t, block + t, window_cols, fan, col_weights);
      const long long out = (pair * in[OUT_ROWS] + out_row) * in[OUT_COLS] + centre / step_cols;
      store<T>(in, reader, whole, out, row - window_rows + 1, col);
    }
    turn = 1 - turn;
    ++out_row;
  }
  if (!Sums::full && in.holes && hole) in.holes_of(pair, blockIdx.z)[col / in[HOLE_COLS]] = 1;
}

/* One thread a result, which reads its whole window. */
template <typename T, typename In>
__device__ inline void coherence_direct(const CoherenceInputs& in) {
  const long long pair = blockIdx.x % in[PAIRS];
  const long long pixel = blockIdx.x / in[PAIRS] * blockDim.x + threadIdx.x;
  if (pixel >= in[OUT_ROWS] * in[OUT_COLS]) return;
  const PairReader<T, In, FullSums<T>> reader = reader_of<T, In, FullSums<T>>(in, pair);
  const long long row = pixel / in[OUT_COLS], col = pixel % in[OUT_COLS];
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS], fan = (int)in[FAN];
  const long long top = row * in[STEP_ROWS] + in[STEP_ROWS] / 2 - window_rows / 2;
  const long long left = col * in[STEP_COLS] + in[STEP_COLS] / 2 - window_cols / 2;
  if (in.holes && !in.has_hole(pair, row / in[STRIP_ROWS], left, window_cols)) return;
  bool hole = false;
  FullSums<T> sum = {};
  for (int r = 0; r < window_rows; ++r) {
    // In blocks, so that a long sum rounds no more than a short one.
    FullSums<T> along = {};
    for (int first = 0; first < window_cols; first += fan) {
      FullSums<T> block = {};
      for (int c = first; c < first + fan && c < window_cols; ++c)
        block.add(reader.at(top + r, left + c, &hole), in[WEIGHTED] ? T(in.col_weights[c]) : T(1));
      along.add(block, T(1));
    }
    sum.add(along, in[WEIGHTED] ? T(in.row_weights[r]) : T(1));
  }
  store<T>(in, reader, sum, pair * in[OUT_ROWS] * in[OUT_COLS] + pixel, top, left);
}

}  // namespace m3

#define M3_COHERENCE_ARGUMENTS                                                                                      \
  const long long *settings, const unsigned long long *dates, const long long *pairs,                               \
      const unsigned long long *phases, const unsigned long long *maps, const double *row_weights,                  \
      const double *col_weights, double min_valid, int has_phases, unsigned char *holes, int has_holes
#define M3_COHERENCE_INPUTS \
  {                                                                                                 \
    settings, dates, pairs, has_phases ? phases : nullptr, maps, row_weights, col_weights, min_valid, \
        has_holes ? holes : nullptr                                                                  \
  }

/* `width`: the widest block of a plain kernel, which shares the least memory. Two blocks a multiprocessor at least keep
   the assembler from spilling for the sake of more. */
#define M3_COHERENCE_KERNELS(name, T, In, width)                                                                      \
  extern "C" __global__ void __launch_bounds__(width, 512 / width) coherence_plain_##name(M3_COHERENCE_ARGUMENTS) {   \
    m3::coherence_march<T, In, m3::PlainSums<T>>(M3_COHERENCE_INPUTS);                                                \
  }                                                                                                                   \
  M3_ENTRY(coherence_plain_##name)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, 2) coherence_full_##name(M3_COHERENCE_ARGUMENTS) {                \
    m3::coherence_march<T, In, m3::FullSums<T>>(M3_COHERENCE_INPUTS);                                                 \
  }                                                                                                                   \
  M3_ENTRY(coherence_full_##name)                                                                                     \
  extern "C" __global__ void __launch_bounds__(256, 2) coherence_direct_##name(M3_COHERENCE_ARGUMENTS) {              \
    m3::coherence_direct<T, In>(M3_COHERENCE_INPUTS);                                                                 \
  }                                                                                                                   \
  M3_ENTRY(coherence_direct_##name)
M3_COHERENCE_KERNELS(f32, float, float, 512)
M3_COHERENCE_KERNELS(f64, double, double, 256)
M3_COHERENCE_KERNELS(i16, float, short, 512)
