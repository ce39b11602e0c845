/* Values of a raster at fractional positions (CPU; formula in warp.h): rows of the tile over threads, in chunks of pixels
   whose positions and weights serve every band.

   Pixels whose taps all lie on the raster are summed in vectors; the others, and those nothing finite came out for, go through
   warp.h one by one. Which way a pixel goes depends on its position and the pixels it needs alone, so a crop with its
   margin gives the bits of the whole. */
#ifndef M3_WARP_CPU_H
#define M3_WARP_CPU_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "lanes.h"
#include "parallel.h"
#include "warp.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

constexpr int WARP_CHUNK = 64, WARP_FAST_TAPS = 8, WARP_SPAN = (WARP_FAST_TAPS / 2 + 1) * WARP_CHUNK;
/* Rows of the tile that a thread takes at a time, as neighbours read the same rows of the raster. */
constexpr long long WARP_ROWS = 16;
/* Bands between the one that is summed and the one that is brought from memory. */
constexpr long long WARP_AHEAD = 2;

enum WarpWay : unsigned char { WARP_VECTOR, WARP_ONE, WARP_COPY };

/* A kernel, stretched along rows and columns. */
struct WarpKernelShape {
  int kind;
  double row_scale, col_scale;
};

struct WarpChunk {
  double row[WARP_CHUNK], col[WARP_CHUNK];
  int high, wide; /* taps along rows and columns */
  double down[WARP_CHUNK][WARP_FAST_TAPS], right[WARP_CHUNK][WARP_FAST_TAPS];
  double spread[WARP_CHUNK * WARP_FAST_TAPS * 2]; /* right, each as often as a value has parts, without gaps */
  long long top_tap[WARP_CHUNK], left_tap[WARP_CHUNK];  /* first tap along each axis, -1 if not all are on the raster */
  long long first[WARP_CHUNK], copied[WARP_CHUNK];      /* flat index of the first tap, and of the pixel to copy */
  int known = 0; /* pixels whose columns are known_col, as grids with the same axes have them in every row */
  double known_col[WARP_CHUNK];
  WarpWay way[WARP_CHUNK];
  bool vectors; /* whether any pixel of the raster has its taps on it */
  bool all;     /* whether all pixels of the chunk go in vectors */
  /* Where all pixels lie in one row of the raster, as between grids with the same axes: how many columns they need, from
     which flat index on, where each begins, and whose weights serve the rows. */
  int span, leader, within[WARP_CHUNK];
  long long left;
  double summed[2 * WARP_SPAN];
};

M3_CLONES static void chunk_axis(const double* down, const double* along, int terms, ptrdiff_t step, double origin,
                                 int count, double* out) {
  for (int p = 0; p < count; ++p) out[p] = down[0] * along[p];
  for (int k = 1; k < terms; ++k)
    for (int p = 0; p < count; ++p) out[p] += down[k] * along[k * step + p];
  for (int p = 0; p < count; ++p) out[p] = warp_snapped(out[p], origin);
}

M3_CLONES static void chunk_offsets(const double* offset, double first, double step, double origin, int count,
                                    double* out) {
  for (int p = 0; p < count; ++p) out[p] = warp_snapped(first + step * (double)p + offset[p], origin);
}

/* Positions of `count` pixels from column c of the tile's row r, into a chunk's row and col. */
template <typename Chunk>
void chunk_places(const WarpPlaces& places, long long r, long long c, int count, Chunk& chunk) {
  const double* const own_row = places.rows + r * places.tile_cols + c;
  const double* const own_col = places.cols + r * places.tile_cols + c;
  if (places.terms == 0) {
    for (int p = 0; p < count; ++p) chunk.row[p] = own_row[p];
    for (int p = 0; p < count; ++p) chunk.col[p] = own_col[p];
    return;
  }
  if (places.terms < 0) {
    chunk_offsets(own_row, (double)r, 0.0, places.origin_row, count, chunk.row);
    chunk_offsets(own_col, (double)c, 1.0, places.origin_col, count, chunk.col);
    return;
  }
  const double* const down = places.rows + r * places.terms;
  const double* const along = places.cols + c;
  chunk_axis(down, along, places.terms, places.tile_cols, places.origin_row, count, chunk.row);
  chunk_axis(down + places.tile_rows * places.terms, along + places.terms * places.tile_cols, places.terms,
             places.tile_cols, places.origin_col, count, chunk.col);
}

