// What this machine can do, measured when a program starts, so that a result reads as a fraction of it: multiply-adds
// of each instruction set, additions in L1, and streaming bandwidth. And what the programs share.
#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "kernels/kernels.h"

namespace bs::bench {

// A 64-byte aligned array of random numbers in [lo, hi), the same in every run.
template <class T>
class Numbers {
 public:
  explicit Numbers(int64_t n, double lo = -1, double hi = 1)
      : n_(n), p_(static_cast<T*>(std::aligned_alloc(64, (static_cast<size_t>(n) * sizeof(T) + 127) / 64 * 64))) {
    uint64_t state = 1;
    for (int64_t i = 0; i < n; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX
      p_.get()[i] = static_cast<T>(lo + (hi - lo) * static_cast<double>(state >> 11) * 0x1p-53);
    }
  }
  T* data() const { return p_.get(); }
  int64_t size() const { return n_; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  int64_t n_;
  std::unique_ptr<T, Free> p_;
};

// The shortest of many runs of fn in a tenth of a second. Short ones by the wall clock, since one of them ran
// undisturbed and the CPU clock of a virtual machine is coarse; long ones by the CPU clock.
template <class Fn>
double best_seconds(clockid_t clock, Fn fn) {
  const auto now = [clock] {
    timespec t;
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  double best = 1e9;
  const double end = now() + 0.1;
  for (int i = 0; i < 10 || now() < end; ++i) {
    const double start = now();
    fn();
    best = std::min(best, now() - start);
  }
  return best;
}

// ---- Peaks of the instruction sets: each loop is compiled for its own
// ------------------------------------------------

// Twelve independent chains: two instructions a cycle of four or five cycles' latency need ten. Even and odd ones may
// differ. In assembly, since no compiler may shorten it.
#define BS_CHAINS(name, attribute, bytes, constraint, even, odd)                               \
  attribute inline void name(int64_t passes) {                                                 \
    typedef float V __attribute__((vector_size(bytes)));                                       \
    V x = {}, a[12] = {};                                                                      \
    asm volatile("" : "+" constraint(x));                                                      \
    for (; passes > 0; --passes) {                                                             \
      _Pragma("GCC unroll 6") for (int i = 0; i < 12; i += 2) {                                \
        asm volatile(even : "+" constraint(a[i]) : constraint(x));                             \
        asm volatile(odd : "+" constraint(a[i + 1]) : constraint(x));                          \
      }                                                                                        \
    }                                                                                          \
    _Pragma("GCC unroll 12") for (int i = 0; i < 12; ++i) asm volatile("" ::constraint(a[i])); \
  }
// z = x + y, n a multiple of four vectors.
#define BS_ADD(name, attribute, bytes)                                                   \
  attribute inline void name(const float* x, const float* y, float* z, int64_t n) {      \
    typedef float V __attribute__((vector_size(bytes), may_alias));                      \
    const V *vx = reinterpret_cast<const V*>(x), *vy = reinterpret_cast<const V*>(y);    \
    V* vz = reinterpret_cast<V*>(z);                                                     \
    for (int64_t i = 0; i < n / static_cast<int64_t>(bytes / sizeof(float)); i += 4) {   \
      _Pragma("GCC unroll 4") for (int64_t j = i; j < i + 4; ++j) vz[j] = vx[j] + vy[j]; \
    }                                                                                    \
    asm volatile("" ::: "memory");                                                       \
  }

struct Isa {
  const char* name;
  double flops_per_pass;
  void (*chains)(int64_t passes);
  void (*add)(const float* x, const float* y, float* z, int64_t n);
};

#if defined(__x86_64__)
BS_CHAINS(chains_v4, __attribute__((target("avx512f"))), 64, "v", "vfmadd231ps %1, %1, %0", "vfmadd231ps %1, %1, %0")
BS_CHAINS(chains_v3, __attribute__((target("avx2,fma"))), 32, "x", "vfmadd231ps %1, %1, %0", "vfmadd231ps %1, %1, %0")
BS_CHAINS(chains_v2, , 16, "x", "mulps %1, %0", "addps %1, %0")
BS_ADD(add_v4, __attribute__((target("avx512f"))), 64)
BS_ADD(add_v3, __attribute__((target("avx2"))), 32)
BS_ADD(add_v2, , 16)
inline constexpr Isa kIsas[] = {
    {"v4", 12 * 16 * 2, chains_v4, add_v4}, {"v3", 12 * 8 * 2, chains_v3, add_v3}, {"v2", 12 * 4, chains_v2, add_v2}};
#elif defined(__aarch64__)
BS_CHAINS(chains_neon, , 16, "w", "fmla %0.4s, %1.4s, %1.4s", "fmla %0.4s, %1.4s, %1.4s")
BS_ADD(add_neon, , 16)
inline constexpr Isa kIsas[] = {{"neon", 12 * 4 * 2, chains_neon, add_neon}};
#endif
#undef BS_CHAINS
#undef BS_ADD

struct Peak {
  double gflops;  // float32 multiply-adds, counted as two; v2: a multiplication and an addition
  double l1_gbs;  // z = x + y over arrays of 8 KiB: 12 bytes per element
};

// Of the named instruction set, which this CPU must have.
inline const Peak& peak(const std::string& isa) {
  static std::map<std::string, Peak> known;
  Peak& p = known[isa];
  if (p.gflops == 0) {
    const Isa* found = std::find_if(std::begin(kIsas), std::end(kIsas), [&](const Isa& i) { return isa == i.name; });
    p.gflops = 20000 * found->flops_per_pass / best_seconds(CLOCK_MONOTONIC, [&] { found->chains(20000); }) * 1e-9;
    const Numbers<float> x(2048), y(2048), z(2048);
    const double seconds = best_seconds(CLOCK_MONOTONIC, [&] {
      for (int i = 0; i < 200; ++i) found->add(x.data(), y.data(), z.data(), x.size());
    });
    p.l1_gbs = 200.0 * 12 * static_cast<double>(x.size()) / seconds * 1e-9;
  }
  return p;
}

// ---- Memory
// ----------------------------------------------------------------------------------------------------------

// Arrays far beyond any cache: 64 MiB each.
constexpr int64_t kFar = int64_t{16} << 20;

// Bytes read and written per second, counted as STREAM does (McCalpin), of a loop with so many inputs and one output.
// noinline, or the compiler could see what is done with the result.
[[gnu::noinline]] inline void stream(int inputs, const float* x, const float* y, const float* w, float* z, int64_t n) {
  if (inputs == 1)
    for (int64_t i = 0; i < n; ++i) z[i] = -x[i];
  else if (inputs == 2)
    for (int64_t i = 0; i < n; ++i) z[i] = x[i] + y[i];
  else
    for (int64_t i = 0; i < n; ++i) z[i] = x[i] * y[i] + w[i];
}
inline double stream_gbs(int inputs) {
  static double known[4] = {};
  double& gbs = known[inputs];
  if (gbs == 0) {
    const Numbers<float> x(kFar), y(inputs > 1 ? kFar : 1), w(inputs > 2 ? kFar : 1), z(kFar);
    const double seconds =
        best_seconds(CLOCK_THREAD_CPUTIME_ID, [&] { stream(inputs, x.data(), y.data(), w.data(), z.data(), kFar); });
    gbs = 4.0 * (inputs + 1) * static_cast<double>(kFar) / seconds * 1e-9;
  }
  return gbs;
}

// ---- Counters
// --------------------------------------------------------------------------------------------------------

using benchmark::Counter;
using benchmark::State;

inline void count_rate(State& state, const char* unit, double per_iteration, double peak_per_second) {
  state.counters[unit] = Counter(per_iteration * 1e-9, Counter::kIsIterationInvariantRate);
  if (peak_per_second > 0)
    state.counters["of_peak"] = Counter(per_iteration * 1e-9 / peak_per_second, Counter::kIsIterationInvariantRate);
}
inline void count_elements(State& state, double elements) {
  state.counters["ns/el"] = Counter(elements * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

// `name` for every instruction set of this machine, as "<name>/<isa>/<rest>": fn(state, kernels).
template <class Fn>
void for_each_isa(const std::string& name, const std::string& rest, Fn fn) {
  for (auto* k = kernels::available(); *k; ++k) {
    const kernels::Kernels& table = **k;
    benchmark::RegisterBenchmark((name + "/" + table.isa + "/" + rest).c_str(),
                                 [&table, fn](State& state) { fn(state, table); });
  }
}

// main() after the benchmarks are registered. The peaks go into the output's context.
inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const auto context = [](const std::string& name, double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.1f", value);
    benchmark::AddCustomContext(name, text);
  };
  for (auto* k = kernels::available(); *k; ++k) {
    context(std::string("peak_gflops_") + (*k)->isa, peak((*k)->isa).gflops);
    context(std::string("peak_l1_gbs_") + (*k)->isa, peak((*k)->isa).l1_gbs);
  }
  for (int inputs = 1; inputs <= 3; ++inputs)
    context("stream_gbs_" + std::to_string(inputs) + "_inputs", stream_gbs(inputs));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace bs::bench
