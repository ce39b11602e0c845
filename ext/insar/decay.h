/* Decay of coherence with time: rho(t) = rho_inf + (1 - rho_inf) exp(-t / tau), fitted to the pairs of one pixel.

   The model is one product when it is written for what is lost: 1 - rho = a f(t) with a = 1 - rho_inf and
   f(t) = 1 - exp(-t / tau).

   coherence  (pairs, pixels); NaN is no data
   table      f of each distinct lag (columns) for log-spaced tau (rows, `first_tau` and `ratio`)
   method     For a given tau the best a is sum(w f q) / sum(w f^2) over the pairs, q being 1 - rho, held to [0, 1]. Pairs of
              one lag share f, so the sums of w and w q of each lag hold all that a search needs, and a row of the table
              costs two products per lag, not per pair. The search looks at every COARSE-th row, which finds the deepest
              valley, walks to its lowest row from the vertex of a parabola through three of them, and puts another through
              three rows side by side. With a scale, residuals count as scale^2 (sqrt(1 + (r / scale)^2) - 1) through
              weights that are renewed ROUNDS times.
   result     rho_inf in [0, 1], tau in the unit of t inside the table's range, rmse of all pairs; NaN with fewer than 3
              pairs or 2 lags
   sums       double; on the CPU weights and residuals have the type of the data, and so have partial sums of a few pairs */
#ifndef M3_DECAY_H
#define M3_DECAY_H

#include "hostdev.h"

namespace m3 {

struct DecayProblem {
  long long pairs, pixels;
  int lags, taus;
  double first_tau, ratio;  // tau of row g is first_tau * ratio^g
  double scale;             // 0 for plain least squares
};

constexpr int DECAY_ROUNDS = 3, DECAY_COARSE = 8;

/* Best a for sums of w f q and w f^2. */
M3_HD inline double decay_amplitude(double upper, double lower) {
  const double a = upper / (lower > 0 ? lower : 1);
  const double least = a < 0 ? 0 : a, held = least > 1 ? 1 : least;
  return lower > 0 ? held : 1;
}

/* What it costs, less the cost of a = 0. */
M3_HD inline double decay_cost(double upper, double lower) {
  const double a = decay_amplitude(upper, lower);
  return a * (a * lower - 2 * upper);
}

/* The coarse row of least cost, and the costs of the coarse rows to its left and right, infinite off the table. */
struct DecayValley {
  int row;
  double left, least, right;
};

/* Place of the minimum of a parabola through three rows that are `apart`, from the middle one; zero without a bend. */
M3_HD inline double decay_vertex(double left, double least, double right, double apart) {
  const double bend = left - 2 * least + right;
  return bend > 0 && bend < INFINITY ? apart * 0.5 * (left - right) / bend : 0;
}

/* Place of the minimum between rows; `cost` gives that of a row. From the vertex of the coarse rows it is a step or two to
   the least of all rows there, and both its neighbours are known then. */
template <typename Cost>
M3_HD inline double decay_place(const Cost& cost, int rows, const DecayValley& valley) {
  // The vertex is nearer than half a coarse step; a cast rounds what is above zero.
  int row = valley.row - DECAY_COARSE +
            (int)(DECAY_COARSE + 0.5 + decay_vertex(valley.left, valley.least, valley.right, DECAY_COARSE));
  row = row < rows - 1 ? row : rows - 1;
  double left = row > 0 ? cost(row - 1) : INFINITY, least = cost(row), right = row < rows - 1 ? cost(row + 1) : INFINITY;
  while (left < least) {
    --row;
    right = least, least = left;
    left = row > 0 ? cost(row - 1) : INFINITY;
  }
  while (right < least) {
    ++row;
    left = least, least = right;
    right = row < rows - 1 ? cost(row + 1) : INFINITY;
  }
  return row + decay_vertex(left, least, right, 1);
}

union DecayBits {
  double value;
  long long bits;
};

/* exp(x) - 1 within 4e-16 of it for |x| < 700, held there: by sums and products alone, so that loops vectorise. */
M3_HD inline double exp_less_one(double x) {
  x = x < -700 ? -700 : x > 700 ? 700 : x;
  DecayBits power; /* the whole number of doublings sits in the lowest bits of a double this large */
  power.value = x * 1.4426950408889634074 + 6755399441055744.0;
  const double n = power.value - 6755399441055744.0;
  const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  const double series =
      r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 +
      r * (1.0 / 40320 + r * (1.0 / 362880 + r * (1.0 / 3628800 + r * (1.0 / 39916800 + r * (1.0 / 479001600 +
      r * (1.0 / 6227020800.0)))))))))))));
  power.bits = (long long)(((unsigned long long)power.bits << 52) + 0x3ff0000000000000ULL);
  return power.value * series + (power.value - 1);
}

