/* Complex images at fractional positions (GPU; formula in resample.h). Doubles take one thread per pixel, weights and taps in
   registers. Float images take a patch per block and RESAMPLE_GROUP pixels below each other per thread, whose taps are mostly
   the same: where they are, each sample is read once for all of them. Weights and sums of a pixel whose taps all have data
   are float, good to 1e-6 of the largest tap; others take the formula in double. Which arithmetic a pixel takes depends on
   its own taps alone, never on its neighbours in a group. */
#include "hostdev.h"
#include "patches.h"
#include "resample.h"

namespace m3 {

constexpr int RESAMPLE_GROUP = 3, RESAMPLE_ROWS = 8 * RESAMPLE_GROUP;

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
__device__ inline float fused(float a, float b, float sum) { return fmaf(a, b, sum); }
#else
inline float fused(float a, float b, float sum) { return sum + a * b; }
#endif

/* resample_weights in float; the place between two lines of the table is found in double. The float table has four taps of
   all lines, then the next four, so that lanes with lines near each other read few sectors. */
template <int TAPS>
__device__ inline void float_weights(const float* table, double position, float* weights) {
  const double at = (position - floor(position)) * RESAMPLE_STEPS, line = floor(at);
  const float part = (float)(at - line);
  const float4* const low = reinterpret_cast<const float4*>(table) + (int)line;
  M3_UNROLL(2)
  for (int k = 0; k < TAPS / 4; ++k) {
    const float4 a = M3_LOAD(low + k * (RESAMPLE_STEPS + 1)), b = M3_LOAD(low + k * (RESAMPLE_STEPS + 1) + 1);
    weights[4 * k] = fused(part, b.x - a.x, a.x), weights[4 * k + 1] = fused(part, b.y - a.y, a.y);
    weights[4 * k + 2] = fused(part, b.z - a.z, a.z), weights[4 * k + 3] = fused(part, b.w - a.w, a.w);
  }
}

/* One pixel of a group. */
template <int TAPS>
struct FloatPixel {
  int top, left;
  bool quick;  // all taps on the image, and not on a sample of it
  float down[TAPS], right[TAPS], re, im;

  __device__ void place(const WarpPlaces& places, long long pixel, const float* table, long long rows, long long cols) {
    double row, col;
    warp_place(places, pixel, &row, &col);
    const double below = floor(row), before = floor(col);
    quick = warp_inside(row, rows) && warp_inside(col, cols) && !(row == below && col == before);
    top = quick ? (int)below - TAPS / 2 + 1 : 0;
    left = quick ? (int)before - TAPS / 2 + 1 : 0;
    quick = quick && top >= 0 && left >= 0 && top + TAPS <= rows && left + TAPS <= cols;
    re = im = 0.0f;
    if (!quick) return;
    float_weights<TAPS>(table, row, down);
    float_weights<TAPS>(table, col, right);
  }

  /* Adds a row of samples under weight `by`. */
  __device__ void add(const float2* samples, float by) {
    float along_re = 0.0f, along_im = 0.0f;
    M3_UNROLL(8)
    for (int j = 0; j < TAPS; ++j) {
      along_re = fused(right[j], samples[j].x, along_re);
      along_im = fused(right[j], samples[j].y, along_im);
    }
    re = fused(by, along_re, re);
    im = fused(by, along_im, im);
  }
};

template <int TAPS>
__device__ inline void load_row(const float2* image, long long cols, long long row, long long left, float2* samples) {
  M3_UNROLL(8)
  for (int j = 0; j < TAPS; ++j) samples[j] = M3_LOAD(image + row * cols + left + j);
}

struct ResampleJob {
  const float2* image;
  const float* float_table;
  const double *table, *phase;
  float2* out;
  long long rows, cols;
  WarpPlaces places;
};

template <int TAPS>
__device__ inline void resample_group(const ResampleJob& job, long long first, long long col) {
  FloatPixel<TAPS> pixel[RESAMPLE_GROUP];
  const long long wide = job.places.tile_cols, left = job.places.tile_rows - first;
  const int count = left < RESAMPLE_GROUP ? (int)left : RESAMPLE_GROUP;
  bool together = count == RESAMPLE_GROUP;
  M3_UNROLL(3)
  for (int o = 0; o < RESAMPLE_GROUP; ++o) {
    pixel[o].quick = false;
    if (o < count) pixel[o].place(job.places, (first + o) * wide + col, job.float_table, job.rows, job.cols);
    together = together && pixel[o].quick && pixel[o].left == pixel[0].left && pixel[o].top == pixel[0].top + o;
  }
  float2 samples[TAPS];
  if (together) {
    M3_UNROLL(10)
    for (int s = 0; s < TAPS + RESAMPLE_GROUP - 1; ++s) {
      load_row<TAPS>(job.image, job.cols, pixel[0].top + s, pixel[0].left, samples);
      M3_UNROLL(3)
      for (int o = 0; o < RESAMPLE_GROUP; ++o)
        if (s >= o && s - o < TAPS) pixel[o].add(samples, pixel[o].down[s - o]);
    }
  }
  M3_UNROLL(3)
  for (int o = 0; o < RESAMPLE_GROUP; ++o) {
    if (o >= count) continue;
    if (!together && pixel[o].quick) {
      M3_UNROLL(8)
      for (int s = 0; s < TAPS; ++s) {
        load_row<TAPS>(job.image, job.cols, pixel[o].top + s, pixel[o].left, samples);
        pixel[o].add(samples, pixel[o].down[s]);
      }
    }
    double re = pixel[o].re, im = pixel[o].im;
    const long long at = (first + o) * wide + col;
    if (!pixel[o].quick || !resample_valid(pixel[o].re, pixel[o].im)) {
      double at_row, at_col;
      warp_place(job.places, at, &at_row, &at_col);
      resample_value<float, TAPS, TAPS>(reinterpret_cast<const float*>(job.image), job.table, job.table, job.rows, job.cols,
                                        at_row, at_col, &re, &im);
    }
    float turned[2];
    resample_turned<float>(re, im, job.phase ? job.phase + at : nullptr, 0, turned);
    M3_STORE(job.out + at, (float2{turned[0], turned[1]}));
  }
}

}  // namespace m3

