/* Decay fits (CPU; formulas in decay.h): pieces of pixels over threads, a chunk of them at a time in vectors, so that what
   the rounds read of the pairs stays in the cache.

   A round takes the pairs in the order of their lags, so that sums of a lag stay in the first cache. Costs of coarse rows
   are sums over lags with the row's f common to all pixels. The rows around the best one differ between pixels: there
   vectors run over the lags of one pixel. */
#ifndef M3_DECAY_CPU_H
#define M3_DECAY_CPU_H

#include <stddef.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "decay.h"
#include "parallel.h"
#include "registers.h"

namespace m3 {

/* Pixels that go through a round together, those that a thread takes at a time, pairs summed in the type of the data, and
   lags in a vector. */
constexpr int DECAY_CHUNK = 64, DECAY_PIECE = 16 * DECAY_CHUNK, DECAY_FEW = 16, DECAY_LANES = 4;

#define T float
#include "decay_loops.h"
#undef T
#define T double
#include "decay_loops.h"
#undef T

/* Sums of w f q and w f^2 for one row of the table, of all pixels. */
M3_CLONES static void decay_row(const double* shares, int lags, const double* weights, const double* losses, double* upper,
                                double* lower) {
  typedef Lanes<double, DECAY_LANES>::type Vector;
  for (int i = 0; i < DECAY_CHUNK; i += 4 * DECAY_LANES) {
    Vector u[4] = {}, l[4] = {};
    for (int k = 0; k < lags; ++k) {
      const double f = shares[k], square = f * f;
      for (int v = 0; v < 4; ++v) {
        u[v] += f * *reinterpret_cast<const Vector*>(losses + k * DECAY_CHUNK + i + v * DECAY_LANES);
        l[v] += square * *reinterpret_cast<const Vector*>(weights + k * DECAY_CHUNK + i + v * DECAY_LANES);
      }
    }
    for (int v = 0; v < 4; ++v) {
      *reinterpret_cast<Vector*>(upper + i + v * DECAY_LANES) = u[v];
      *reinterpret_cast<Vector*>(lower + i + v * DECAY_LANES) = l[v];
    }
  }
}

M3_CLONES static void decay_costs(const double* __restrict upper, const double* __restrict lower, double* __restrict cost) {
  for (int i = 0; i < DECAY_CHUNK; ++i) cost[i] = decay_cost(upper[i], lower[i]);
}

/* f at the pixels' tau, and from it the sums of w f q and w f^2. */
M3_CLONES static void decay_shares(const double* __restrict tau, double days, const double* __restrict weights,
                                   const double* __restrict losses, double* __restrict share, double* __restrict upper,
                                   double* __restrict lower) {
  for (int i = 0; i < DECAY_CHUNK; ++i) {
    const double f = share[i] = decayed_share(days, tau[i]);
    upper[i] += f * losses[i];
    lower[i] += f * f * weights[i];
  }
}

M3_CLONES static void decay_taus(const double* __restrict place, double first_tau, double log_ratio, double* __restrict tau) {
  for (int i = 0; i < DECAY_CHUNK; ++i) tau[i] = decay_tau(first_tau, log_ratio, place[i]);
}

/* (lags, pixels) to (pixels, padded lags). */
M3_CLONES static void decay_turned(const double* sums, int lags, int padded, double* __restrict turned) {
  for (int k = 0; k < lags; k += DECAY_LANES) {
    const double* row[DECAY_LANES];
    // Rows beyond the last are multiplied by a share of zero.
    for (int j = 0; j < DECAY_LANES; ++j) row[j] = sums + (ptrdiff_t)(k + j < lags ? k + j : k) * DECAY_CHUNK;
    for (ptrdiff_t i = 0; i < DECAY_CHUNK; ++i)
      for (int j = 0; j < DECAY_LANES; ++j) turned[i * padded + k + j] = row[j][i];
  }
}

/* Cost of a row for one pixel; the table's rows are padded with zeros to whole vectors. */
struct DecayRowCost {
  const double* table;
  const double* weights;
  const double* losses;
  int padded;
  M3_INLINE double operator()(int row) const {
    typedef Lanes<double, DECAY_LANES>::type Vector;
    const double* const shares = table + (ptrdiff_t)row * padded;
    Vector upper = {}, lower = {};
    for (int k = 0; k < padded; k += DECAY_LANES) {
      const Vector f = *reinterpret_cast<const Vector*>(shares + k);
      upper += f * *reinterpret_cast<const Vector*>(losses + k);
      lower += f * f * *reinterpret_cast<const Vector*>(weights + k);
    }
    return decay_cost((upper[0] + upper[1]) + (upper[2] + upper[3]), (lower[0] + lower[1]) + (lower[2] + lower[3]));
  }
};

/* The first coarse row of least cost, whose number is kept in a double, as wide as the cost. */
M3_CLONES static void decay_least(const double* costs, int coarse, double* __restrict least, double* __restrict row) {
  for (int i = 0; i < DECAY_CHUNK; ++i) least[i] = costs[i], row[i] = 0;
  for (int g = 1; g < coarse; ++g) {
    const double* __restrict cost = costs + (ptrdiff_t)g * DECAY_CHUNK;
    const double place = g;
    for (ptrdiff_t i = 0; i < DECAY_CHUNK; ++i) {
      const double before = least[i], here = cost[i], was = row[i];
      row[i] = here < before ? place : was;
      least[i] = here < before ? here : before;
    }
  }
}

/* Places of the minima of `pixels` pixels; on entry the coarse rows of least cost. Flat, as what is not inlined has no
   clones. */
M3_CLONES M3_FLATTEN static void decay_places(const double* table, int taus, int padded, const double* weights,
                                              const double* losses, const double* costs, int pixels, double* place) {
  const int coarse = (taus - 1) / DECAY_COARSE + 1;
  for (int i = 0; i < pixels; ++i) {
    const int best = (int)place[i];
    const double left = best > 0 ? costs[(best - 1) * DECAY_CHUNK + i] : INFINITY;
    const double right = best + 1 < coarse ? costs[(best + 1) * DECAY_CHUNK + i] : INFINITY;
    const DecayRowCost cost = {table, weights + i * padded, losses + i * padded, padded};
    place[i] = decay_place(cost, taus, {best * DECAY_COARSE, left, costs[best * DECAY_CHUNK + i], right});
  }
}

template <typename T>
class DecayChunk {
 public:
  DecayChunk(const DecayProblem& problem, const int* lag_of_pair, const double* lag_days, const double* table)
      : problem_(problem), days_(lag_days), padded_((problem.lags + DECAY_LANES - 1) / DECAY_LANES * DECAY_LANES),
        table_(size_t(problem.taus) * padded_), first_(problem.lags + 1), pair_(problem.pairs),
        lost_(size_t(problem.pairs) * DECAY_CHUNK), sums_(size_t(3 * problem.lags) * DECAY_CHUNK),
        turned_(size_t(2 * padded_) * DECAY_CHUNK),
        costs_(size_t((problem.taus - 1) / DECAY_COARSE + 1) * DECAY_CHUNK) {
    for (int g = 0; g < problem.taus; ++g)
      std::copy(table + (ptrdiff_t)g * problem.lags, table + (ptrdiff_t)(g + 1) * problem.lags, &table_[size_t(g) * padded_]);
    for (long long p = 0; p < problem.pairs; ++p) ++first_[lag_of_pair[p] + 1];
    for (int k = 0; k < problem.lags; ++k) first_[k + 1] += first_[k];
    std::vector<long long> next(first_.begin(), first_.end() - 1);
    for (long long p = 0; p < problem.pairs; ++p) pair_[next[lag_of_pair[p]]++] = p;
  }

