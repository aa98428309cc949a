#include "base/parallel.h"

#include <omp.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"

namespace bs {
namespace {

std::atomic<int> chosen{0};  // 0: not asked yet
std::atomic<bool> forked{false};

int initial() {
  // libgomp's pool does not survive a fork: a child that entered a region would wait for threads that are gone.
  pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    int n = std::atoi(text);
    if (n >= 1) return n;
  }
  return default_threads();
}

}  // namespace

int num_threads() {
  if (forked.load(std::memory_order_relaxed)) return 1;
  int n = chosen.load(std::memory_order_relaxed);
  if (n == 0) {
    static const int first = initial();
    n = first;
    chosen.store(n, std::memory_order_relaxed);
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > 1024) throw ValueError(cat("[set_num_threads] the number of threads is 1 to 1024, not ", n));
  num_threads();  // registers the fork handler
  chosen.store(n, std::memory_order_relaxed);
}

void detail::run_team(int members, TeamFn fn, void* context) {
  if (members <= 1 || forked.load(std::memory_order_relaxed) || omp_in_parallel()) {
    fn(context, 0, 1);
    return;
  }
#pragma omp parallel num_threads(members)
  fn(context, omp_get_thread_num(), omp_get_num_threads());
}

void team_barrier() {
#pragma omp barrier
}

}  // namespace bs
