/* Leaf loops of product_rows.h, included once for each real type (T), as clones of a template are not supported.
   Every loop runs along memory and is written so that the compiler vectorises it. */

/* |z|^2 of n samples; returns whether all of them are valid. */
M3_CLONES static bool power_row(const T* __restrict z, T* __restrict out, ptrdiff_t n) {
  int invalid = 0;
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T re = z[2 * i], im = z[2 * i + 1];
    const bool valid = sample_valid(re, im);
    invalid |= !valid;
    out[i] = valid ? re * re + im * im : T(0);
  }
  return !invalid;
}

M3_CLONES static void cross_row(const T* __restrict a, const T* __restrict b, T* __restrict re, T* __restrict im,
                                ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    re[i] = ar * br + ai * bi;
    im[i] = ai * br - ar * bi;
  }
}

/* Four planes: re, im, |a|^2, |b|^2; returns whether both images have all samples. */
M3_CLONES static bool joint_row(const T* __restrict a, const T* __restrict b, T* __restrict out, ptrdiff_t stride,
                                ptrdiff_t n) {
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

/* A fifth plane: one where both images have the sample, else zero. */
M3_CLONES static void valid_row(const T* __restrict a, const T* __restrict b, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i)
    out[i] = sample_valid(a[2 * i], a[2 * i + 1]) & sample_valid(b[2 * i], b[2 * i + 1]) ? T(1) : T(0);
}

/* Complex int16 to the type of the sums. */
M3_CLONES static void widen_row(const int16_t* __restrict z, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < 2 * n; ++i) out[i] = z[i] == INT16_MIN ? T(NAN) : T(z[i]);
}

/* exp(-j phase) of a row, zero where the phase is no number. */
M3_CLONES static void phasor_row(const double* __restrict phase, T* __restrict re, T* __restrict im, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const bool valid = phase[i] * 0.0 == 0.0;
    const Phasor p = phasor(valid ? phase[i] : 0.0);
    re[i] = valid ? T(p.re) : T(0);
    im[i] = valid ? T(-p.im) : T(0);
  }
}

/* Turn the cross product (planes 0 and 1) by a row of phasors, and drop samples that have none from all planes. */
M3_CLONES static void turn_row(const T* __restrict re, const T* __restrict im, T* __restrict planes, ptrdiff_t stride,
                               int count, ptrdiff_t n) {
  T *__restrict x = planes, *__restrict y = planes + stride;
  for (ptrdiff_t i = 0; i < n; ++i) {
    const Turn<T> cross = times(Turn<T>{x[i], y[i]}, Turn<T>{re[i], im[i]});
    x[i] = cross.re;
    y[i] = cross.im;
  }
  for (int p = 2; p < count; ++p) {
    T* __restrict plane = planes + p * stride;
    for (ptrdiff_t i = 0; i < n; ++i) plane[i] = (re[i] == T(0)) & (im[i] == T(0)) ? T(0) : plane[i];
  }
}
