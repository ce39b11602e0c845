/* What the kernel headers need to be read by three compilers: nvrtc or nvcc (device), g++ (CPU kernels) and g++ with
   the emulation of ext/simt. No toolkit header is used, so CuPy can compile the text alone. */
#ifndef M3_HOSTDEV_H
#define M3_HOSTDEV_H

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define M3_HD __host__ __device__
#else
#define M3_HD
#include <math.h>
#endif

#endif
