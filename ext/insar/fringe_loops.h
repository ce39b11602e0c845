/* Leaf loops of fringe_cpu.h, included once for each real type (T). */

/* z = y x*, the change from one sample to its neighbour. */
M3_CLONES static void change_row(const T* __restrict xr, const T* __restrict xi, const T* __restrict yr,
                                 const T* __restrict yi, T* __restrict zr, T* __restrict zi, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    zr[i] = yr[i] * xr[i] + yi[i] * xi[i];
    zi[i] = yi[i] * xr[i] - yr[i] * xi[i];
  }
}

M3_CLONES static void undo_row(const T* __restrict re, const T* __restrict im, T* __restrict ur, T* __restrict ui,
                               ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const Turn<T> u = undoing(re[i], im[i]);
    ur[i] = u.re;
    ui[i] = u.im;
  }
}

/* The largest of n numbers and `largest`; n is a multiple of CHUNK. */
M3_CLONES static T largest_of(const T* __restrict x, T largest, ptrdiff_t n) {
  T most[CHUNK];
  for (ptrdiff_t k = 0; k < CHUNK; ++k) most[k] = largest;
  for (ptrdiff_t i = 0; i < n; i += CHUNK)
    for (ptrdiff_t k = 0; k < CHUNK; ++k) most[k] = x[i + k] > most[k] ? x[i + k] : most[k];
  for (T found : most) largest = found > largest ? found : largest;
  return largest;
}

M3_CLONES static void scale_row(T* x, T by, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) x[i] *= by;
}

/* Sum of rows that are `stride` apart; n is a multiple of CHUNK. */
template <int bytes>
M3_INLINE void sum_of_rows_in(const T* x, ptrdiff_t stride, int rows, T* out, ptrdiff_t n) {
  typedef Register<T, bytes> Row;
  for (ptrdiff_t i = 0; i < n; i += 4 * Row::lanes) {
    typename Row::type sum[4] = {};
    const T* row = x + i;
    for (int r = 0; r < rows; ++r, row += stride)
      for (int v = 0; v < 4; ++v) sum[v] += Row::at(row + v * Row::lanes);
    for (int v = 0; v < 4; ++v) Row::put(sum[v], out + i + v * Row::lanes);
  }
}
M3_PER_REGISTER(void, sum_of_rows, (const T* x, ptrdiff_t stride, int rows, T* out, ptrdiff_t n), (x, stride, rows, out, n))

/* x[i] + x[i + apart] in the place of x[i]. */
M3_CLONES static void double_row(T* x, ptrdiff_t apart, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) x[i] = x[i] + x[i + apart];
}

M3_CLONES static void add_row(const T* __restrict x, T* __restrict sum, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) sum[i] += x[i];
}

/* Sum and difference of two rows. */
M3_CLONES static void fold_row(const T* __restrict later, const T* __restrict earlier, T* __restrict sum,
                               T* __restrict difference, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    sum[i] = later[i] + earlier[i];
    difference[i] = later[i] - earlier[i];
  }
}

/* A square root of each phasor. */
M3_CLONES static void half_turn_row(const T* __restrict ur, const T* __restrict ui, T* __restrict hr, T* __restrict hi,
                                    ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T a = ur[i], b = ui[i], size = a < T(0) ? -a : a;
    const T larger = sqrt((T(1) + size) / T(2)), smaller = b / (T(2) * larger);
    hr[i] = a < T(0) ? (smaller < T(0) ? -smaller : smaller) : larger;
    hi[i] = a < T(0) ? (b < T(0) ? -larger : larger) : smaller;
  }
}

/* The sum undone and, if `moments`, its moments. Rows at one distance from the middle share a phasor and its conjugate, so
   the column of a window takes one product with their sum and one with their difference; columns then turn one after the
   other. All sums of a few pixels stay in registers. A number of
   pairs of rows that is `fixed`, that of windows of 4 or 5 rows, has its loop unrolled. */
