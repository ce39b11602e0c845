/* What a pixel of a radar image shows: the point of its range circle that lies on the terrain, in double. */
#ifndef M3_GROUND_H
#define M3_GROUND_H

#include "geometry.h"

namespace m3 {

/* Heights on a grid of longitude and latitude, bilinear between pixel centres. */
struct Terrain {
  const double* height; /* (rows, cols), NaN unknown */
  long long rows, cols;
  double first_longitude, first_latitude, longitude_step, latitude_step; /* of pixel centres, degrees */
  double lowest, highest;
};

/* Held to 0 ... most; zero for what is not a number. */
M3_HD inline double held_within(double place, double most) {
  const double above = place > 0.0 ? place : 0.0;
  return above < most ? above : most;
}

/* The pixel of the terrain before a place, and how far the place lies beyond it; not a number off the terrain. */
struct TerrainPlace {
  double row, col, down, right;
};

/* No branches, so that a loop over places vectorises. */
M3_HD inline TerrainPlace terrain_place(const Terrain& terrain, double longitude, double latitude) {
  const double degrees = 57.29577951308232, last_row = terrain.rows - 1.0, last_col = terrain.cols - 1.0;
  /* Quotients of the terrain alone, which a loop over places takes once. */
  const double turn = 360.0 / fabs(terrain.longitude_step), turns = 1.0 / turn;
  const double across = 1.0 / terrain.longitude_step, along = 1.0 / terrain.latitude_step;
  const double east = (longitude * degrees - terrain.first_longitude) * across;
  /* Longitudes run on: the one nearest to the grid counts. */
  const double col = east - turn * rint((east - 0.5 * last_col) * turns);
  const double row = (latitude * degrees - terrain.first_latitude) * along;
  const bool known = (row >= -0.5) & (col >= -0.5) & (row <= last_row + 0.5) & (col <= last_col + 0.5);
  const double y = held_within(row, last_row), x = held_within(col, last_col);
  const double r = floor(held_within(y, last_row - 1.0)), c = floor(held_within(x, last_col - 1.0));
  return {r, c, known ? y - r : NAN, x - c};
}

M3_HD inline double terrain_at(const Terrain& terrain, const TerrainPlace& place) {
  const long long down = terrain.rows > 1 ? terrain.cols : 0, right = terrain.cols > 1 ? 1 : 0;
  const double* const h = terrain.height + (long long)place.row * terrain.cols + (long long)place.col;
  const double fy = place.down, fx = place.right;
  return (1.0 - fy) * ((1.0 - fx) * h[0] + fx * h[right]) + fy * ((1.0 - fx) * h[down] + fx * h[down + right]);
}

M3_HD inline double terrain_at(const Terrain& terrain, double longitude, double latitude) {
  return terrain_at(terrain, terrain_place(terrain, longitude, latitude));
}

/* Bowring's formula in one step without angles: to 1e-9 m and 1e-12 for ground on the Earth. */
struct Upright {
  double around, sine, cosine, height; /* distance from the axis, latitude, m */
};

M3_HD inline Upright upright(Vector3 p) {
  const double minor = M3_MAJOR * (1.0 - M3_FLATTENING), ratio = 1.0 - M3_FLATTENING;
  const double second = (M3_MAJOR * M3_MAJOR - minor * minor) / (minor * minor), around = sqrt(p.x * p.x + p.y * p.y);
  const double level = ratio * around, part = 1.0 / sqrt(level * level + p.z * p.z), c = level * part, s = p.z * part;
  const double rise = p.z + second * minor * s * s * s, run = around - M3_SQUARED_ECCENTRICITY * M3_MAJOR * c * c * c;
  const double size = 1.0 / sqrt(rise * rise + run * run), sine = rise * size, cosine = run * size;
  const double below = M3_MAJOR * sqrt(1.0 - M3_SQUARED_ECCENTRICITY * sine * sine);
  return {around, sine, cosine, around * cosine + p.z * sine - below};
}

/* What all pixels of a row share: the satellite's axes, the sphere through the ground below it, and a place of the row,
   from which others are counted, as arcs that are not long need few terms. */
struct GroundRow {
  Vector3 position, down, across, along;
  double far, sinking, pace, radius;         /* velocity along `down`, one over that along `along` */
  double longitude, latitude, east_x, east_y; /* of the place, and the cosine and sine of its longitude */
  double sine, cosine;                        /* of its latitude */
};

/* The point of a range circle that lies `deep` below the satellite; not a number if there is none. */
M3_HD inline Vector3 circle_point(const GroundRow& frame, double side, double range, double ahead, double deep) {
  const double forward = (ahead - deep * frame.sinking) * frame.pace;
  const double beside = side * sqrt(range * range - deep * deep - forward * forward);
  return frame.position + (deep * frame.down + (forward * frame.along + beside * frame.across));
}

/* How deep the sphere of radius rho lies at a range. */
M3_HD inline double sphere_depth(const GroundRow& frame, double range, double rho) {
  return (frame.far * frame.far + range * range - rho * rho) / (2.0 * frame.far);
}

M3_HD inline GroundRow ground_row(const double* model, double row, double middle) {
  const OrbitState state = orbit_at(model, model[RADAR_TIME] + row * model[RADAR_INTERVAL]);
  GroundRow found;
  found.position = state.position;
  found.far = length(state.position);
  found.down = (-1.0 / found.far) * state.position;
  const Vector3 beside = cross(found.down, state.velocity);
  found.across = (1.0 / length(beside)) * beside;
  found.along = cross(found.across, found.down);
  found.sinking = dot(state.velocity, found.down);
  found.pace = 1.0 / dot(state.velocity, found.along);
  const Geodetic below = geodetic(state.position);
  found.radius = length(earth_fixed({below.longitude, below.latitude, 0.0}));
  const double range = model[RADAR_RANGE], deep = sphere_depth(found, range, found.radius + middle);
  const Vector3 place = circle_point(found, model[RADAR_SIDE], range, 0.0, deep);
  const Upright up = upright(place);
  found.longitude = atan2(place.y, place.x);
  found.latitude = atan2(up.sine, up.cosine);
  found.east_x = place.x / up.around;
  found.east_y = place.y / up.around;
  found.sine = up.sine;
  found.cosine = up.cosine;
  return found;
}

/* What one pixel of the image shows: the point on its range circle that lies on the terrain. */
struct Ground {
  Geodetic at;
  double incidence; /* between the sight and the ellipsoid's normal, radians */
};

M3_HD inline Ground no_ground() {
  return {{nan(""), nan(""), nan("")}, nan("")};
}

M3_HD inline double incidence_at(const GroundRow& frame, Vector3 point, double around, double sine, double cosine) {
  const Vector3 back = frame.position - point;
  const double level = cosine / around;
  const Vector3 normal = {level * point.x, level * point.y, sine};
  return acos(dot(normal, back) / length(back));
}

/* An arc of less than 0.3 from its sine and cosine, to 1e-16; not a number if it is longer. */
M3_HD inline double short_arc(double sine, double cosine) {
  const double t = sine / (1.0 + cosine), q = t * t;
  const double series =
      1.0 + q * (-1.0 / 3 + q * (1.0 / 5 + q * (-1.0 / 7 + q * (1.0 / 9 + q * (-1.0 / 11 + q * (1.0 / 13 + q * (-1.0 / 15)))))));
  return q < 0.0225 ? 2.0 * t * series : NAN;
}

/* A point of a range circle and its place, without branches so that loops over pixels vectorise. */
struct GroundLook {
  Vector3 point;
  Upright up;
  double longitude, latitude;
};

M3_HD inline GroundLook look_at(const GroundRow& frame, double side, double range, double ahead, double deep) {
  GroundLook look;
  look.point = circle_point(frame, side, range, ahead, deep);
  look.up = upright(look.point);
  const double x = look.point.x / look.up.around, y = look.point.y / look.up.around;
  look.longitude = frame.longitude + short_arc(frame.east_x * y - frame.east_y * x, frame.east_x * x + frame.east_y * y);
  look.latitude = frame.latitude + short_arc(look.up.sine * frame.cosine - look.up.cosine * frame.sine,
                                             look.up.cosine * frame.cosine + look.up.sine * frame.sine);
  return look;
}

/* A start at the middle height, the flattening of the Earth taken out by one step. */
M3_HD inline double first_depth(const GroundRow& frame, double side, double range, double ahead, double middle) {
  const double rho = frame.radius + middle, deep = sphere_depth(frame, range, rho);
  const Vector3 point = circle_point(frame, side, range, ahead, deep);
  return deep + (upright(point).height - middle) * rho / frame.far;
}

/* The search along a range circle by secants. Level ground gives the first slope, metres of height a metre deeper. */
struct GroundSearch {
  double deep, before, slope, above, last;
};
enum GroundState { GROUND_SEARCHED = 0, GROUND_FOUND = 1, GROUND_LOST = 2 };

M3_HD inline double level_slope(const GroundRow& frame, double middle) { return -frame.far / (frame.radius + middle); }

M3_HD inline void search_stepped(GroundSearch* search) {
  search->before = search->deep;
  search->last = search->above;
  search->deep -= search->above / search->slope;
}

/* After the look at the new depth. So little is left that one step along a slope that is known by now makes it nothing:
   found; on slopes about as steep as the sight, or where no height is known: lost, for the bracket. */
M3_HD inline int search_judged(GroundSearch* search, double height, double surface, double level, int step) {
  if (fabs(search->last) < 1e-4 && step > 1) return height == height ? GROUND_FOUND : GROUND_LOST;
  search->above = height - surface;
  const double moved = search->deep - search->before;
  if (fabs(moved) > 1e-7) search->slope = (search->above - search->last) / moved;
  return search->above == search->above && search->slope < 0.1 * level ? GROUND_SEARCHED : GROUND_LOST;
}
constexpr int GROUND_STEPS = 12;

/* Regula falsi as Illinois has it: the bracket never breaks, slopes steeper than the sight included. */
M3_HD inline Ground ground_by_bracket(const double* model, const Terrain& terrain, const GroundRow& frame, double range,
                                      double ahead) {
  /* One unknown is left, how far down the point lies: |X + d|^2 = rho^2 gives it for a sphere of radius rho. The terrain
     lies between two spheres, which the flattening of the Earth takes apart by some kilometres. */
  const double margin = 100.0 + 0.006 * range, most = 0.9999999 * range;
  double reach[2], miss[2];
  for (int k = 0; k < 2; ++k) {
    const double rho = frame.radius + (k == 0 ? terrain.highest + margin : terrain.lowest - margin);
    reach[k] = fmin(sphere_depth(frame, range, rho), most);
  }
  double kept = 0.0;
  Ground ground = no_ground();
  for (int k = 0; k < 60; ++k) {
    const double deep = k < 2 ? reach[k] : reach[1] - miss[1] * (reach[1] - reach[0]) / (miss[1] - miss[0]);
    const Vector3 point = circle_point(frame, model[RADAR_SIDE], range, ahead, deep);
    if (!(point.x == point.x)) return no_ground();
    const Geodetic at = geodetic(point);
    const double surface = terrain_at(terrain, at.longitude, at.latitude);
    /* Off the terrain only a start is allowed to lie, where the nearest known height does not matter. */
    const double above = at.height - (surface == surface || k >= 2 ? surface : (k == 0 ? terrain.highest : terrain.lowest));
    if (!(above == above)) return no_ground();
    if (k < 2) {
      miss[k] = above;
      if (k == 1 && !(miss[0] >= 0.0 && miss[1] <= 0.0)) return no_ground();
      continue;
    }
    const Upright up = upright(point);
    ground = {at, incidence_at(frame, point, up.around, up.sine, up.cosine)};
    if (fabs(above) < 1e-6 || fabs(reach[1] - reach[0]) < 1e-9) break;
    if ((above > 0.0) == (miss[1] > 0.0)) {
      miss[0] *= kept == 1.0 ? 0.5 : 1.0;
      kept = 1.0;
      reach[1] = deep, miss[1] = above;
    } else {
      miss[1] *= kept == -1.0 ? 0.5 : 1.0;
      kept = -1.0;
      reach[0] = deep, miss[0] = above;
    }
  }
  return ground;
}

M3_HD inline double range_of(const double* model, double col) { return model[RADAR_RANGE] + col * model[RADAR_SPACING]; }

/* Metres along the velocity at which a Doppler frequency puts a range. */
M3_HD inline double range_ahead(const double* model, double range) {
  return model[RADAR_HALF_WAVE] * doppler_at(model, range) * range;
}

M3_HD inline double middle_of(const Terrain& terrain) { return 0.5 * (terrain.lowest + terrain.highest); }

M3_HD inline Ground ground_of(const double* model, const Terrain& terrain, const GroundRow& frame, double col) {
  const double range = range_of(model, col), ahead = range_ahead(model, range), side = model[RADAR_SIDE];
  const double middle = middle_of(terrain), level = level_slope(frame, middle);
  GroundSearch search = {first_depth(frame, side, range, ahead, middle), 0.0, level, 0.0, 0.0};
  GroundLook look = look_at(frame, side, range, ahead, search.deep);
  search.above = look.up.height - terrain_at(terrain, look.longitude, look.latitude);
  int state = search.above == search.above ? GROUND_SEARCHED : GROUND_LOST;
  for (int step = 0; step < GROUND_STEPS && state == GROUND_SEARCHED; ++step) {
    search_stepped(&search);
    look = look_at(frame, side, range, ahead, search.deep);
    state = search_judged(&search, look.up.height, terrain_at(terrain, look.longitude, look.latitude), level, step);
  }
  if (state != GROUND_FOUND) return ground_by_bracket(model, terrain, frame, range, ahead);
  return {{look.longitude, look.latitude, look.up.height},
          incidence_at(frame, look.point, look.up.around, look.up.sine, look.up.cosine)};
}

}  // namespace m3
#endif
