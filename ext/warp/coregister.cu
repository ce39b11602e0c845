/* A burst onto the pixels of another acquisition of it (GPU; formulas in coregister.h): a thread per column takes a segment of
   lines down from the carrier; then a thread per pixel, a block within one row, whose polynomials it shares. */
#include "hostdev.h"
#include "coregister.h"

#define M3_STILL_KERNEL(name, Part)                                                                                   \
  extern "C" __global__ void __launch_bounds__(128, 4)                                                                 \
      coregister_still_##name(const Part* parts, const long long* valid, int masked, const double* model,             \
                              long long first, long long rows, long long cols, float* out, long long count) {         \
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;                                             \
    if (i >= count) return;                                                                                           \
    const long long c = i % cols, start = (first / m3::CARRIER_ROWS + i / cols) * m3::CARRIER_ROWS;                   \
    m3::CarrierStep step = m3::carrier_step(model, start, c);                                                         \
    for (long long r = start; r < start + m3::CARRIER_ROWS && r < first + rows; ++r) {                                \
      if (r >= first) {                                                                                               \
        const bool off = masked && (c < valid[2 * r] || c > valid[2 * r + 1] || valid[2 * r] < 0);                    \
        const m3::Turn<float> turned = m3::times(m3::burst_sample(parts + 2 * (r * cols + c)), step.value);           \
        out[2 * ((r - first) * cols + c)] = off ? NAN : turned.re;                                                    \
        out[2 * ((r - first) * cols + c) + 1] = off ? NAN : turned.im;                                                \
      }                                                                                                               \
      step.value = m3::times(step.value, step.factor);                                                                \
      step.factor = m3::times(step.factor, step.growth);                                                              \
    }                                                                                                                 \
  }                                                                                                                   \
  M3_ENTRY(coregister_still_##name)
M3_STILL_KERNEL(f32, float)
M3_STILL_KERNEL(i16, short)

#define M3_COREGISTER_KERNEL(RIGHT)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128, 4)                                                                  \
      coregister_##RIGHT(const float* still, long long first_line, long long lines, long long cols, const double* model, \
                         const float* height, long long post_rows, long long post_cols, int row_step, int col_step,     \
                         const double* down, const double* right, const float* down_line, const float* right_line,      \
                         long long first_row, long long out_cols, double flatten, float* values, short* stored,         \
                         int as_stored, float inverse, unsigned long long* full) {                                      \
    M3_SHARED(double, azimuth, m3::OFFSET_LINE);                                                                       \
    M3_SHARED(double, range, m3::OFFSET_LINE);                                                                         \
    const long long across = (out_cols + blockDim.x - 1) / blockDim.x, out_row = blockIdx.x / across;                  \
    const long long c = blockIdx.x % across * blockDim.x + threadIdx.x, r = first_row + out_row;                       \
    const int line = threadIdx.x % 32;                                                                                 \
    if (line < m3::OFFSET_LINE && threadIdx.x < 64) {                                                                  \
      const double u = m3::offset_row(model, r);                                                                       \
      if (threadIdx.x < 32)                                                                                            \
        azimuth[line] = m3::offset_of_row(model + m3::MODEL_AZIMUTH, u, line);                                         \
      else                                                                                                             \
        range[line] = m3::offset_of_row(model + m3::MODEL_RANGE, u, line);                                             \
    }                                                                                                                  \
    __syncthreads();                                                                                                   \
    int over = 0;                                                                                                      \
    if (c < out_cols) {                                                                                                \
      const m3::HeightPosts posts = {height, post_rows, post_cols, row_step, col_step};                                \
      m3::CoregisterPlace at = m3::coregister_place(model, azimuth, range, (double)r, (double)c,                       \
                                                    m3::height_at(posts, r, c), flatten);                              \
      at.row -= (double)first_line;                                                                                    \
      float value[2];                                                                                                  \
      if (!m3::coregister_sum<RIGHT>(still, down_line, right_line, lines, cols, at.row, at.col, value, value + 1)) {   \
        double re, im;                                                                                                 \
        m3::resample_value<float, m3::COREGISTER_DOWN, RIGHT>(still, down, right, lines, cols, at.row, at.col, &re,    \
                                                              &im);                                                    \
        value[0] = (float)re;                                                                                          \
        value[1] = (float)im;                                                                                          \
      }                                                                                                                \
      const long long pixel = out_row * out_cols + c;                                                                  \
      m3::resample_turned<float>(value[0], value[1], &at.phase, 0, value);                                             \
      if (as_stored) {                                                                                                 \
        stored[2 * pixel] = m3::stored_part(value[0], inverse, &over);                                                 \
        stored[2 * pixel + 1] = m3::stored_part(value[1], inverse, &over);                                             \
      } else {                                                                                                         \
        values[2 * pixel] = value[0];                                                                                  \
        values[2 * pixel + 1] = value[1];                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    const int found = __syncthreads_count(over);                                                                       \
    if (threadIdx.x == 0 && found > 0) atomicAdd(full, (unsigned long long)found);                                     \
  }                                                                                                                    \
  M3_ENTRY(coregister_##RIGHT)
M3_COREGISTER_KERNEL(8)
M3_COREGISTER_KERNEL(12)