/* Keys, 1981, a = -1/2, at 1 + f, f, 1 - f and 2 - f. */
M3_CLONES static void chunk_cubic(const double* position, int count, double (*weights)[WARP_FAST_TAPS]) {
  for (int p = 0; p < count; ++p) {
    const double f = position[p] - floor(position[p]);
    weights[p][0] = ((1.0 - 0.5 * f) * f - 0.5) * f;
    weights[p][1] = (1.5 * f - 2.5) * f * f + 1.0;
    weights[p][2] = ((2.0 - 1.5 * f) * f + 0.5) * f;
    weights[p][3] = (0.5 * f - 0.5) * f * f;
  }
}

M3_CLONES static void chunk_spline(const double* position, int count, double (*weights)[WARP_FAST_TAPS]) {
  for (int p = 0; p < count; ++p) {
    const double f = position[p] - floor(position[p]), g = 1.0 - f;
    weights[p][0] = g * g * g / 6.0;
    weights[p][1] = (0.5 * f - 1.0) * f * f + 2.0 / 3.0;
    weights[p][2] = (0.5 * g - 1.0) * g * g + 2.0 / 3.0;
    weights[p][3] = f * f * f / 6.0;
  }
}

/* sinc(x) sinc(x / 3) = 3 sin(pi x) sin(pi x / 3) / (pi x)^2 at f - k: the sines of six taps from those of one. */
inline void chunk_lanczos(const double* position, int count, double (*weights)[WARP_FAST_TAPS]) {
  const double pi = 3.14159265358979323846, third_cos[3] = {1.0, 0.5, -0.5};
  const double third_sin[3] = {0.0, 0.86602540378443864676, 0.86602540378443864676};
  for (int p = 0; p < count; ++p) {
    const double f = position[p] - floor(position[p]);
    const double whole = 3.0 * sin(pi * f), sine = sin(pi * f / 3.0), cosine = cos(pi * f / 3.0);
    for (int tap = 0; tap < 6; ++tap) {
      const int k = tap - 2, turn = k < 0 ? -k : k;
      /* sin(pi (f - k) / 3), k from -2 to 3; a third of a turn past the second changes the sign. */
      const double cos_k = turn == 3 ? -1.0 : third_cos[turn];
      const double sin_k = turn == 3 ? 0.0 : (k < 0 ? -third_sin[turn] : third_sin[turn]);
      const double x = pi * (f - k), sign = turn % 2 ? -1.0 : 1.0;
      weights[p][tap] = x == 0.0 ? 1.0 : sign * whole * (sine * cos_k - cosine * sin_k) / (x * x);
    }
  }
}

inline void chunk_weights(int kernel, const double* position, int count, double (*weights)[WARP_FAST_TAPS]) {
  if (kernel == WARP_CUBIC) return chunk_cubic(position, count, weights);
  if (kernel == WARP_SPLINE) return chunk_spline(position, count, weights);
  if (kernel == WARP_LANCZOS) return chunk_lanczos(position, count, weights);
  for (int p = 0; p < count; ++p) {
    weights[p][1] = position[p] - floor(position[p]);
    weights[p][0] = 1.0 - weights[p][1];
  }
}

/* Taps along an axis that the pixels of a chunk share under a kernel stretched by `scale`; 0 if that is too many. */
inline int chunk_tap_count(int kernel, double scale) {
  const double reach = ceil(warp_radius(kernel) * scale);
  return reach <= WARP_FAST_TAPS / 2 ? 2 * (int)reach : 0;
}

