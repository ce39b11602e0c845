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

/* y = x p; sum += y and moment += place y, then p = p u. */
M3_CLONES static void turn_and_add(const T* __restrict xr, const T* __restrict xi, T* __restrict pr, T* __restrict pi,
                                   const T* __restrict ur, const T* __restrict ui, T place, T* __restrict re,
                                   T* __restrict im, T* __restrict moment_re, T* __restrict moment_im, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T a = pr[i], b = pi[i];
    const T yr = xr[i] * a - xi[i] * b, yi = xr[i] * b + xi[i] * a;
    re[i] += yr;
    im[i] += yi;
    moment_re[i] += place * yr;
    moment_im[i] += place * yi;
    pr[i] = a * ur[i] - b * ui[i];
    pi[i] = a * ui[i] + b * ur[i];
  }
}

/* sum += line and moment += place line. */
M3_CLONES static void add_line(const T* __restrict line_re, const T* __restrict line_im, T place, T* __restrict re,
                               T* __restrict im, T* __restrict moment_re, T* __restrict moment_im, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    re[i] += line_re[i];
    im[i] += line_im[i];
    moment_re[i] += place * line_re[i];
    moment_im[i] += place * line_im[i];
  }
}

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

M3_CLONES static void turn_on(T* __restrict pr, T* __restrict pi, const T* __restrict ur, const T* __restrict ui,
                              ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T a = pr[i], b = pi[i];
    pr[i] = a * ur[i] - b * ui[i];
    pi[i] = a * ui[i] + b * ur[i];
  }
}
