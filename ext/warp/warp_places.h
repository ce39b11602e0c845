/* Where the pixels of a tile lie in a source raster.

   Either as they are, rows and cols of (tile_rows, tile_cols), or, where they are smooth, as a sum of few terms,
     row(r, c) = sum_k rows[0, r, k] cols[0, k, c],   col(r, c) = sum_k rows[1, r, k] cols[1, k, c]
   of rows (2, tile_rows, terms) and cols (2, terms, tile_cols), which saves writing and reading 16 bytes per pixel, or, with
   terms = -1, as offsets rows and cols of (tile_rows, tile_cols) from the pixel's own row and column. Sums and offsets
   close to a pixel's centre or edge are put on it; then the origin of a crop is subtracted. Double throughout: float loses
   1/100 pixel on a 65 000 pixel image. */
#ifndef M3_WARP_PLACES_H
#define M3_WARP_PLACES_H

#include "hostdev.h"

namespace m3 {

struct WarpPlaces {
  const double* rows;
  const double* cols;
  int terms; /* 0: positions as they are, -1: offsets */
  long long tile_rows, tile_cols;
  double origin_row, origin_col;
};

/* Whether a coordinate lies on the raster, edges included; NaN does not. */
M3_HD inline bool warp_inside(double position, long long size) {
  return position >= -0.5 && position <= (double)size - 0.5;
}

/* As m3leo_sar.warp.pixel_map.SNAP. */
#define M3_SNAP 1e-7

M3_HD inline double warp_snapped(double position, double origin) {
  const double lattice = rint(position * 2.0) * 0.5;
  return (fabs(position - lattice) <= M3_SNAP ? lattice : position) - origin;
}

M3_HD inline double warp_sum(const double* down, const double* along, int terms, long long step) {
  double sum = down[0] * along[0];
  for (int k = 1; k < terms; ++k) sum += down[k] * along[k * step];
  return sum;
}

/* Position of one pixel of the tile, by its flat index. */
M3_HD inline void warp_place(const WarpPlaces& places, long long pixel, double* row, double* col) {
  if (places.terms == 0) {
    *row = places.rows[pixel];
    *col = places.cols[pixel];
    return;
  }
  const long long r = pixel / places.tile_cols, c = pixel % places.tile_cols;
  if (places.terms < 0) {
    *row = warp_snapped((double)r + places.rows[pixel], places.origin_row);
    *col = warp_snapped((double)c + places.cols[pixel], places.origin_col);
    return;
  }
  const double* const down = places.rows + r * places.terms;
  const double* const along = places.cols + c;
  const long long second_down = places.tile_rows * places.terms, second_along = places.terms * places.tile_cols;
  *row = warp_snapped(warp_sum(down, along, places.terms, places.tile_cols), places.origin_row);
  *col = warp_snapped(warp_sum(down + second_down, along + second_along, places.terms, places.tile_cols),
                      places.origin_col);
}

}  // namespace m3
#endif
