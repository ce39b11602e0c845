/* Rows of samples to rows of the products that are summed (CPU; formula in coherence.h). */
#ifndef M3_PRODUCT_ROWS_H
#define M3_PRODUCT_ROWS_H

#include <stdint.h>

#include "coherence.h"
#include "phasor.h"
#include "window_sums.h"

namespace m3 {

#define T float
#include "product_loops.h"
#undef T
#define T double
#include "product_loops.h"
#undef T

}  // namespace m3
#endif
