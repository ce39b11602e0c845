/* exp(j phase) for any finite phase in radians: reduced to a quarter turn in double, so that a topographic phase of
   thousands of turns keeps its angle. Sums and products alone, so that loops vectorise and every processor gives the
   same bits. Good to 1e-15 for |phase| < 1e6, where the reduction is exact. */
#ifndef M3_PHASOR_H
#define M3_PHASOR_H

#include "hostdev.h"

namespace m3 {

struct Phasor {
  double re, im;
};

M3_HD inline Phasor phasor(double phase) {
  // Pi / 2 in two parts, the first with so few bits that its products with a count of quarter turns are exact.
  const double turns = floor(phase * 0.63661977236758134308 + 0.5);
  const double r = (phase - turns * 1.57079632673412561417) - turns * 6.07710050650619224932e-11;
  const double quarter = turns - 4.0 * floor(0.25 * turns);
  const double x = r * r;
  // Taylor series; |r| <= pi / 4 leaves less than 1e-16 behind the last term.
  const double sine =
      r * (1 + x * (-1.0 / 6 + x * (1.0 / 120 + x * (-1.0 / 5040 + x * (1.0 / 362880 + x * (-1.0 / 39916800 +
      x * (1.0 / 6227020800.0 + x * (-1.0 / 1307674368000.0))))))));
  const double cosine =
      1 + x * (-0.5 + x * (1.0 / 24 + x * (-1.0 / 720 + x * (1.0 / 40320 + x * (-1.0 / 3628800 +
      x * (1.0 / 479001600.0 + x * (-1.0 / 87178291200.0)))))));
  const bool odd = (quarter == 1.0) | (quarter == 3.0);
  const double re = odd ? sine : cosine, im = odd ? cosine : sine;
  return {(quarter == 1.0) | (quarter == 2.0) ? -re : re, quarter >= 2.0 ? -im : im};
}

/* A complex value of the type of the sums. */
template <typename T>
struct Turn {
  T re, im;
};

template <typename T>
M3_HD inline Turn<T> times(Turn<T> p, Turn<T> q) {
  return {p.re * q.re - p.im * q.im, p.re * q.im + p.im * q.re};
}

}  // namespace m3
#endif
