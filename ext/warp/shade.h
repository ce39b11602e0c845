/* Layover and shadow on a tile: other ground at a pixel's range, and nearer ground in front of it.

   range   (rows, cols) m from the radar, NaN unknown
   look    (rows, cols) minus the cosine of the angle between the sight and the radar's nadir, NaN unknown
   Both are bilinear between pixel centres and looked at every pixel's length along the line of sight over the ground.

   A search passes over whole blocks of ground, the larger the further it gets, so that its cost hardly grows with its
   length and its answer is that of every step. Two bounds exclude a block: its largest value, or that the value only falls
   along the line within it, after one look at the step where the line enters. The second holds over all ground that is
   not too steep. Blocks of level k are 8 * 2^k pixels wide and share their edges, as values between two blocks come
   from both. */
#ifndef M3_SHADE_H
#define M3_SHADE_H

#include "geometry.h"

namespace m3 {

/* Pixels along a block of level 0, as a power of two; level at which a search begins. */
constexpr int BLOCK_BITS = 3, FIRST_LEVEL = 2;

/* What is bounded from above: values, and how much range and look angle fall over a step away from the radar. */
enum ShadePlane {
  SHADE_RANGE = 0,
  SHADE_MINUS_RANGE = 1,
  SHADE_LOOK = 2,
  SHADE_RANGE_FALL = 3,
  SHADE_LOOK_FALL = 4,
  SHADE_PLANES = 5
};

struct Sights {
  const double* range;
  const double* look;
  const double* bounds; /* (levels, block rows, block cols of level 0, SHADE_PLANES) */
  long long rows, cols; /* at least 2 each */
  int levels;
};

M3_HD inline long long blocks_along(long long size, int level) { return ((size - 2) >> (BLOCK_BITS + level)) + 1; }

M3_HD inline long long block_place(const Sights& sights, int level, int plane, long long r, long long c) {
  const long long rows = blocks_along(sights.rows, 0), cols = blocks_along(sights.cols, 0);
  return (((long long)level * rows + r) * cols + c) * SHADE_PLANES + plane;
}

/* Range and look angle of one pixel. The planes of the tile are its sight in three axes, the second to the side that is
   seen, and its part along the radar's vertical. */
M3_HD inline void tile_sight(const TileGround& tile, long long pixel, double* range, double* look) {
  const long long r = pixel / tile.cols, c = pixel % tile.cols;
  const Vector3 sight = tile_point(tile, r, c);
  const double up = tile_sum(tile, 3, r, c) + tile.height[pixel] * tile_sum(tile, 7, r, c);
  const double far = length(sight);
  const bool seen = sight.y > 0.0;
  range[pixel] = seen ? far : nan("");
  look[pixel] = seen ? up / far : nan("");
}

/* The most that a plane falls over a step (dy, dx) within a cell of four pixels; infinity where one of them is unknown. */
M3_HD inline double cell_fall(const double* plane, long long cols, double dy, double dx) {
  const double left = plane[cols] - plane[0], right = plane[cols + 1] - plane[1];
  const double up = plane[1] - plane[0], low = plane[cols + 1] - plane[cols];
  const double down = dy * left < dy * right ? dy * left : dy * right, along = dx * up < dx * low ? dx * up : dx * low;
  const double fall = -(down + along);
  return fall == fall && left == left && right == right ? fall : INFINITY;
}

/* False for what is not a number. */
M3_HD inline void raise(double* most, double value) {
  if (value > *most) *most = value;
}

/* Bounds of one block of level 0, from its pixels. (dy, dx) is as in shade_of. */
M3_HD inline void pixel_bounds(const Sights& sights, long long r, long long c, double dy, double dx, double* most) {
  const long long wide = 1 << BLOCK_BITS, end_row = (r + 1) * wide, end_col = (c + 1) * wide;
  for (long long i = r * wide; i <= end_row && i < sights.rows; ++i)
    for (long long j = c * wide; j <= end_col && j < sights.cols; ++j) {
      const long long at = i * sights.cols + j;
      raise(most + SHADE_RANGE, sights.range[at]);
      raise(most + SHADE_MINUS_RANGE, -sights.range[at]);
      raise(most + SHADE_LOOK, sights.look[at]);
      if (i == end_row || j == end_col || i + 1 == sights.rows || j + 1 == sights.cols) continue;
      raise(most + SHADE_RANGE_FALL, cell_fall(sights.range + at, sights.cols, dy, dx));
      raise(most + SHADE_LOOK_FALL, cell_fall(sights.look + at, sights.cols, dy, dx));
    }
}

/* Bounds of one block, from its pixels or from the four blocks within it. */
M3_HD inline void block_bounds(const Sights& sights, int level, long long block, double dy, double dx, double* bounds) {
  const long long r = block / blocks_along(sights.cols, level), c = block % blocks_along(sights.cols, level);
  double most[SHADE_PLANES] = {-1e300, -1e300, -1e300, -1e300, -1e300};
  if (level == 0) pixel_bounds(sights, r, c, dy, dx, most);
  for (long long i = 2 * r; level > 0 && i <= 2 * r + 1 && i < blocks_along(sights.rows, level - 1); ++i)
    for (long long j = 2 * c; j <= 2 * c + 1 && j < blocks_along(sights.cols, level - 1); ++j)
      for (int plane = 0; plane < SHADE_PLANES; ++plane)
        raise(most + plane, bounds[block_place(sights, level - 1, plane, i, j)]);
  for (int plane = 0; plane < SHADE_PLANES; ++plane) bounds[block_place(sights, level, plane, r, c)] = most[plane];
}

/* The pixel before a place within the ground; the last place of all lies in the last cell too. */
M3_HD inline long long cell_of(double place, long long size) {
  const long long cell = (long long)place;
  return cell < size - 2 ? cell : size - 2;
}

M3_HD inline bool on_ground(const Sights& sights, double y, double x) {
  return y >= 0.0 && x >= 0.0 && y <= sights.rows - 1.0 && x <= sights.cols - 1.0;
}

M3_HD inline double between_pixels(const double* plane, const Sights& sights, double y, double x) {
  const long long r = cell_of(y, sights.rows), c = cell_of(x, sights.cols);
  const double fy = y - (double)r, fx = x - (double)c;
  const double* const p = plane + r * sights.cols + c;
  const double* const q = p + sights.cols;
  return (1.0 - fy) * ((1.0 - fx) * p[0] + fx * p[1]) + fy * ((1.0 - fx) * q[0] + fx * q[1]);
}

/* Steps from a place at which a line is still within `first` to `first + wide` of an axis, its edges included. */
M3_HD inline double steps_within(double place, double inverse, long long first, long long wide) {
  if (inverse == 0.0) return 1e6;
  return ((double)(inverse > 0.0 ? first + wide : first) - place) * inverse;
}

/* Whether a plane, on the line from a pixel, comes up to its value at the pixel within some steps. */
M3_HD inline bool line_comes_up(const Sights& sights, int plane, long long row, long long col, double dy, double dx,
                                int steps) {
  const double* const values = plane == SHADE_LOOK ? sights.look : sights.range;
  const int fall = plane == SHADE_LOOK ? SHADE_LOOK_FALL : SHADE_RANGE_FALL;
  const double sign = plane == SHADE_MINUS_RANGE ? -1.0 : 1.0;
  const double wanted = sign * values[row * sights.cols + col];
  if (!(wanted == wanted)) return false;
  const double inverse_y = dy == 0.0 ? 0.0 : 1.0 / dy, inverse_x = dx == 0.0 ? 0.0 : 1.0 / dx;
  int level = sights.levels > FIRST_LEVEL ? FIRST_LEVEL : sights.levels - 1, looked = 0;
  for (int k = 1; k <= steps;) {
    const double y = (double)row + k * dy, x = (double)col + k * dx;
    if (!on_ground(sights, y, x)) return false;
    const int bits = BLOCK_BITS + level;
    const long long r = cell_of(y, sights.rows) >> bits, c = cell_of(x, sights.cols) >> bits;
    const bool falling = sights.bounds[block_place(sights, level, fall, r, c)] < 0.0;
    const bool excluded = falling || sights.bounds[block_place(sights, level, plane, r, c)] < wanted;
    if (!excluded && level > 0) {
      --level;
      continue;
    }
    if (falling && looked < k) {
      looked = k;
      if (sign * between_pixels(values, sights, y, x) >= wanted) return true;
    }
    const double down = steps_within(y, inverse_y, r << bits, 1LL << bits);
    const double along = steps_within(x, inverse_x, c << bits, 1LL << bits);
    const double left = down < along ? down : along;
    /* Rounding may take a step that just leaves the block for one inside it; a billionth less never does. */
    const int next = k + (left > 1e-9 ? (int)(left - 1e-9) + 1 : 1);
    if (excluded) {
      k = next;
      level = level + 2 < sights.levels ? level + 2 : sights.levels - 1;
      continue;
    }
    for (; k < next && k <= steps; ++k) {
      const double at_y = (double)row + k * dy, at_x = (double)col + k * dx;
      if (!on_ground(sights, at_y, at_x)) return false;
      if (sign * between_pixels(values, sights, at_y, at_x) >= wanted) return true;
    }
  }
  return false;
}

/* Whether a plane falls along the lines from all pixels of a rectangle within some steps, as on ground that is not too
   steep: then none of them comes up to its value. Looked at in blocks of level 1 as wide as the rectangle's way. */
M3_HD inline bool lines_fall(const Sights& sights, int fall, long long row, long long col, long long rows, long long cols,
                             double dy, double dx, int steps) {
  const int level = sights.levels > 1 ? 1 : 0, bits = BLOCK_BITS + level, stride = 1 << bits;
  const double last_row = sights.rows - 1.0, last_col = sights.cols - 1.0;
  for (int k = 0; k <= steps; k += stride) {
    const int reach = k + stride < steps ? stride : steps - k;
    const double y = (double)row + k * dy, x = (double)col + k * dx, down = reach * dy, along = reach * dx;
    const double top = y + (down < 0.0 ? down : 0.0), low = y + (double)(rows - 1) + (down > 0.0 ? down : 0.0);
    const double left = x + (along < 0.0 ? along : 0.0), right = x + (double)(cols - 1) + (along > 0.0 ? along : 0.0);
    if (low < 0.0 || right < 0.0 || top > last_row || left > last_col) return true;
    const long long first_row = cell_of(top < 0.0 ? 0.0 : top, sights.rows) >> bits;
    const long long end_row = cell_of(low > last_row ? last_row : low, sights.rows) >> bits;
    const long long first_col = cell_of(left < 0.0 ? 0.0 : left, sights.cols) >> bits;
    const long long end_col = cell_of(right > last_col ? last_col : right, sights.cols) >> bits;
    for (long long r = first_row; r <= end_row; ++r)
      for (long long c = first_col; c <= end_col; ++c)
        if (!(sights.bounds[block_place(sights, level, fall, r, c)] < 0.0)) return false;
  }
  return true;
}

/* 1 where other ground lies at the same range (layover), 2 where ground nearer to the radar hides it (shadow), 3 both.
   (dy, dx) is one pixel's step away from the radar. Range must grow and the look angle open along it. */
M3_HD inline unsigned char shade_of(const Sights& sights, long long row, long long col, double dy, double dx, int steps,
                                    bool may_fold = true, bool may_hide = true) {
  const bool folded = may_fold && (line_comes_up(sights, SHADE_RANGE, row, col, -dy, -dx, steps) ||
                                   line_comes_up(sights, SHADE_MINUS_RANGE, row, col, dy, dx, steps));
  const bool hidden = may_hide && line_comes_up(sights, SHADE_LOOK, row, col, -dy, -dx, steps);
  return (unsigned char)((folded ? 1 : 0) | (hidden ? 2 : 0));
}

}  // namespace m3
#endif