  void fit(const T* coherence, long long pixel, T* out) {
    const int n = (int)std::min<long long>(DECAY_CHUNK, problem_.pixels - pixel);
    load(coherence, pixel, n);
    for (int round = 0; round <= (problem_.scale > 0 ? DECAY_ROUNDS : 0); ++round) {
      sum_lags(round);
      if (round == 0) count_lags();
      search(n);
    }
    finish(pixel, n, out);
  }

 private:
  double* weights(int lag) { return &sums_[size_t(lag) * DECAY_CHUNK]; }
  double* losses(int lag) { return &sums_[size_t(problem_.lags + lag) * DECAY_CHUNK]; }
  /* f of the last round, then the model. */
  double* model(int lag) { return &sums_[size_t(2 * problem_.lags + lag) * DECAY_CHUNK]; }

  void load(const T* coherence, long long pixel, int n) {
    for (long long p = 0; p < problem_.pairs; ++p) {
      const T* const row = coherence + pair_[p] * problem_.pixels + pixel;
      T* const q = &lost_[size_t(p) * DECAY_CHUNK];
      // What the next chunk needs comes while this one is computed: no prefetcher follows as many rows.
      for (size_t ahead = 0; ahead < DECAY_CHUNK * sizeof(T); ahead += 64)
        M3_PREFETCH_SECOND(reinterpret_cast<const char*>(row + DECAY_CHUNK) + ahead);
      lost_row(row, q, n);
      std::fill(q + n, q + DECAY_CHUNK, T(NAN));
    }
  }

