/* Leaf loops of decay_cpu.h over the pixels of a chunk, included once for each real type (T) of the data. */

/* q = 1 - coherence of n pixels; NaN where there is none. */
M3_CLONES static void lost_row(const T* __restrict coherence, T* __restrict q, int n) {
  for (int i = 0; i < n; ++i) {
    const T lost = T(1) - coherence[i];
    q[i] = lost * T(0) == T(0) ? lost : T(NAN);
  }
}

/* Add the number of valid pairs and the sum of q of the few pairs that are given, one after the other in q. */
M3_CLONES static void add_pairs(const T* q, int pairs, double* __restrict weights, double* __restrict losses) {
  T weight[DECAY_CHUNK] = {}, loss[DECAY_CHUNK] = {};
  for (int p = 0; p < pairs; ++p, q += DECAY_CHUNK)
    for (ptrdiff_t i = 0; i < DECAY_CHUNK; ++i) {
      const T x = q[i], has = x == x ? T(1) : T(0), value = x == x ? x : T(0);
      weight[i] += has;
      loss[i] += value;
    }
  for (int i = 0; i < DECAY_CHUNK; ++i) weights[i] += (double)weight[i], losses[i] += (double)loss[i];
}

/* The same with weights from the residuals to a model of the lag. */
M3_CLONES static void add_weighted_pairs(const T* q, int pairs, const double* __restrict model,
                                         double inverse_scale, double* __restrict weights, double* __restrict losses) {
  T weight[DECAY_CHUNK] = {}, loss[DECAY_CHUNK] = {}, own[DECAY_CHUNK];
  const T inverse = T(inverse_scale);
  for (int i = 0; i < DECAY_CHUNK; ++i) own[i] = T(model[i]);
  for (int p = 0; p < pairs; ++p, q += DECAY_CHUNK)
    for (ptrdiff_t i = 0; i < DECAY_CHUNK; ++i) {
      // Root and quotient are taken whether there is a value or not, so that the loop vectorises.
      const T x = q[i], has = x == x ? T(1) : T(0), value = x == x ? x : T(0);
      const T residual = (value - own[i]) * inverse, w = has / sqrt(T(1) + residual * residual);
      weight[i] += w;
      loss[i] += w * value;
    }
  for (int i = 0; i < DECAY_CHUNK; ++i) weights[i] += (double)weight[i], losses[i] += (double)loss[i];
}

/* Add the squares of the residuals. */
M3_CLONES static void add_squares(const T* q, int pairs, const double* __restrict model,
                                  double* __restrict squares) {
  T sum[DECAY_CHUNK] = {}, own[DECAY_CHUNK];
  for (int i = 0; i < DECAY_CHUNK; ++i) own[i] = T(model[i]);
  for (int p = 0; p < pairs; ++p, q += DECAY_CHUNK)
    for (ptrdiff_t i = 0; i < DECAY_CHUNK; ++i) {
      const T x = q[i], residual = x == x ? x - own[i] : T(0);
      sum[i] += residual * residual;
    }
  for (int i = 0; i < DECAY_CHUNK; ++i) squares[i] += (double)sum[i];
}
