/* Definitions by which the kernel texts are read by three compilers: nvrtc or nvcc (the device), g++ for the CPU kernels, and
   g++ with the emulation of ext/simt (M3_SIMT). No toolkit header is used, so CuPy can compile a text alone.

   A .cu file holds plain CUDA C++. Beside it, for the emulation's sake:
     M3_ENTRY(kernel)                    after each extern "C" kernel, so that it can be launched by name
     M3_SHARED(T, name, count)           a static shared array
     M3_DYNAMIC_SHARED(T, name)          the shared memory whose size is given at the launch
     M3_UNROLL(times)                    before a loop, how far the device's compiler may unroll it
     M3_LOAD(address), M3_STORE(address, value)
                                         a struct of 8 or 16 aligned bytes moved at once; the emulation counts one access */
#ifndef M3_HOSTDEV_H
#define M3_HOSTDEV_H

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

#define M3_HD __host__ __device__
#define M3_ENTRY(kernel)
#define M3_PRAGMA(text) _Pragma(#text)
#define M3_UNROLL(times) M3_PRAGMA(unroll times)
#define M3_LOAD(address) (*(address))
#define M3_STORE(address, value) ((void)(*(address) = (value)))
#define M3_SHARED(T, name, count) __shared__ T name[count]
#define M3_DYNAMIC_SHARED(T, name)                                   \
  extern __shared__ __align__(16) double m3_dynamic_shared_memory[];  \
  T* const name = reinterpret_cast<T*>(m3_dynamic_shared_memory)
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif

#else

#define M3_HD
#define M3_UNROLL(times)
#include <math.h>

#endif
#endif
