/* Spelling that differs between compilers; no other file of the CPU kernels holds any (tests/ext/test_portable.py).

     M3_INLINE                   a function that is part of each of its callers
     M3_FLATTEN                  a function that takes in all that it calls
     M3_RESTRICT_REFERENCE       __restrict of a reference, which MSVC knows of pointers alone
     M3_PREFETCH(address)        a line of memory that is read soon
     M3_PREFETCH_SECOND(address) the same, as far as the second cache
     M3_VECTOR_TYPES             1 where numbers side by side are a type with operators of the compiler's own, which GCC 12 and
                                 Clang have; 0 elsewhere, and where a test defines M3_PLAIN_VECTORS
     M3_CLONED                   1 where the loader picks one of several builds of a function by the processor */
#ifndef M3_PORTABLE_H
#define M3_PORTABLE_H

#if defined(__GNUC__) /* Clang says so too */

#define M3_INLINE inline __attribute__((always_inline))
#define M3_FLATTEN __attribute__((flatten))
#define M3_RESTRICT_REFERENCE __restrict
#define M3_PREFETCH(address) __builtin_prefetch(address)
#define M3_PREFETCH_SECOND(address) __builtin_prefetch(address, 0, 2)

#elif defined(_MSC_VER)

#include <intrin.h>
#define M3_INLINE __forceinline
#define M3_FLATTEN
#define M3_RESTRICT_REFERENCE
#if defined(_M_X64)
#define M3_PREFETCH(address) _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0)
#define M3_PREFETCH_SECOND(address) _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T1)
#else
#define M3_PREFETCH(address) __prefetch(address)
#define M3_PREFETCH_SECOND(address) __prefetch(address)
#endif

#else

#define M3_INLINE inline
#define M3_FLATTEN
#define M3_RESTRICT_REFERENCE
#define M3_PREFETCH(address) ((void)(address))
#define M3_PREFETCH_SECOND(address) ((void)(address))

#endif

#define M3_VECTOR_TYPES 0
#if defined(__has_builtin) && !defined(M3_PLAIN_VECTORS)
#if __has_builtin(__builtin_shufflevector) && __has_builtin(__builtin_convertvector)
#undef M3_VECTOR_TYPES
#define M3_VECTOR_TYPES 1
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(M3_NO_CLONES)
#define M3_CLONED 1
#define M3_TARGET(level) __attribute__((unused, target(level)))
/* Of a leaf loop, which must not be a template. */
#define M3_CLONES __attribute__((unused, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define M3_CLONED 0
#define M3_CLONES [[maybe_unused]]
#endif

#endif
