/* What Cython calls of geometry.h, without structures of structures, and rows of sights in vectors. */
#ifndef M3_GEOMETRY_CPU_H
#define M3_GEOMETRY_CPU_H

#include <vector>

#include "ground.h"
#include "shade.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

inline void point_radar(const double* model, const double* point, double start, double* row, double* col) {
  const RadarPoint seen = radar_of(model, {point[0], point[1], point[2]}, start, 40);
  *row = radar_row(model, seen.time);
  *col = radar_col(model, seen.range);
}

struct GroundPlanes {
  const double* row;
  const double* col;
  double* longitude;
  double* latitude;
  double* height;
  double* incidence;
};

/* Pixels of one row whose searches go step by step together. */
constexpr int GROUND_CHUNK = 32;
struct GroundChunk {
  double range[GROUND_CHUNK], ahead[GROUND_CHUNK];
  double x[GROUND_CHUNK], y[GROUND_CHUNK], z[GROUND_CHUNK], around[GROUND_CHUNK], sine[GROUND_CHUNK], cosine[GROUND_CHUNK];
  double longitude[GROUND_CHUNK], latitude[GROUND_CHUNK], height[GROUND_CHUNK], deep[GROUND_CHUNK];
  GroundSearch search[GROUND_CHUNK];
  int state[GROUND_CHUNK];
};

M3_CLONES static void chunk_begun(const double* model, const GroundRow& frame, double middle, const double* __restrict col,
                                  int count, GroundChunk& M3_RESTRICT_REFERENCE chunk) {
  const double side = model[RADAR_SIDE];
  for (int p = 0; p < count; ++p) {
    const double range = range_of(model, col[p]), ahead = range_ahead(model, range);
    chunk.range[p] = range;
    chunk.ahead[p] = ahead;
    chunk.deep[p] = first_depth(frame, side, range, ahead, middle);
  }
}

M3_CLONES static void chunk_looked(const GroundRow& frame, double side, int count,
                                   GroundChunk& M3_RESTRICT_REFERENCE chunk) {
  for (int p = 0; p < count; ++p) {
    const GroundLook look = look_at(frame, side, chunk.range[p], chunk.ahead[p], chunk.deep[p]);
    chunk.x[p] = look.point.x, chunk.y[p] = look.point.y, chunk.z[p] = look.point.z;
    chunk.around[p] = look.up.around, chunk.sine[p] = look.up.sine, chunk.cosine[p] = look.up.cosine;
    chunk.longitude[p] = look.longitude, chunk.latitude[p] = look.latitude, chunk.height[p] = look.up.height;
  }
}

/* Height of the terrain at each pixel's place. */
M3_CLONES static void chunk_surfaced(const Terrain& terrain, int count, const GroundChunk& M3_RESTRICT_REFERENCE chunk,
                                     double* __restrict surface) {
  double row[GROUND_CHUNK], col[GROUND_CHUNK], down[GROUND_CHUNK], right[GROUND_CHUNK];
  for (int p = 0; p < count; ++p) {
    const TerrainPlace place = terrain_place(terrain, chunk.longitude[p], chunk.latitude[p]);
    row[p] = place.row, col[p] = place.col, down[p] = place.down, right[p] = place.right;
  }
  for (int p = 0; p < count; ++p) surface[p] = terrain_at(terrain, {row[p], col[p], down[p], right[p]});
}

/* ground_of for pixels of one row: the same steps, all pixels together. */
inline void chunk_ground(const double* model, const Terrain& terrain, const GroundRow& frame, const double* col, int count,
                         GroundChunk& chunk) {
  const double middle = middle_of(terrain), level = level_slope(frame, middle), side = model[RADAR_SIDE];
  chunk_begun(model, frame, middle, col, count, chunk);
  chunk_looked(frame, side, count, chunk);
  double surface[GROUND_CHUNK];
  chunk_surfaced(terrain, count, chunk, surface);
  int searched = 0;
  for (int p = 0; p < count; ++p) {
    const double above = chunk.height[p] - surface[p];
    chunk.search[p] = {chunk.deep[p], 0.0, level, above, 0.0};
    chunk.state[p] = above == above ? GROUND_SEARCHED : GROUND_LOST;
    searched += chunk.state[p] == GROUND_SEARCHED;
  }
  for (int step = 0; step < GROUND_STEPS && searched > 0; ++step) {
    for (int p = 0; p < count; ++p) {
      if (chunk.state[p] != GROUND_SEARCHED) continue;
      search_stepped(&chunk.search[p]);
      chunk.deep[p] = chunk.search[p].deep;
    }
    chunk_looked(frame, side, count, chunk);
    chunk_surfaced(terrain, count, chunk, surface);
    searched = 0;
    for (int p = 0; p < count; ++p) {
      if (chunk.state[p] != GROUND_SEARCHED) continue;
      chunk.state[p] = search_judged(&chunk.search[p], chunk.height[p], surface[p], level, step);
      searched += chunk.state[p] == GROUND_SEARCHED;
    }
  }
}

