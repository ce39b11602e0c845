/* Vectors of a few numbers, for leaf loops of the CPU kernels. */
#ifndef M3_LANES_H
#define M3_LANES_H

namespace m3 {

/* They need not be aligned. */
template <typename Real, int lanes>
struct Lanes;
#define M3_LANES(Real, lanes)                                                                                \
  template <>                                                                                                \
  struct Lanes<Real, lanes> {                                                                                \
    typedef Real type __attribute__((vector_size(lanes * sizeof(Real)), aligned(sizeof(Real)), may_alias));   \
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
#undef M3_LANES

}  // namespace m3
#endif
