/* Decay of coherence with time: rho(t) = rho_inf + (1 - rho_inf) exp(-t / tau), fitted to the pairs of one pixel.

   coherence  (pairs, pixels); NaN is no data
   table      exp(-t / tau) of each distinct lag (columns) for log-spaced tau (rows, `first_tau` and `ratio`)
   method     For a given tau the model is linear in rho_inf, so rho_inf follows in closed form, held to [0, 1], and tau is
              found by search: every COARSE-th row of the table, all rows near the best, then a parabola through three.
              Pairs of one lag share their model, so a cost takes one step per lag, not per pair. With a scale, residuals count
              as scale^2 (sqrt(1 + (r / scale)^2) - 1) through weights that are renewed ROUNDS times.
   result     rho_inf in [0, 1], tau in the unit of t inside the table's range, rmse of all pairs; NaN with fewer than 3
              pairs or 2 lags
   sums       double */
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

/* Sums of weights, coherence and its square of each lag, and the decay that the last round found, `stride` apart. */
struct LagSums {
  double* data;
  long long stride;
  M3_HD double& at(int lag, int which) const { return data[(4 * lag + which) * stride]; }
};

/* Best rho_inf for one row of the table and what it costs. */
M3_HD inline double decay_cost(const LagSums& sums, const double* decays, int lags, double& rho_inf) {
  double upper = 0, lower = 0;
  for (int k = 0; k < lags; ++k) {
    const double e = decays[k], f = 1 - e;
    upper += f * (sums.at(k, 1) - e * sums.at(k, 0));
    lower += f * f * sums.at(k, 0);
  }
  rho_inf = lower > 0 ? upper / lower : 0;
  rho_inf = rho_inf < 0 ? 0 : rho_inf > 1 ? 1 : rho_inf;
  double cost = 0;
  for (int k = 0; k < lags; ++k) {
    const double model = decays[k] + rho_inf * (1 - decays[k]);
    cost += sums.at(k, 2) + model * (model * sums.at(k, 0) - 2 * sums.at(k, 1));
  }
  return cost;
}

/* Row of the table with the least cost, and the place of the minimum of a parabola through it and its neighbours. */
M3_HD inline double decay_search(const LagSums& sums, const double* table, const DecayProblem& problem) {
  double rho_inf, least = 0;
  int best = 0;
  for (int g = 0; g < problem.taus; g += DECAY_COARSE) {
    const double cost = decay_cost(sums, table + (long long)g * problem.lags, problem.lags, rho_inf);
    if (g == 0 || cost < least) best = g, least = cost;
  }
  const int from = best > DECAY_COARSE ? best - DECAY_COARSE + 1 : 0;
  const int to = best + DECAY_COARSE < problem.taus ? best + DECAY_COARSE : problem.taus;
  for (int g = from; g < to; ++g) {
    const double cost = decay_cost(sums, table + (long long)g * problem.lags, problem.lags, rho_inf);
    if (cost < least) best = g, least = cost;
  }
  if (best == 0 || best == problem.taus - 1) return best;
  const double left = decay_cost(sums, table + (long long)(best - 1) * problem.lags, problem.lags, rho_inf);
  const double right = decay_cost(sums, table + (long long)(best + 1) * problem.lags, problem.lags, rho_inf);
  const double bend = left - 2 * least + right;
  return bend > 0 ? best + 0.5 * (left - right) / bend : best;
}

template <typename T>
M3_HD inline void decay_at(const T* coherence, const int* lag_of_pair, const double* lag_days, const double* table,
                           const DecayProblem& problem, double* scratch, long long stride, long long pixel, T* out) {
  const LagSums sums = {scratch, stride};
  double rho_inf = 0, tau = 0, squares = 0;
  long long count = 0;
  int lags = 0;
  for (int round = 0; round <= (problem.scale > 0 ? DECAY_ROUNDS : 0); ++round) {
    for (int k = 0; k < problem.lags; ++k)
      for (int which = 0; which < 3; ++which) sums.at(k, which) = 0;
    count = 0;
    for (long long p = 0; p < problem.pairs; ++p) {
      const double rho = (double)coherence[p * problem.pixels + pixel];
      if (!(rho * 0 == 0)) continue;
      double weight = 1;
      if (round > 0) {
        const double e = sums.at(lag_of_pair[p], 3), residual = rho - e - rho_inf * (1 - e);
        weight = 1 / sqrt(1 + residual * residual / (problem.scale * problem.scale));
      }
      const int lag = lag_of_pair[p];
      sums.at(lag, 0) += weight;
      sums.at(lag, 1) += weight * rho;
      sums.at(lag, 2) += weight * rho * rho;
      ++count;
    }
    lags = 0;
    for (int k = 0; k < problem.lags; ++k) lags += sums.at(k, 0) > 0;
    if (count < 3 || lags < 2) break;
    tau = problem.first_tau * pow(problem.ratio, decay_search(sums, table, problem));
    // The closed form at the tau between two rows.
    double upper = 0, lower = 0;
    for (int k = 0; k < problem.lags; ++k) {
      const double e = sums.at(k, 3) = exp(-lag_days[k] / tau), f = 1 - e;
      upper += f * (sums.at(k, 1) - e * sums.at(k, 0));
      lower += f * f * sums.at(k, 0);
    }
    rho_inf = lower > 0 ? upper / lower : 0;
    rho_inf = rho_inf < 0 ? 0 : rho_inf > 1 ? 1 : rho_inf;
  }
  const bool fitted = count >= 3 && lags >= 2;
  for (long long p = 0; fitted && p < problem.pairs; ++p) {
    const double rho = (double)coherence[p * problem.pixels + pixel];
    if (!(rho * 0 == 0)) continue;
    const double e = sums.at(lag_of_pair[p], 3), residual = rho - e - rho_inf * (1 - e);
    squares += residual * residual;
  }
  out[pixel] = fitted ? (T)rho_inf : (T)NAN;
  out[problem.pixels + pixel] = fitted ? (T)tau : (T)NAN;
  out[2 * problem.pixels + pixel] = fitted ? (T)sqrt(squares / (double)count) : (T)NAN;
}

}  // namespace m3
#endif