/* Pixels first ... last - 1; those that follow each other in a row share its frame. */
inline void pixels_ground(const double* model, const Terrain& terrain, const GroundPlanes& planes, long long first,
                          long long last) {
  GroundChunk chunk;
  GroundRow frame = {};
  for (long long i = first; i < last;) {
    if (i == first || planes.row[i] != planes.row[i - 1]) frame = ground_row(model, planes.row[i], middle_of(terrain));
    int count = 1;
    while (count < GROUND_CHUNK && i + count < last && planes.row[i + count] == planes.row[i]) ++count;
    chunk_ground(model, terrain, frame, planes.col + i, count, chunk);
    for (int p = 0; p < count; ++p, ++i) {
      Ground ground;
      if (chunk.state[p] == GROUND_FOUND)
        ground = {{chunk.longitude[p], chunk.latitude[p], chunk.height[p]},
                  incidence_at(frame, {chunk.x[p], chunk.y[p], chunk.z[p]}, chunk.around[p], chunk.sine[p], chunk.cosine[p])};
      else
        ground = ground_by_bracket(model, terrain, frame, chunk.range[p], chunk.ahead[p]);
      planes.longitude[i] = ground.at.longitude;
      planes.latitude[i] = ground.at.latitude;
      planes.height[i] = ground.at.height;
      planes.incidence[i] = ground.incidence;
    }
  }
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

/* Planes first ... last - 1 of `count` columns of a row of a tile. */
inline void planes_of_row(const TileGround& tile, long long r, long long c, int count, int first, int last,
                          double (*sums)[SIGHT_CHUNK]) {
  for (int plane = first; plane < last; ++plane)
    sums_of_row(tile.down + (plane * tile.rows + r) * tile.terms, tile.along + plane * tile.terms * tile.cols + c, tile.terms,
                tile.cols, count, sums[plane]);
}

/* Range and look angle of a row of a tile, with the bits of tile_sight. */
inline void row_sights(const TileGround& tile, long long r, double* range, double* look) {
  double sums[8][SIGHT_CHUNK];
  for (long long c = 0; c < tile.cols; c += SIGHT_CHUNK) {
    const int count = (int)(tile.cols - c < SIGHT_CHUNK ? tile.cols - c : SIGHT_CHUNK);
    planes_of_row(tile, r, c, count, 0, 8, sums);
    const long long at = r * tile.cols + c;
    sights_of_row(sums, tile.height + at, count, range + at, look + at);
  }
}

/* Points of a row of a tile, as three planes. */
M3_CLONES static void points_of_row(const double (*sums)[SIGHT_CHUNK], const double* height, int count, double* __restrict x,
                                    double* __restrict y, double* __restrict z) {
  for (int i = 0; i < count; ++i) {
    x[i] = sums[0][i] + height[i] * sums[4][i];
    y[i] = sums[1][i] + height[i] * sums[5][i];
    z[i] = sums[2][i] + height[i] * sums[6][i];
  }
}

/* One step of Newton's method for `count` points from a guess, as a rule enough. */
M3_CLONES static void steps_of_row(const double* model, const double* x, const double* y, const double* z, const double* guess,
                                   int count, double* __restrict row, double* __restrict col, double* __restrict settled) {
  for (int i = 0; i < count; ++i) {
    const RadarStep step = radar_step(model, {x[i], y[i], z[i]}, guess[i]);
    row[i] = radar_row(model, step.time);
    col[i] = radar_col(model, step.range);
    settled[i] = radar_settled(model, step) ? 1.0 : 0.0;
  }
}

/* Radar positions of a row of a tile. */
inline void row_radar(const double* model, const TileGround& tile, long long r, double* row, double* col) {
  double sums[8][SIGHT_CHUNK], x[SIGHT_CHUNK], y[SIGHT_CHUNK], z[SIGHT_CHUNK], guess[SIGHT_CHUNK], settled[SIGHT_CHUNK];
  for (long long c = 0; c < tile.cols; c += SIGHT_CHUNK) {
    const int count = (int)(tile.cols - c < SIGHT_CHUNK ? tile.cols - c : SIGHT_CHUNK);
    const long long at = r * tile.cols + c;
    const double* const height = tile.height + at;
    planes_of_row(tile, r, c, count, 0, 8, sums);
    points_of_row(sums, height, count, x, y, z);
    for (int i = 0; i < count; ++i) guess[i] = sums[3][i] + height[i] * sums[7][i];
    steps_of_row(model, x, y, z, guess, count, row + at, col + at, settled);
    for (int i = 0; i < count; ++i)
      if (settled[i] == 0.0) tile_radar(model, tile, at + i, row, col);
  }
}

/* Three rows of points about one, each of all columns, x, y and z. */
struct TileRows {
  std::vector<double> held;
  long long cols;
  explicit TileRows(long long columns) : held(9 * columns), cols(columns) {}
  double* plane(long long r, int axis) { return held.data() + (3 * (r % 3) + axis) * cols; }
};

inline void row_filled(const TileGround& tile, long long r, TileRows& rows) {
  double sums[8][SIGHT_CHUNK];
  for (long long c = 0; c < tile.cols; c += SIGHT_CHUNK) {
    const int count = (int)(tile.cols - c < SIGHT_CHUNK ? tile.cols - c : SIGHT_CHUNK);
    planes_of_row(tile, r, c, count, 0, 3, sums);
    planes_of_row(tile, r, c, count, 4, 7, sums);
    points_of_row(sums, tile.height + r * tile.cols + c, count, rows.plane(r, 0) + c, rows.plane(r, 1) + c,
                  rows.plane(r, 2) + c);
  }
}

/* Cosines of columns first ... last - 1, whose neighbours lie `left` before and `right` after them. */
M3_CLONES static void cosines_of_row(const double* model, const double* const* up, const double* const* own,
                                     const double* const* low, const double* row, int left, int right, long long first,
                                     long long last, double* __restrict out) {
  const double *ux = up[0], *uy = up[1], *uz = up[2], *x = own[0], *y = own[1], *z = own[2];
  const double *lx = low[0], *ly = low[1], *lz = low[2];
  for (long long c = first; c < last; ++c) {
    const Vector3 across = {x[c + right] - x[c - left], y[c + right] - y[c - left], z[c + right] - z[c - left]};
    const Vector3 down = {lx[c] - ux[c], ly[c] - uy[c], lz[c] - uz[c]};
    out[c] = cosine_between(orbit_place(model, row[c]), {x[c], y[c], z[c]}, across, down);
  }
}

/* Local incidence of rows first ... last - 1 of a tile. */
inline void rows_incidence(const double* model, const TileGround& tile, const double* row, long long first, long long last,
                           double* incidence) {
  TileRows rows(tile.cols);
  for (long long r = first > 0 ? first - 1 : 0; r < first + 1 && r < tile.rows; ++r) row_filled(tile, r, rows);
  for (long long r = first; r < last; ++r) {
    if (r + 1 < tile.rows) row_filled(tile, r + 1, rows);
    const double* planes[3][3];
    const long long at[3] = {r > 0 ? r - 1 : r, r, r + 1 < tile.rows ? r + 1 : r};
    for (int k = 0; k < 3; ++k)
      for (int axis = 0; axis < 3; ++axis) planes[k][axis] = rows.plane(at[k], axis);
    double* const out = incidence + r * tile.cols;
    const double* const own = row + r * tile.cols;
    const long long end = tile.cols - 1;
    cosines_of_row(model, planes[0], planes[1], planes[2], own, 0, end > 0 ? 1 : 0, 0, 1, out);
    cosines_of_row(model, planes[0], planes[1], planes[2], own, 1, 1, 1, end, out);
    if (end > 0) cosines_of_row(model, planes[0], planes[1], planes[2], own, 1, 0, end, end + 1, out);
    for (long long c = 0; c < tile.cols; ++c) out[c] = acos(out[c]);
  }
}

/* Layover and shadow of a block of the tile's pixels: first whether all lines from it fall. */
constexpr int SHADE_BLOCK = 8;
inline void block_shade(const Sights& sights, long long first_row, long long first_col, double dy, double dx, int steps,
                        long long rows, long long cols, long long block, unsigned char* out) {
  const long long across = (cols + SHADE_BLOCK - 1) / SHADE_BLOCK;
  const long long r = block / across * SHADE_BLOCK, c = block % across * SHADE_BLOCK;
  const long long high = rows - r < SHADE_BLOCK ? rows - r : SHADE_BLOCK, wide = cols - c < SHADE_BLOCK ? cols - c : SHADE_BLOCK;
  const long long row = first_row + r, col = first_col + c;
  const bool may_hide = !lines_fall(sights, SHADE_LOOK_FALL, row, col, high, wide, -dy, -dx, steps);
  const bool may_fold = !(lines_fall(sights, SHADE_RANGE_FALL, row, col, high, wide, -dy, -dx, steps) &&
                          lines_fall(sights, SHADE_RANGE_FALL, row, col, high, wide, dy, dx, steps));
  for (long long i = 0; i < high; ++i)
    for (long long j = 0; j < wide; ++j)
      out[(r + i) * cols + c + j] =
          may_hide || may_fold ? shade_of(sights, row + i, col + j, dy, dx, steps, may_fold, may_hide) : 0;
}

}  // namespace m3
#endif
