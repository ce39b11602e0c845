/* Leaf loops of normalise_cpu.h, included once for each real type (T). */

#define M3_LOAD_ROW(S)                                                                                          \
  M3_CLONES static void load_row(const S* __restrict stored, T* __restrict out, double gain, double offset,     \
                                 double nodata, ptrdiff_t n) {                                                  \
    const T none = (T)nodata, times = (T)gain, plus = (T)offset;                                                \
    for (ptrdiff_t i = 0; i < n; ++i) out[i] = (T)stored[i] == none ? T(NAN) : (T)stored[i] * times + plus;     \
  }
M3_LOAD_ROW(float)
M3_LOAD_ROW(double)
M3_LOAD_ROW(uint8_t)
M3_LOAD_ROW(uint16_t)
M3_LOAD_ROW(int16_t)
#undef M3_LOAD_ROW

M3_CLONES static void bias_row(const T* __restrict x, T* __restrict out, T inverse_looks, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = without_bias(x[i], inverse_looks);
}

M3_CLONES static void ratio_row(const T* __restrict x, const T* __restrict y, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = x[i] / y[i];
}

M3_CLONES static void log_ratio_row(const T* __restrict x, const T* __restrict y, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = T(4.342944819032518) * (natural_log(x[i]) - natural_log(y[i]));
}

M3_CLONES static void difference_row(const T* __restrict x, const T* __restrict y, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = x[i] - y[i];
}

/* x minus a + b i; a ramp is known in double and an unwrapped phase may be large. */
M3_CLONES static void ramp_row(const T* __restrict x, T* __restrict out, double a, double b, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = (T)((double)x[i] - (a + b * (double)(int)i));
}

M3_CLONES static void phase_row(const T* __restrict x, float* __restrict re, float* __restrict im,
                                unsigned char* __restrict mask, unsigned char* __restrict mask2, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    T c, s;
    cosine_sine(x[i], c, s);
    const bool valid = x[i] * T(0) == T(0);
    re[i] = valid ? (float)c : 0.0f;
    im[i] = valid ? (float)s : 0.0f;
    mask[i] = valid;
    mask2[i] = valid;
  }
}

M3_CLONES static void phasor_row(const T* __restrict z, float* __restrict re, float* __restrict im,
                                 unsigned char* __restrict mask, unsigned char* __restrict mask2, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    T x, y;
    unit_phasor(z[2 * i], z[2 * i + 1], x, y);
    const bool valid = x * T(0) == T(0);
    re[i] = valid ? (float)x : 0.0f;
    im[i] = valid ? (float)y : 0.0f;
    mask[i] = valid;
    mask2[i] = valid;
  }
}

/* Weight is a coherence; it stays within 0 and 1. */
M3_CLONES static void weighted_row(const T* __restrict z, const T* __restrict weight, float* __restrict re,
                                   float* __restrict im, unsigned char* __restrict mask,
                                   unsigned char* __restrict mask2, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    T x, y;
    unit_phasor(z[2 * i], z[2 * i + 1], x, y);
    const T w = weight[i], low = w > T(1) ? T(1) : w, held = low < T(0) ? T(0) : low;
    const bool valid = x * T(0) + w * T(0) == T(0);
    re[i] = valid ? (float)(x * held) : 0.0f;
    im[i] = valid ? (float)(y * held) : 0.0f;
    mask[i] = valid;
    mask2[i] = valid;
  }
}

/* What a row of encoded values is clipped to, less what, times what. The centre is subtracted in two parts, so that a value
   far from zero keeps what its type holds of the difference. A loop that encodes finishes at once: its values need not
   wait in memory. */
#define M3_FINISH_ROW(name, parameters, encoded_value)                                                                 \
  M3_CLONES static void name(const T* __restrict x, M3_ARGUMENTS parameters double low, double high, double centre,     \
                             double scale, float* __restrict values, unsigned char* __restrict mask, ptrdiff_t n) {    \
    const T below = (T)low, above = (T)high, first = (T)centre, rest = (T)(centre - (double)first);                    \
    const T inverse = (T)(1.0 / scale);                                                                                \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                                \
      /* One choice after the other becomes a maximum and a minimum; one within the other does not. */                 \
      const T y = encoded_value, raised = below > y ? below : y, clipped = above < raised ? above : raised;            \
      const bool valid = y * T(0) == T(0);                                                                             \
      values[i] = valid ? (float)(((clipped - first) - rest) * inverse) : 0.0f;                                        \
      mask[i] = valid;                                                                                                 \
    }                                                                                                                  \
  }
#define M3_ARGUMENTS(...) __VA_ARGS__
M3_FINISH_ROW(finish_row, (), x[i])
M3_FINISH_ROW(finish_decibels, (T factor,), factor* natural_log(x[i]))
M3_FINISH_ROW(finish_fisher, (), artanh(x[i]))
#undef M3_ARGUMENTS
#undef M3_FINISH_ROW
