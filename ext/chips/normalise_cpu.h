/* A chip to the input of a network (CPU; formula in normalise.h): pieces of pixels over threads, all bands of a piece while
   what several of them read is in the cache; each step of a band runs in vectors over a buffer that stays in the first
   cache, so memory sees what is stored once and the result once. */
#ifndef M3_NORMALISE_CPU_H
#define M3_NORMALISE_CPU_H

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "normalise.h"
#include "parallel.h"
#include "past_caches.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

#define T float
#include "normalise_loops.h"
#undef T
#define T double
#include "normalise_loops.h"
#undef T

/* Pixels a thread takes at a time, and those that one step of a band goes over. */
constexpr long long NORMALISE_PIECE = 16384, NORMALISE_BLOCK = 1024;

struct StoredPlane {
  const void* data;
  int type;
  bool is_double() const { return type == FLOAT64 || type == COMPLEX128; }
  int parts() const { return type >= COMPLEX64 ? 2 : 1; }
};

template <typename R>
struct NormaliseBuffers {
  std::vector<R> first = std::vector<R>(2 * NORMALISE_BLOCK), second = std::vector<R>(2 * NORMALISE_BLOCK),
                 work = std::vector<R>(2 * NORMALISE_BLOCK);
  std::vector<float> values = std::vector<float>(2 * NORMALISE_BLOCK); /* what is then written past the caches */
  std::vector<unsigned char> mask = std::vector<unsigned char>(2 * NORMALISE_BLOCK);
};

template <typename R>
struct AsStored {
  static const R* of(const StoredPlane&, long long) { return nullptr; }
};
template <>
inline const float* AsStored<float>::of(const StoredPlane& plane, long long at) {
  return plane.type == FLOAT32 || plane.type == COMPLEX64 ? (const float*)plane.data + at : nullptr;
}
template <>
inline const double* AsStored<double>::of(const StoredPlane& plane, long long at) {
  return plane.is_double() ? (const double*)plane.data + at : nullptr;
}

/* n values of a plane from pixel `from` on: where they lie if they need no decoding, decoded into `buffer` otherwise. */
template <typename R>
const R* loaded(const StoredPlane& plane, const NormalisedBand& band, long long from, ptrdiff_t n, R* buffer) {
  const bool plain = band.gain != band.gain;
  const long long at = from * plane.parts();
  const R* const there = AsStored<R>::of(plane, at);
  if (plain && band.nodata != band.nodata && there) return there;
  const double gain = plain ? 1.0 : band.gain, offset = plain ? 0.0 : band.offset;
  const ptrdiff_t count = n * plane.parts();
  switch (plane.type) {
    case FLOAT32:
    case COMPLEX64: load_row((const float*)plane.data + at, buffer, gain, offset, band.nodata, count); break;
    case FLOAT64:
    case COMPLEX128: load_row((const double*)plane.data + at, buffer, gain, offset, band.nodata, count); break;
    case UINT8: load_row((const uint8_t*)plane.data + at, buffer, gain, offset, band.nodata, count); break;
    case UINT16: load_row((const uint16_t*)plane.data + at, buffer, gain, offset, band.nodata, count); break;
    default: load_row((const int16_t*)plane.data + at, buffer, gain, offset, band.nodata, count); break;
  }
  return buffer;
}

/* x of n pixels from flat index `from`, less a plane over (row, col). */
template <typename R>
const R* without_ramp(const R* x, const NormalisedBand& band, long long from, long long cols, ptrdiff_t n, R* out) {
  for (ptrdiff_t done = 0; done < n;) {
    const long long row = (from + done) / cols, col = (from + done) % cols;
    const ptrdiff_t count = cols - col < n - done ? cols - col : n - done;
    const double a = band.ramp + band.ramp_row * (double)row + band.ramp_col * (double)col;
    ramp_row(x + done, out + done, a, band.ramp_col, count);
    done += count;
  }
  return out;
}

