/* Definitions by which the kernel texts are read by three compilers: nvrtc or nvcc (the device), g++ for the CPU kernels, and
   g++ with the emulation of ext/simt (M3_SIMT). No toolkit header is used, so CuPy can compile a text alone.

   A .cu file holds plain CUDA C++. Beside it, for the emulation's sake:
     M3_ENTRY(kernel)                    after each extern "C" kernel, so that it can be launched by name
     M3_SHARED(T, name, count)           a static shared array
     M3_DYNAMIC_SHARED(T, name)          the shared memory whose size is given at the launch
     M3_UNROLL(times)                    before a loop, how far the device's compiler may unroll it */
#ifndef M3_HOSTDEV_H
#define M3_HOSTDEV_H

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

#define M3_HD __host__ __device__
#define M3_ENTRY(kernel)
#define M3_PRAGMA(text) _Pragma(#text)
#define M3_UNROLL(times) M3_PRAGMA(unroll times)
#define M3_SHARED(T, name, count) __shared__ T name[count]
#define M3_DYNAMIC_SHARED(T, name)                    \
  extern __shared__ double m3_dynamic_shared_memory[]; \
  T* const name = reinterpret_cast<T*>(m3_dynamic_shared_memory)
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif

#else

#define M3_HD
#include <math.h>

#endif
#endif
