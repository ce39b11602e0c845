// Kernels with planted faults, to see that the emulation finds them, and sound ones that use the whole vocabulary.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../../ext/simt/simt.h"

extern "C" const char* simt_fault();

extern "C" __global__ void missing_barrier(float* out) {
  M3_SHARED(float, shared, 64);
  shared[threadIdx.x] = float(threadIdx.x);
  out[threadIdx.x] = shared[63 - threadIdx.x];
}
M3_ENTRY(missing_barrier)

extern "C" __global__ void other_blocks_pixel(float* out) {
  out[(blockIdx.x * blockDim.x + threadIdx.x) / 2] = 1.0f;
}
M3_ENTRY(other_blocks_pixel)

extern "C" __global__ void overrun(float* out) {
  M3_SHARED(float, shared, 64);
  shared[threadIdx.x + 1] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = shared[threadIdx.x];
}
M3_ENTRY(overrun)

extern "C" __global__ void divergent_barrier(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
    out[threadIdx.x] = 1.0f;
  } else {
    __syncthreads();
    out[threadIdx.x] = 2.0f;
  }
}
M3_ENTRY(divergent_barrier)

extern "C" __global__ void early_return(float* out) {
  if (threadIdx.x > 40) return;
  __syncthreads();
  out[threadIdx.x] = 1.0f;
}
M3_ENTRY(early_return)

extern "C" __global__ void lane_outside_mask(float* out) {
  out[threadIdx.x] = __shfl_sync(0x0000ffffu, float(threadIdx.x), 3);
}
M3_ENTRY(lane_outside_mask)

extern "C" __global__ void too_much_shared(float* out) {
  M3_SHARED(float, shared, 16 * 1024);
  shared[threadIdx.x] = 1.0f;
  out[threadIdx.x] = shared[threadIdx.x];
}
M3_ENTRY(too_much_shared)

// 64 threads sum 0 ... 63 = 2016 by shuffles, shared memory and an atomic; 40 of them are below 40.
extern "C" __global__ void sound(float* out) {
  M3_SHARED(float, part, 2);
  float sum = float(threadIdx.x);
  for (int by = 16; by; by >>= 1) sum += __shfl_down_sync(0xffffffffu, sum, by);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x / 32] = sum;
  const int below = __syncthreads_count(threadIdx.x < 40);
  if (threadIdx.x < 2) atomicAdd(out, part[threadIdx.x]);
  const unsigned odd = __ballot_sync(0xffffffffu, threadIdx.x & 1);
  if (threadIdx.x == 0) {
    out[1] = float(below);
    out[2] = odd == 0xaaaaaaaau ? 1.0f : 0.0f;
  }
  const int any = __syncthreads_or(threadIdx.x == 63);
  if (threadIdx.x == 0) out[3] = float(any);
}
M3_ENTRY(sound)

int main(int, char** arguments) {
  std::vector<float> out(128, 0.0f);
  float* pointer = out.data();
  void* pointers[] = {&pointer};
  const unsigned grid[] = {std::strcmp(arguments[1], "other_blocks_pixel") ? 1u : 2u, 1, 1}, block[] = {64, 1, 1};
#define TRY(name) \
  if (!std::strcmp(arguments[1], #name)) { \
    const int fault = simt_launch_##name(pointers, grid, block, 0); \
    std::printf("%s %g %g %g %g\n", fault ? simt_fault() : "done", out[0], out[1], out[2], out[3]); \
    return fault ? 3 : 0; \
  }
  TRY(missing_barrier) TRY(other_blocks_pixel) TRY(overrun) TRY(divergent_barrier) TRY(early_return)
  TRY(lane_outside_mask) TRY(too_much_shared) TRY(sound)
  return 9;
}
