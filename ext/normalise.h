/* One value of a chip to what a network sees.

   encodings  linear: x; decibel: 10 log10 x; amplitude_decibel: 20 log10 x; fisher: atanh of x, which is held below
              0.9999; phase: cos x and sin x, x in radians; phasor: z / |z|, real and imaginary part
   then       clipped to [low, high], minus centre, over scale; cos, sin and the parts of a phasor stay as they are
   no data    not finite, a logarithm of what is not above zero, a phasor of zero: value 0 and mask 0
   types      arithmetic in double, result float: a chip is read once, so memory, not arithmetic, sets the pace */
#ifndef M3_NORMALISE_H
#define M3_NORMALISE_H

#include "hostdev.h"

namespace m3 {

enum Encoding { LINEAR = 0, DECIBEL = 1, AMPLITUDE_DECIBEL = 2, FISHER = 3, PHASE = 4, PHASOR = 5 };

struct Scaling {
  double low, high, centre, scale;
};

M3_HD inline bool normalise_finite(double x) { return x * 0.0 == 0.0; }

/* Transform of a real value; `valid` turns false where it has none. */
M3_HD inline double normalise_transform(double x, int encoding, bool& valid) {
  if (encoding == DECIBEL || encoding == AMPLITUDE_DECIBEL) {
    valid = valid && x > 0.0;
    return (encoding == DECIBEL ? 10.0 : 20.0) * log10(valid ? x : 1.0);
  }
  if (encoding == FISHER) return atanh(x > 0.9999 ? 0.9999 : (x < -0.9999 ? -0.9999 : x));
  return x;
}

/* values, mask: planes of the channels; `pixel` is the flat index in a plane of `pixels`. A phase or phasor fills the
   plane and the next. */
M3_HD inline void normalise_at(double re, double im, int encoding, const Scaling& s, float* values,
                               unsigned char* mask, long long pixel, long long pixels) {
  bool valid = normalise_finite(re) && normalise_finite(im);
  if (encoding == PHASE || encoding == PHASOR) {
    const double size = encoding == PHASE ? 1.0 : sqrt(re * re + im * im);
    valid = valid && size > 0.0;
    const double x = encoding == PHASE ? cos(re) : re / size, y = encoding == PHASE ? sin(re) : im / size;
    values[pixel] = valid ? (float)x : 0.0f;
    values[pixel + pixels] = valid ? (float)y : 0.0f;
    mask[pixel] = mask[pixel + pixels] = valid;
    return;
  }
  double x = normalise_transform(re, encoding, valid);
  x = x < s.low ? s.low : (x > s.high ? s.high : x);
  values[pixel] = valid ? (float)((x - s.centre) / s.scale) : 0.0f;
  mask[pixel] = valid;
}

}  // namespace m3
#endif
