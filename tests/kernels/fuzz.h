// What the fuzz programs share: random cases that a round number and a seed give again, exact buffers, comparisons.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace bs::fuzz {

using kernels::Kernels;

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): the same cases everywhere,
// which std's distributions do not promise.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // Uniform in [lo, hi].
  int64_t integer(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(bits() % (static_cast<uint64_t>(hi - lo) + 1));
  }
  bool one_in(int64_t n) { return integer(1, n) == 1; }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  // Close to normal, mean 0 and variance 1: Irwin-Hall.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += unit();
    return sum;
  }
  // One of an array or of a list in braces.
  template <class T, size_t n>
  T pick(const T (&from)[n]) {
    return from[integer(0, static_cast<int64_t>(n) - 1)];
  }

 private:
  uint64_t state_;
};

// A vector of n elements is a heap block of exactly their size: sanitizers see the first byte past it. (Made with its
// size, never grown.)
template <class T>
using Array = std::vector<T>;

// The round that runs, for fail().
inline const char* program = "";
inline uint64_t seed = 1, current = 0;

[[noreturn]] __attribute__((format(printf, 1, 2))) inline void fail(const char* format, ...) {
  std::va_list parts;
  va_start(parts, format);
  std::vprintf(format, parts);
  va_end(parts);
  std::printf("\nagain: %s 1 %llu %llu\n", program, static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(current));
  std::fflush(stdout);
  std::_Exit(1);
}

// A checksum (FNV-1a) of what the best instruction set gave, for comparisons between machines.
inline uint64_t checksum = 0xcbf29ce484222325u;

template <class T>
void record(const Kernels& k, const Array<T>& got) {
  if (&k != kernels::available()[0]) return;
  for (const T& x : got) {
    uint64_t bits = 0;
    if (x == x) std::memcpy(&bits, &x, sizeof(T));  // all NaNs count as one
    checksum = (checksum ^ bits) * 0x100000001b3u;
  }
}

// main: `program [rounds] [seed] [first round]` runs one(Random&, round) for each.
template <class One>
int run(int argc, char** argv, One one) {
  program = argv[0];
  const uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300;
  seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  for (current = first; current < first + rounds; ++current) {
    Random random(Random(seed).bits() + current * 0xD1B54A32D192ED03u);
    one(random, current);
  }
  std::printf("ok: %llu rounds, seed %llu, instruction sets", static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(seed));
  for (auto* k = kernels::available(); *k; ++k) std::printf(" %s", (*k)->isa);
  std::printf("; checksum %016llx\n", static_cast<unsigned long long>(checksum));
  return 0;
}

// Multiplies and adds with one rounding. All such instruction sets agree to the bit.
inline bool fused(const Kernels& k) { return std::strcmp(k.isa, "v2") != 0; }

// Outputs start as this, so that what is never written shows.
template <class T>
Array<T> unwritten(int64_t n) {
  return Array<T>(static_cast<size_t>(n), static_cast<T>(-77));
}
template <class T>
Array<double> doubles(const Array<T>& v) {
  return Array<double>(v.begin(), v.end());
}
inline Array<double> magnitudes(Array<double> v) {
  for (double& x : v) x = std::fabs(x);
  return v;
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, int32_t>) return DType::i32;
  return DType::i64;
}

// Equal to the bit, NaNs of any kind apart. The first index that is not, or -1.
template <class T>
int64_t first_difference(const Array<T>& a, const Array<T>& b) {
  if (a.size() != b.size()) fail("sizes %zu and %zu", a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    }
    return static_cast<int64_t>(i);
  }
  return -1;
}

// Fails unless both are equal to the bit. `what` says which kernel and what the two are.
template <class T>
void expect_same(const char* what, const char* isa, const Array<T>& got, const Array<T>& want) {
  const int64_t i = first_difference(got, want);
  if (i < 0) return;
  const size_t at = static_cast<size_t>(i);
  fail("%s, %s, %s: element %lld of %zu is %.17g, not %.17g", what, isa, name_of(dtype_of<T>()),
       static_cast<long long>(i), got.size(), static_cast<double>(got[at]), static_cast<double>(want[at]));
}

// |got - want| <= limit times eps / 2 times scale, element by element; scale has one entry per element.
template <class T>
void expect_close(const char* what, const char* isa, const Array<T>& got, const Array<double>& want,
                  const Array<double>& scale, double limit) {
  const double unit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53, tiny = sizeof(T) == 4 ? 1e-37 : 1e-300;
  for (size_t i = 0; i < want.size(); ++i) {
    const double g = static_cast<double>(got[i]), w = want[i];
    if ((std::isnan(g) && std::isnan(w)) || g == w || got[i] == static_cast<T>(w)) continue;
    const double error = std::fabs(g - w) / (std::max(scale[i], tiny) * unit);
    if (!(error <= limit))
      fail("%s, %s, %s: element %zu of %zu is %.17g, not %.17g: off by %.3g roundings of its terms", what, isa,
           name_of(dtype_of<T>()), i, want.size(), g, w, error);
  }
}

// What the instruction sets with fma gave: the first is kept, later ones must be equal to it.
template <class T>
class Agreement {
 public:
  void add(const char* what, const Kernels& k, const Array<T>& got, bool unfused_too = false) {
    if (!fused(k) && !unfused_too) return;
    record(k, got);
    if (set_) return expect_same(what, k.isa, got, first_);
    first_ = got;
    set_ = true;
  }

 private:
  Array<T> first_;
  bool set_ = false;
};

// [0, n) cut at up to three places, some of them equal, in random order: fn(lo, hi) for each part. `random` by value:
// the cases that follow must not depend on the number of instruction sets.
template <class Fn>
void in_parts(Random random, int64_t n, Fn fn) {
  Array<int64_t> cuts = {0, n};
  for (int64_t i = random.integer(0, 3); i > 0; --i) cuts.push_back(random.integer(0, n));
  std::sort(cuts.begin(), cuts.end());
  Array<std::pair<int64_t, int64_t>> parts;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) parts.emplace_back(cuts[i], cuts[i + 1]);
  for (size_t i = parts.size(); i > 1; --i)
    std::swap(parts[i - 1], parts[static_cast<size_t>(random.integer(0, static_cast<int64_t>(i) - 1))]);
  for (const auto& [lo, hi] : parts) fn(lo, hi);
}

// fn(kernels) for each instruction set of this machine.
template <class Fn>
void for_each_isa(Fn fn) {
  for (auto* k = kernels::available(); *k; ++k) fn(**k);
}

// The length of an axis: short and long, multiples of vectors and others.
inline int64_t dimension(Random& random) {
  switch (random.integer(0, 7)) {
    case 0:
      return 1;
    case 1:
      return random.integer(1, 17);
    case 2:
      return random.integer(1, 40);
    case 3:
      return random.integer(1, 300);
    case 4:
      return 10;
    case 5:
      return 16 * random.integer(1, 8);
    case 6:
      return random.integer(1, 70);
    default:
      return random.integer(1, 1200);
  }
}

template <class T>
Array<T> normals(Random& random, int64_t n, double scale = 1, double offset = 0) {
  Array<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>((random.normal() + offset) * scale);
  return v;
}

}  // namespace bs::fuzz