/* First of the taps about a position, -1 where it or one of them is off the raster. */
inline long long first_tap(double position, int taps, long long size) {
  const double first = floor(position) - (taps / 2 - 1);
  return warp_inside(position, size) && first >= 0.0 && first + taps <= (double)size ? (long long)first : -1;
}

/* Makes weights sum to one. */
inline void weights_shared(int taps, double* weights) {
  double sum = 0.0;
  for (int k = 0; k < taps; ++k) sum += weights[k];
  for (int k = 0; k < taps; ++k) weights[k] /= sum;
}

/* Weights of the taps about a position, from the first on, under a stretched kernel; those that it does not reach are 0. */
inline void stretched_weights(int kernel, double scale, int taps, long long size, double position, long long first,
                              double* weights) {
  double own[WARP_TAPS];
  int found = 0;
  const long long low = warp_taps(kernel, position, scale, size, own, &found);
  for (int k = 0; k < taps; ++k) weights[k] = 0.0;
  for (int k = 0; k < found; ++k) weights[low - first + k] = own[k];
  weights_shared(taps, weights);
}

/* First tap and weights of each pixel along an axis. */
inline void chunk_axis_taps(int kernel, double scale, int taps, long long size, const double* position, int count,
                            double (*weights)[WARP_FAST_TAPS], long long* first) {
  for (int p = 0; p < count; ++p) first[p] = first_tap(position[p], taps, size);
  if (scale == 1.0) {
    chunk_weights(kernel, position, count, weights);
    for (int p = 0; kernel == WARP_LANCZOS && p < count; ++p) weights_shared(taps, weights[p]);
    return;
  }
  for (int p = 0; p < count; ++p) {
    if (p > 0 && position[p] == position[p - 1])
      memcpy(weights[p], weights[p - 1], sizeof(weights[p]));
    else if (first[p] >= 0)
      stretched_weights(kernel, scale, taps, size, position[p], first[p], weights[p]);
  }
}

/* Columns of a chunk: those of the row before, if it has the same. */
inline void chunk_columns(int kernel, double scale, int parts, long long cols, int count, WarpChunk& chunk) {
  if (chunk.known == count && memcmp(chunk.col, chunk.known_col, count * sizeof(double)) == 0) return;
  memcpy(chunk.known_col, chunk.col, count * sizeof(double));
  chunk.known = count;
  chunk_axis_taps(kernel, scale, chunk.wide, cols, chunk.col, count, chunk.right, chunk.left_tap);
  for (int p = 0; p < count; ++p)
    for (int i = 0; i < chunk.wide; ++i)
      for (int part = 0; part < parts; ++part)
        chunk.spread[(p * chunk.wide + i) * parts + part] = chunk.left_tap[p] < 0 ? 0.0 : chunk.right[p][i];
}

/* Decides the way of each pixel and prepares its taps. */
inline void chunk_taps(const WarpKernelShape& kernel, int parts, long long rows, long long cols, int count,
                       WarpChunk& chunk) {
  const bool plain = kernel.row_scale == 1.0 && kernel.col_scale == 1.0;
  chunk.vectors = rows >= chunk.high && cols >= chunk.wide;
  if (chunk.vectors) {
    chunk_columns(kernel.kind, kernel.col_scale, parts, cols, count, chunk);
    chunk_axis_taps(kernel.kind, kernel.row_scale, chunk.high, rows, chunk.row, count, chunk.down, chunk.top_tap);
  }
  chunk.all = chunk.vectors;
  for (int p = 0; p < count; ++p) {
    const double top = floor(chunk.row[p]), left = floor(chunk.col[p]);
    const bool on = chunk.row[p] >= 0.0 && chunk.col[p] >= 0.0 && chunk.row[p] <= rows - 1.0 && chunk.col[p] <= cols - 1.0;
    const bool whole = plain && kernel.kind != WARP_SPLINE && on && top == chunk.row[p] && left == chunk.col[p];
    const bool taps = chunk.vectors && chunk.top_tap[p] >= 0 && chunk.left_tap[p] >= 0;
    chunk.way[p] = whole ? WARP_COPY : (taps ? WARP_VECTOR : WARP_ONE);
    chunk.all = chunk.all && chunk.way[p] == WARP_VECTOR;
    chunk.copied[p] = whole ? (long long)top * cols + (long long)left : 0;
    /* A chunk is summed as a whole; what goes another way reads somewhere on the raster and is overwritten. */
    chunk.first[p] = chunk.way[p] == WARP_VECTOR ? chunk.top_tap[p] * cols + chunk.left_tap[p] : 0;
  }
}

