/* Counts and moments of the valid values of a channel.

   bins       HISTOGRAM_BINS of equal width over [0, 1]; what lies outside counts in the end bins, and apart
   moments    valid values, their sum and that of their squares in double, the smallest and the largest, and how many lie
              below 0 and above 1 */
#ifndef M3_HISTOGRAM_H
#define M3_HISTOGRAM_H

#include "hostdev.h"

namespace m3 {

constexpr int HISTOGRAM_BINS = 4096;

struct Moments {
  double count, sum, squares, smallest, largest, below, above;
};

M3_HD inline Moments no_moments() { return {0.0, 0.0, 0.0, (double)INFINITY, -(double)INFINITY, 0.0, 0.0}; }

/* NaN, which no valid value is, goes to the first bin rather than out of the table. */
M3_HD inline int histogram_bin(float value) {
  const float place = value * (float)HISTOGRAM_BINS;
  return place >= 0.0f ? (place < (float)HISTOGRAM_BINS ? (int)place : HISTOGRAM_BINS - 1) : 0;
}

M3_HD inline void add_value(Moments& m, float value) {
  const double x = (double)value;
  m.count += 1.0;
  m.sum += x;
  m.squares += x * x;
  m.smallest = x < m.smallest ? x : m.smallest;
  m.largest = x > m.largest ? x : m.largest;
  m.below += x < 0.0 ? 1.0 : 0.0;
  m.above += x > 1.0 ? 1.0 : 0.0;
}

M3_HD inline void add_moments(Moments& m, const Moments& other) {
  m.count += other.count;
  m.sum += other.sum;
  m.squares += other.squares;
  m.smallest = other.smallest < m.smallest ? other.smallest : m.smallest;
  m.largest = other.largest > m.largest ? other.largest : m.largest;
  m.below += other.below;
  m.above += other.above;
}

}  // namespace m3
#endif
