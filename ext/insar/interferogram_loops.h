/* Leaf loops of interferogram_cpu.h, included once for each real type (T). */

/* Adds the products of n samples that both images have to column sums. */
M3_CLONES static void forming_row(const T* __restrict a, const T* __restrict b, T* __restrict re, T* __restrict im,
                                  T* __restrict count, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const bool valid = ar * T(0) + ai * T(0) + br * T(0) + bi * T(0) == T(0);
    re[i] += valid ? ar * br + ai * bi : T(0);
    im[i] += valid ? ai * br - ar * bi : T(0);
    count[i] += valid ? T(1) : T(0);
  }
}

/* The same, each product turned by exp(-j phase) first; a sample without a phase has none of these. */
M3_CLONES static void turning_row(const T* __restrict a, const T* __restrict b, const double* __restrict phase,
                                  T* __restrict re, T* __restrict im, T* __restrict count, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const Turn<T> turn = unit_turn<T>(phase[i]);
    const bool valid = ar * T(0) + ai * T(0) + br * T(0) + bi * T(0) + turn.re * T(0) == T(0);
    const T x = ar * br + ai * bi, y = ai * br - ar * bi;
    re[i] += valid ? x * turn.re + y * turn.im : T(0);
    im[i] += valid ? y * turn.re - x * turn.im : T(0);
    count[i] += valid ? T(1) : T(0);
  }
}

/* Products of single looks, as they come out. */
M3_CLONES static void single_row(const T* __restrict a, const T* __restrict b, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const bool valid = ar * T(0) + ai * T(0) + br * T(0) + bi * T(0) == T(0);
    out[2 * i] = valid ? ar * br + ai * bi : T(NAN);
    out[2 * i + 1] = valid ? ai * br - ar * bi : T(NAN);
  }
}

/* The same, turned by exp(-j phase); without a phase there is no data. */
M3_CLONES static void single_turned(const T* __restrict a, const T* __restrict b, const double* __restrict phase,
                                    T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T ar = a[2 * i], ai = a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
    const Turn<T> turn = unit_turn<T>(phase[i]);
    const bool valid = ar * T(0) + ai * T(0) + br * T(0) + bi * T(0) + turn.re * T(0) == T(0);
    const T x = ar * br + ai * bi, y = ai * br - ar * bi;
    out[2 * i] = valid ? x * turn.re + y * turn.im : T(NAN);
    out[2 * i + 1] = valid ? y * turn.re - x * turn.im : T(NAN);
  }
}
