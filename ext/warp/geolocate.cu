/* Inverse of a radar grid's geolocation (GPU; formula in geolocate.h): first one thread per radar cell, then one per tile
   pixel. `owner` comes in as zeros. */
#include "hostdev.h"
#include "geolocate.h"

extern "C" __global__ void __launch_bounds__(256)
    geolocate_claim_cells(const double* tile_row, const double* tile_col, long long* owner, long long rows,
                          long long cols, long long tile_rows, long long tile_cols) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (rows - 1) * (cols - 1)) return;
  m3::geolocate_claim(tile_row, tile_col, owner, rows, cols, tile_rows, tile_cols, i / (cols - 1), i % (cols - 1));
}
M3_ENTRY(geolocate_claim_cells)

extern "C" __global__ void __launch_bounds__(256)
    geolocate_resolve_pixels(const double* tile_row, const double* tile_col, const long long* owner, double* out_row,
                             double* out_col, long long rows, long long cols, long long tile_cols, long long pixels) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= pixels) return;
  m3::geolocate_resolve(tile_row, tile_col, owner, out_row, out_col, rows, cols, tile_cols, i);
}
M3_ENTRY(geolocate_resolve_pixels)
