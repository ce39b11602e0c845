/* Leaf loops of coherence_cpu.h, included once for each real type (T): chunks of window sums to their result. */

M3_CLONES static void inverse_of_terms(const T* const* from, int terms, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[CHUNK];
    chunk_sums(from, terms, 0, 1, i, s);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) out[i + k] = inverse_amplitude(s[k]);
  }
}

M3_CLONES static void ratio_of_cross(const T* const* from, int terms, ptrdiff_t stride, const T* __restrict inverse_a,
                                     const T* __restrict inverse_b, T* __restrict out, ptrdiff_t n, T ceiling) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[2 * CHUNK];
    chunk_sums(from, terms, stride, 2, i, s);
    for (ptrdiff_t k = 0; k < CHUNK; ++k)
      out[i + k] = coherence_of(s[k], s[CHUNK + k], inverse_a[i + k], inverse_b[i + k], ceiling);
  }
}

M3_CLONES static void ratio_of_joint(const T* const* from, int terms, ptrdiff_t stride, T* __restrict out, ptrdiff_t n,
                                     T ceiling) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[4 * CHUNK];
    chunk_sums(from, terms, stride, 4, i, s);
    /* A loop of its own: inside the next, the test for zero power is threaded through it and stops vectorising. */
    for (ptrdiff_t k = 2 * CHUNK; k < 4 * CHUNK; ++k) s[k] = inverse_amplitude(s[k]);
    for (ptrdiff_t k = 0; k < CHUNK; ++k)
      out[i + k] = coherence_of(s[k], s[CHUNK + k], s[2 * CHUNK + k], s[3 * CHUNK + k], ceiling);
  }
}

/* No data in `planes` planes where too little of a window's weight is valid, or its own sample is not. `down` and `along`
   are the weights on the image; `centre` is zero at samples without data, or null. */
M3_CLONES static void drop_row(const T* __restrict valid, const T* centre, double share, double down,
                               const double* __restrict along, T* __restrict out, int planes, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    bool dropped[CHUNK];
    for (ptrdiff_t k = 0; k < CHUNK; ++k) dropped[k] = !enough_valid((double)valid[i + k], share, down * along[i + k]);
    for (ptrdiff_t k = 0; centre && k < CHUNK; ++k) dropped[k] |= centre[i + k] == T(0);
    for (int p = 0; p < planes; ++p)
      for (ptrdiff_t k = 0; k < CHUNK; ++k) out[p * n + i + k] = dropped[k] ? T(NAN) : out[p * n + i + k];
  }
}

/* All results of a pixel, from five planes of sums. */
M3_CLONES static void detail_row(const T* __restrict sums, ptrdiff_t stride, T* __restrict re, T* __restrict im,
                                 T* __restrict magnitude, T* __restrict power_a, T* __restrict power_b, ptrdiff_t n,
                                 T ceiling) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T inverse[2 * CHUNK];
    for (ptrdiff_t k = 0; k < CHUNK; ++k) inverse[k] = inverse_amplitude(sums[2 * stride + i + k]);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) inverse[CHUNK + k] = inverse_amplitude(sums[3 * stride + i + k]);
    for (ptrdiff_t k = i; k < i + CHUNK; ++k) {
      const CoherenceDetail<T> d = coherence_detail(sums[k], sums[stride + k], sums[2 * stride + k], sums[3 * stride + k],
                                                    sums[4 * stride + k], inverse[k - i], inverse[CHUNK + k - i], ceiling);
      re[k] = d.re;
      im[k] = d.im;
      magnitude[k] = d.magnitude;
      power_a[k] = d.power_a;
      power_b[k] = d.power_b;
    }
  }
}
