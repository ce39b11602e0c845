/* Values in [0, 1] as the nearest of levels 0 ... `levels`, for storage in a byte.

   level = rint(value levels), halves to even, in float; values outside [0, 1] get the level of 0 or 1, NaN gets no_data.
   values (count), out (count), C order. No sum is formed. */
#ifndef M3_QUANTISE_H
#define M3_QUANTISE_H

#include "hostdev.h"

namespace m3 {

M3_HD inline unsigned char quantised(float value, float levels, int no_data) {
  const float step = rintf(value * levels);
  const float low = step > 0.0f ? step : 0.0f;
  const int level = (int)(low < levels ? low : levels);
  return (unsigned char)(value == value ? level : no_data);
}

}  // namespace m3
#endif
