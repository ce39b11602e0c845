/* Values of a raster over the ground of a tile pixel: means, sums, extremes and the commonest label by exact areas.

   rows, cols   (tile_rows + 1, tile_cols + 1), source position of the corners of the tile's pixels, 0.0 the centre of the
                first source pixel; NaN where a corner has no place
   A tile pixel is the quad of its four corners with straight sides. Its share of a source pixel is the area of their
   common polygon, the source pixel's being one. Neighbours have their sides in common, so what the shares of a
   source pixel add up to is its part under the tile, whatever the grids: sums are kept.
   Double throughout. */
#ifndef M3_AREA_H
#define M3_AREA_H

#include "hostdev.h"

namespace m3 {

enum AreaRule { AREA_AVERAGE = 0, AREA_SUM = 1, AREA_MIN = 2, AREA_MAX = 3 };

/* Shares below this part of a source pixel are rounding. */
#define M3_NO_AREA 1e-9

struct AreaPoint {
  double x, y;
};

struct AreaQuad {
  AreaPoint corner[4];
  double area; /* without sign */
  long long first_row, last_row, first_col, last_col; /* source pixels it may touch; none if last < first */
  bool straight; /* sides along the raster's rows and columns */
};

M3_HD inline double area_of(const AreaPoint* polygon, int count) {
  double twice = 0.0;
  for (int k = 1; k + 1 < count; ++k)
    twice += (polygon[k].x - polygon[0].x) * (polygon[k + 1].y - polygon[0].y) -
             (polygon[k + 1].x - polygon[0].x) * (polygon[k].y - polygon[0].y);
  return fabs(0.5 * twice);
}

M3_HD inline double area_least(double a, double b, double c, double d) { return fmin(fmin(a, b), fmin(c, d)); }
M3_HD inline double area_most(double a, double b, double c, double d) { return fmax(fmax(a, b), fmax(c, d)); }

M3_HD inline AreaQuad area_quad(const double* rows, const double* cols, long long source_rows, long long source_cols,
                                long long tile_cols, long long pixel) {
  const long long at = pixel / tile_cols * (tile_cols + 1) + pixel % tile_cols;
  const long long of[4] = {at, at + 1, at + tile_cols + 2, at + tile_cols + 1};
  AreaQuad quad;
  bool known = true;
  /* Corners in units where source pixel (r, c) covers r ... r + 1, c ... c + 1. */
  for (int k = 0; k < 4; ++k) {
    quad.corner[k].x = cols[of[k]] + 0.5;
    quad.corner[k].y = rows[of[k]] + 0.5;
    known = known && quad.corner[k].x - quad.corner[k].x == 0.0 && quad.corner[k].y - quad.corner[k].y == 0.0;
  }
  const AreaPoint *p = quad.corner;
  quad.area = known ? area_of(p, 4) : 0.0;
  quad.first_row = quad.first_col = 0;
  quad.last_row = quad.last_col = -1;
  quad.straight = p[0].y == p[1].y && p[2].y == p[3].y && p[0].x == p[3].x && p[1].x == p[2].x;
  if (!known) return quad;
  const double top = area_least(p[0].y, p[1].y, p[2].y, p[3].y), bottom = area_most(p[0].y, p[1].y, p[2].y, p[3].y);
  const double left = area_least(p[0].x, p[1].x, p[2].x, p[3].x), right = area_most(p[0].x, p[1].x, p[2].x, p[3].x);
  if (!(bottom > 0.0 && right > 0.0 && top < (double)source_rows && left < (double)source_cols)) return quad;
  /* Compared as double before the cast: a far corner may lie beyond any integer. */
  quad.first_row = (long long)fmax(floor(top), 0.0);
  quad.first_col = (long long)fmax(floor(left), 0.0);
  quad.last_row = (long long)fmin(ceil(bottom), (double)source_rows) - 1;
  quad.last_col = (long long)fmin(ceil(right), (double)source_cols) - 1;
  return quad;
}

/* Keeps the part of a polygon on one side of a line along an axis (Sutherland and Hodgman, 1974). */
M3_HD inline int area_clipped(const AreaPoint* from, int count, bool along_x, double limit, bool above, AreaPoint* to) {
  int kept = 0;
  for (int k = 0; k < count; ++k) {
    const AreaPoint here = from[k], next = from[k + 1 < count ? k + 1 : 0];
    const double a = (along_x ? here.x : here.y) - limit, b = (along_x ? next.x : next.y) - limit;
    const bool in = above ? a >= 0.0 : a <= 0.0, next_in = above ? b >= 0.0 : b <= 0.0;
    if (in) to[kept++] = here;
    if (in != next_in) {
      const double part = a / (a - b);
      AreaPoint cut = {here.x + part * (next.x - here.x), here.y + part * (next.y - here.y)};
      if (along_x)
        cut.x = limit;
      else
        cut.y = limit;
      to[kept++] = cut;
    }
  }
  return kept;
}

/* Area of a quad within source pixel (row, col). */
M3_HD inline double area_share(const AreaQuad& quad, long long row, long long col) {
  const double top = (double)row, left = (double)col;
  const AreaPoint* const p = quad.corner;
  if (quad.straight) {
    const double high = fmin(fmax(p[0].y, p[2].y), top + 1.0) - fmax(fmin(p[0].y, p[2].y), top);
    const double wide = fmin(fmax(p[0].x, p[2].x), left + 1.0) - fmax(fmin(p[0].x, p[2].x), left);
    return high > 0.0 && wide > 0.0 ? high * wide : 0.0;
  }
  /* Each line adds a corner at most. */
  AreaPoint a[8], b[8];
  int count = area_clipped(p, 4, true, left, true, a);
  count = area_clipped(a, count, true, left + 1.0, false, b);
  count = area_clipped(b, count, false, top, true, a);
  count = area_clipped(a, count, false, top + 1.0, false, b);
  return count < 3 ? 0.0 : area_of(b, count);
}

/* Value of one tile pixel of every band by a rule. Pixels that are not finite (either part) are left out; means and extremes of
   less than half of the pixel's ground, and sums of none, are no data. Extremes are of real numbers only. */
template <typename Real, int PARTS>
M3_HD inline void area_value(const Real* source, const double* rows, const double* cols, Real* out, long long bands,
                             long long source_rows, long long source_cols, long long tile_rows, long long tile_cols,
                             int rule, long long pixel) {
  const AreaQuad quad = area_quad(rows, cols, source_rows, source_cols, tile_cols, pixel);
  const Real no_data = (Real)nan("");
  for (long long band = 0; band < bands; ++band) {
    const Real* const plane = source + band * source_rows * source_cols * PARTS;
    Real* const value = out + (band * tile_rows * tile_cols + pixel) * PARTS;
    double sum[PARTS] = {}, valid = 0.0;
    double extreme = rule == AREA_MIN ? INFINITY : -INFINITY;
    for (long long row = quad.first_row; row <= quad.last_row; ++row) {
      for (long long col = quad.first_col; col <= quad.last_col; ++col) {
        const double share = area_share(quad, row, col);
        const Real* const sample = plane + (row * source_cols + col) * PARTS;
        bool usable = share > 0.0;
        for (int part = 0; part < PARTS; ++part) usable = usable && sample[part] * Real(0) == Real(0);
        if (!usable) continue;
        valid += share;
        for (int part = 0; part < PARTS; ++part) sum[part] += share * (double)sample[part];
        if (share > M3_NO_AREA)
          extreme = rule == AREA_MIN ? fmin(extreme, (double)sample[0]) : fmax(extreme, (double)sample[0]);
      }
    }
    const bool enough = rule == AREA_SUM ? valid > M3_NO_AREA : valid > 0.0 && valid >= (0.5 - M3_NO_AREA) * quad.area;
    for (int part = 0; part < PARTS; ++part) {
      const double found = rule == AREA_SUM ? sum[part] : (rule == AREA_AVERAGE ? sum[part] / valid : extreme);
      value[part] = enough ? (Real)found : no_data;
    }
  }
}

/* Labels that one sweep counts; with more, the next sweep counts the next higher ones. */
constexpr int AREA_LABELS = 16;

template <typename Word>
struct AreaTable {
  Word label[AREA_LABELS];
  double share[AREA_LABELS];
  int count;
  bool more; /* whether a label above the last was met and not counted */
};

/* Adds a share to its label, the labels in rising order; a full table lets its highest go. */
template <typename Word>
M3_HD inline void area_count(AreaTable<Word>& table, Word label, double share) {
  int at = 0;
  while (at < table.count && table.label[at] < label) ++at;
  if (at < table.count && table.label[at] == label) {
    table.share[at] += share;
    return;
  }
  if (at == AREA_LABELS) {
    table.more = true;
    return;
  }
  if (table.count == AREA_LABELS) {
    table.more = true;
    --table.count;
  }
  for (int k = table.count; k > at; --k) {
    table.label[k] = table.label[k - 1];
    table.share[k] = table.share[k - 1];
  }
  table.label[at] = label;
  table.share[at] = share;
  ++table.count;
}

/* The label with the largest share of one tile pixel, of equal ones the lowest as an unsigned number; `nodata` where
   pixels that are not `nodata` cover less than half of it. */
template <typename Word>
M3_HD inline void area_mode(const Word* source, const double* rows, const double* cols, Word* out, long long bands,
                            long long source_rows, long long source_cols, long long tile_rows, long long tile_cols,
                            Word nodata, long long pixel) {
  const AreaQuad quad = area_quad(rows, cols, source_rows, source_cols, tile_cols, pixel);
  for (long long band = 0; band < bands; ++band) {
    const Word* const plane = source + band * source_rows * source_cols;
    AreaTable<Word> table;
    double best = 0.0, valid = 0.0;
    Word mode = nodata, above = 0;
    bool first = true;
    do {
      table.count = 0;
      table.more = false;
      for (long long row = quad.first_row; row <= quad.last_row; ++row) {
        for (long long col = quad.first_col; col <= quad.last_col; ++col) {
          const Word label = plane[row * source_cols + col];
          if (label == nodata || (!first && label <= above)) continue;
          const double share = area_share(quad, row, col);
          if (!(share > 0.0)) continue;
          if (first) valid += share;
          area_count(table, label, share);
        }
      }
      /* Equal but for rounding counts as equal. */
      for (int k = 0; k < table.count; ++k)
        if (table.share[k] > best + M3_NO_AREA) best = table.share[k], mode = table.label[k];
      if (table.count > 0) above = table.label[table.count - 1];
      first = false;
    } while (table.more);
    const bool enough = valid > 0.0 && valid >= (0.5 - M3_NO_AREA) * quad.area;
    out[band * tile_rows * tile_cols + pixel] = enough ? mode : nodata;
  }
}

/* For Cython, which has no integer template parameters. */
template <typename Real>
M3_HD inline void area_value_parts(const Real* source, const double* rows, const double* cols, Real* out, long long bands,
                      long long source_rows, long long source_cols, long long tile_rows, long long tile_cols, int parts,
                      int rule, long long pixel) {
  if (parts == 1)
    area_value<Real, 1>(source, rows, cols, out, bands, source_rows, source_cols, tile_rows, tile_cols, rule, pixel);
  else
    area_value<Real, 2>(source, rows, cols, out, bands, source_rows, source_cols, tile_rows, tile_cols, rule, pixel);
}

}  // namespace m3
#endif
