/* Leaf loops of warp_cpu.h, included once for each real type (T). */

M3_CLONES static bool all_finite(const T* numbers, int count) {
  int found = 0;
  for (int k = 0; k < count; ++k) found |= !(numbers[k] * T(0) == T(0));
  return !found;
}

/* Sum of the lanes of each part: the taps of a row lie side by side. */
template <int PARTS, typename Wide>
static M3_INLINE void folded(Wide* sum, int blocks, T* out) {
  constexpr int lanes = sizeof(Wide) / sizeof(double);
  for (int b = 1; b < blocks; ++b) sum[0] += sum[b];
  if constexpr (lanes == PARTS) {
    for (int part = 0; part < PARTS; ++part) out[part] = (T)sum[0][part];
  } else {
    typedef typename Lanes<double, lanes / 2>::type Half;
    Half low, high;
    memcpy(&low, &sum[0], sizeof(Half));
    memcpy(&high, reinterpret_cast<const char*>(&sum[0]) + sizeof(Half), sizeof(Half));
    Half both = low + high;
    folded<PARTS>(&both, 1, out);
  }
}

/* Values of a chunk of pixels from taps that all lie on the raster, TAPS along columns and HIGH along rows; the
   number of the chunk if HIGH is 0. */
template <int TAPS, int PARTS, int HIGH>
static M3_INLINE void taps_of_chunk(const T* plane, ptrdiff_t line, const WarpChunk& chunk, int count, T* out) {
  constexpr int wide = TAPS * PARTS, lanes = wide % 8 ? (wide % 4 ? 2 : 4) : 8, blocks = wide / lanes;
  typedef typename Lanes<T, lanes>::type Narrow;
  typedef typename Lanes<double, lanes>::type Wide;
  const int high = HIGH ? HIGH : chunk.high;
  for (int p = 0; p < count; ++p) {
    const T* from = plane + chunk.first[p] * PARTS;
    /* Positions that the next row of the tile will need. */
    M3_PREFETCH(from + high * line);
    Wide sum[blocks];
    for (int b = 0; b < blocks; ++b) sum[b] = Wide{};
    for (int i = 0; i < high; ++i, from += line)
      for (int b = 0; b < blocks; ++b)
        sum[b] += chunk.down[p][i] * M3_CONVERTED(*reinterpret_cast<const Narrow*>(from + b * lanes), Wide);
    const double* const right = chunk.spread + p * wide;
    for (int b = 0; b < blocks; ++b) sum[b] *= *reinterpret_cast<const Wide*>(right + b * lanes);
    folded<PARTS>(sum, blocks, out + p * PARTS);
  }
}

/* The same for pixels that lie in one row of the raster, whose rows were summed once: chunk.summed, from chunk.left on. */
template <int TAPS, int PARTS>
static M3_INLINE void taps_of_row(const WarpChunk& chunk, int count, T* out) {
  constexpr int wide = TAPS * PARTS, lanes = wide % 8 ? (wide % 4 ? 2 : 4) : 8, blocks = wide / lanes;
  typedef typename Lanes<double, lanes>::type Wide;
  for (int p = 0; p < count; ++p) {
    const double* const from = chunk.summed + chunk.within[p] * PARTS;
    const double* const right = chunk.spread + p * wide;
    Wide sum[blocks];
    for (int b = 0; b < blocks; ++b)
      sum[b] = *reinterpret_cast<const Wide*>(from + b * lanes) * *reinterpret_cast<const Wide*>(right + b * lanes);
    folded<PARTS>(sum, blocks, out + p * PARTS);
  }
}

M3_CLONES static void rows_summed(const T* from, ptrdiff_t line, int taps, const double* down, int count, double* out) {
  for (int k = 0; k < count; k += 64 / (int)sizeof(T)) M3_PREFETCH(from + taps * line + k);
  for (int k = 0; k < count; ++k) out[k] = down[0] * (double)from[k];
  for (int i = 1; i < taps; ++i)
    for (int k = 0; k < count; ++k) out[k] += down[i] * (double)from[i * line + k];
}

#define M3_TAPS_OF_CHUNK(name, TAPS, PARTS)                                                                     \
  M3_CLONES static void name(const T* plane, ptrdiff_t line, const WarpChunk& chunk, int count, T* out) {       \
    if (chunk.span)                                                                                             \
      taps_of_row<TAPS, PARTS>(chunk, count, out);                                                              \
    else if (chunk.high == TAPS)                                                                                \
      taps_of_chunk<TAPS, PARTS, TAPS>(plane, line, chunk, count, out);                                         \
    else                                                                                                        \
      taps_of_chunk<TAPS, PARTS, 0>(plane, line, chunk, count, out);                                            \
  }
M3_TAPS_OF_CHUNK(two_taps_real, 2, 1)
M3_TAPS_OF_CHUNK(two_taps_complex, 2, 2)
M3_TAPS_OF_CHUNK(four_taps_real, 4, 1)
M3_TAPS_OF_CHUNK(four_taps_complex, 4, 2)
M3_TAPS_OF_CHUNK(six_taps_real, 6, 1)
M3_TAPS_OF_CHUNK(six_taps_complex, 6, 2)
M3_TAPS_OF_CHUNK(eight_taps_real, 8, 1)
M3_TAPS_OF_CHUNK(eight_taps_complex, 8, 2)
#undef M3_TAPS_OF_CHUNK

inline void chunk_values(int parts, const T* plane, ptrdiff_t line, WarpChunk& chunk, int count, T* out) {
  if (chunk.span)
    rows_summed(plane + chunk.left * parts, line, chunk.high, chunk.down[chunk.leader], chunk.span * parts, chunk.summed);
  const bool real = parts == 1;
  switch (chunk.wide) {
    case 2: return real ? two_taps_real(plane, line, chunk, count, out) : two_taps_complex(plane, line, chunk, count, out);
    case 4: return real ? four_taps_real(plane, line, chunk, count, out) : four_taps_complex(plane, line, chunk, count, out);
    case 6: return real ? six_taps_real(plane, line, chunk, count, out) : six_taps_complex(plane, line, chunk, count, out);
    default: return real ? eight_taps_real(plane, line, chunk, count, out) : eight_taps_complex(plane, line, chunk, count, out);
  }
}
