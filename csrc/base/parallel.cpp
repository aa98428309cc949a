#include "base/parallel.h"

#include <omp.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"

namespace bs {
namespace {

constexpr int kMaxThreads = 1024;
std::atomic<int> chosen{0};  // 0: not asked yet
std::atomic<bool> forked{false};

struct Team {
  std::atomic<int> members{0}, arrived{0};
  std::atomic<int> round{0};  // an int is what the kernel can wait on
};
thread_local Team* current_team = nullptr;

void pause_thread() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int initial() {
  // libgomp's pool does not survive a fork: a child that entered a region would wait for threads that are gone.
  pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    int n = std::atoi(text);
    if (n >= 1) return n < kMaxThreads ? n : kMaxThreads;
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
  if (n < 1 || n > kMaxThreads)
    throw ValueError(cat("[set_num_threads] the number of threads is 1 to ", kMaxThreads, ", not ", n));
  num_threads();  // registers the fork handler
  chosen.store(n, std::memory_order_relaxed);
}

void detail::run_team(int members, TeamFn fn, void* context) {
  if (members <= 1 || forked.load(std::memory_order_relaxed) || current_team) {
    fn(context, 0, 1);
    return;
  }
  Team team;
#pragma omp parallel num_threads(members)
  {
    const int count = omp_get_num_threads();
    // All members say how many they are, with the same number.
    team.members.store(count, std::memory_order_relaxed);
    current_team = &team;
    fn(context, omp_get_thread_num(), count);
    current_team = nullptr;
  }
}

// The members' own barrier instead of OpenMP's: libgomp's spins for so long that, on a machine with other work, members
// wait for a thread that their spinning keeps off its processor (a step of 14 us took 58 ms at a load of 9).
void team_barrier() {
  if (!current_team) return;  // alone
  Team& t = *current_team;
  const int round = t.round.load(std::memory_order_acquire);
  if (t.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == t.members) {
    t.arrived.store(0, std::memory_order_relaxed);
    t.round.store(round + 1, std::memory_order_release);
    t.round.notify_all();
    return;
  }
  // About 10 us: as long as members of one phase are apart where each has a processor of its own.
  for (int spin = 0; spin < 300; ++spin) {
    if (t.round.load(std::memory_order_acquire) != round) return;
    pause_thread();
  }
  t.round.wait(round, std::memory_order_acquire);
}

}  // namespace bs
