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

/* sum += x p, then p = p u. */
M3_CLONES static void turn_and_add(const T* __restrict xr, const T* __restrict xi, T* __restrict pr, T* __restrict pi,
                                   const T* __restrict ur, const T* __restrict ui, T* __restrict re, T* __restrict im,
                                   ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) {
    const T a = pr[i], b = pi[i];
    re[i] += xr[i] * a - xi[i] * b;
    im[i] += xr[i] * b + xi[i] * a;
    pr[i] = a * ur[i] - b * ui[i];
    pi[i] = a * ui[i] + b * ur[i];
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
