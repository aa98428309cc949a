// Threads: the only place that knows OpenMP. Work is taken, not dealt: a job is a list of parts, and whoever is free
// takes the next.
#pragma once

#include <cstdint>
#include <type_traits>

namespace bs {

// Threads that parallel work uses: set_num_threads, else OMP_NUM_THREADS, else what base/cpu.h counts. 1 in a forked
// child, where the parent's threads do not exist.
int num_threads();
// n >= 1, or throws ValueError.
void set_num_threads(int n);

namespace detail {
using PartFn = void (*)(void* context, int part, int member);
void share_out(int parts, const int* homes, int members, PartFn fn, void* context);
}  // namespace detail

// fn(part, member) for all `parts`, each once, on up to `members` threads, of which the caller is number 0. Member m
// takes the parts from homes[m] to homes[m + 1] in order (null: an even share), then those that others have not begun:
// so like parts of several jobs find their data in the cache of one core. The caller waits for parts that others have
// begun, never for a thread that has begun none. Inside a part, in a forked child, or while another thread shares out,
// the caller runs all of them. fn must not throw.
template <class Fn>
void share_out(int parts, const int* homes, int members, Fn&& fn) {
  using F = std::remove_reference_t<Fn>;
  detail::share_out(parts, homes, members, [](void* f, int part, int m) { (*static_cast<F*>(f))(part, m); }, &fn);
}

// What it takes for threads to pay, in nanoseconds on one thread. Measured on two cores of an Emerald Rapids.
// All of it: whoever sleeps must be woken, which takes 5 to 50 us.
constexpr double kTeamNanoseconds = 60e3;
// Between two others: nobody has gone to sleep, but the data change their core.
constexpr double kPhaseNanoseconds = 10e3;

// Among how many members to share work that takes so many nanoseconds.
int shares_for(double nanoseconds, int members);

// How many parts to make of a piece of a member's share: it takes so many nanoseconds of the `share`, and loses by
// parts of less than `block` of its `extent`.
int parts_for(double nanoseconds, double share, int64_t extent, int64_t block);

// Part `i` of `parts` of [0, n), cut at multiples of `granule` (the last may be ragged).
struct Range {
  int64_t lo, hi;
};
inline Range part_of(int64_t n, int64_t granule, int i, int parts) {
  int64_t units = (n + granule - 1) / granule;
  int64_t lo = units * i / parts * granule, hi = units * (i + 1) / parts * granule;
  return {lo < n ? lo : n, hi < n ? hi : n};
}

}  // namespace bs
