/* What Cython calls of geometry.h, without structures of structures. */
#ifndef M3_GEOMETRY_CPU_H
#define M3_GEOMETRY_CPU_H

#include "geometry.h"

namespace m3 {

inline void point_radar(const double* model, const double* point, double start, double* row, double* col) {
  const RadarPoint seen = radar_of(model, {point[0], point[1], point[2]}, start, 40);
  *row = radar_row(model, seen.time);
  *col = radar_col(model, seen.range);
}

inline void pixel_ground(const double* model, const Terrain& terrain, double row, double col, double* longitude,
                         double* latitude, double* height, double* incidence) {
  const Ground ground = ground_of(model, terrain, row, col);
  *longitude = ground.at.longitude;
  *latitude = ground.at.latitude;
  *height = ground.at.height;
  *incidence = ground.incidence;
}

}  // namespace m3
#endif
