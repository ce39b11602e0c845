# distutils: language = c++
"""Decay fits (formulas in decay.h, traversal in decay_cpu.h)."""

cdef extern from "decay_cpu.h" namespace "m3" nogil:
    cdef struct DecayProblem:
        long long pairs
        long long pixels
        int lags
        int taus
        double first_tau
        double ratio
        double scale
    void fit_decay_cpu "m3::fit_decay"[T](const T* coherence, const int* lag_of_pair, const double* lag_days,
                                          const double* table, const DecayProblem& problem, T* out)

ctypedef fused Real:
    float
    double


def fit_decay(const Real[:, ::1] coherence, const int[::1] lag_of_pair, const double[::1] lag_days,
              const double[:, ::1] table, double first_tau, double ratio, double scale, Real[:, ::1] out):
    """Fill out (3, pixels) from coherence (pairs, pixels): rho_inf, tau, rmse."""
    cdef DecayProblem problem
    problem.pairs, problem.pixels = coherence.shape[0], coherence.shape[1]
    problem.taus, problem.lags = <int>table.shape[0], <int>table.shape[1]
    problem.first_tau, problem.ratio, problem.scale = first_tau, ratio, scale
    with nogil:
        fit_decay_cpu(&coherence[0, 0], &lag_of_pair[0], &lag_days[0], &table[0, 0], problem, &out[0, 0])
