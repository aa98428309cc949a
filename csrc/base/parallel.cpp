#include "base/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"

namespace bs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxThreads = 1024;
// How long threads look for what they wait for before they sleep: as long as members of a phase are apart, and as the
// caller needs from one phase, or one step, to the next.
constexpr auto kSpin = std::chrono::microseconds(30);

std::atomic<int> chosen{0};  // 0: not asked yet
std::atomic<bool> forked{false};
thread_local bool inside = false;  // a part, or a worker

int initial() {
  // A forked child has none of the parent's threads.
  pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    int n = std::atoi(text);
    if (n >= 1) return n < kMaxThreads ? n : kMaxThreads;
  }
  return default_threads();
}

void pause_thread() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Whether `value` became another than `old` while we looked.
bool spin_while(const std::atomic<int>& value, int old) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (value.load(std::memory_order_acquire) != old) return true;
      pause_thread();
    }
  } while (Clock::now() < end);
  return false;
}

// ---- The pool ------------------------------------------------------------------------------------------------------

// Parts that wait for a member, [lo, hi), and how many members the job has, in one word: what is taken by a
// compare-and-swap of it belongs to the job that is open then, and the job stays open until the part is done.
struct Waiting {
  uint64_t word;
  int lo() const { return static_cast<int>(word & 0xffffff); }
  int hi() const { return static_cast<int>(word >> 24 & 0xffffff); }
  int members() const { return static_cast<int>(word >> 48); }
  static Waiting of(int lo, int hi, int members) {
    return {static_cast<uint64_t>(lo) | static_cast<uint64_t>(hi) << 24 | static_cast<uint64_t>(members) << 48};
  }
};
static_assert(kMaxThreads < 1 << 16);

struct alignas(64) Home {
  std::atomic<uint64_t> waiting{0};
};

// How many of `wanted` threads there may be besides this one. OpenMP ends the process where a thread is refused, so we
// ask before, for as many again: what has been joined may still be counted.
int threads_to_be_had(int wanted) {
  std::atomic<int> go{0};
  std::vector<std::thread> asked;
  try {
    asked.reserve(static_cast<size_t>(wanted) * 2);
    for (int i = 0; i < wanted * 2; ++i) asked.emplace_back([&] { go.wait(0); });
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  go.store(1);
  go.notify_all();
  for (std::thread& t : asked) t.join();
  return static_cast<int>(asked.size()) / 2;
}

class Pool {
 public:
  void share_out(int parts, const int* homes, int members, detail::PartFn fn, void* context) {
    grow(members - 1);
    fn_ = fn;
    context_ = context;
    pending_.store(parts, std::memory_order_relaxed);
    auto home = [&](int m) { return homes ? homes[m] : static_cast<int>(static_cast<int64_t>(parts) * m / members); };
    for (int m = members - 1; m >= 0; --m)
      homes_[m].waiting.store(Waiting::of(home(m), home(m + 1), members).word, std::memory_order_release);
    if (members_.load(std::memory_order_relaxed) != members) {
      members_.store(members, std::memory_order_release);
      members_.notify_all();
    }
    bell_.fetch_add(1, std::memory_order_release);
    bell_.notify_all();
    take_all(0);
    // What is left has been begun.
    for (int left; (left = pending_.load(std::memory_order_acquire)) != 0;)
      if (!spin_while(pending_, left)) pending_.wait(left, std::memory_order_acquire);
  }

 private:
  // Workers are the members of an OpenMP region that never ends, but its first: that one stands for the caller, who
  // must not have to wait at the region's end, and sleeps. Whoever needs more workers opens another region.
  void grow(int workers) {
    if (workers <= workers_) return;
    const int first = workers_ + 1, missing = workers - workers_;
    workers_ = workers;  // asked for once: where there are fewer, the others take their parts
    sigset_t all, before;
    sigfillset(&all);  // signals are for the program's own threads
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      std::thread([this, first, missing] {
        const int more = threads_to_be_had(missing);
        if (more == 0) return;
#pragma omp parallel num_threads(more + 1)
        if (const int i = omp_get_thread_num(); i > 0)
          work(first + i - 1);
        else
          for (;;) never_.wait(0);
      }).detach();
    } catch (const std::system_error&) {
      // No thread to be had: the caller takes all.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void work(int me) {
    inside = true;
    for (;;) {
      const int members = members_.load(std::memory_order_acquire);
      if (me >= members) {
        members_.wait(members, std::memory_order_acquire);
        continue;
      }
      const int heard = bell_.load(std::memory_order_acquire);
      take_all(me);
      if (!spin_while(bell_, heard)) bell_.wait(heard, std::memory_order_acquire);
    }
  }

  // Own parts from the first on, others' from the last on.
  void take_all(int me) {
    take_from(me, me);
    const int members = members_.load(std::memory_order_relaxed);
    for (int i = 1; i < members; ++i) take_from((me + i) % members, me);
  }

  void take_from(int member, int me) {
    std::atomic<uint64_t>& waiting = homes_[member].waiting;
    Waiting w{waiting.load(std::memory_order_acquire)};
    while (w.lo() < w.hi() && me < w.members()) {
      const bool own = member == me;
      const Waiting rest =
          own ? Waiting::of(w.lo() + 1, w.hi(), w.members()) : Waiting::of(w.lo(), w.hi() - 1, w.members());
      if (!waiting.compare_exchange_weak(w.word, rest.word, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      fn_(context_, own ? w.lo() : w.hi() - 1, me);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1 && me > 0) pending_.notify_one();
      w.word = waiting.load(std::memory_order_acquire);
    }
  }

  // Of the open job. Read only by who has taken one of its parts.
  detail::PartFn fn_ = nullptr;
  void* context_ = nullptr;
  int workers_ = 0;
  alignas(64) std::atomic<int> bell_{0};  // another value for each job
  std::atomic<int> members_{1};           // of the last job: workers beyond sleep until it changes
  std::atomic<int> never_{0};
  alignas(64) std::atomic<int> pending_{0};  // parts of the open job that are not done
  Home homes_[kMaxThreads];
};

// Never destroyed: workers are there until the process has ended.
Pool& pool() {
  static Pool* const p = new Pool;
  return *p;
}
std::atomic<bool> in_use{false};

// Parts per member where there may be as many as one likes: who comes late, or loses its processor, costs the others a
// part of them. But none shorter than 10 us (to take one costs 0.1), and none longer than 150: who loses its processor
// does so for 3,000.
constexpr double kPartsPerMember = 4, kShortPart = 10e3, kLongPart = 150e3;

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

int shares_for(double nanoseconds, int members) {
  return static_cast<int>(std::clamp(nanoseconds / kShortPart, 1.0, static_cast<double>(members)));
}

int parts_for(double nanoseconds, double share, int64_t extent, int64_t block) {
  const double aim = std::clamp(share / kPartsPerMember, kShortPart, kLongPart);
  const double most = static_cast<double>(std::max<int64_t>(extent / std::max<int64_t>(block, 1), 1));
  return static_cast<int>(std::clamp(std::round(nanoseconds / aim), 1.0, std::min(most, 1048576.0)));
}

void detail::share_out(int parts, const int* homes, int members, PartFn fn, void* context) {
  if (members <= 1 || parts <= 1 || inside || forked.load(std::memory_order_relaxed) ||
      in_use.exchange(true, std::memory_order_acquire)) {
    for (int part = 0; part < parts; ++part) fn(context, part, 0);
    return;
  }
  inside = true;
  pool().share_out(parts, homes, members, fn, context);
  inside = false;
  in_use.store(false, std::memory_order_release);
}

}  // namespace bs
