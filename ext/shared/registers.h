/* How leaf loops are compiled for each level of x86-64 in one binary, and what their vectors can do (CPU). */
#ifndef M3_REGISTERS_H
#define M3_REGISTERS_H

#include <stddef.h>

#include <utility>

#include "lanes.h"

#if M3_CLONED
/* Clones of a loop of vectors, name_in<bytes>(...), where `bytes` is the size of a register at each level. A vector wider
   than the registers would live in memory: GCC stores it after each operation. */
#define M3_PER_REGISTER(result, name, parameters, arguments)                                                  \
  M3_TARGET("default") static result name parameters { return name##_in<16> arguments; }                      \
  M3_TARGET("arch=x86-64-v3") static result name parameters { return name##_in<32> arguments; }               \
  M3_TARGET("arch=x86-64-v4") static result name parameters { return name##_in<64> arguments; }
#else
#if defined(M3_REGISTER_BYTES) /* set by a test */
#elif defined(__AVX512F__)
#define M3_REGISTER_BYTES 64
#elif defined(__AVX__)
#define M3_REGISTER_BYTES 32
#else
#define M3_REGISTER_BYTES 16
#endif
#define M3_PER_REGISTER(result, name, parameters, arguments) \
  [[maybe_unused]] static result name parameters { return name##_in<M3_REGISTER_BYTES> arguments; }
#endif

namespace m3 {

/* A register of `bytes`, as a vector of T that need not be aligned in memory. */
template <typename T, int bytes>
struct Register {
  typedef typename Lanes<T, bytes / int(sizeof(T))>::type type;
  static constexpr int lanes = bytes / int(sizeof(T));
  static M3_INLINE type at(const T* from) { return *reinterpret_cast<const type*>(from); }
  static M3_INLINE void put(type value, T* to) { *reinterpret_cast<type*>(to) = value; }
};

template <int by, typename Vector, size_t... k>
M3_INLINE Vector shifted_by(Vector low, Vector high, std::index_sequence<k...>) {
  return picked<Vector, int(k + by)...>(low, high);
}

/* Lanes by ... of two registers side by side. */
template <int by, int lanes, typename Vector>
M3_INLINE Vector shifted(Vector low, Vector high) {
  return shifted_by<by>(low, high, std::make_index_sequence<size_t(lanes)>());
}

/* Real and imaginary parts of a register's worth of interleaved samples. */
template <typename T, int bytes>
struct Parts {
  typedef Register<T, bytes> Row;
  typename Row::type re, im;

  explicit M3_INLINE Parts(const T* z) { split(z, std::make_index_sequence<size_t(Row::lanes)>()); }

 private:
  template <size_t... k>
  M3_INLINE void split(const T* z, std::index_sequence<k...>) {
    constexpr int lanes = Row::lanes;
    if constexpr (bytes == 32) {
      // Halves of 16 bytes that an AVX2 shuffle, which does not cross them, leaves in order.
      typedef Register<T, 16> Half;
      constexpr int half = lanes / 2;
      typedef typename Row::type Whole;
      const Whole even = picked<Whole, int(k)...>(Half::at(z), Half::at(z + lanes));
      const Whole odd = picked<Whole, int(k)...>(Half::at(z + half), Half::at(z + half + lanes));
      re = picked<Whole, within(int(k), 0)...>(even, odd);
      im = picked<Whole, within(int(k), 1)...>(even, odd);
    } else {
      const typename Row::type low = Row::at(z), high = Row::at(z + lanes);
      re = picked<typename Row::type, int(2 * k)...>(low, high);
      im = picked<typename Row::type, int(2 * k + 1)...>(low, high);
    }
  }

  /* Where part `part` of sample k lies in the two registers of halves, side by side. */
  static constexpr int within(int k, int part) {
    constexpr int lanes = Row::lanes, half = lanes / 2, quarter = half / 2;
    const int upper = k / half, in_half = k % half;
    return in_half / quarter * lanes + upper * half + in_half % quarter * 2 + part;
  }
};

/* Sums of samples `by` apart along a row that passes register by register. They trail by `trail` registers. */
template <typename T, int bytes, int by>
struct PairSums {
  typedef Register<T, bytes> Row;
  static constexpr int trail = by < Row::lanes ? 1 : by / Row::lanes;
  typename Row::type held[trail] = {};

  M3_INLINE typename Row::type next(typename Row::type x) {
    const typename Row::type first = held[0];
    for (int k = 0; k + 1 < trail; ++k) held[k] = held[k + 1];
    held[trail - 1] = x;
    if constexpr (by < Row::lanes) return first + shifted<by, Row::lanes>(first, x);
    else return first + x;
  }
};

}  // namespace m3
#endif
