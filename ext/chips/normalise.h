/* One value of a chip to the input of a network.

   decoding   stored x gain + offset; a stored value equal to nodata is no data
   encodings  linear: x; decibel: 10 log10 x; amplitude_decibel: 20 log10 x; fisher: atanh of x, which is held below
              0.9999; phase: cos x and sin x, x in radians; phasor: z / |z|, real and imaginary part; ratio: x / y;
              log_ratio: 10 log10 (x / y); difference: x - y; weighted_phasor: y z / |z|, y a coherence
   before     a coherence of L looks loses its bias: sqrt((x^2 - 1 / L) / (1 - 1 / L)), 0 below; a plane over (row, col)
              is subtracted from an unwrapped phase
   then       clipped to [low, high], minus centre, over scale; cos, sin and the parts of a phasor stay as they are
   no data    not finite, a logarithm of what is not above zero, a phasor of zero: value 0 and mask 0
   types      float32 and integers are encoded in float32, float64 in double; centre and scale apply in double */
#ifndef M3_NORMALISE_H
#define M3_NORMALISE_H

#include "hostdev.h"

namespace m3 {

enum Encoding {
  LINEAR = 0,
  DECIBEL = 1,
  AMPLITUDE_DECIBEL = 2,
  FISHER = 3,
  PHASE = 4,
  PHASOR = 5,
  RATIO = 6,
  LOG_RATIO = 7,
  DIFFERENCE = 8,
  WEIGHTED_PHASOR = 9
};

/* How a plane is stored; complex types hold their parts side by side. */
enum PixelType {
  FLOAT32 = 0,
  FLOAT64 = 1,
  UINT8 = 2,
  UINT16 = 3,
  INT16 = 4,
  COMPLEX64 = 5,
  COMPLEX128 = 6,
  COMPLEX_INT16 = 7
};

/* One band of a recipe; the order of the numbers is that of the table a caller fills. */
struct NormalisedBand {
  double low, high, centre, scale;
  double gain, offset, nodata; /* gain NaN: stored values are the values */
  double inverse_looks;        /* 0: a coherence keeps its bias */
  double ramp, ramp_row, ramp_col;
};

/* Planes that a band reads, and the position of its first channel. */
struct NormalisedPlaces {
  int encoding, channel, first, second;
};

M3_HD inline bool is_pair_of_channels(int encoding) {
  return encoding == PHASE || encoding == PHASOR || encoding == WEIGHTED_PHASOR;
}

union FloatBits {
  float value;
  int bits;
};

union DoubleBits {
  double value;
  long long bits;
};

/* Natural logarithm of a positive number, NaN of any other; 2 artanh(s) with s = (m - 1) / (m + 1), m within
   [1 / sqrt 2, sqrt 2], relative error below 2^-22. No branch, so that a loop over it becomes vectors. */
M3_HD inline float natural_log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  FloatBits b;
  b.value = tiny ? x * 16777216.0f : x;
  /* Distance from sqrt(1/2), whose exponent is that of the power wanted; without a sign, as what is no positive number
     runs over. */
  const int power = (int)((unsigned)b.bits - 0x3f3504f3u) >> 23;
  FloatBits m;
  m.bits = (int)((unsigned)b.bits - ((unsigned)power << 23));
  const float s = (m.value - 1.0f) / (m.value + 1.0f), q = s * s;
  const float series = s * q * (0.6666666667f + q * (0.4f + q * (0.2857142857f + q * 0.2222222222f)));
  const float e = (float)power - (tiny ? 24.0f : 0.0f);
  const float result = e * 0.693147181f + (s + s + series);
  return x > 0.0f && x * 0.0f == 0.0f ? result : (float)NAN;
}

M3_HD inline double natural_log(double x) { return x > 0.0 && x * 0.0 == 0.0 ? log(x) : (double)NAN; }

/* Cosine and sine of radians, up to 1e15; the angle is brought within an eighth of a turn in double. */
M3_HD inline void cosine_sine(float x, float& cosine, float& sine) {
  DoubleBits quarters; /* the whole number of quarter turns sits in the lowest bits of a double this large */
  quarters.value = (double)x * 0.63661977236758134308 + 6755399441055744.0;
  const double count = quarters.value - 6755399441055744.0;
  const float r = (float)((double)x - count * 1.57079632679489661923), q = r * r;
  const float s = r + r * q * (-1.6666666667e-1f + q * (8.3333333333e-3f + q * (-1.9841269841e-4f + q * 2.7557319e-6f)));
  const float c =
      1.0f + q * (-0.5f + q * (4.1666666667e-2f + q * (-1.3888888889e-3f + q * (2.48015873e-5f - q * 2.7557319e-7f))));
  const bool swapped = (quarters.bits & 1) != 0;
  const float a = swapped ? s : c, b = swapped ? c : s;
  cosine = ((quarters.bits + 1) & 2) != 0 ? -a : a;
  sine = (quarters.bits & 2) != 0 ? -b : b;
}