/* Finds whether the pixels of a chunk share their rows; `first` of those in vectors is known. */
inline void chunk_row(int count, WarpChunk& chunk) {
  chunk.span = 0;
  chunk.leader = -1;
  long long least = 0, most = 0;
  for (int p = 0; p < count; ++p) {
    if (chunk.way[p] != WARP_VECTOR) continue;
    if (chunk.leader < 0) chunk.leader = p, least = most = chunk.first[p];
    if (chunk.row[p] != chunk.row[chunk.leader]) return;
    least = chunk.first[p] < least ? chunk.first[p] : least;
    most = chunk.first[p] > most ? chunk.first[p] : most;
  }
  /* With few pixels per column each pass over the row costs more than it saves. */
  if (chunk.leader < 0 || most - least + chunk.wide > (chunk.wide / 2 + 1) * WARP_CHUNK) return;
  chunk.span = (int)(most - least) + chunk.wide;
  chunk.left = least;
  for (int p = 0; p < count; ++p) chunk.within[p] = chunk.way[p] == WARP_VECTOR ? (int)(chunk.first[p] - least) : 0;
}

#define T float
#include "warp_loops.h"
#undef T
#define T double
#include "warp_loops.h"
#undef T

/* body(chunk, r, c, count) for `count` pixels from column c of each row r of the tile; a thread goes down before it goes on
   along the row, as the row below reads the same pixels. */
template <typename Chunk = WarpChunk, typename Body>
void chunks_in_parallel(const WarpPlaces& places, Body body) {
  parallel_for(
      (places.tile_rows + WARP_ROWS - 1) / WARP_ROWS, [] { return Chunk(); },
      [&](Chunk& chunk, long long task) {
        for (long long c = 0; c < places.tile_cols; c += WARP_CHUNK) {
          const int count = places.tile_cols - c < WARP_CHUNK ? (int)(places.tile_cols - c) : WARP_CHUNK;
          for (long long r = task * WARP_ROWS; r < places.tile_rows && r < (task + 1) * WARP_ROWS; ++r)
            body(chunk, r, c, count);
        }
      });
}

/* Has the memory bring what a chunk that lies in one row needs of a band. */
template <typename Real>
inline void chunk_ahead(const Real* plane, ptrdiff_t line, int parts, const WarpChunk& chunk) {
  const Real* from = plane + chunk.left * parts;
  for (int i = 0; i < chunk.high; ++i, from += line)
    for (int k = 0; k < chunk.span * parts; k += 64 / (int)sizeof(Real)) M3_PREFETCH(from + k);
}

