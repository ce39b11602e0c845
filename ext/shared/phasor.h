/* exp(j phase) for a phase in radians: reduced in double, so that a topographic phase of thousands of turns keeps its
   angle. Sums and products alone, so that loops vectorise and every processor gives the same bits. */
#ifndef M3_PHASOR_H
#define M3_PHASOR_H

#include "hostdev.h"

namespace m3 {

/* A complex value of the type of the sums. */
template <typename T>
struct Turn {
  T re, im;
};

template <typename T>
M3_HD inline Turn<T> times(Turn<T> p, Turn<T> q) {
  return {p.re * q.re - p.im * q.im, p.re * q.im + p.im * q.re};
}

/* A number and its bits. */
template <typename T>
struct Bits;
template <>
struct Bits<float> {
  typedef unsigned type;
};
template <>
struct Bits<double> {
  typedef unsigned long long type;
};
template <typename T>
union NumberBits {
  T number;
  typename Bits<T>::type bits;
};

/* exp(j angle) from the sine and cosine of what is left of the angle after `quarters` quarter turns, whose two lowest bits
   count. By masks, as loops with nested choices are not vectorised. */
template <typename T>
M3_HD inline Turn<T> after_quarters(typename Bits<T>::type quarters, T sine, T cosine) {
  typedef typename Bits<T>::type Word;
  NumberBits<T> s = {sine}, c = {cosine};
  const Word swapped = Word(0) - (quarters & 1), differing = (s.bits ^ c.bits) & swapped;
  constexpr int to_sign = 8 * sizeof(T) - 2;
  c.bits = (c.bits ^ differing) ^ (((quarters + 1) & 2) << to_sign);
  s.bits = (s.bits ^ differing) ^ ((quarters & 2) << to_sign);
  return {c.number, s.number};
}

/* Nearest whole number, by adding `large`, 1.5 times two to the number of bits behind the point, and taking it off;
   every processor does it alike. The sum's lowest bits are those of the whole number. */
template <typename T>
struct Rounded {
  T whole;
  typename Bits<T>::type bits;
};
template <typename T>
M3_HD inline Rounded<T> rounded(T x, T large) {
  const NumberBits<T> sum = {x + large};
  return {sum.number - large, sum.bits};
}

/* Of a phase that is too large for its type to hold an angle, some value within the bounds; NaN stays. */
template <typename T>
M3_HD inline T bounded(T x, T bound) {
  const T above = x < -bound ? -bound : x;
  return above > bound ? bound : above;
}

typedef Turn<double> Phasor;

/* In double: good to 1e-15 for |phase| < 1e6, where the reduction to a quarter turn is exact. NaN of what is not finite. */
M3_HD inline Phasor phasor(double phase) {
  // Pi / 2 in two parts, the first with so few bits that its products with a count of quarter turns are exact.
  const Rounded<double> quarters = rounded(phase * 0.63661977236758134308, 6755399441055744.0);
  const double r = bounded(
      (phase - quarters.whole * 1.57079632673412561417) - quarters.whole * 6.07710050650619224932e-11, 0.8);
  const double x = r * r;
  // Taylor series; |r| <= pi / 4 leaves less than 1e-16 behind the last term.
  const double sine =
      r * (1 + x * (-1.0 / 6 + x * (1.0 / 120 + x * (-1.0 / 5040 + x * (1.0 / 362880 + x * (-1.0 / 39916800 +
      x * (1.0 / 6227020800.0 + x * (-1.0 / 1307674368000.0))))))));
  const double cosine =
      1 + x * (-0.5 + x * (1.0 / 24 + x * (-1.0 / 720 + x * (1.0 / 40320 + x * (-1.0 / 3628800 +
      x * (1.0 / 479001600.0 + x * (-1.0 / 87178291200.0)))))));
  return after_quarters(quarters.bits, sine, cosine);
}

/* exp(j phase) in the type of the sums; NaN of what is not finite. */
template <typename T>
M3_HD inline Turn<T> unit_turn(double phase) {
  return phasor(phase);
}

/* Within 3e-7 rad and 2e-7 of length one for |phase| < 1e9. The count of turns is rounded in double, what is left of a
   turn goes on in float, to a polynomial over an eighth of a turn each way (minimax, 3e-8). */
template <>
M3_HD inline Turn<float> unit_turn<float>(double phase) {
  const double turns = phase * 0.15915494309189533577;
  const double left = turns - rounded(turns, 6755399441055744.0).whole;
  const float part = bounded(4.0f * (float)left, 2.0f);
  const Rounded<float> quarters = rounded(part, 12582912.0f);
  const float g = part - quarters.whole, x = g * g;
  const float sine = g * (1.57079637f + x * (-0.64596349f + x * (0.0796802267f + x * -0.00460217707f)));
  const float cosine = 1.0f + x * (-1.23369801f + x * (0.253606349f + x * -0.020426251f));
  return after_quarters(quarters.bits, sine, cosine);
}

}  // namespace m3
#endif