template <int bytes, bool moments, int fixed>
M3_INLINE void undo_registers(const FringeFold<T>& fold, const T* ur, const T* ui, const T* vr, const T* vi,
                              const FringeUndone<T>& out, ptrdiff_t n) {
  typedef Register<T, bytes> Row;
  typedef typename Row::type Vector;
  constexpr ptrdiff_t lanes = Row::lanes;
  const int pairs = fixed > 0 ? fixed : fold.pairs;
  const T* const first_re = fold.even ? fold.half_re : ur;
  const T* const first_im = fold.even ? fold.half_im : ui;
  for (ptrdiff_t i = 0; i < n; i += lanes) {
    const Vector a = Row::at(ur + i), b = Row::at(ui + i), c = Row::at(vr + i), d = Row::at(vi + i), zero = {};
    Vector turn_re = Row::at(first_re + i), turn_im = Row::at(first_im + i);
    for (int k = 0; k < pairs; ++k) {
      T* const turn = fold.turns + 4 * lanes * k;
      const T distance = fold.even ? T(k) + T(0.5) : T(k + 1);
      Row::put(turn_re, turn), Row::put(turn_im, turn + lanes);
      Row::put(distance * turn_re, turn + 2 * lanes), Row::put(distance * turn_im, turn + 3 * lanes);
      const Vector next = turn_re * a - turn_im * b;
      turn_im = turn_re * b + turn_im * a, turn_re = next;
    }
    Vector p_re = zero + T(1), p_im = zero, re = zero, im = zero;
    Vector along_re = zero, along_im = zero, down_re = zero, down_im = zero;
    Vector own_re = p_re, own_im = p_im;
    for (int col = 0; col < fold.cols; ++col) {
      Vector x_re = Row::at(fold.centre_re + i + col), x_im = Row::at(fold.centre_im + i + col), m_re = zero, m_im = zero;
      const T* row = fold.folded + i + col;
      const T* turn = fold.turns;
      for (int k = 0; k < pairs; ++k, row += 4 * fold.width, turn += 4 * lanes) {
        const Vector sum_re = Row::at(row), sum_im = Row::at(row + fold.width);
        const Vector less_re = Row::at(row + 2 * fold.width), less_im = Row::at(row + 3 * fold.width);
        x_re += Row::at(turn) * sum_re - Row::at(turn + lanes) * less_im;
        x_im += Row::at(turn) * sum_im + Row::at(turn + lanes) * less_re;
        if (!moments) continue;
        m_re += Row::at(turn + 2 * lanes) * less_re - Row::at(turn + 3 * lanes) * sum_im;
        m_im += Row::at(turn + 2 * lanes) * less_im + Row::at(turn + 3 * lanes) * sum_re;
      }
      const Vector y_re = x_re * p_re - x_im * p_im, y_im = x_re * p_im + x_im * p_re;
      re += y_re, im += y_im;
      if (moments) {
        const T place = T(2 * col - (fold.cols - 1)) / 2;
        along_re += place * y_re, along_im += place * y_im;
        down_re += m_re * p_re - m_im * p_im, down_im += m_re * p_im + m_im * p_re;
      }
      if (col == fold.cols / 2) own_re = p_re, own_im = p_im;
      const Vector next = p_re * c - p_im * d;
      p_im = p_re * d + p_im * c, p_re = next;
    }
    Row::put(re, out.re + i), Row::put(im, out.im + i);
    if (moments) {
      Row::put(along_re, out.along_re + i), Row::put(along_im, out.along_im + i);
      Row::put(down_re, out.down_re + i), Row::put(down_im, out.down_im + i);
      continue;
    }
    // The pixel's own row is the middle one, or half a row after the middle.
    if (fold.even) {
      const Vector half_re = Row::at(first_re + i), half_im = Row::at(first_im + i);
      const Vector turned = own_re * half_re - own_im * half_im;
      own_im = own_re * half_im + own_im * half_re, own_re = turned;
    }
    Row::put(own_re, out.own_re + i), Row::put(own_im, out.own_im + i);
  }
}

