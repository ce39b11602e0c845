/* Coherence of many pairs of one stack (GPU; formula in coherence.h).

   settings   see enum Setting; pairs: 2 indices per pair; dates, phases, maps: addresses, 0 for a map that is not wanted
   A block takes one pair and a strip of columns, and marches down a strip of rows. Each thread owns a column: it reads its
   sample of each row once, keeps the terms of the window's rows in shared memory, and sums them down; the sums of a row
   then go through shared memory to be summed along columns, first in blocks of four, then blocks. The pair runs fastest
   over the grid, so that the blocks that read one strip of all dates run together and find it in the cache.
   A ring that does not fit is replaced by reading the samples again; a window wider than a block takes the kernel that
   sums directly. "plain" kernels give the magnitude alone, "full" ones everything. Plain kernels and those of
   coherence_strips.cu, which are faster where a window suits them, count no samples: they mark, by date, strip of rows and
   HOLE_COLS columns, where they met a sample without data, and the kernel that counts follows and redoes what reads a
   marked place. */
#include "hostdev.h"
#include "coherence.h"
#include "coherence_inputs.h"
#include "phasor.h"

namespace m3 {

/* Sums of the magnitude alone, and with the weight of valid samples. */
template <typename T>
struct PlainSums {
  static constexpr bool full = false;
  CoherenceTerms<T> terms;
  __device__ void add(const PlainSums& other) {
    terms.re += other.terms.re;
    terms.im += other.terms.im;
    terms.power_a += other.terms.power_a;
    terms.power_b += other.terms.power_b;
  }
  __device__ PlainSums times(T weight) const {
    return {{product(weight, terms.re), product(weight, terms.im), product(weight, terms.power_a),
             product(weight, terms.power_b)}};
  }
  __device__ void count(bool) {}
  __device__ T valid() const { return T(0); }
};

template <typename T>
struct FullSums {
  static constexpr bool full = true;
  CoherenceTerms<T> terms;
  T weight;
  __device__ void add(const FullSums& other) {
    terms.re += other.terms.re;
    terms.im += other.terms.im;
    terms.power_a += other.terms.power_a;
    terms.power_b += other.terms.power_b;
    weight += other.weight;
  }
  __device__ FullSums times(T by) const {
    return {{product(by, terms.re), product(by, terms.im), product(by, terms.power_a), product(by, terms.power_b)},
            product(by, weight)};
  }
  __device__ void count(bool valid) { weight = valid ? T(1) : T(0); }
  __device__ T valid() const { return weight; }
};

/* One pair's images and where to find them. */
template <typename T, typename In, typename Sums>
struct PairReader {
  long long date_a, date_b;
  const In *a, *b;
  const double* phase;
  long long rows, cols;

  /* Whether the sample (row, col), on the image, has data. */
  __device__ bool has(long long row, long long col) const {
    const long long k = row * cols + col;
    return sample_valid(part_of<T>(a[2 * k]), part_of<T>(a[2 * k + 1])) &&
           sample_valid(part_of<T>(b[2 * k]), part_of<T>(b[2 * k + 1])) && !(phase && !(phase[k] * 0.0 == 0.0));
  }

