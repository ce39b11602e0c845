/* Inverse of a radar grid's geolocation: the fractional radar position of every tile pixel centre.

   tile_row, tile_col   (rows, cols), where each radar pixel's centre falls, in tile pixels, 0.0 the centre of
                        the first; double, NaN where unknown
   A cell is the quad of four neighbouring radar pixels; inside it the position is bilinear in (s, t), s along
   columns, t along rows, both in [0, 1]. A cell claims the tile pixels whose centre it contains. Where several
   do (foldover, or a centre on a shared edge), the cell of lowest index wins, whatever the order of the threads:
   ranks fall with the index and the owner of a pixel is the largest rank, 0 being none.
   Double throughout: whether a shared edge is claimed rests on 1e-9 of a cell. */
#ifndef M3_GEOLOCATE_H
#define M3_GEOLOCATE_H

#include "hostdev.h"

namespace m3 {

/* A point on the edge counts for both neighbours, hence the margin, in parts of a cell. */
#define M3_QUAD_MARGIN 1e-9

struct QuadPosition {
  double s, t, excess;
};

/* A point of the plane, x along tile columns. */
struct Planar {
  double x, y;
};

M3_HD inline double planar_cross(Planar a, Planar b) { return a.x * b.y - a.y * b.x; }

/* How far outside the unit square (s, t) lies, 0 within, huge where it is no number. */
M3_HD inline double quad_excess(double s, double t) {
  const double excess = fmax(fmax(-s, s - 1.0), fmax(-t, t - 1.0));
  return s - s == 0.0 && t - t == 0.0 ? fmax(excess, 0.0) : 1e300;
}

/* Completes a root t of the quad's quadratic with its s. */
M3_HD inline QuadPosition quad_from_root(double t, Planar point, Planar along, Planar down, Planar twist) {
  const Planar edge = {along.x + t * twist.x, along.y + t * twist.y};
  const double s = ((point.x - t * down.x) * edge.x + (point.y - t * down.y) * edge.y) /
                   (edge.x * edge.x + edge.y * edge.y);
  const QuadPosition found = {s, t, quad_excess(s, t)};
  return found;
}

/* point = s along + t down + s t twist, solved: crossing with (along + t twist) leaves a quadratic in t. The
   root that stays finite when the quad is a parallelogram comes first; the other matters in folded quads only. */
M3_HD inline QuadPosition quad_solve(Planar point, Planar along, Planar down, Planar twist) {
  const double a = planar_cross(twist, down);
  const double b = planar_cross(point, twist) + planar_cross(along, down);
  const double c = planar_cross(point, along);
  const double discriminant = b * b - 4.0 * a * c;
  const double root = sqrt(discriminant > 0.0 ? discriminant : 0.0);
  const double half = -0.5 * (b >= 0.0 ? b + root : b - root);
  const QuadPosition nowhere = {0.0, 0.0, 1e300};
  if (!(discriminant >= 0.0) || half == 0.0) return nowhere;
  const QuadPosition first = quad_from_root(c / half, point, along, down, twist);
  if (first.excess <= M3_QUAD_MARGIN || a == 0.0) return first;
  const QuadPosition second = quad_from_root(half / a, point, along, down, twist);
  return second.excess < first.excess ? second : first;
}

/* The four corners of one cell, relative to its first. */
struct QuadCell {
  Planar origin, along, down, twist;
  double low_x, high_x, low_y, high_y;
};

M3_HD inline QuadCell quad_cell(const double* tile_row, const double* tile_col, long long cols, long long cell_row,
                                long long cell_col) {
  const long long k = cell_row * cols + cell_col;
  const Planar p00 = {tile_col[k], tile_row[k]}, p01 = {tile_col[k + 1], tile_row[k + 1]};
  const Planar p10 = {tile_col[k + cols], tile_row[k + cols]};
  const Planar p11 = {tile_col[k + cols + 1], tile_row[k + cols + 1]};
  QuadCell cell;
  cell.origin = p00;
  cell.along = {p01.x - p00.x, p01.y - p00.y};
  cell.down = {p10.x - p00.x, p10.y - p00.y};
  cell.twist = {(p00.x - p01.x) + (p11.x - p10.x), (p00.y - p01.y) + (p11.y - p10.y)};
  cell.low_x = fmin(fmin(p00.x, p01.x), fmin(p10.x, p11.x));
  cell.high_x = fmax(fmax(p00.x, p01.x), fmax(p10.x, p11.x));
  cell.low_y = fmin(fmin(p00.y, p01.y), fmin(p10.y, p11.y));
  cell.high_y = fmax(fmax(p00.y, p01.y), fmax(p10.y, p11.y));
  return cell;
}

/* Twist sums all four corners, so one that is unknown or infinite shows in it. */
M3_HD inline bool quad_known(const QuadCell& cell) {
  return cell.twist.x - cell.twist.x == 0.0 && cell.twist.y - cell.twist.y == 0.0;
}

M3_HD inline QuadPosition quad_locate(const QuadCell& cell, long long pixel_row, long long pixel_col) {
  const Planar point = {(double)pixel_col - cell.origin.x, (double)pixel_row - cell.origin.y};
  return quad_solve(point, cell.along, cell.down, cell.twist);
}

/* Raises *owner to rank, whichever thread comes first. */
M3_HD inline void geolocate_raise(long long* owner, long long rank) {
#if defined(__CUDACC__) || defined(M3_SIMT)
  atomicMax(owner, rank);
#else
  long long held = __atomic_load_n(owner, __ATOMIC_RELAXED);
  while (held < rank && !__atomic_compare_exchange_n(owner, &held, rank, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
#endif
}

/* First pass, one call per cell: raises owner[pixel] to the cell's rank for every tile pixel it contains. */
M3_HD inline void geolocate_claim(const double* tile_row, const double* tile_col, long long* owner, long long rows,
                                  long long cols, long long tile_rows, long long tile_cols, long long cell_row,
                                  long long cell_col) {
  const QuadCell cell = quad_cell(tile_row, tile_col, cols, cell_row, cell_col);
  if (!quad_known(cell)) return;
  /* Compared as double before the cast: a far corner may lie beyond any integer. */
  const double reach = 1e-6;
  const double first_row = fmax(ceil(cell.low_y - reach), 0.0), first_col = fmax(ceil(cell.low_x - reach), 0.0);
  const double last_row = fmin(floor(cell.high_y + reach), (double)(tile_rows - 1));
  const double last_col = fmin(floor(cell.high_x + reach), (double)(tile_cols - 1));
  if (!(first_row <= last_row && first_col <= last_col)) return;
  const long long rank = (rows - 1) * (cols - 1) - (cell_row * (cols - 1) + cell_col);
  for (long long r = (long long)first_row; r <= (long long)last_row; ++r) {
    for (long long c = (long long)first_col; c <= (long long)last_col; ++c) {
      if (quad_locate(cell, r, c).excess <= M3_QUAD_MARGIN) geolocate_raise(owner + r * tile_cols + c, rank);
    }
  }
}

/* Kept in the cell; within 1e-7 of a pixel centre it is that centre, so that a scene that already lies on the
   tile's grid comes out bit for bit. */
M3_HD inline double geolocate_unit(double value) { return value < 1e-7 ? 0.0 : (value > 1.0 - 1e-7 ? 1.0 : value); }

/* Second pass, one call per tile pixel: the position in the cell that owns it, NaN without one. */
M3_HD inline void geolocate_resolve(const double* tile_row, const double* tile_col, const long long* owner,
                                    double* out_row, double* out_col, long long rows, long long cols,
                                    long long tile_cols, long long pixel) {
  const long long rank = owner[pixel];
  out_row[pixel] = out_col[pixel] = nan("");
  if (rank == 0) return;
  const long long index = (rows - 1) * (cols - 1) - rank;
  const long long cell_row = index / (cols - 1), cell_col = index % (cols - 1);
  const QuadCell cell = quad_cell(tile_row, tile_col, cols, cell_row, cell_col);
  const QuadPosition found = quad_locate(cell, pixel / tile_cols, pixel % tile_cols);
  out_row[pixel] = (double)cell_row + geolocate_unit(found.t);
  out_col[pixel] = (double)cell_col + geolocate_unit(found.s);
}

}  // namespace m3
#endif