  /* body(lag, pairs of the lag, their number), a few at a time. */
  template <typename Body>
  void over_pairs(Body body) {
    for (int k = 0; k < problem_.lags; ++k)
      for (long long p = first_[k]; p < first_[k + 1]; p += DECAY_FEW)
        body(k, &lost_[size_t(p) * DECAY_CHUNK], (int)std::min<long long>(DECAY_FEW, first_[k + 1] - p));
  }

  void sum_lags(int round) {
    std::fill(weights(0), model(0), 0.0);
    // Nearer to zero a float's square would leave its range, and residuals below it count as alike.
    const double inverse = 1 / std::max(problem_.scale, 1e-18);
    over_pairs([&](int lag, const T* q, int pairs) {
      if (round == 0) add_pairs(q, pairs, weights(lag), losses(lag));
      else add_weighted_pairs(q, pairs, model(lag), inverse, weights(lag), losses(lag));
    });
  }

  void count_lags() {
    for (int i = 0; i < DECAY_CHUNK; ++i) {
      count_[i] = 0;
      int lags = 0;
      for (int k = 0; k < problem_.lags; ++k) count_[i] += weights(k)[i], lags += weights(k)[i] > 0;
      fitted_[i] = count_[i] >= 3 && lags >= 2;
    }
  }

  void search(int n) {
    double upper[DECAY_CHUNK], lower[DECAY_CHUNK], place[DECAY_CHUNK];
    for (int g = 0; g * DECAY_COARSE < problem_.taus; ++g) {
      decay_row(&table_[size_t(g) * DECAY_COARSE * padded_], problem_.lags, weights(0), losses(0), upper, lower);
      decay_costs(upper, lower, &costs_[size_t(g) * DECAY_CHUNK]);
    }
    decay_least(costs_.data(), (problem_.taus - 1) / DECAY_COARSE + 1, upper, place);
    double *const turned_weights = turned_.data(), *const turned_losses = turned_.data() + size_t(padded_) * DECAY_CHUNK;
    decay_turned(weights(0), problem_.lags, padded_, turned_weights);
    decay_turned(losses(0), problem_.lags, padded_, turned_losses);
    decay_places(table_.data(), problem_.taus, padded_, turned_weights, turned_losses, costs_.data(), n, place);
    decay_taus(place, problem_.first_tau, std::log(problem_.ratio), tau_);
    std::fill(upper, upper + DECAY_CHUNK, 0.0);
    std::fill(lower, lower + DECAY_CHUNK, 0.0);
    for (int k = 0; k < problem_.lags; ++k)
      decay_shares(tau_, days_[k], weights(k), losses(k), model(k), upper, lower);
    for (int i = 0; i < DECAY_CHUNK; ++i) amplitude_[i] = decay_amplitude(upper[i], lower[i]);
    for (int k = 0; k < problem_.lags; ++k)
      for (int i = 0; i < DECAY_CHUNK; ++i) model(k)[i] *= amplitude_[i];
  }

  void finish(long long pixel, int n, T* out) {
    double squares[DECAY_CHUNK] = {};
    over_pairs([&](int lag, const T* q, int pairs) { add_squares(q, pairs, model(lag), squares); });
    for (int i = 0; i < n; ++i) {
      T* const at = out + pixel + i;
      at[0] = fitted_[i] ? (T)(1 - amplitude_[i]) : (T)NAN;
      at[problem_.pixels] = fitted_[i] ? (T)tau_[i] : (T)NAN;
      at[2 * problem_.pixels] = fitted_[i] ? (T)std::sqrt(squares[i] / count_[i]) : (T)NAN;
    }
  }

  DecayProblem problem_;
  const double* days_;
  int padded_;
  std::vector<double> table_;
  std::vector<long long> first_, pair_;  // pairs in the order of their lags, and where each lag begins
  std::vector<T> lost_;
  std::vector<double> sums_, turned_, costs_;
  double count_[DECAY_CHUNK], tau_[DECAY_CHUNK], amplitude_[DECAY_CHUNK];
  bool fitted_[DECAY_CHUNK];
};

/* coherence is (pairs, pixels), out (3, pixels): rho_inf, tau, rmse. */
template <typename T>
void fit_decay(const T* coherence, const int* lag_of_pair, const double* lag_days, const double* table,
               const DecayProblem& problem, T* out) {
  parallel_for(
      (problem.pixels + DECAY_PIECE - 1) / DECAY_PIECE,
      [&] { return DecayChunk<T>(problem, lag_of_pair, lag_days, table); },
      [&](DecayChunk<T>& chunk, long long piece) {
        const long long end = std::min<long long>((piece + 1) * DECAY_PIECE, problem.pixels);
        for (long long pixel = piece * DECAY_PIECE; pixel < end; pixel += DECAY_CHUNK) chunk.fit(coherence, pixel, out);
      });
}

}  // namespace m3
#endif
