/* Every CUDA text of ext/, read by g++ with the CPU's meaning. */
#include "simt.h"

#include "../area.cu"
#include "../coherence.cu"
#include "../decay.cu"
#include "../fringe.cu"
#include "../geolocate.cu"
#include "../geometry.cu"
#include "../homogeneous.cu"
#include "../interferogram.cu"
#include "../multilook.cu"
#include "../normalise.cu"
#include "../warp.cu"
