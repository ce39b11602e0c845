/* Leaf loops of homogeneous_cpu.h, included once for each real type (T). */

/* A row of one date, and known = 0 where it has no finite number. */
M3_CLONES static void amplitude_row(const T* __restrict amplitude, T* __restrict row, LaneFlag<T>::type* __restrict known,
                                    ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    row[i] = amplitude[i];
    known[i] = amplitude[i] * T(0) == T(0) ? known[i] : 0;
  }
}

/* Sort each column over its dates, `stride` apart, by a network of exchanges: the same for all columns, so in vectors. */
M3_CLONES static void sort_columns(T* rows, ptrdiff_t stride, const int (*network)[2], size_t exchanges, ptrdiff_t n) {
  for (ptrdiff_t from = 0; from < n; from += KS_SORTED) {
    const ptrdiff_t count = n - from < KS_SORTED ? n - from : KS_SORTED;
    for (size_t e = 0; e < exchanges; ++e) {
      T* __restrict low = rows + network[e][0] * stride + from;
      T* __restrict high = rows + network[e][1] * stride + from;
      for (ptrdiff_t i = 0; i < count; ++i) {
        const T a = low[i], b = high[i];
        low[i] = a < b ? a : b;
        high[i] = a < b ? b : a;
      }
    }
  }
}

/* ks_alike of n columns of two rows, `bit` of their words where both agree and the other is known. */
M3_CLONES static void ks_row(const T* x, const T* y, ptrdiff_t stride, int dates, int limit, const LaneFlag<T>::type* known,
                             unsigned long long bit, unsigned long long* __restrict words, ptrdiff_t n) {
  typedef Lanes<T, 32 / sizeof(T)>::type Vector;
  typedef Lanes<LaneFlag<T>::type, 32 / sizeof(T)>::type Flags;
  constexpr ptrdiff_t lanes = 32 / sizeof(T);
  const ptrdiff_t shift = limit * stride;
  LaneFlag<T>::type found[4 * lanes];
  for (ptrdiff_t from = 0; from < n; from += 4 * lanes) {
    Flags alike[4];
    for (int v = 0; v < 4; ++v) alike[v] = *reinterpret_cast<const Flags*>(known + from + v * lanes);
    const T *p = x + from, *q = y + from;
    for (int i = 0; i + limit < dates; ++i, p += stride, q += stride)
      for (int v = 0; v < 4; ++v) {
        const Vector low_p = *reinterpret_cast<const Vector*>(p + v * lanes);
        const Vector low_q = *reinterpret_cast<const Vector*>(q + v * lanes);
        const Vector high_p = *reinterpret_cast<const Vector*>(p + shift + v * lanes);
        const Vector high_q = *reinterpret_cast<const Vector*>(q + shift + v * lanes);
        alike[v] &= (high_p >= low_q) & (high_q >= low_p);
      }
    for (int v = 0; v < 4; ++v) *reinterpret_cast<Flags*>(found + v * lanes) = alike[v];
    for (ptrdiff_t i = 0; i < 4 * lanes; ++i) words[from + i] |= (unsigned long long)(long long)found[i] & bit;
  }
}
