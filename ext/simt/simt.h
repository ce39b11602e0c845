/* The part of CUDA C++ that our kernels use, with a meaning on the CPU: one fiber a thread, blocks over OS threads.

   Include it before a .cu text. What a kernel calls here and a GPU does not check is checked: barriers that part of a
   block misses, shuffles with lanes outside their mask, shared memory over the limit (the launch then fails), and, in
   the sanitizer builds, unsynchronised access (TSan) and reads beyond a shared array (ASan). */
#ifndef M3_SIMT_SIMT_H
#define M3_SIMT_SIMT_H

#define M3_SIMT 1

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>
#include <utility>

#if defined(M3_SIMT_COUNT)
#include "counts.h"
#endif

struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace simt {

struct Thread {
  uint3 index;
  unsigned linear;
};

extern thread_local Thread* running;
extern thread_local uint3 block_index;
extern thread_local dim3 block_size, grid_size;

/* `site` distinguishes the barriers of the text; returns how many threads came with `predicate` set. */
int barrier(int site, bool predicate);
void* shared_array(int site, size_t bytes, size_t align);
void* dynamic_shared();
/* All lanes of `mask` bring a value and take that of lane `source`, or the ballot of those that are not zero. */
uint64_t exchange(unsigned mask, uint64_t value, int source, unsigned* ballot);
unsigned living_lanes();

using Body = void (*)(void* kernel, void** arguments);
int launch(Body body, void* kernel, void** arguments, dim3 grid, dim3 block, size_t dynamic_bytes);

template <class... Parameters, size_t... Index>
void unpack(void (*kernel)(Parameters...), void** arguments, std::index_sequence<Index...>) {
  kernel(*static_cast<std::remove_reference_t<Parameters>*>(arguments[Index])...);
}

/* A function that calls a kernel of this type from an array of argument addresses, as a CUDA launch does. */
template <class... Parameters>
Body body_of(void (*)(Parameters...)) {
  return [](void* kernel, void** arguments) {
    unpack(reinterpret_cast<void (*)(Parameters...)>(kernel), arguments, std::index_sequence_for<Parameters...>{});
  };
}

inline int lane() { return int(running->linear & 31u); }

template <class T>
uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8, "a lane exchanges at most 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(uint64_t bits) {
  T value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#if defined(M3_SIMT_COUNT)
#define M3_UNCOUNTED __attribute__((noinline, no_sanitize_thread))
/* A vector moved by one instruction. */
template <class T>
M3_UNCOUNTED T load(const T* address) {
  counts::access(address, sizeof(T), counts::kRead, __builtin_return_address(0));
  return *address;
}
template <class T>
M3_UNCOUNTED void store(T* address, T value) {
  counts::access(address, sizeof(T), counts::kWrite, __builtin_return_address(0));
  *address = value;
}
#define M3_LOAD(address) simt::load(address)
#define M3_STORE(address, value) simt::store(address, value)
#else
#define M3_UNCOUNTED
#define M3_LOAD(address) (*(address))
#define M3_STORE(address, value) ((void)(*(address) = (value)))
#endif

template <class T>
T take_from(unsigned mask, T value, int source) {
#if defined(M3_SIMT_COUNT)
  if (lane() == __builtin_ctz(mask)) counts::shuffle(mask, sizeof(T));
#endif
  return from_bits<T>(exchange(mask, to_bits(value), source, nullptr));
}

template <class T, class Combine>
M3_UNCOUNTED T atomic(T* address, Combine combine) {
#if defined(M3_SIMT_COUNT)  // One OS thread; the sanitizer's atomics would be called for the compiler's.
  counts::access(address, sizeof(T), counts::kAtomic, __builtin_return_address(0));
  const T held = *address;
  *address = combine(held);
#else
  T held, next;
  __atomic_load(address, &held, __ATOMIC_RELAXED);
  do {
    next = combine(held);
  } while (!__atomic_compare_exchange(address, &held, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
#endif
  return held;
}

}  // namespace simt

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define threadIdx (simt::running->index)
#define blockIdx (simt::block_index)
#define blockDim (simt::block_size)
#define gridDim (simt::grid_size)
#define warpSize 32

#define M3_UNROLL(times)
#define M3_SHARED(T, name, count) \
  T* const name = static_cast<T*>(simt::shared_array(__COUNTER__, sizeof(T) * (count), alignof(T)))
#define M3_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(simt::dynamic_shared())
#define M3_ENTRY(kernel)                                                                                          \
  extern "C" int simt_launch_##kernel(void** arguments, const unsigned* grid, const unsigned* block, size_t bytes) { \
    return simt::launch(simt::body_of(&kernel), reinterpret_cast<void*>(&kernel), arguments,                        \
                        dim3{grid[0], grid[1], grid[2]}, dim3{block[0], block[1], block[2]}, bytes);                \
  }

#define __syncthreads() ((void)simt::barrier(__LINE__, false))
#define __syncthreads_count(predicate) simt::barrier(__LINE__, (predicate) != 0)
#define __syncthreads_or(predicate) (simt::barrier(__LINE__, (predicate) != 0) != 0)

template <class T>
T __ldg(const T* address) {
  return *address;
}
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  return simt::take_from(mask, value, (simt::lane() & ~(width - 1)) | (source & (width - 1)));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = simt::lane(), source = lane + int(by);
  return simt::take_from(mask, value, (source & ~(width - 1)) == (lane & ~(width - 1)) ? source : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = simt::lane(), source = lane - int(by);
  return simt::take_from(mask, value, source >= (lane & ~(width - 1)) ? source : lane);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32) {
  const int lane = simt::lane(), source = lane ^ with;
  return simt::take_from(mask, value, (source & ~(width - 1)) == (lane & ~(width - 1)) ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  unsigned ballot = 0;
  simt::exchange(mask, predicate != 0, 0, &ballot);
  return ballot;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  unsigned ballot = 0;
  simt::exchange(mask & simt::living_lanes(), 0, 0, &ballot);
}

template <class T>
T atomicAdd(T* address, std::common_type_t<T> value) {
  return simt::atomic(address, [=](T held) { return T(held + value); });
}
template <class T>
T atomicMax(T* address, std::common_type_t<T> value) {
  return simt::atomic(address, [=](T held) { return held < value ? value : held; });
}
template <class T>
T atomicMin(T* address, std::common_type_t<T> value) {
  return simt::atomic(address, [=](T held) { return value < held ? value : held; });
}

#endif