M3_HD inline void cosine_sine(double x, double& cosine, double& sine) {
  cosine = cos(x);
  sine = sin(x);
}

/* Power of two that brings the larger part near one, so that squares neither overflow nor vanish. */
M3_HD inline float towards_one(float larger) {
  FloatBits b;
  b.value = larger;
  const int power = 0x7f000000 - (b.bits & 0x7f800000);
  b.bits = power > 0x00800000 ? power : 0x00800000;
  return b.value;
}

M3_HD inline double towards_one(double larger) { return larger > 0.0 ? 1.0 / larger : 1.0; }

/* z / |z|, NaN for zero and for what is not finite. */
template <typename R>
M3_HD inline void unit_phasor(R re, R im, R& x, R& y) {
  const R a = re < R(0) ? -re : re, b = im < R(0) ? -im : im;
  const R power = towards_one(a > b ? a : b), r = re * power, i = im * power;
  const R inverse = R(1) / sqrt(r * r + i * i);
  const bool valid = re * R(0) + im * R(0) == R(0);
  x = valid ? r * inverse : R(NAN);
  y = valid ? i * inverse : R(NAN);
}

/* artanh of a number held within +-0.9999, NaN of what is not finite: half the logarithm of a / b = m 2^k with a = 1 + x
   and b = 1 - x, by one division; the bits of a float, read as a number, give its logarithm to a tenth. */
M3_HD inline float artanh(float x) {
  const float low = x > 0.9999f ? 0.9999f : x, held = low < -0.9999f ? -0.9999f : low;
  FloatBits a, b, power;
  a.value = 1.0f + held;
  b.value = 1.0f - held;
  const int k = (int)((unsigned)a.bits - (unsigned)b.bits + 0x00400000u) >> 23;
  power.bits = (int)((unsigned)(k + 127) << 23);
  const float times = power.value * b.value, s = (a.value - times) / (a.value + times), q = s * s;
  const float series =
      s * q * (0.6666666667f + q * (0.4f + q * (0.2857142857f + q * (0.2222222222f + q * 0.1818181818f))));
  const float value = 0.5f * ((float)k * 0.693147181f + (s + s + series));
  return x * 0.0f == 0.0f ? value : (float)NAN;
}

M3_HD inline double artanh(double x) {
  const double held = x > 0.9999 ? 0.9999 : (x < -0.9999 ? -0.9999 : x);
  return x * 0.0 == 0.0 ? atanh(held) : (double)NAN;
}

template <typename R>
M3_HD inline R without_bias(R x, R inverse_looks) {
  const R left = (x * x - inverse_looks) / (R(1) - inverse_looks);
  const R root = sqrt(left > R(0) ? left : R(0));
  return x * R(0) == R(0) ? root : x;
}

/* Encoded value of a band that gives one channel, NaN where it has none; y is the second plane's value. */
template <typename R>
M3_HD inline R encoded(int encoding, R x, R y) {
  const R decibels = R(4.342944819032518);
  if (encoding == DECIBEL) return decibels * natural_log(x);
  if (encoding == AMPLITUDE_DECIBEL) return R(2) * decibels * natural_log(x);
  if (encoding == FISHER) return artanh(x);
  if (encoding == RATIO) return x / y;
  if (encoding == LOG_RATIO) return decibels * (natural_log(x) - natural_log(y));
  if (encoding == DIFFERENCE) return x - y;
  return x;
}

/* Clip, centre and scale. */
template <typename R>
M3_HD inline void finish(R x, const NormalisedBand& band, float& value, unsigned char& valid) {
  const double clipped = (double)x < band.low ? band.low : ((double)x > band.high ? band.high : (double)x);
  const bool there = x * R(0) == R(0);
  value = there ? (float)((clipped - band.centre) / band.scale) : 0.0f;
  valid = there;
}

}  // namespace m3
#endif