#define M3_RESAMPLE_ARGUMENTS(Real)                                                                                \
  const Real *image, const double *table, const float *float_table, const double *phase, int turned, Real *out,     \
      long long rows, long long cols, const double *at_row, const double *at_col, int terms, double origin_row,     \
      double origin_col, long long out_rows, long long out_cols

#define M3_RESAMPLE_DOUBLE(TAPS)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128) resample_##TAPS##_f64(M3_RESAMPLE_ARGUMENTS(double)) {          \
    const m3::WarpPlaces places = {at_row, at_col, terms, out_rows, out_cols, origin_row, origin_col};              \
    m3::each_pixel_of_patch<m3::PATCH_COLS, m3::RESAMPLE_ROWS>(out_rows, out_cols, [&](long long r, long long c) {  \
      const long long i = r * out_cols + c;                                                                         \
      double row, col, re, im;                                                                                      \
      m3::warp_place(places, i, &row, &col);                                                                        \
      m3::resample_value<double, TAPS, TAPS>(image, table, table, rows, cols, row, col, &re, &im);                  \
      m3::resample_turned<double>(re, im, turned ? phase : nullptr, i, out);                                        \
    });                                                                                                             \
  }                                                                                                                 \
  M3_ENTRY(resample_##TAPS##_f64)
#define M3_RESAMPLE_FLOAT(TAPS)                                                                                      \
  extern "C" __global__ void __launch_bounds__(128, 3) resample_##TAPS##_f32(M3_RESAMPLE_ARGUMENTS(float)) {            \
    const m3::ResampleJob job = {reinterpret_cast<const float2*>(image), float_table, table, turned ? phase : nullptr, \
                                 reinterpret_cast<float2*>(out), rows, cols,                                         \
                                 {at_row, at_col, terms, out_rows, out_cols, origin_row, origin_col}};               \
    const long long groups = (out_rows + m3::RESAMPLE_GROUP - 1) / m3::RESAMPLE_GROUP;                               \
    m3::each_pixel_of_patch<m3::PATCH_COLS, m3::RESAMPLE_ROWS / m3::RESAMPLE_GROUP>(                                 \
        groups, out_cols,                                                                                            \
        [&](long long group, long long col) { m3::resample_group<TAPS>(job, group * m3::RESAMPLE_GROUP, col); });    \
  }                                                                                                                  \
  M3_ENTRY(resample_##TAPS##_f32)
M3_RESAMPLE_FLOAT(4)
M3_RESAMPLE_FLOAT(8)
M3_RESAMPLE_DOUBLE(4)
M3_RESAMPLE_DOUBLE(8)

#define M3_TURN_KERNEL(name, Real)                                                                     \
  extern "C" __global__ void __launch_bounds__(256)                                                    \
      resample_turn_##name(const Real* image, const double* phase, double sign, Real* out, long long count) { \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                              \
    if (i >= count) return;                                                                            \
    const m3::Turn<Real> z = {image[2 * i], image[2 * i + 1]}, turn = m3::unit_turn<Real>(sign * phase[i]); \
    const m3::Turn<Real> turned = m3::times(z, turn);                                                  \
    out[2 * i] = turned.re;                                                                            \
    out[2 * i + 1] = turned.im;                                                                        \
  }                                                                                                    \
  M3_ENTRY(resample_turn_##name)
M3_TURN_KERNEL(f32, float)
M3_TURN_KERNEL(f64, double)
