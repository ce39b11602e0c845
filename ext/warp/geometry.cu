/* Where the ground lies in a radar image (GPU; formulas in geometry.h): one thread a point or pixel. */
#include "hostdev.h"
#include "geometry.h"
#include "ground.h"
#include "shade.h"

#define M3_POINT                                                              \
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;       \
  if (i >= count) return;

extern "C" __global__ void __launch_bounds__(128)
    geometry_points(const double* model, const double* points, double start, double* row, double* col, long long count) {
  M3_POINT
  const m3::Vector3 point = {points[3 * i], points[3 * i + 1], points[3 * i + 2]};
  const m3::RadarPoint seen = m3::radar_of(model, point, start, 40);
  row[i] = m3::radar_row(model, seen.time);
  col[i] = m3::radar_col(model, seen.range);
}
M3_ENTRY(geometry_points)

extern "C" __global__ void __launch_bounds__(128)
    geometry_ground(const double* model, const double* row, const double* col, const double* height, long long rows,
                    long long cols, double first_longitude, double first_latitude, double longitude_step,
                    double latitude_step, double lowest, double highest, double* longitude, double* latitude,
                    double* found, double* incidence, long long count) {
  M3_POINT
  const m3::Terrain terrain = {height,         rows,          cols,   first_longitude, first_latitude,
                               longitude_step, latitude_step, lowest, highest};
  const m3::Ground ground = m3::ground_of(model, terrain, m3::ground_row(model, row[i], m3::middle_of(terrain)), col[i]);
  longitude[i] = ground.at.longitude;
  latitude[i] = ground.at.latitude;
  found[i] = ground.at.height;
  incidence[i] = ground.incidence;
}
M3_ENTRY(geometry_ground)

extern "C" __global__ void __launch_bounds__(128)
    geometry_tile(const double* model, const double* down, const double* along, int terms, long long rows,
                  long long cols, const double* height, double* row, double* col, long long count) {
  M3_POINT
  m3::tile_radar(model, {down, along, terms, rows, cols, height}, i, row, col);
}
M3_ENTRY(geometry_tile)

extern "C" __global__ void __launch_bounds__(128)
    geometry_incidence(const double* model, const double* down, const double* along, int terms, long long rows,
                       long long cols, const double* height, const double* row, double* incidence, long long count) {
  M3_POINT
  m3::tile_incidence(model, {down, along, terms, rows, cols, height}, row, i, incidence);
}
M3_ENTRY(geometry_incidence)

extern "C" __global__ void __launch_bounds__(128)
    geometry_sights(const double* down, const double* along, int terms, long long rows, long long cols,
                    const double* height, double* range, double* look, long long count) {
  M3_POINT
  m3::tile_sight({down, along, terms, rows, cols, height}, i, range, look);
}
M3_ENTRY(geometry_sights)

extern "C" __global__ void __launch_bounds__(128)
    geometry_bounds(const double* range, const double* look, long long rows, long long cols, int level, double dy,
                    double dx, double* bounds, long long count) {
  M3_POINT
  m3::block_bounds({range, look, bounds, rows, cols, level}, level, i, dy, dx, bounds);
}
M3_ENTRY(geometry_bounds)

extern "C" __global__ void __launch_bounds__(128)
    geometry_shade(const double* range, const double* look, const double* bounds, long long rows, long long cols,
                   int levels, double dy, double dx, int steps, long long first_row, long long first_col,
                   long long tile_cols, unsigned char* shade, long long count) {
  M3_POINT
  shade[i] = m3::shade_of({range, look, bounds, rows, cols, levels}, first_row + i / tile_cols, first_col + i % tile_cols,
                          dy, dx, steps);
}
M3_ENTRY(geometry_shade)
