/* Which pixels of a plane a block of a GPU takes: PATCH_COLS x PATCH_ROWS beside each other, a row of threads at a time, so that
   what neighbouring pixels read of a source comes from memory once and from the first-level cache after that. */
#ifndef M3_PATCHES_H
#define M3_PATCHES_H

#include "hostdev.h"

namespace m3 {

constexpr int PATCH_COLS = 64, PATCH_ROWS = 32;

/* Calls at(row, col) for every pixel of this thread. The grid is (patches along columns, patches along rows). */
template <int COLS, int ROWS, typename At>
__device__ inline void each_pixel_of_patch(long long rows, long long cols, const At& at) {
  const long long col = (long long)blockIdx.x * COLS + threadIdx.x % COLS;
  if (col >= cols) return;
  const long long first = (long long)blockIdx.y * ROWS, end = first + ROWS < rows ? first + ROWS : rows;
  M3_UNROLL(1)
  for (long long row = first + threadIdx.x / COLS; row < end; row += blockDim.x / COLS) at(row, col);
}

}  // namespace m3
#endif
