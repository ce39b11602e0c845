/* Levels of values (CPU; formula in quantise.h): pieces over threads. */
#ifndef M3_QUANTISE_CPU_H
#define M3_QUANTISE_CPU_H

#include "parallel.h"
#include "quantise.h"
#include "window_sums.h" /* M3_CLONES */

namespace m3 {

/* Values that a thread takes at a time. */
constexpr long long QUANTISE_PIECE = 1 << 15;

M3_CLONES static void quantise_piece(const float* values, unsigned char* out, long long count, float levels,
                                     int no_data) {
  for (long long k = 0; k < count; ++k) out[k] = quantised(values[k], levels, no_data);
}

M3_CLONES static void quantise_piece(const double* values, unsigned char* out, long long count, float levels,
                                     int no_data) {
  for (long long k = 0; k < count; ++k) out[k] = quantised((float)values[k], levels, no_data);
}

template <typename Real>
void quantise_all(const Real* values, unsigned char* out, long long count, int levels, int no_data) {
  parallel_for((count + QUANTISE_PIECE - 1) / QUANTISE_PIECE, [] { return 0; }, [&](int, long long piece) {
    const long long first = piece * QUANTISE_PIECE;
    const long long some = count - first < QUANTISE_PIECE ? count - first : QUANTISE_PIECE;
    quantise_piece(values + first, out + first, some, (float)levels, no_data);
  });
}

}  // namespace m3
#endif