  /* Terms of the sample (row, col), zero off the image; `hole` gets bit 1 for no data in a, 2 in b or in the phase. */
  __device__ Sums at(long long row, long long col, int* hole) const {
    Sums sums = {};
    if (row < 0 || row >= rows || col < 0 || col >= cols) return sums;
    const long long k = row * cols + col;
    const T ar = part_of<T>(a[2 * k]), ai = part_of<T>(a[2 * k + 1]);
    const T br = part_of<T>(b[2 * k]), bi = part_of<T>(b[2 * k + 1]);
    const bool has_a = sample_valid(ar, ai), known = !(Sums::full && phase) || phase[k] * 0.0 == 0.0;
    const bool has_b = sample_valid(br, bi) && known, valid = has_a && has_b;
    if (valid) sums.terms = terms_of(ar, ai, br, bi);
    if (Sums::full && phase && valid) {
      // The cross product is turned, which leaves the powers as they are.
      const Turn<T> turn = unit_turn<T>(phase[k]);
      const Turn<T> cross = times(Turn<T>{sums.terms.re, sums.terms.im}, Turn<T>{turn.re, -turn.im});
      sums.terms.re = cross.re;
      sums.terms.im = cross.im;
    }
    sums.count(valid);
    *hole |= (has_a ? 0 : 1) | (has_b ? 0 : 2);
    return sums;
  }
};

template <typename T, typename In, typename Sums>
__device__ inline PairReader<T, In, Sums> reader_of(const CoherenceInputs& in, long long pair) {
  return {in.pairs[2 * pair], in.pairs[2 * pair + 1], reinterpret_cast<const In*>(in.dates[in.pairs[2 * pair]]),
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

template <typename T, typename In, typename Sums>
__device__ inline void coherence_march(const CoherenceInputs& in) {
  M3_DYNAMIC_SHARED(Sums, shared);
  const int width = (int)blockDim.x, t = (int)threadIdx.x;
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS];
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
  int hole = 0;
  const long long first_out = (long long)blockIdx.z * in[STRIP_ROWS];
  const long long last_out = first_out + in[STRIP_ROWS] < in[OUT_ROWS] ? first_out + in[STRIP_ROWS] : in[OUT_ROWS];
  const long long top = first_out * step_rows + step_rows / 2 - window_rows / 2;
  // The window that begins in this thread's column has its centre here, and is wanted if a step ends there.
  const long long centre = col + window_cols / 2 - step_cols / 2;
  const bool mine = t + window_cols <= width && centre >= 0 && centre % step_cols == 0 && centre / step_cols < in[OUT_COLS];
  int turn = 0, slot = -1;
  long long out_row = first_out;
  for (long long pushed = 0; out_row < last_out; ++pushed) {
    const long long row = top + pushed;
    slot = slot + 1 < window_rows ? slot + 1 : 0;
    if (ring) M3_STORE(kept + slot * width + t, reader.at(row, col, &hole));
    if (pushed < (out_row - first_out) * step_rows + window_rows - 1) continue;
    Sums *const line = down + turn * width, *const block = blocks + turn * width;
    M3_STORE(line + t, sum_down<Sums>(window_rows, [&](int age) {
      const int at = slot >= age ? slot - age : slot - age + window_rows;
      const Sums term = ring ? M3_LOAD(kept + at * width + t) : reader.at(row - age, col, &hole);
      return row_weights ? term.times(T(row_weights[window_rows - 1 - age])) : term;
    }));
    __syncthreads();
    const auto term = [&](int c) {
      const Sums one = M3_LOAD(line + t + c);
      return col_weights ? one.times(T(col_weights[c])) : one;
    };
    const bool blocked = window_cols >= 4 && !col_weights;
    if (blocked) {
      if (t + 4 <= width) M3_STORE(block + t, sum_of_four<Sums>(0, term));
      __syncthreads();
    }
    if (mine) {
      const Sums whole = sum_along<Sums>(window_cols, term, [&](int c) {
        return blocked ? M3_LOAD(block + t + c) : sum_of_four<Sums>(c, term);
      });
      const long long out = (pair * in[OUT_ROWS] + out_row) * in[OUT_COLS] + centre / step_cols;
      store<T>(in, reader, whole, out, row - window_rows + 1, col);
    }
    turn = 1 - turn;
    ++out_row;
  }
  if (Sums::full || !in.holes) return;
  if (hole & 1) in.mark_hole(reader.date_a, blockIdx.z, col);
  if (hole & 2) in.mark_hole(reader.date_b, blockIdx.z, col);
}

/* One thread a result, which reads its whole window. */
template <typename T, typename In>
__device__ inline void coherence_direct(const CoherenceInputs& in) {
  const long long pair = blockIdx.x % in[PAIRS];
  const long long pixel = blockIdx.x / in[PAIRS] * blockDim.x + threadIdx.x;
  if (pixel >= in[OUT_ROWS] * in[OUT_COLS]) return;
  const PairReader<T, In, FullSums<T>> reader = reader_of<T, In, FullSums<T>>(in, pair);
  const long long row = pixel / in[OUT_COLS], col = pixel % in[OUT_COLS];
  const int window_rows = (int)in[WINDOW_ROWS], window_cols = (int)in[WINDOW_COLS];
  const long long top = row * in[STEP_ROWS] + in[STEP_ROWS] / 2 - window_rows / 2;
  const long long left = col * in[STEP_COLS] + in[STEP_COLS] / 2 - window_cols / 2;
  if (in.holes && !in.has_hole(pair, row / in[STRIP_ROWS], left, window_cols)) return;
  int hole = 0;
  FullSums<T> sum = {};
  M3_UNROLL(1)
  for (int r = 0; r < window_rows; ++r) {
    const auto term = [&](int c) {
      const FullSums<T> one = reader.at(top + r, left + c, &hole);
      return in[WEIGHTED] ? one.times(T(in.col_weights[c])) : one;
    };
    const FullSums<T> along =
        sum_along<FullSums<T>>(window_cols, term, [&](int c) { return sum_of_four<FullSums<T>>(c, term); });
    sum.add(in[WEIGHTED] ? along.times(T(in.row_weights[r])) : along);
  }
  store<T>(in, reader, sum, pair * in[OUT_ROWS] * in[OUT_COLS] + pixel, top, left);
}

}  // namespace m3

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
