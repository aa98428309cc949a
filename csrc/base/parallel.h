// Threads: the only place that knows OpenMP. A team runs one function on every member; members meet at barriers.
#pragma once

#include <cstdint>
#include <type_traits>

namespace bs {

// Threads that parallel work uses: set_num_threads, else OMP_NUM_THREADS, else what base/cpu.h counts. 1 in a forked
// child, where the parent's pool does not exist.
int num_threads();
// n >= 1, or throws ValueError.
void set_num_threads(int n);

namespace detail {
using TeamFn = void (*)(void* context, int member, int members);
void run_team(int members, TeamFn fn, void* context);
}  // namespace detail

// fn(member, members) on `members` threads, of which the caller is number 0. fn must not throw. Inside a team it
// runs with one member.
template <class Fn>
void run_team(int members, Fn&& fn) {
  detail::run_team(members, [](void* f, int m, int n) { (*static_cast<std::remove_reference_t<Fn>*>(f))(m, n); }, &fn);
}

// Every member waits for all others of its team.
void team_barrier();

// Part `member` of `members` of [0, n), cut at multiples of `granule` (the last may be ragged).
struct Range {
  int64_t lo, hi;
};
inline Range part_of(int64_t n, int64_t granule, int member, int members) {
  int64_t units = (n + granule - 1) / granule;
  int64_t lo = units * member / members * granule, hi = units * (member + 1) / members * granule;
  return {lo < n ? lo : n, hi < n ? hi : n};
}

}  // namespace bs
