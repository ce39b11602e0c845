/* Leaf loops of warp_cpu.h, included once for each real type (T). */

/* Values of a chunk of pixels from TAPS x TAPS taps that all lie on the raster. */
template <int TAPS, int PARTS>
static inline __attribute__((always_inline)) void taps_of_chunk(const T* plane, ptrdiff_t line, const WarpChunk& chunk,
                                                                int count, T* out) {
  constexpr int wide = TAPS * PARTS, lanes = wide % 8 ? (wide % 4 ? 2 : 4) : 8, blocks = wide / lanes;
  typedef typename Lanes<T, lanes>::type Narrow;
  typedef typename Lanes<double, lanes>::type Wide;
  for (int p = 0; p < count; ++p) {
    const T* from = plane + chunk.first[p] * PARTS;
    Wide sum[blocks];
    for (int b = 0; b < blocks; ++b) sum[b] = Wide{};
    for (int i = 0; i < TAPS; ++i, from += line)
      for (int b = 0; b < blocks; ++b)
        sum[b] += chunk.down[p][i] * __builtin_convertvector(*reinterpret_cast<const Narrow*>(from + b * lanes), Wide);
    double value[PARTS] = {};
    for (int j = 0; j < TAPS; ++j)
      for (int part = 0; part < PARTS; ++part)
        value[part] += chunk.right[p][j] * sum[(j * PARTS + part) / lanes][(j * PARTS + part) % lanes];
    for (int part = 0; part < PARTS; ++part) out[p * PARTS + part] = (T)value[part];
  }
}

#define M3_TAPS_OF_CHUNK(name, TAPS, PARTS)                                                                     \
  M3_CLONES static void name(const T* plane, ptrdiff_t line, const WarpChunk& chunk, int count, T* out) {       \
    taps_of_chunk<TAPS, PARTS>(plane, line, chunk, count, out);                                                 \
  }
M3_TAPS_OF_CHUNK(two_taps_real, 2, 1)
M3_TAPS_OF_CHUNK(two_taps_complex, 2, 2)
M3_TAPS_OF_CHUNK(four_taps_real, 4, 1)
M3_TAPS_OF_CHUNK(four_taps_complex, 4, 2)
M3_TAPS_OF_CHUNK(six_taps_real, 6, 1)
M3_TAPS_OF_CHUNK(six_taps_complex, 6, 2)
#undef M3_TAPS_OF_CHUNK

inline void chunk_values(int taps, int parts, const T* plane, ptrdiff_t line, const WarpChunk& chunk, int count, T* out) {
  if (taps == 2) return parts == 1 ? two_taps_real(plane, line, chunk, count, out) : two_taps_complex(plane, line, chunk, count, out);
  if (taps == 4) return parts == 1 ? four_taps_real(plane, line, chunk, count, out) : four_taps_complex(plane, line, chunk, count, out);
  return parts == 1 ? six_taps_real(plane, line, chunk, count, out) : six_taps_complex(plane, line, chunk, count, out);
}
