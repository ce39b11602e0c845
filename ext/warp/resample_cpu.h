/* Complex images at fractional positions (CPU; formula in resample.h): rows over threads, in chunks of pixels.

   Pixels whose taps all lie on the image are summed in vectors of their own type; the others, and those nothing finite
   came out for, go through resample.h one by one. Which way a pixel goes depends on its position and the pixels it needs alone. */
#ifndef M3_RESAMPLE_CPU_H
#define M3_RESAMPLE_CPU_H

#include <algorithm>
#include <vector>

#include "resample.h"
#include "turned_samples.h"
#include "warp_cpu.h"

namespace m3 {

template <typename Real>
struct ResampleChunk {
  double row[WARP_CHUNK], col[WARP_CHUNK];
  /* Weights of the type of the pixels, those along columns twice, for both parts. */
  alignas(64) Real down[WARP_CHUNK * RESAMPLE_TAPS], right[2 * WARP_CHUNK * RESAMPLE_TAPS];
  double first[WARP_CHUNK]; /* flat index of the first tap */
  /* Where all pixels lie in one row, as with an offset along rows that is the same for a line: how many columns they need,
     from which flat index on. */
  int span;
  double left;
  alignas(64) Real summed[2 * WARP_SPAN];
  double whole[WARP_CHUNK]; /* 1 where all taps lie on the image and the position between its samples */
};

/* Which pixels of a chunk have all their taps on the image and lie between its samples, and where their taps begin. */
M3_CLONES static int chunk_whole(const double* row, const double* col, double rows, double cols, double taps, int count,
                                 double* whole, double* first) {
  double found = 0.0;
  const double before = 0.5 * taps - 1.0;
  for (int p = 0; p < count; ++p) {
    const double above = floor(row[p]), beside = floor(col[p]), top = above - before, left = beside - before;
    const bool on = (top >= 0.0) & (left >= 0.0) & (top + taps <= rows) & (left + taps <= cols);
    const bool between = (row[p] != above) | (col[p] != beside);
    whole[p] = on & between ? 1.0 : 0.0;
    first[p] = on & between ? top * cols + left : 0.0; /* exact up to 2^53 pixels */
    found += whole[p];
  }
  return (int)found;
}

/* Finds whether all pixels of a chunk share their row. */
template <typename Real>
void chunk_span(int taps, int found, int count, ResampleChunk<Real>& chunk) {
  chunk.span = 0;
  if (found < count) return;
  double least = chunk.first[0], most = least;
  for (int p = 0; p < count; ++p) {
    if (chunk.row[p] != chunk.row[0]) return;
    least = chunk.first[p] < least ? chunk.first[p] : least;
    most = chunk.first[p] > most ? chunk.first[p] : most;
  }
  if (most - least + taps > WARP_SPAN) return;
  chunk.span = (int)(most - least) + taps;
  chunk.left = least;
}

#define T float
#include "resample_loops.h"
#undef T
#define T double
#include "resample_loops.h"
#undef T

/* Lines of weights of the pixels' type; those along columns hold each weight twice, for both parts. */
template <typename Real>
struct ResampleTable {
  std::vector<Real> down, right;
  ResampleTable(const double* table, int taps) : down((RESAMPLE_STEPS + 1) * taps), right(2 * (RESAMPLE_STEPS + 1) * taps) {
    for (size_t k = 0; k < down.size(); ++k) down[k] = right[2 * k] = right[2 * k + 1] = (Real)table[k];
  }
};

template <typename Real, int TAPS>
void resample_rows(const Real* image, const double* table, const double* phase, Real* out, long long rows, long long cols,
                   const WarpPlaces& places) {
  const ResampleTable<Real> lines(table, TAPS);
  chunks_in_parallel<ResampleChunk<Real>>(places, [&](ResampleChunk<Real>& chunk, long long r, long long c, int count) {
    const long long pixel = r * places.tile_cols + c;
    chunk_places(places, r, c, count, chunk);
    const int found =
        chunk_whole(chunk.row, chunk.col, (double)rows, (double)cols, (double)TAPS, count, chunk.whole, chunk.first);
    Real* const values = out + 2 * pixel;
    if (found > 0) {
      if (TAPS == 8)
        lines_of_8(lines.down.data(), lines.right.data(), chunk.row, chunk.col, count, chunk.down, chunk.right);
      else
        lines_of_4(lines.down.data(), lines.right.data(), chunk.row, chunk.col, count, chunk.down, chunk.right);
      chunk_span(TAPS, found, count, chunk);
      chunk_resampled<TAPS>(image, cols, chunk, count, values);
      if (found == count && all_finite(values, 2 * count)) {
        if (phase) turn_samples(phase + pixel, 1.0, values, count);
        return;
      }
    }
    for (int p = 0; p < count; ++p) {
      double re = values[2 * p], im = values[2 * p + 1];
      if (chunk.whole[p] == 0.0 || !resample_valid(re, im))
        resample_value<Real, TAPS, TAPS>(image, table, table, rows, cols, chunk.row[p], chunk.col[p], &re, &im);
      resample_turned(re, im, phase, pixel + p, out);
    }
  });
}

template <typename Real>
void resample_any(const Real* image, const double* table, int taps, const double* phase, Real* out, long long rows,
                  long long cols, const WarpPlaces& places) {
  if (taps == 8)
    resample_rows<Real, 8>(image, table, phase, out, rows, cols, places);
  else
    resample_rows<Real, 4>(image, table, phase, out, rows, cols, places);
}

/* image turned by sign * phase, (pixels). */
template <typename Real>
void resample_turn(const Real* image, const double* phase, double sign, Real* out, long long rows, long long cols) {
  parallel_for(
      rows, [] { return 0; },
      [&](int, long long r) {
        Real* const row = out + 2 * r * cols;
        std::copy(image + 2 * r * cols, image + 2 * (r + 1) * cols, row);
        turn_samples(phase + r * cols, sign, row, cols);
      });
}

}  // namespace m3
#endif
