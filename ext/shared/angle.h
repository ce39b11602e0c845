/* The angle of a complex value, in (-pi, pi] radians, NaN of NaN. In float within 4e-7 rad, by sums, products and one
   quotient, so that loops vectorise and every processor gives the same bits. */
#ifndef M3_ANGLE_H
#define M3_ANGLE_H

#include "hostdev.h"

namespace m3 {

M3_HD inline double angle_of(double im, double re) { return atan2(im, re); }

M3_HD inline float angle_of(float im, float re) {
  const float x = re < 0.0f ? -re : re, y = im < 0.0f ? -im : im;
  const bool steep = y > x;
  const float larger = steep ? y : x, smaller = steep ? x : y;
  const float q = smaller / (larger == 0.0f ? 1.0f : larger), s = q * q;
  // arctan(q) / q over [0, 1]: minimax of the angle, 4e-8 rad.
  const float p = 0.999999344f + s * (-0.333298594f + s * (0.199465662f + s * (-0.139086291f + s * (0.0964219719f +
      s * (-0.0559123196f + s * (0.0218629539f + s * -0.00405456591f))))));
  const float acute = q * p, upright = steep ? 1.57079637f - acute : acute;
  const float turned = re < 0.0f ? 3.14159274f - upright : upright;
  return im < 0.0f ? -turned : turned;
}

}  // namespace m3
#endif