/* Bands (bands, source_rows, source_cols) at the places of a tile, under a kernel of at most WARP_FAST_TAPS taps. */
template <typename Real, int PARTS>
void warp_rows(const Real* source, Real* out, long long bands, long long source_rows, long long source_cols,
               const WarpPlaces& places, const WarpKernelShape& kernel) {
  const long long source_pixels = source_rows * source_cols, tile_pixels = places.tile_rows * places.tile_cols;
  const bool plain = kernel.row_scale == 1.0 && kernel.col_scale == 1.0;
  chunks_in_parallel(places, [&](WarpChunk& chunk, long long r, long long c, int count) {
    Real values[WARP_CHUNK * PARTS];
    chunk_places(places, r, c, count, chunk);
    chunk.high = chunk_tap_count(kernel.kind, kernel.row_scale);
    chunk.wide = chunk_tap_count(kernel.kind, kernel.col_scale);
    chunk_taps(kernel, PARTS, source_rows, source_cols, count, chunk);
    chunk_row(count, chunk);
    for (long long band = 0; band < bands; ++band) {
      const Real* const plane = source + band * source_pixels * PARTS;
      Real* const to = out + (band * tile_pixels + r * places.tile_cols + c) * PARTS;
      if (chunk.span && band + WARP_AHEAD < bands)
        chunk_ahead(plane + WARP_AHEAD * source_pixels * PARTS, source_cols * PARTS, PARTS, chunk);
      if (chunk.vectors) chunk_values(PARTS, plane, source_cols * PARTS, chunk, count, chunk.all ? to : values);
      if (chunk.all && all_finite(to, count * PARTS)) continue;
      if (chunk.all) memcpy(values, to, count * PARTS * sizeof(Real));
      for (int p = 0; p < count; ++p) {
        if (chunk.way[p] == WARP_COPY || (chunk.vectors && chunk.way[p] == WARP_VECTOR)) {
          const Real* const value = chunk.way[p] == WARP_COPY ? plane + chunk.copied[p] * PARTS : values + p * PARTS;
          for (int part = 0; part < PARTS; ++part) to[p * PARTS + part] = value[part];
          if (warp_usable<Real, PARTS>(value)) continue;
        }
        if (plain && kernel.kind == WARP_TRIANGLE)
          warp_bilinear<Real, PARTS>(plane, to, 1, source_rows, source_cols, chunk.row[p], chunk.col[p], p, 0);
        else
          warp_kernel<Real, PARTS>(plane, to, 1, source_rows, source_cols, kernel.kind, kernel.row_scale,
                                   kernel.col_scale, chunk.row[p], chunk.col[p], p, 0);
      }
    }
  });
}

/* body(row, col, pixel) for every pixel of the tile. */
template <typename Body>
void places_in_parallel(const WarpPlaces& places, Body body) {
  chunks_in_parallel(places, [&](WarpChunk& chunk, long long r, long long c, int count) {
    chunk_places(places, r, c, count, chunk);
    for (int p = 0; p < count; ++p) body(chunk.row[p], chunk.col[p], r * places.tile_cols + c + p);
  });
}

/* The same as warp_rows under a kernel of any number of taps. */
template <typename Real, int PARTS>
void warp_stretched(const Real* source, Real* out, long long bands, long long source_rows, long long source_cols,
                    const WarpPlaces& places, const WarpKernelShape& kernel) {
  places_in_parallel(places, [&](double row, double col, long long pixel) {
    warp_kernel<Real, PARTS>(source, out, bands, source_rows, source_cols, kernel.kind, kernel.row_scale,
                             kernel.col_scale, row, col, pixel, places.tile_rows * places.tile_cols);
  });
}

/* The nearest pixel, `words` words of Word each. */
template <typename Word>
void warp_nearest_rows(const Word* source, Word* out, long long bands, long long source_rows, long long source_cols,
                       int words, const WarpPlaces& places, Word fill) {
  places_in_parallel(places, [&](double row, double col, long long pixel) {
    warp_nearest<Word>(source, out, bands, source_rows, source_cols, words, row, col, fill, pixel,
                       places.tile_rows * places.tile_cols);
  });
}

/* For Cython, which has no integer template parameters. */
template <typename Real>
void warp_any(const Real* source, Real* out, long long bands, long long source_rows, long long source_cols, int parts,
              const WarpPlaces& places, int kernel, double row_scale, double col_scale) {
  const WarpKernelShape shape = {kernel, row_scale, col_scale};
  const bool few = chunk_tap_count(kernel, row_scale) > 0 && chunk_tap_count(kernel, col_scale) > 0;
  if (parts == 1)
    (few ? warp_rows<Real, 1> : warp_stretched<Real, 1>)(source, out, bands, source_rows, source_cols, places, shape);
  else
    (few ? warp_rows<Real, 2> : warp_stretched<Real, 2>)(source, out, bands, source_rows, source_cols, places, shape);
}

}  // namespace m3
#endif
