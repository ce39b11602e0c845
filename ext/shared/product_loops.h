/* Leaf loops of product_rows.h, included once for each real type (T), as clones of a template are not supported.
   Every loop runs along memory and is written so that the compiler vectorises it. */

/* |z|^2 of n samples; returns whether all of them are valid. */
M3_CLONES static bool power_row_with_holes(const T* __restrict z, T* __restrict out, ptrdiff_t n) {
  int invalid = 0;
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T re = z[2 * i], im = z[2 * i + 1];
    const bool valid = sample_valid(re, im);
    invalid |= !valid;
    out[i] = valid ? re * re + im * im : T(0);
  }
  return !invalid;
}

/* Samples with data are the rule: all are taken to have some, and `spoilt` is a number only where they have. */
template <int bytes>
M3_INLINE bool power_row_in(const T* z, T* out, ptrdiff_t n) {
  typedef Register<T, bytes> Row;
  typename Row::type spoilt = {};
  ptrdiff_t i = 0;
  for (; i + Row::lanes <= n; i += Row::lanes) {
    const Parts<T, bytes> s(z + 2 * i);
    const typename Row::type power = s.re * s.re + s.im * s.im;
    spoilt += power * T(0);
    Row::put(power, out + i);
  }
  T rest = 0;
  for (; i < n; ++i) {
    out[i] = z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1];
    rest += out[i] * T(0);
  }
  for (int k = 0; k < Row::lanes; ++k) rest += spoilt[k];
  return rest == T(0) || power_row_with_holes(z, out, n);
}
M3_PER_REGISTER(bool, power_row, (const T* z, T* out, ptrdiff_t n), (z, out, n))

template <int bytes>
M3_INLINE void cross_row_in(const T* a, const T* b, T* re, T* im, ptrdiff_t n) {
  typedef Register<T, bytes> Row;
  ptrdiff_t i = 0;
  for (; i + Row::lanes <= n; i += Row::lanes) {
    const Parts<T, bytes> x(a + 2 * i), y(b + 2 * i);
    Row::put(x.re * y.re + x.im * y.im, re + i);
    Row::put(x.im * y.re - x.re * y.im, im + i);
  }
  for (; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    re[i] = ar * br + ai * bi;
    im[i] = ai * br - ar * bi;
  }
}
M3_PER_REGISTER(void, cross_row, (const T* a, const T* b, T* re, T* im, ptrdiff_t n), (a, b, re, im, n))

/* Four planes: re, im, |a|^2, |b|^2; returns whether both images have all samples. */
M3_CLONES static bool joint_row_with_holes(const T* __restrict a, const T* __restrict b, T* __restrict out,
                                           ptrdiff_t stride, ptrdiff_t n) {
  T *__restrict re = out, *__restrict im = out + stride;
  T *__restrict power_a = out + 2 * stride, *__restrict power_b = out + 3 * stride;
  int invalid = 0;
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const CoherenceTerms<T> t = coherence_terms(ar, ai, br, bi);
    invalid |= !(sample_valid(ar, ai) & sample_valid(br, bi));
    re[i] = t.re;
    im[i] = t.im;
    power_a[i] = t.power_a;
    power_b[i] = t.power_b;
  }
  return !invalid;
}

template <int bytes>
M3_INLINE bool joint_row_in(const T* a, const T* b, T* out, ptrdiff_t stride, ptrdiff_t n) {
  typedef Register<T, bytes> Row;
  typename Row::type spoilt = {};
  ptrdiff_t i = 0;
  for (; i + Row::lanes <= n; i += Row::lanes) {
    const Parts<T, bytes> x(a + 2 * i), y(b + 2 * i);
    const typename Row::type power_a = x.re * x.re + x.im * x.im, power_b = y.re * y.re + y.im * y.im;
    Row::put(x.re * y.re + x.im * y.im, out + i);
    Row::put(x.im * y.re - x.re * y.im, out + stride + i);
    Row::put(power_a, out + 2 * stride + i);
    Row::put(power_b, out + 3 * stride + i);
    spoilt += (power_a + power_b) * T(0);
  }
  T rest = 0;
  for (; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const T power_a = ar * ar + ai * ai, power_b = br * br + bi * bi;
    out[i] = ar * br + ai * bi;
    out[stride + i] = ai * br - ar * bi;
    out[2 * stride + i] = power_a;
    out[3 * stride + i] = power_b;
    rest += (power_a + power_b) * T(0);
  }
  for (int k = 0; k < Row::lanes; ++k) rest += spoilt[k];
  return rest == T(0) || joint_row_with_holes(a, b, out, stride, n);
}
M3_PER_REGISTER(bool, joint_row, (const T* a, const T* b, T* out, ptrdiff_t stride, ptrdiff_t n),
                (a, b, out, stride, n))

/* A fifth plane: one where both images have the sample, else zero. */
M3_CLONES static void valid_row(const T* __restrict a, const T* __restrict b, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i)
    out[i] = sample_valid(a[2 * i], a[2 * i + 1]) & sample_valid(b[2 * i], b[2 * i + 1]) ? T(1) : T(0);
}

/* One where an image lacks the sample, else zero. */
M3_CLONES static void hole_row(const T* __restrict a, const T* __restrict b, int32_t* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i)
    out[i] = sample_valid(a[2 * i], a[2 * i + 1]) & sample_valid(b[2 * i], b[2 * i + 1]) ? 0 : 1;
}

/* One where a sample has no phasor too. */
M3_CLONES static void unturned_hole_row(const T* __restrict re, const T* __restrict im, int32_t* __restrict out,
                                        ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] |= (re[i] == T(0)) & (im[i] == T(0)) ? 1 : 0;
}

/* Complex int16 to the type of the sums. */
M3_CLONES static void widen_row(const int16_t* __restrict z, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < 2 * n; ++i) out[i] = z[i] == INT16_MIN ? T(NAN) : T(z[i]);
}

/* exp(-j phase) of a row, zero where the phase is no number; returns whether all of it is. */
M3_CLONES static bool phasor_row(const double* __restrict phase, T* __restrict re, T* __restrict im, ptrdiff_t n) {
  int unknown = 0;
  for (ptrdiff_t i = 0; i < n; ++i) {
    const Turn<T> turn = unit_turn<T>(phase[i]);
    const bool known = turn.re == turn.re;
    unknown |= !known;
    re[i] = known ? turn.re : T(0);
    im[i] = known ? -turn.im : T(0);
  }
  return !unknown;
}

/* Turn the cross product (planes 0 and 1) by a row of phasors. */
M3_CLONES static void turn_row(const T* __restrict re, const T* __restrict im, T* __restrict x, T* __restrict y,
                               ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const Turn<T> cross = times(Turn<T>{x[i], y[i]}, Turn<T>{re[i], im[i]});
    x[i] = cross.re;
    y[i] = cross.im;
  }
}

/* Drop samples that have no phasor from a plane. */
M3_CLONES static void unturned_row(const T* __restrict re, const T* __restrict im, T* __restrict plane, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) plane[i] = (re[i] == T(0)) & (im[i] == T(0)) ? T(0) : plane[i];
}
