/* Leaf loops of resample_cpu.h, included once for each real type (T). */

/* Weights of a chunk of positions from a table of lines; those that are NaN take the first line and are not used. */
template <int WIDE>
static M3_INLINE void lines_of(const T* table, const double* position, int count, T* weights) {
  typedef typename Lanes<T, WIDE>::type Line;
  for (int p = 0; p < count; ++p) {
    const double at = (position[p] - floor(position[p])) * RESAMPLE_STEPS;
    const int line = at >= 0.0 && at < RESAMPLE_STEPS ? (int)at : 0;
    const T part = (T)(at - line);
    const Line low = *reinterpret_cast<const Line*>(table + line * WIDE);
    const Line high = *reinterpret_cast<const Line*>(table + (line + 1) * WIDE);
    *reinterpret_cast<Line*>(weights + p * WIDE) = (T(1) - part) * low + part * high;
  }
}
M3_CLONES static void lines_of_8(const T* down, const T* right, const double* row, const double* col, int count,
                                 T* down_weights, T* right_weights) {
  lines_of<8>(down, row, count, down_weights);
  lines_of<16>(right, col, count, right_weights);
}
M3_CLONES static void lines_of_4(const T* down, const T* right, const double* row, const double* col, int count,
                                 T* down_weights, T* right_weights) {
  lines_of<4>(down, row, count, down_weights);
  lines_of<8>(right, col, count, right_weights);
}

/* Sums of the even and of the odd lanes. */
template <int lanes>
static M3_INLINE void parts_summed(typename Lanes<T, lanes>::type sum, T* out) {
  if constexpr (lanes == 2) {
    out[0] = sum[0];
    out[1] = sum[1];
  } else {
    typename Lanes<T, lanes / 2>::type low, high;
    memcpy(&low, &sum, sizeof(low));
    memcpy(&high, reinterpret_cast<const char*>(&sum) + sizeof(low), sizeof(high));
    parts_summed<lanes / 2>(low + high, out);
  }
}

template <int TAPS>
static M3_INLINE void resampled(const T* image, ptrdiff_t cols, const ResampleChunk<T>& chunk, int count, T* out) {
  typedef typename Lanes<T, 2 * TAPS>::type Wide;
  for (int p = 0; p < count; ++p) {
    const T* from = image + 2 * (long long)chunk.first[p];
    const T* const down = chunk.down + p * TAPS;
    M3_PREFETCH(from + 2 * TAPS * cols);
    /* Two sums, so that additions need not wait for each other. */
    Wide even = down[0] * *reinterpret_cast<const Wide*>(from);
    Wide odd = down[1] * *reinterpret_cast<const Wide*>(from + 2 * cols);
    for (int i = 2; i < TAPS; i += 2) {
      even += down[i] * *reinterpret_cast<const Wide*>(from + 2 * i * cols);
      odd += down[i + 1] * *reinterpret_cast<const Wide*>(from + 2 * (i + 1) * cols);
    }
    even += odd;
    parts_summed<2 * TAPS>(even * *reinterpret_cast<const Wide*>(chunk.right + 2 * p * TAPS), out + 2 * p);
  }
}

/* Rows of a span of columns under one line of weights, added in the order of `resampled`. */
M3_CLONES static void span_summed(const T* from, ptrdiff_t line, int taps, const T* down, int count, T* out) {
  for (int k = 0; k < count; k += 64 / (int)sizeof(T)) M3_PREFETCH(from + taps * line + k);
  for (int k = 0; k < count; ++k) {
    T even = down[0] * from[k], odd = down[1] * from[line + k];
    for (int i = 2; i < taps; i += 2) {
      even += down[i] * from[i * line + k];
      odd += down[i + 1] * from[(i + 1) * line + k];
    }
    out[k] = even + odd;
  }
}

/* Pixels that lie in one row between the image's rows, which are summed once for all of them. */
template <int TAPS>
static M3_INLINE void resampled_row(const T* summed, const ResampleChunk<T>& chunk, int count, T* out) {
  typedef typename Lanes<T, 2 * TAPS>::type Wide;
  for (int p = 0; p < count; ++p) {
    const Wide sum = *reinterpret_cast<const Wide*>(summed + 2 * (long long)(chunk.first[p] - chunk.left));
    parts_summed<2 * TAPS>(sum * *reinterpret_cast<const Wide*>(chunk.right + 2 * p * TAPS), out + 2 * p);
  }
}
M3_CLONES static void resampled_row_8(const T* summed, const ResampleChunk<T>& chunk, int count, T* out) {
  resampled_row<8>(summed, chunk, count, out);
}
M3_CLONES static void resampled_row_4(const T* summed, const ResampleChunk<T>& chunk, int count, T* out) {
  resampled_row<4>(summed, chunk, count, out);
}

M3_CLONES static void resampled_8(const T* image, ptrdiff_t cols, const ResampleChunk<T>& chunk, int count, T* out) {
  resampled<8>(image, cols, chunk, count, out);
}
M3_CLONES static void resampled_4(const T* image, ptrdiff_t cols, const ResampleChunk<T>& chunk, int count, T* out) {
  resampled<4>(image, cols, chunk, count, out);
}
template <int TAPS>
void chunk_resampled(const T* image, ptrdiff_t cols, ResampleChunk<T>& chunk, int count, T* out) {
  if (chunk.span > 0) {
    span_summed(image + 2 * (long long)chunk.left, 2 * cols, TAPS, chunk.down, 2 * chunk.span, chunk.summed);
    TAPS == 8 ? resampled_row_8(chunk.summed, chunk, count, out) : resampled_row_4(chunk.summed, chunk, count, out);
    return;
  }
  if (TAPS == 8)
    resampled_8(image, cols, chunk, count, out);
  else
    resampled_4(image, cols, chunk, count, out);
}
