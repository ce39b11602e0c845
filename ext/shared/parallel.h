/* A loop over pieces of work, each thread with a state of its own (CPU). OpenMP; with M3_STD_THREADS plain threads, for
   ThreadSanitizer, which does not see how OpenMP's own runtime synchronises. */
#ifndef M3_PARALLEL_H
#define M3_PARALLEL_H

#if defined(M3_STD_THREADS)
#include <atomic>
#include <thread>
#include <vector>
#endif

namespace m3 {

/* body(state, k) for k = 0 ... count - 1 in any order; make() gives a thread its state. */
template <typename Make, typename Body>
void parallel_for(long long count, Make make, Body body) {
#if defined(M3_STD_THREADS)
  std::atomic<long long> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < M3_STD_THREADS; ++t)
    threads.emplace_back([&] {
      auto state = make();
      for (long long k; (k = next++) < count;) body(state, k);
    });
  for (auto& thread : threads) thread.join();
#else
#pragma omp parallel
  {
    auto state = make();
#pragma omp for schedule(dynamic, 1)
    for (long long k = 0; k < count; ++k) body(state, k);
  }
#endif
}

}  // namespace m3
#endif