/* f of a lag. */
M3_HD inline double decayed_share(double days, double tau) { return -exp_less_one(-days / tau); }

M3_HD inline double decay_tau(double first_tau, double log_ratio, double place) {
  return first_tau * (1 + exp_less_one(place * log_ratio));
}

/* Sums of w and w q of each lag, and f at the tau of the last round, `stride` apart. */
struct LagSums {
  double* data;
  long long stride;
  int lags;
  M3_HD double& at(int lag, int which) const { return data[(3 * lag + which) * stride]; }
  /* Sums of w f q and w f^2 with f from a row of the table, or from the tau of the last round. */
  M3_HD void over_lags(const double* shares, double& upper, double& lower) const {
    upper = lower = 0;
    for (int k = 0; k < lags; ++k) {
      const double f = shares ? shares[k] : at(k, 2);
      upper += f * at(k, 1);
      lower += f * f * at(k, 0);
    }
  }
};

/* Row of the table with the least cost, and the place of the minimum near it. */
M3_HD inline double decay_search(const LagSums& sums, const double* table, const DecayProblem& problem) {
  const auto cost = [&](int row) {
    double upper, lower;
    sums.over_lags(table + (long long)row * problem.lags, upper, lower);
    return decay_cost(upper, lower);
  };
  DecayValley valley = {0, INFINITY, INFINITY, INFINITY};
  double before = INFINITY;
  bool last = false;  // the row before was the least so far
  for (int row = 0; row < problem.taus; row += DECAY_COARSE) {
    const double here = cost(row);
    if (last) valley.right = here;
    last = row == 0 || here < valley.least;
    if (last) valley = {row, before, here, INFINITY};
    before = here;
  }
  return decay_place(cost, problem.taus, valley);
}

/* One pixel by itself, as a GPU's thread does it. */
template <typename T>
M3_HD inline void decay_at(const T* coherence, const int* lag_of_pair, const double* lag_days, const double* table,
                           const DecayProblem& problem, double* scratch, long long stride, long long pixel, T* out) {
  const LagSums sums = {scratch, stride, problem.lags};
  double a = 0, tau = 0, squares = 0;
  long long count = 0;
  int lags = 0;
  for (int round = 0; round <= (problem.scale > 0 ? DECAY_ROUNDS : 0); ++round) {
    for (int k = 0; k < problem.lags; ++k) sums.at(k, 0) = sums.at(k, 1) = 0;
    count = 0;
    for (long long p = 0; p < problem.pairs; ++p) {
      const double lost = 1 - (double)coherence[p * problem.pixels + pixel];
      if (!(lost * 0 == 0)) continue;
      const int lag = lag_of_pair[p];
      double weight = 1;
      if (round > 0) {
        const double residual = (lost - a * sums.at(lag, 2)) / problem.scale;
        weight = 1 / sqrt(1 + residual * residual);
      }
      sums.at(lag, 0) += weight;
      sums.at(lag, 1) += weight * lost;
      ++count;
    }
    lags = 0;
    for (int k = 0; k < problem.lags; ++k) lags += sums.at(k, 0) > 0;
    if (count < 3 || lags < 2) break;
    tau = decay_tau(problem.first_tau, log(problem.ratio), decay_search(sums, table, problem));
    // The closed form at the tau between two rows.
    for (int k = 0; k < problem.lags; ++k) sums.at(k, 2) = decayed_share(lag_days[k], tau);
    double upper, lower;
    sums.over_lags(nullptr, upper, lower);
    a = decay_amplitude(upper, lower);
  }
  const bool fitted = count >= 3 && lags >= 2;
  for (long long p = 0; fitted && p < problem.pairs; ++p) {
    const double lost = 1 - (double)coherence[p * problem.pixels + pixel];
    if (!(lost * 0 == 0)) continue;
    const double residual = lost - a * sums.at(lag_of_pair[p], 2);
    squares += residual * residual;
  }
  out[pixel] = fitted ? (T)(1 - a) : (T)NAN;
  out[problem.pixels + pixel] = fitted ? (T)tau : (T)NAN;
  out[2 * problem.pixels + pixel] = fitted ? (T)sqrt(squares / (double)count) : (T)NAN;
}

}  // namespace m3
#endif
