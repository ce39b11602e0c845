/* Vectors of a few numbers, for leaf loops of the CPU kernels. They need not be aligned. */
#ifndef M3_LANES_H
#define M3_LANES_H

#include "portable.h"

namespace m3 {

/* The integer whose bits are all set where a comparison of two lanes holds, and none where it does not. */
template <typename Real>
struct LaneFlag;
template <>
struct LaneFlag<float> {
  typedef int type;
};
template <>
struct LaneFlag<double> {
  typedef long long type;
};

#if M3_VECTOR_TYPES

template <typename Number, int lanes>
struct Lanes;
#define M3_LANES(Number, lanes)                                                                                     \
  template <>                                                                                                       \
  struct Lanes<Number, lanes> {                                                                                     \
    typedef Number type __attribute__((vector_size(lanes * sizeof(Number)), aligned(sizeof(Number)), may_alias));   \
  };
M3_LANES(float, 1)
M3_LANES(float, 2)
M3_LANES(float, 4)
M3_LANES(float, 8)
M3_LANES(float, 16)
M3_LANES(double, 1)
M3_LANES(double, 2)
M3_LANES(double, 4)
M3_LANES(double, 8)
M3_LANES(double, 16)
M3_LANES(int, 8)
M3_LANES(long long, 4)
#undef M3_LANES

/* The lanes of a vector as another type of vector. No function, which would cost GCC's warp kernels 3 %. */
#define M3_CONVERTED(vector, Result) __builtin_convertvector(vector, Result)

/* Lanes `index` of two vectors side by side. */
template <typename Result, int... index, typename Vector>
M3_INLINE Result picked(Vector low, Vector high) {
  return __builtin_shufflevector(low, high, index...);
}

#else

/* The same for compilers without such types. */
template <typename Number, int count>
struct PlainVector {
  Number lane[count];

  M3_INLINE Number& operator[](int k) { return lane[k]; }
  M3_INLINE const Number& operator[](int k) const { return lane[k]; }

#define M3_PER_LANE(assigned, operation)                                           \
  M3_INLINE PlainVector& operator assigned(const PlainVector& other) {             \
    for (int k = 0; k < count; ++k) lane[k] assigned other.lane[k];                \
    return *this;                                                                  \
  }                                                                                \
  friend M3_INLINE PlainVector operator operation(PlainVector x, const PlainVector& y) { return x assigned y; }
  M3_PER_LANE(+=, +)
  M3_PER_LANE(-=, -)
  M3_PER_LANE(*=, *)
  M3_PER_LANE(&=, &)
#undef M3_PER_LANE

  friend M3_INLINE PlainVector operator*(Number by, PlainVector x) {
    for (int k = 0; k < count; ++k) x.lane[k] *= by;
    return x;
  }
  friend M3_INLINE PlainVector operator*(PlainVector x, Number by) { return by * x; }
  friend M3_INLINE PlainVector operator+(PlainVector x, Number more) {
    for (int k = 0; k < count; ++k) x.lane[k] += more;
    return x;
  }
};

template <typename Real, int count>
M3_INLINE PlainVector<typename LaneFlag<Real>::type, count> operator>=(const PlainVector<Real, count>& x,
                                                                       const PlainVector<Real, count>& y) {
  PlainVector<typename LaneFlag<Real>::type, count> found;
  for (int k = 0; k < count; ++k) found[k] = x[k] >= y[k] ? -1 : 0;
  return found;
}

template <typename Number, int lanes>
struct Lanes {
  typedef PlainVector<Number, lanes> type;
};

#define M3_CONVERTED(vector, Result) converted<Result>(vector)
template <typename Result, typename Number, int count>
M3_INLINE Result converted(const PlainVector<Number, count>& from) {
  Result found;
  for (int k = 0; k < count; ++k) found[k] = from[k];
  return found;
}

template <typename Result, int... index, typename Number, int count>
M3_INLINE Result picked(const PlainVector<Number, count>& low, const PlainVector<Number, count>& high) {
  return Result{{(index < count ? low[index % count] : high[index % count])...}};
}

#endif

}  // namespace m3
#endif