template <int bytes>
M3_INLINE void undo_with_moments_in(const FringeFold<T>& fold, const T* ur, const T* ui, const T* vr, const T* vi,
                                    const FringeUndone<T>& out, ptrdiff_t n) {
  if (fold.pairs == 2) undo_registers<bytes, true, 2>(fold, ur, ui, vr, vi, out, n);
  else undo_registers<bytes, true, 0>(fold, ur, ui, vr, vi, out, n);
}
M3_PER_REGISTER(void, undo_with_moments,
                (const FringeFold<T>& fold, const T* ur, const T* ui, const T* vr, const T* vi, const FringeUndone<T>& out,
                 ptrdiff_t n),
                (fold, ur, ui, vr, vi, out, n))

template <int bytes>
M3_INLINE void undo_alone_in(const FringeFold<T>& fold, const T* ur, const T* ui, const T* vr, const T* vi,
                             const FringeUndone<T>& out, ptrdiff_t n) {
  if (fold.pairs == 2) undo_registers<bytes, false, 2>(fold, ur, ui, vr, vi, out, n);
  else undo_registers<bytes, false, 0>(fold, ur, ui, vr, vi, out, n);
}
M3_PER_REGISTER(void, undo_alone,
                (const FringeFold<T>& fold, const T* ur, const T* ui, const T* vr, const T* vi, const FringeUndone<T>& out,
                 ptrdiff_t n),
                (fold, ur, ui, vr, vi, out, n))

M3_CLONES static void refine_row(T* __restrict ur, T* __restrict ui, const T* __restrict re, const T* __restrict im,
                                 const T* __restrict moment_re, const T* __restrict moment_im, int size, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const Turn<T> u = refined(Turn<T>{ur[i], ui[i]}, Turn<T>{re[i], im[i]}, Turn<T>{moment_re[i], moment_im[i]}, size);
    ur[i] = u.re;
    ui[i] = u.im;
  }
}

/* Where the plain sum is not the smaller one it is taken, and no turn with it. */
M3_CLONES static void keep_larger(const T* __restrict plain_re, const T* __restrict plain_im, T* __restrict re,
                                  T* __restrict im, T* __restrict ur, T* __restrict ui, T* __restrict vr,
                                  T* __restrict vi, T* __restrict own_re, T* __restrict own_im, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T x = plain_re[i], y = plain_im[i], a = re[i], b = im[i];
    const bool plain = x * x + y * y >= a * a + b * b;
    re[i] = plain ? x : a;
    im[i] = plain ? y : b;
    ur[i] = plain ? T(1) : ur[i];
    ui[i] = plain ? T(0) : ui[i];
    vr[i] = plain ? T(1) : vr[i];
    vi[i] = plain ? T(0) : vi[i];
    own_re[i] = plain ? T(1) : own_re[i];
    own_im[i] = plain ? T(0) : own_im[i];
  }
}

/* Angles of what undoes, the other way round; NaN where a power is zero. */
M3_CLONES static void frequency_row(const T* __restrict ur, const T* __restrict ui, const T* __restrict power_a,
                                    const T* __restrict power_b, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T angle = angle_of(-ui[i], ur[i]);
    out[i] = (power_a[i] > T(0)) & (power_b[i] > T(0)) ? angle : T(NAN);
  }
}

M3_CLONES static void magnitude_row(const T* __restrict re, const T* __restrict im, T inverse, const T* __restrict power_a,
                                    const T* __restrict power_b, T* __restrict out, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i)
    out[i] = coherence_of(re[i] * inverse, im[i] * inverse, inverse_amplitude(power_a[i]), inverse_amplitude(power_b[i]),
                          T(1));
}