/* One band of n pixels from flat index `from`; a second channel lies `apart` after the first. */
template <typename R>
void normalise_block(const StoredPlane* planes, const NormalisedPlaces& places, const NormalisedBand& band,
                     long long from, long long cols, ptrdiff_t n, float* value, unsigned char* valid, long long apart,
                     NormaliseBuffers<R>& buffers) {
  const bool two = places.second >= 0, weighted = places.encoding == WEIGHTED_PHASOR;
  const R* x = loaded(planes[places.first], band, from, n, buffers.first.data());
  const R* y = two ? loaded(planes[places.second], band, from, n, buffers.second.data()) : nullptr;
  R* const work = buffers.work.data();
  if (band.inverse_looks > 0.0) {
    bias_row(weighted ? y : x, work, (R)band.inverse_looks, n);
    (weighted ? y : x) = work;
  }
  if (band.ramp != 0.0 || band.ramp_row != 0.0 || band.ramp_col != 0.0)
    x = without_ramp(x, band, from, cols, n, work);
  switch (places.encoding) {
    case PHASE: phase_row(x, value, value + apart, valid, valid + apart, n); return;
    case PHASOR: phasor_row(x, value, value + apart, valid, valid + apart, n); return;
    case WEIGHTED_PHASOR: weighted_row(x, y, value, value + apart, valid, valid + apart, n); return;
    case DECIBEL:
    case AMPLITUDE_DECIBEL:
      finish_decibels(x, places.encoding == DECIBEL ? R(4.342944819032518) : R(8.685889638065036), band.low, band.high,
                      band.centre, band.scale, value, valid, n);
      return;
    case FISHER: finish_fisher(x, band.low, band.high, band.centre, band.scale, value, valid, n); return;
    case RATIO: ratio_row(x, y, work, n), x = work; break;
    case LOG_RATIO: log_ratio_row(x, y, work, n), x = work; break;
    case DIFFERENCE: difference_row(x, y, work, n), x = work; break;
    default: break;
  }
  finish_row(x, band.low, band.high, band.centre, band.scale, value, valid, n);
}

/* The same into the planes of all channels, past the caches if they are large. */
template <typename R>
void normalise_into(const StoredPlane* planes, const NormalisedPlaces& places, const NormalisedBand& band,
                    long long from, long long cols, ptrdiff_t n, float* values, unsigned char* mask, long long pixels,
                    bool past_caches, NormaliseBuffers<R>& buffers) {
  const long long at = places.channel * pixels + from;
  if (!past_caches) {
    normalise_block(planes, places, band, from, cols, n, values + at, mask + at, pixels, buffers);
    return;
  }
  float* const value = buffers.values.data();
  unsigned char* const valid = buffers.mask.data();
  normalise_block(planes, places, band, from, cols, n, value, valid, NORMALISE_BLOCK, buffers);
  for (int part = 0; part <= (int)is_pair_of_channels(places.encoding); ++part) {
    stream_row(value + part * NORMALISE_BLOCK, values + at + part * pixels, n);
    stream_row(valid + part * NORMALISE_BLOCK, mask + at + part * pixels, n);
  }
}

/* bands entries of places and recipes; values and mask hold planes of `pixels`. */
inline void normalise_chip(const StoredPlane* planes, const NormalisedPlaces* places, const NormalisedBand* recipes,
                           int bands, long long pixels, long long cols, float* values, unsigned char* mask) {
  struct State {
    NormaliseBuffers<float> single;
    NormaliseBuffers<double> twice;
  };
  long long channels = 0;
  for (int b = 0; b < bands; ++b) channels += 1 + is_pair_of_channels(places[b].encoding);
  const bool past_caches = channels * pixels * (long long)sizeof(float) > STREAMED_BYTES;
  parallel_for(
      (pixels + NORMALISE_PIECE - 1) / NORMALISE_PIECE, [] { return State(); },
      [&](State& state, long long piece) {
        const long long start = piece * NORMALISE_PIECE;
        const long long stop = start + NORMALISE_PIECE < pixels ? start + NORMALISE_PIECE : pixels;
        for (int b = 0; b < bands; ++b) {
          const bool twice = planes[places[b].first].is_double() ||
                             (places[b].second >= 0 && planes[places[b].second].is_double());
          for (long long from = start; from < stop; from += NORMALISE_BLOCK) {
            const ptrdiff_t n = stop - from < NORMALISE_BLOCK ? stop - from : NORMALISE_BLOCK;
            if (twice)
              normalise_into(planes, places[b], recipes[b], from, cols, n, values, mask, pixels, past_caches,
                             state.twice);
            else
              normalise_into(planes, places[b], recipes[b], from, cols, n, values, mask, pixels, past_caches,
                             state.single);
          }
        }
      });
}

}  // namespace m3
#endif
