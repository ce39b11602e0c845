/* Coherence along the local fringe (GPU; formula in fringe.h): a patch of the image per block, whose pixels share
   samples through the first-level cache. */
#include "hostdev.h"
#include "coherence.h"
#include "patches.h"
#include "phasor.h"
#include "fringe.h"

namespace m3 {
constexpr int FRINGE_COLS = 128, FRINGE_ROWS = 64;
}

#define M3_FRINGE_KERNEL(name, T)                                                                                   \
  extern "C" __global__ void __launch_bounds__(256, 2)                                                              \
      fringe_##name(const T* a, const T* b, long long rows, long long cols, int window_rows, int window_cols,        \
                    int given, double min_valid, int centred, T* frequency_rows, T* frequency_cols,                 \
                    const unsigned long long* maps) {                                                               \
    const m3::FringeShape shape = {rows, cols, window_rows, window_cols, given != 0, min_valid, centred != 0};      \
    const m3::CoherenceMaps<T> all = m3::CoherenceMaps<T>::at(maps);                                                \
    m3::each_pixel_of_patch<m3::FRINGE_COLS, m3::FRINGE_ROWS>(rows, cols, [&](long long row, long long col) {       \
      m3::fringe_at<T>(a, b, shape, row, col, frequency_rows, frequency_cols, all);                                 \
    });                                                                                                             \
  }                                                                                                                 \
  M3_ENTRY(fringe_##name)
M3_FRINGE_KERNEL(f32, float)
M3_FRINGE_KERNEL(f64, double)
