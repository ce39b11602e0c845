/* What Cython calls of geometry.h, without structures of structures, and rows of sights in vectors. */
#ifndef M3_GEOMETRY_CPU_H
#define M3_GEOMETRY_CPU_H

#include "shade.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

inline void point_radar(const double* model, const double* point, double start, double* row, double* col) {
  const RadarPoint seen = radar_of(model, {point[0], point[1], point[2]}, start, 40);
  *row = radar_row(model, seen.time);
  *col = radar_col(model, seen.range);
}

inline void pixel_ground(const double* model, const Terrain& terrain, double row, double col, double* longitude,
                         double* latitude, double* height, double* incidence) {
  const Ground ground = ground_of(model, terrain, row, col);
  *longitude = ground.at.longitude;
  *latitude = ground.at.latitude;
  *height = ground.at.height;
  *incidence = ground.incidence;
}

/* Columns of a row at a time. */
constexpr long long SIGHT_CHUNK = 128;

/* tile_sum of `count` columns. */
M3_CLONES static void sums_of_row(const double* down, const double* along, int terms, ptrdiff_t cols, int count,
                                  double* out) {
  for (int i = 0; i < count; ++i) out[i] = down[0] * along[i];
  for (int k = 1; k < terms; ++k)
    for (int i = 0; i < count; ++i) out[i] += down[k] * along[k * cols + i];
}

/* tile_sight of `count` columns, from the sums of their planes. */
M3_CLONES static void sights_of_row(const double (*sums)[SIGHT_CHUNK], const double* height, int count, double* range,
                                    double* look) {
  for (int i = 0; i < count; ++i) {
    const double h = height[i], x = sums[0][i] + h * sums[4][i], y = sums[1][i] + h * sums[5][i];
    const double z = sums[2][i] + h * sums[6][i], up = sums[3][i] + h * sums[7][i];
    const double far = sqrt(x * x + y * y + z * z);
    range[i] = y > 0.0 ? far : NAN;
    look[i] = y > 0.0 ? up / far : NAN;
  }
}

/* Range and look angle of a row of a tile, with the bits of tile_sight. */
inline void row_sights(const TileGround& tile, long long r, double* range, double* look) {
  double sums[8][SIGHT_CHUNK];
  for (long long c = 0; c < tile.cols; c += SIGHT_CHUNK) {
    const int count = (int)(tile.cols - c < SIGHT_CHUNK ? tile.cols - c : SIGHT_CHUNK);
    for (int plane = 0; plane < 8; ++plane)
      sums_of_row(tile.down + (plane * tile.rows + r) * tile.terms, tile.along + plane * tile.terms * tile.cols + c,
                  tile.terms, tile.cols, count, sums[plane]);
    const long long at = r * tile.cols + c;
    sights_of_row(sums, tile.height + at, count, range + at, look + at);
  }
}

}  // namespace m3
#endif
