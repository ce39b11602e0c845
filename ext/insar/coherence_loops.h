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

/* What to add to a result: NaN where too little of a window's weight is valid, or its own sample is not, else minus zero,
   which changes no bit. `down` and `along` are the weights on the image; `holes` is one at samples without data, or null
   where there are none. */
M3_CLONES static void gap_row(const T* __restrict valid, const int32_t* holes, double share, double down,
                              const double* __restrict along, T* __restrict gaps, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) gaps[i] = enough_valid((double)valid[i], share, down * along[i]) ? -T(0) : T(NAN);
  for (ptrdiff_t i = 0; holes && i < n; ++i) gaps[i] = holes[i] ? T(NAN) : gaps[i];
}

M3_CLONES static void add_gaps(const T* __restrict gaps, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] += gaps[i];
}

M3_CLONES static void add_gaps_to_values(const T* __restrict gaps, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    out[2 * i] += gaps[i];
    out[2 * i + 1] += gaps[i];
  }
}

/* Samples of each window: those on the image but for holes. */
M3_CLONES static void count_row(double down, const double* __restrict along, const int32_t* __restrict holes,
                                T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = T(down * along[i] - holes[i]);
}

M3_CLONES static void inverse_count_row(const T* __restrict valid, T* __restrict mean, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) mean[i] = inverse_count(valid[i]);
}

/* All results of a pixel but its looks, from four planes; `mean` has the inverse counts of valid samples. */
M3_CLONES static void detail_of_joint(const T* const* from, int terms, ptrdiff_t stride, const T* __restrict mean,
                                      T* __restrict out, ptrdiff_t n, T ceiling) {
  T *__restrict re = out, *__restrict im = out + n, *__restrict magnitude = out + 2 * n;
  T *__restrict power_a = out + 3 * n, *__restrict power_b = out + 4 * n;
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[4 * CHUNK];
    chunk_sums(from, terms, stride, 4, i, s);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) power_a[i + k] = s[2 * CHUNK + k] * mean[i + k];
    for (ptrdiff_t k = 0; k < CHUNK; ++k) power_b[i + k] = s[3 * CHUNK + k] * mean[i + k];
    for (ptrdiff_t k = 2 * CHUNK; k < 4 * CHUNK; ++k) s[k] = inverse_amplitude(s[k]);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) {
      const CoherenceValue<T> v = coherence_value(s[k], s[CHUNK + k], s[2 * CHUNK + k], s[3 * CHUNK + k], ceiling);
      re[i + k] = v.re;
      im[i + k] = v.im;
      magnitude[i + k] = v.magnitude;
    }
  }
}

/* Complex values, interleaved, from four planes, or from two and the inverse amplitudes. */
M3_CLONES static void value_of_joint(const T* const* from, int terms, ptrdiff_t stride, T* __restrict out, ptrdiff_t n,
                                     T ceiling) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[4 * CHUNK];
    chunk_sums(from, terms, stride, 4, i, s);
    for (ptrdiff_t k = 2 * CHUNK; k < 4 * CHUNK; ++k) s[k] = inverse_amplitude(s[k]);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) {
      const CoherenceValue<T> v = coherence_value(s[k], s[CHUNK + k], s[2 * CHUNK + k], s[3 * CHUNK + k], ceiling);
      out[2 * (i + k)] = v.re;
      out[2 * (i + k) + 1] = v.im;
    }
  }
}

M3_CLONES static void value_of_cross(const T* const* from, int terms, ptrdiff_t stride, const T* __restrict inverse_a,
                                     const T* __restrict inverse_b, T* __restrict out, ptrdiff_t n, T ceiling) {
  for (ptrdiff_t i = 0; i < n; i += CHUNK) {
    T s[2 * CHUNK];
    chunk_sums(from, terms, stride, 2, i, s);
    for (ptrdiff_t k = 0; k < CHUNK; ++k) {
      const CoherenceValue<T> v = coherence_value(s[k], s[CHUNK + k], inverse_a[i + k], inverse_b[i + k], ceiling);
      out[2 * (i + k)] = v.re;
      out[2 * (i + k) + 1] = v.im;
    }
  }
}

M3_CLONES static void interleave_row(const T* __restrict re, const T* __restrict im, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    out[2 * i] = re[i];
    out[2 * i + 1] = im[i];
  }
}

M3_CLONES static void angle_row(const T* __restrict re, const T* __restrict im, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) out[i] = angle_of(im[i], re[i]);
}
