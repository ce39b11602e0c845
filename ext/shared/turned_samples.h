/* Rows of complex samples turned by phases (CPU; the phasor is that of phasor.h). */
#ifndef M3_TURNED_SAMPLES_H
#define M3_TURNED_SAMPLES_H

#include <stddef.h>

#include "phasor.h"
#include "registers.h"

namespace m3 {

/* n samples, in place, times exp(j sign phase). Once for each real type, as clones of a template are not supported. */
#define M3_TURN_SAMPLES(T)                                                                                       \
  M3_CLONES static void turn_samples(const double* __restrict phase, double sign, T* __restrict z, ptrdiff_t n) { \
    for (ptrdiff_t i = 0; i < n; ++i) {                                                                           \
      const Turn<T> turned = times(Turn<T>{z[2 * i], z[2 * i + 1]}, unit_turn<T>(sign * phase[i]));               \
      z[2 * i] = turned.re;                                                                                       \
      z[2 * i + 1] = turned.im;                                                                                   \
    }                                                                                                             \
  }
M3_TURN_SAMPLES(float)
M3_TURN_SAMPLES(double)
#undef M3_TURN_SAMPLES

}  // namespace m3
#endif
