/* Where the ground lies in a radar image and the other way round: range and Doppler, in double.

   model   one array of 64 numbers (RadarModel below): the grid of the image and the arc of the orbit, a polynomial of each
           Earth-fixed coordinate in time scaled to -1 ... 1
   A point P is seen at time t from X(t) with velocity V(t) at range r = |P - X| where
     V . (P - X) = wavelength / 2 * doppler(r) * r.
   Rows are azimuth times, columns ranges; 0.0 is the centre of the first pixel. */
#ifndef M3_GEOMETRY_H
#define M3_GEOMETRY_H

#include "hostdev.h"

namespace m3 {

/* Places in the model. */
enum RadarModel {
  RADAR_TIME = 0,      /* azimuth time of row 0, s */
  RADAR_INTERVAL = 1,  /* s per row */
  RADAR_RANGE = 2,     /* slant range of column 0, m */
  RADAR_SPACING = 3,   /* m a column */
  RADAR_SIDE = 4,      /* 1 right of the flight, -1 left */
  RADAR_HALF_WAVE = 5, /* half the wavelength, m */
  RADAR_CENTRE = 6,    /* middle of the arc, s */
  RADAR_HALF = 7,      /* half its duration, s */
  RADAR_DOPPLER = 8,   /* Hz, Hz / m, Hz / m^2, Hz / m^3 from the first range on */
  RADAR_ARC = 16       /* x, y, z, ARC_TERMS each, constant first */
};
constexpr int ARC_TERMS = 16;

/* WGS 84. */
#define M3_MAJOR 6378137.0
#define M3_FLATTENING (1.0 / 298.257223563)
#define M3_SQUARED_ECCENTRICITY (M3_FLATTENING * (2.0 - M3_FLATTENING))

struct Vector3 {
  double x, y, z;
};
M3_HD inline Vector3 operator-(Vector3 a, Vector3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
M3_HD inline Vector3 operator+(Vector3 a, Vector3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
M3_HD inline Vector3 operator*(double s, Vector3 a) { return {s * a.x, s * a.y, s * a.z}; }
M3_HD inline double dot(Vector3 a, Vector3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
M3_HD inline Vector3 cross(Vector3 a, Vector3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
M3_HD inline double length(Vector3 a) { return sqrt(dot(a, a)); }

struct OrbitState {
  Vector3 position, velocity, acceleration;
};

M3_HD inline void arc_axis(const double* terms, double u, double half, double* value, double* first, double* second) {
  double p = terms[ARC_TERMS - 1], d = 0.0, dd = 0.0;
  for (int k = ARC_TERMS - 2; k >= 0; --k) {
    dd = dd * u + d;
    d = d * u + p;
    p = p * u + terms[k];
  }
  *value = p;
  *first = d / half;
  *second = 2.0 * dd / (half * half);
}

M3_HD inline OrbitState orbit_at(const double* model, double time) {
  const double half = model[RADAR_HALF], u = (time - model[RADAR_CENTRE]) / half;
  const double* const arc = model + RADAR_ARC;
  OrbitState state;
  arc_axis(arc, u, half, &state.position.x, &state.velocity.x, &state.acceleration.x);
  arc_axis(arc + ARC_TERMS, u, half, &state.position.y, &state.velocity.y, &state.acceleration.y);
  arc_axis(arc + 2 * ARC_TERMS, u, half, &state.position.z, &state.velocity.z, &state.acceleration.z);
  return state;
}

M3_HD inline double doppler_at(const double* model, double range) {
  const double* const c = model + RADAR_DOPPLER;
  const double beyond = range - model[RADAR_RANGE];
  return ((c[3] * beyond + c[2]) * beyond + c[1]) * beyond + c[0];
}

struct RadarPoint {
  double time, range;
};

/* One step of Newton's method for the time at which a point is seen, and on which side of the flight it lies. */
struct RadarStep {
  double time, range, moved, beside;
};

M3_HD inline RadarStep radar_step(const double* model, Vector3 point, double time) {
  const OrbitState state = orbit_at(model, time);
  const Vector3 sight = point - state.position;
  const double range = length(sight), closing = dot(state.velocity, sight);
  const double wanted = model[RADAR_HALF_WAVE] * doppler_at(model, range) * range;
  const double moved = (closing - wanted) / (dot(state.acceleration, sight) - dot(state.velocity, state.velocity));
  return {time - moved, range + closing / range * moved, moved,
          model[RADAR_SIDE] * dot(cross(state.velocity, state.position), sight)};
}

/* Whether a step was the last, within the arc, and the point on the side that is seen.

   A step of less than a thousandth of a row is the last: the next would be its square times the relative change of the
   speed in a second, and the range follows from its slope. */
M3_HD inline bool radar_settled(const double* model, const RadarStep& step) {
  const bool on_arc = fabs(step.time - model[RADAR_CENTRE]) <= 1.0000001 * model[RADAR_HALF];
  return (fabs(step.moved) < 1e-3 * model[RADAR_INTERVAL]) & on_arc & (step.beside > 0.0);
}

/* Newton's method for the time at which a point is seen. Not a number where it does not settle within the arc. */
M3_HD inline RadarPoint radar_of(const double* model, Vector3 point, double time, int steps) {
  RadarStep step = {time, 0.0, 1e300, 0.0};
  for (int k = 0; k < steps && !(fabs(step.moved) < 1e-3 * model[RADAR_INTERVAL]); ++k)
    step = radar_step(model, point, step.time);
  if (!radar_settled(model, step)) return {nan(""), nan("")};
  return {step.time, step.range};
}

M3_HD inline double radar_row(const double* model, double time) {
  return (time - model[RADAR_TIME]) / model[RADAR_INTERVAL];
}
M3_HD inline double radar_col(const double* model, double range) {
  return (range - model[RADAR_RANGE]) / model[RADAR_SPACING];
}

struct Geodetic {
  double longitude, latitude, height; /* radians, m */
};

M3_HD inline Vector3 earth_fixed(Geodetic at) {
  const double sine = sin(at.latitude), cosine = cos(at.latitude);
  const double n = M3_MAJOR / sqrt(1.0 - M3_SQUARED_ECCENTRICITY * sine * sine);
  return {(n + at.height) * cosine * cos(at.longitude), (n + at.height) * cosine * sin(at.longitude),
          (n * (1.0 - M3_SQUARED_ECCENTRICITY) + at.height) * sine};
}

/* Bowring, 1976, with his start and three steps: to rounding from the sea floor to orbits. */
M3_HD inline Geodetic geodetic(Vector3 p) {
  const double minor = M3_MAJOR * (1.0 - M3_FLATTENING), ratio = 1.0 - M3_FLATTENING;
  const double second = (M3_MAJOR * M3_MAJOR - minor * minor) / (minor * minor), around = sqrt(p.x * p.x + p.y * p.y);
  double tangent = p.z / (ratio * around), latitude = 0.0;
  for (int k = 0; k < 3; ++k) {
    const double c = 1.0 / sqrt(1.0 + tangent * tangent), s = tangent * c;
    latitude = atan2(p.z + second * minor * s * s * s, around - M3_SQUARED_ECCENTRICITY * M3_MAJOR * c * c * c);
    tangent = ratio * tan(latitude);
  }
  const double sine = sin(latitude), cosine = cos(latitude);
  const double n = M3_MAJOR / sqrt(1.0 - M3_SQUARED_ECCENTRICITY * sine * sine);
  /* The form that is exact at the equator and at the poles. */
  const double height = around * cosine + p.z * sine - M3_MAJOR * M3_MAJOR / n;
  return {atan2(p.y, p.x), latitude, height};
}

/* Earth-fixed position and first guess of the time of a tile's pixels, as sums of few terms: on the ellipsoid, and how
   both change with a metre of height. */
struct TileGround {
  const double* down;  /* (8, rows, terms): x, y, z, time, and the four a metre */
  const double* along; /* (8, terms, cols) */
  int terms;
  long long rows, cols;
  const double* height; /* (rows, cols), NaN unknown */
};

M3_HD inline double tile_sum(const TileGround& tile, int plane, long long r, long long c) {
  const double* const down = tile.down + (plane * tile.rows + r) * tile.terms;
  const double* const along = tile.along + plane * tile.terms * tile.cols + c;
  double sum = down[0] * along[0];
  for (int k = 1; k < tile.terms; ++k) sum += down[k] * along[k * tile.cols];
  return sum;
}

M3_HD inline Vector3 tile_point(const TileGround& tile, long long r, long long c) {
  const double h = tile.height[r * tile.cols + c];
  return {tile_sum(tile, 0, r, c) + h * tile_sum(tile, 4, r, c), tile_sum(tile, 1, r, c) + h * tile_sum(tile, 5, r, c),
          tile_sum(tile, 2, r, c) + h * tile_sum(tile, 6, r, c)};
}

/* Radar position of one pixel of the tile from its guess, as a rule in one step; not a number without a height. */
M3_HD inline void tile_radar(const double* model, const TileGround& tile, long long pixel, double* row, double* col) {
  const long long r = pixel / tile.cols, c = pixel % tile.cols;
  row[pixel] = col[pixel] = nan("");
  // Newton's method would take all its steps to find that nothing is known.
  if (!(tile.height[pixel] == tile.height[pixel])) return;
  const double guess = tile_sum(tile, 3, r, c) + tile.height[pixel] * tile_sum(tile, 7, r, c);
  const RadarPoint seen = radar_of(model, tile_point(tile, r, c), guess, 8);
  row[pixel] = radar_row(model, seen.time);
  col[pixel] = radar_col(model, seen.range);
}

/* Cosine of the angle between the sight and the normal of the ground through four neighbours of a point. */
M3_HD inline double cosine_between(Vector3 position, Vector3 point, Vector3 across, Vector3 down) {
  const Vector3 back = position - point, normal = cross(across, down);
  const double turned = dot(normal, back) / sqrt(dot(normal, normal) * dot(back, back));
  return dot(normal, point) < 0.0 ? -turned : turned;
}

M3_HD inline double arc_place(const double* terms, double u) {
  double p = terms[ARC_TERMS - 1];
  for (int k = ARC_TERMS - 2; k >= 0; --k) p = p * u + terms[k];
  return p;
}

M3_HD inline Vector3 orbit_place(const double* model, double row) {
  const double u = (model[RADAR_TIME] + row * model[RADAR_INTERVAL] - model[RADAR_CENTRE]) / model[RADAR_HALF];
  const double* const arc = model + RADAR_ARC;
  return {arc_place(arc, u), arc_place(arc + ARC_TERMS, u), arc_place(arc + 2 * ARC_TERMS, u)};
}

/* Local incidence at one pixel, between the sight and the terrain's normal, radians. */
M3_HD inline void tile_incidence(const double* model, const TileGround& tile, const double* row, long long pixel,
                                 double* incidence) {
  const long long r = pixel / tile.cols, c = pixel % tile.cols;
  const long long up = r > 0 ? r - 1 : r, low = r + 1 < tile.rows ? r + 1 : r;
  const long long left = c > 0 ? c - 1 : c, right = c + 1 < tile.cols ? c + 1 : c;
  const Vector3 point = tile_point(tile, r, c);
  const OrbitState state = orbit_at(model, model[RADAR_TIME] + row[pixel] * model[RADAR_INTERVAL]);
  const Vector3 across = tile_point(tile, r, right) - tile_point(tile, r, left);
  incidence[pixel] = acos(cosine_between(state.position, point, across, tile_point(tile, low, c) - tile_point(tile, up, c)));
}

}  // namespace m3
#endif
