/* Leaf loops of window_sums.h, included once for each real type (T), as versions of a template are not supported.
   n is a multiple of CHUNK; loops read up to a CHUNK past it. */

/* Sum of rows: some registers run through all terms before they are stored. Meanwhile the memory that `ahead` names is
   brought nearer, so that its latency hides behind the additions. */
template <int bytes>
M3_INLINE void sum_terms_in(const T* const* from, int terms, T* out, ptrdiff_t n, Ahead& ahead) {
  typedef Register<T, bytes> Row;
  constexpr int count = at_once(Row::lanes);
  for (ptrdiff_t i = 0; i < n; i += count * Row::lanes) {
    ahead.step();
    typename Row::type sum[count];
    for (int k = 0; k < count; ++k) sum[k] = Row::at(from[0] + i + k * Row::lanes);
    for (int t = 1; t < terms; ++t)
      for (int k = 0; k < count; ++k) sum[k] += Row::at(from[t] + i + k * Row::lanes);
    for (int k = 0; k < count; ++k) Row::put(sum[k], out + i + k * Row::lanes);
  }
}
M3_PER_REGISTER(void, sum_terms, (const T* const* from, int terms, T* out, ptrdiff_t n, Ahead& ahead),
                (from, terms, out, n, ahead))

/* The same for `planes` rows at steps of `stride`, CHUNK samples of each. */
template <int bytes>
M3_INLINE void chunk_sums_in(const T* const* from, int terms, ptrdiff_t stride, int planes, ptrdiff_t i, T* out) {
  typedef Register<T, bytes> Row;
  constexpr int count = at_once(Row::lanes);
  for (int p = 0; p < planes; ++p, i += stride)
    for (ptrdiff_t j = i; j < i + CHUNK; j += count * Row::lanes, out += count * Row::lanes) {
      typename Row::type sum[count];
      for (int k = 0; k < count; ++k) sum[k] = Row::at(from[0] + j + k * Row::lanes);
      for (int t = 1; t < terms; ++t)
        for (int k = 0; k < count; ++k) sum[k] += Row::at(from[t] + j + k * Row::lanes);
      for (int k = 0; k < count; ++k) Row::put(sum[k], out + k * Row::lanes);
    }
}
M3_PER_REGISTER(void, chunk_sums,
                (const T* const* from, int terms, ptrdiff_t stride, int planes, ptrdiff_t i, T* out),
                (from, terms, stride, planes, i, out))

/* Each row times its weight. Where the weights are `mirrored`, rows of one weight are added first. */
template <int bytes>
M3_INLINE void sum_weighted_in(const T* const* from, const T* weight, int terms, bool mirrored, T* out, ptrdiff_t n,
                               Ahead& ahead) {
  typedef Register<T, bytes> Row;
  constexpr int count = at_once(Row::lanes);
  const int half = terms / 2;
  for (ptrdiff_t i = 0; i < n; i += count * Row::lanes) {
    if (i % CHUNK == 0) ahead.step();
    typename Row::type sum[count] = {};
    if (mirrored) {
      if (terms % 2)
        for (int k = 0; k < count; ++k) sum[k] = weight[half] * Row::at(from[half] + i + k * Row::lanes);
      for (int t = half - 1; t >= 0; --t)
        for (int k = 0; k < count; ++k) {
          const ptrdiff_t j = i + k * Row::lanes;
          sum[k] += weight[t] * (Row::at(from[t] + j) + Row::at(from[terms - 1 - t] + j));
        }
    } else {
      for (int t = 0; t < terms; ++t)
        for (int k = 0; k < count; ++k) sum[k] += weight[t] * Row::at(from[t] + i + k * Row::lanes);
    }
    for (int k = 0; k < count; ++k) Row::put(sum[k], out + i + k * Row::lanes);
  }
}
M3_PER_REGISTER(void, sum_weighted,
                (const T* const* from, const T* weight, int terms, bool mirrored, T* out, ptrdiff_t n, Ahead& ahead),
                (from, weight, terms, mirrored, out, n, ahead))

/* Sums of rows, and of neighbours in these sums. */
template <int bytes>
M3_INLINE void sum_along_in(const T* const* from, int terms, int levels, T* const* out, ptrdiff_t n, Ahead& ahead) {
  typedef Register<T, bytes> Row;
  constexpr int count = 4;
  Doubling<T, bytes, count> along;
  for (ptrdiff_t i = 0; i < n + CHUNK; i += count * Row::lanes) {
    if (i % CHUNK == 0) ahead.step();
    typename Row::type sum[count];
    for (int k = 0; k < count; ++k) sum[k] = Row::at(from[0] + i + k * Row::lanes);
    for (int t = 1; t < terms; ++t)
      for (int k = 0; k < count; ++k) sum[k] += Row::at(from[t] + i + k * Row::lanes);
    along.next(sum, i, levels, out);
  }
}
M3_PER_REGISTER(void, sum_along, (const T* const* from, int terms, int levels, T* const* out, ptrdiff_t n, Ahead& ahead),
                (from, terms, levels, out, n, ahead))

/* The same for two lists at once: `from` without its last row, and without its first. Each row is read once. */
template <int bytes>
M3_INLINE void sum_along_twice_in(const T* const* from, int terms, int levels, T* const* newer_out,
                                  T* const* older_out, ptrdiff_t n, Ahead& ahead) {
  typedef Register<T, bytes> Row;
  constexpr int count = 4;
  Doubling<T, bytes, count> newer_along, older_along;
  for (ptrdiff_t i = 0; i < n + CHUNK; i += count * Row::lanes) {
    if (i % CHUNK == 0) ahead.step();
    typename Row::type newer[count], older[count];
    for (int k = 0; k < count; ++k) newer[k] = Row::at(from[0] + i + k * Row::lanes);
    for (int k = 0; k < count; ++k) older[k] = Row::at(from[1] + i + k * Row::lanes);
    for (int k = 0; k < count; ++k) newer[k] += older[k];
    for (int t = 2; t < terms; ++t)
      for (int k = 0; k < count; ++k) {
        const typename Row::type x = Row::at(from[t] + i + k * Row::lanes);
        newer[k] += x;
        older[k] += x;
      }
    for (int k = 0; k < count; ++k) older[k] += Row::at(from[terms] + i + k * Row::lanes);
    newer_along.next(newer, i, levels, newer_out);
    older_along.next(older, i, levels, older_out);
  }
}
M3_PER_REGISTER(void, sum_along_twice,
                (const T* const* from, int terms, int levels, T* const* newer_out, T* const* older_out, ptrdiff_t n,
                 Ahead& ahead),
                (from, terms, levels, newer_out, older_out, n, ahead))
