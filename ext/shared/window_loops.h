/* Leaf loops of window_sums.h, included once for each real type (T), as clones of a template are not supported.
   n is a multiple of CHUNK. */

/* Sum of rows: four registers run through all terms before they are stored. Meanwhile the memory that `ahead` names is
   brought nearer, so that its latency hides behind the additions. */
M3_CLONES static void sum_terms(const T* const* from, int terms, T* out, ptrdiff_t n, Ahead& ahead) {
  typedef T Vector __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
  constexpr ptrdiff_t lanes = 64 / sizeof(T);
  for (ptrdiff_t i = 0; i < n; i += 4 * lanes) {
    ahead.step();
    Vector sum[4];
    for (int k = 0; k < 4; ++k) sum[k] = *reinterpret_cast<const Vector*>(from[0] + i + k * lanes);
    for (int t = 1; t < terms; ++t)
      for (int k = 0; k < 4; ++k) sum[k] += *reinterpret_cast<const Vector*>(from[t] + i + k * lanes);
    for (int k = 0; k < 4; ++k) *reinterpret_cast<Vector*>(out + i + k * lanes) = sum[k];
  }
}

/* Two sums at once of a list of rows, one without its last row and one without its first: each row is read once. The
   additions are those of sum_terms. */
M3_CLONES static void sum_terms_twice(const T* const* from, int terms, T* out_newer, T* out_older, ptrdiff_t n,
                                      Ahead& ahead) {
  typedef T Vector __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
  constexpr ptrdiff_t lanes = 64 / sizeof(T);
  for (ptrdiff_t i = 0; i < n; i += 2 * lanes) {
    ahead.step();
    Vector newer[2], older[2];
    for (int k = 0; k < 2; ++k) newer[k] = *reinterpret_cast<const Vector*>(from[0] + i + k * lanes);
    for (int k = 0; k < 2; ++k) older[k] = *reinterpret_cast<const Vector*>(from[1] + i + k * lanes);
    for (int k = 0; k < 2; ++k) newer[k] += older[k];
    for (int t = 2; t < terms; ++t)
      for (int k = 0; k < 2; ++k) {
        const Vector x = *reinterpret_cast<const Vector*>(from[t] + i + k * lanes);
        newer[k] += x;
        older[k] += x;
      }
    for (int k = 0; k < 2; ++k) older[k] += *reinterpret_cast<const Vector*>(from[terms] + i + k * lanes);
    for (int k = 0; k < 2; ++k) *reinterpret_cast<Vector*>(out_newer + i + k * lanes) = newer[k];
    for (int k = 0; k < 2; ++k) *reinterpret_cast<Vector*>(out_older + i + k * lanes) = older[k];
  }
}

M3_CLONES static void sum_weighted(const T* const* from, const T* weight, int terms, T* out, ptrdiff_t n) {
  typedef T Vector __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
  constexpr ptrdiff_t lanes = 64 / sizeof(T);
  for (ptrdiff_t i = 0; i < n; i += 4 * lanes) {
    Vector sum[4];
    for (int k = 0; k < 4; ++k) sum[k] = weight[0] * *reinterpret_cast<const Vector*>(from[0] + i + k * lanes);
    for (int t = 1; t < terms; ++t)
      for (int k = 0; k < 4; ++k) sum[k] += weight[t] * *reinterpret_cast<const Vector*>(from[t] + i + k * lanes);
    for (int k = 0; k < 4; ++k) *reinterpret_cast<Vector*>(out + i + k * lanes) = sum[k];
  }
}

/* Sums of 2, 4, 8, ... neighbours, out[k][i] = x[i] + ... + x[i + 2^(k+1) - 1], up to a register's worth. Each level adds
   the one below to itself, shifted between two registers, so x is read once. Level k trails the reading by k + 1
   registers: out may be written that far in front of its first sample. A level that is not wanted is null. */
M3_CLONES static void double_along(const T* x, int levels, T* const* out, ptrdiff_t n, Ahead& ahead) {
  typedef T Vector __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
  typedef M3_INDEX(T) Index __attribute__((vector_size(64)));
  constexpr int lanes = 64 / sizeof(T);
  Index by1, by2, by4, by8;
  for (int k = 0; k < lanes; ++k) by1[k] = k + 1, by2[k] = k + 2, by4[k] = k + 4, by8[k] = k + 8;
  Vector x0 = {}, y0 = {}, z0 = {}, u0 = {};
  for (ptrdiff_t i = 0; i < n + levels * lanes; i += lanes) {
    if (i % CHUNK == 0) ahead.step();
    const Vector x1 = *reinterpret_cast<const Vector*>(x + i);
    const Vector y1 = x0 + __builtin_shuffle(x0, x1, by1);
    x0 = x1;
    if (out[0]) *reinterpret_cast<Vector*>(out[0] + i - lanes) = y1;
    if (levels < 2) continue;
    const Vector z1 = y0 + __builtin_shuffle(y0, y1, by2);
    y0 = y1;
    if (out[1]) *reinterpret_cast<Vector*>(out[1] + i - 2 * lanes) = z1;
    if (levels < 3) continue;
    const Vector u1 = z0 + __builtin_shuffle(z0, z1, by4);
    z0 = z1;
    if (out[2]) *reinterpret_cast<Vector*>(out[2] + i - 3 * lanes) = u1;
    if (levels < 4) continue;
    const Vector w1 = u0 + __builtin_shuffle(u0, u1, by8);
    u0 = u1;
    if (out[3]) *reinterpret_cast<Vector*>(out[3] + i - 4 * lanes) = w1;
  }
}
