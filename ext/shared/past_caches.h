/* Results that are written past the caches (CPU). */
#ifndef M3_PAST_CACHES_H
#define M3_PAST_CACHES_H

#include <stdint.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace m3 {

/* Results larger than this are written past the caches: they would be gone before anybody reads them, and a plain store
   first reads the line that it writes. */
constexpr long long STREAMED_BYTES = 32 << 20;

/* Copy a row past the caches, 16 bytes at a time, which every x86-64 has. */
template <typename T>
inline void stream_row(const T* row, T* to, long long n) {
  long long k = 0;
#if defined(__SSE2__) || defined(_M_X64)
  constexpr long long lanes = 16 / sizeof(T);
  for (; k < n && (reinterpret_cast<uintptr_t>(to + k) & 15); ++k) to[k] = row[k];
  for (; k + lanes <= n; k += lanes)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + k), _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + k)));
#endif
  for (; k < n; ++k) to[k] = row[k];
}

}  // namespace m3
#endif
