// Sums, extremes and their positions, and running sums, over random shapes and values: equal to the oracles to the bit
// (sums to a loop in the order that kernels.h fixes, and close to the oracle); parts equal the whole.
#include <cinttypes>
#include <limits>

#include "fuzz.h"
#include "kernels/reference_rows.h"

namespace bs::fuzz {
namespace {

namespace reference = kernels::reference;
using kernels::Reduce;
using kernels::Reduction;

constexpr double kSumLimit = 300;  // roundings of the terms that are summed

// The order of sums that kernels.h fixes, spelled out.
template <class T>
Array<T> ordered_sum(const Reduce& r, const Array<T>& x) {
  Array<T> y;
  for (int64_t i = 0; i < r.outer * r.inner; ++i) {
    const T* at = x.data() + i / r.inner * r.reduce * r.inner + i % r.inner;
    const int64_t block = r.inner == 1 ? 4096 : 256;
    T total = 0;
    for (int64_t b = 0; b < r.reduce; b += block) {
      const int64_t end = std::min(b + block, r.reduce);
      T lane[16] = {};
      for (int64_t j = b; j < end; ++j) lane[r.inner == 1 ? (j - b) % 16 : 0] += at[j * r.inner];
      for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
      total += lane[0];
    }
    y.push_back(total);
  }
  return y;
}

template <class T>
void reduce(Random& random) {
  Reduce r = {random.pick({Reduction::sum, Reduction::sum, Reduction::max, Reduction::min}), dtype_of<T>(), 0,
              dimension(random), 1};
  if (std::is_same_v<T, int32_t> && r.kind == Reduction::sum) r.kind = Reduction::max;  // sum_narrow's
  const bool sum = r.kind == Reduction::sum;
  if (random.one_in(2)) r.inner = dimension(random);
  r.outer = random.one_in(4) ? random.integer(0, 70) : random.integer(1, 5);
  if (r.inner == 1 && random.one_in(10)) r.reduce = random.integer(4000, 40000);
  if (r.inner > 1 && random.one_in(6)) r.reduce = random.integer(250, 2600), r.inner = random.integer(1, 40);
  if (sum && random.one_in(20)) r.reduce = 0;
  while (r.outer * r.reduce * r.inner > 100000) r.outer /= 2;
  const int64_t n = r.outer * r.inner;

  Array<T> x(static_cast<size_t>(n * r.reduce));
  if constexpr (std::is_floating_point_v<T>) {
    const bool odd = random.one_in(4);
    for (T& v : x) {
      v = random.one_in(30) ? T(-0.0) : static_cast<T>(random.normal());
      if (odd && random.one_in(300)) v = random.one_in(3) ? T(NAN) : random.one_in(2) ? T(INFINITY) : T(-INFINITY);
    }
  } else {
    for (T& v : x) v = static_cast<T>(random.bits());
  }

  char what[100];
  std::snprintf(what, sizeof(what), "%s of (%" PRId64 ", %" PRId64 ", %" PRId64 ")",
                sum                        ? "sum"
                : r.kind == Reduction::max ? "max"
                                           : "min",
                r.outer, r.reduce, r.inner);
  Array<T> want;
  Array<double> wide(static_cast<size_t>(n)), terms(static_cast<size_t>(n));
  if constexpr (std::is_floating_point_v<T>) {
    reference::reduce(r, doubles(x).data(), wide.data());
    reference::reduce(r, magnitudes(doubles(x)).data(), terms.data());
    want = sum ? ordered_sum(r, x) : Array<T>(wide.begin(), wide.end());
  } else {
    Array<int64_t> x64(x.begin(), x.end()), y64(static_cast<size_t>(n));
    reference::reduce(r, x64.data(), y64.data());
    for (int64_t v : y64) want.push_back(static_cast<T>(v));
  }
  for_each_isa([&](const Kernels& k) {
    Array<T> whole = unwritten<T>(n), parts = whole;
    k.reduce(r, x.data(), whole.data(), 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { k.reduce(r, x.data(), parts.data(), lo, hi); });
    record(k, whole);
    expect_same(what, k.isa, whole, want);
    expect_same(what, k.isa, parts, want);
    if constexpr (std::is_floating_point_v<T>) expect_close(what, k.isa, whole, wide, terms, sum ? kSumLimit : 0);
  });
}

// In double, in the order of sum: of floats of any size.
template <class T>
void sum_squares(Random& random) {
  Reduce r = {Reduction::sum_squares, dtype_of<T>(), random.integer(0, 20), dimension(random),
              random.one_in(2) ? 1 : dimension(random)};
  if (random.one_in(8)) r.reduce = random.integer(4000, 40000), r.inner = random.one_in(2) ? 1 : 3;
  while (r.outer * r.reduce * r.inner > 100000) r.outer /= 2;
  const int64_t n = r.outer * r.inner;
  const double size = random.pick({1.0, 1e20, 1e-25});
  Array<T> x(static_cast<size_t>(n * r.reduce));
  for (T& v : x) v = static_cast<T>(random.normal() * size);
  Array<double> squares = doubles(x);
  for (double& v : squares) v *= v;
  const Array<double> want = ordered_sum(r, squares);
  for_each_isa([&](const Kernels& k) {
    Array<double> whole = unwritten<double>(n), parts = whole;
    k.reduce(r, x.data(), whole.data(), 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { k.reduce(r, x.data(), parts.data(), lo, hi); });
    record(k, whole);
    expect_same("sum of squares", k.isa, whole, want);
    expect_same("sum of squares in parts", k.isa, parts, want);
  });
}

// Columns of few different values, so that the first of equal ones counts.
template <class T>
void arg_reduce(Random& random) {
  Reduce r = {random.one_in(2) ? Reduction::max : Reduction::min, dtype_of<T>(), random.integer(0, 40),
              dimension(random), random.one_in(2) ? 1 : dimension(random)};
  if (random.one_in(8)) r.reduce = random.integer(4000, 90000), r.inner = random.one_in(2) ? 1 : 3;
  while (r.outer * r.reduce * r.inner > 100000) r.outer /= 2;
  const int64_t n = r.outer * r.inner, values = random.pick({2, 5, 1000000});
  Array<T> x(static_cast<size_t>(n * r.reduce));
  for (T& v : x) {
    v = static_cast<T>(random.integer(-values, values));
    if constexpr (std::is_floating_point_v<T>) {
      if (random.one_in(2000)) v = random.pick({T(NAN), T(INFINITY), T(-INFINITY), T(-0.0)});
    }
  }
  if (random.one_in(8)) {
    const T end = std::numeric_limits<T>::has_infinity ? T(INFINITY) : std::numeric_limits<T>::max();
    std::fill(x.begin(), x.end(), r.kind == Reduction::max ? static_cast<T>(-end) : end);
  }
  Array<int64_t> want(static_cast<size_t>(n));
  if constexpr (std::is_floating_point_v<T>) {
    reference::arg_reduce(r, doubles(x).data(), want.data());
  } else {
    reference::arg_reduce(r, Array<int64_t>(x.begin(), x.end()).data(), want.data());
  }
  for_each_isa([&](const Kernels& k) {
    Array<int64_t> whole = unwritten<int64_t>(n), parts = whole;
    k.arg_reduce(r, x.data(), whole.data(), 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { k.arg_reduce(r, x.data(), parts.data(), lo, hi); });
    record(k, whole);
    expect_same("arg_reduce", k.isa, whole, want);
    expect_same("arg_reduce in parts", k.isa, parts, want);
  });
}

// Sums in int64 of what is narrower (bools are counted), and extremes of bools.
// One chain in order: floats equal a loop in their own type to the bit, and are close to the oracle.
template <class T>
void cumsum(Random& random) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, T, int64_t>;
  Reduce r = {Reduction::sum, std::is_same_v<T, char> ? DType::b8 : dtype_of<T>(), random.integer(0, 20),
              dimension(random), random.one_in(2) ? 1 : dimension(random)};
  while (r.outer * r.reduce * r.inner > 50000) r.outer /= 2;
  const bool backwards = random.one_in(2);
  const int64_t n = r.outer * r.reduce * r.inner;
  Array<T> x(static_cast<size_t>(n));
  for (T& v : x) {
    if constexpr (std::is_floating_point_v<T>) {
      v = random.one_in(30) ? T(-0.0) : static_cast<T>(random.normal());
    } else {
      v = static_cast<T>(std::is_same_v<T, char> ? random.integer(0, 1) : static_cast<int64_t>(random.bits()));
    }
  }
  Array<Sum> want(static_cast<size_t>(n));
  for (int64_t i = 0; i < r.outer * r.inner; ++i) {
    for (int64_t step = 0; step < r.reduce; ++step) {
      const int64_t k = backwards ? r.reduce - 1 - step : step;
      const auto at = static_cast<size_t>((i / r.inner * r.reduce + k) * r.inner + i % r.inner);
      const size_t before = backwards ? at + static_cast<size_t>(r.inner) : at - static_cast<size_t>(r.inner);
      if (step == 0) {
        want[at] = static_cast<Sum>(x[at]);
      } else if constexpr (std::is_floating_point_v<T>) {
        want[at] = want[before] + x[at];
      } else {
        want[at] = static_cast<Sum>(static_cast<uint64_t>(want[before]) + static_cast<uint64_t>(x[at]));
      }
    }
  }
  if constexpr (std::is_floating_point_v<T>) {
    Array<double> oracle(want.size()), size(want.size()), magnitudes = doubles(x);
    reference::cumsum(r, backwards, doubles(x).data(), oracle.data());
    for (double& v : magnitudes) v = std::fabs(v);
    reference::cumsum(r, backwards, magnitudes.data(), size.data());
    expect_close("cumsum", "the order", want, oracle, size, kSumLimit);
  } else {
    Array<int64_t> oracle(want.size());
    reference::cumsum(r, backwards, Array<int64_t>(x.begin(), x.end()).data(), oracle.data());
    expect_same("cumsum", "the order", want, oracle);
  }
  for_each_isa([&](const Kernels& k) {
    Array<Sum> whole = unwritten<Sum>(n), parts = whole;
    k.cumsum(r, backwards, x.data(), whole.data(), 0, r.outer * r.inner);
    in_parts(random, r.outer * r.inner,
             [&](int64_t lo, int64_t hi) { k.cumsum(r, backwards, x.data(), parts.data(), lo, hi); });
    record(k, whole);
    expect_same("cumsum", k.isa, whole, want);
    expect_same("cumsum in parts", k.isa, parts, want);
  });
}

template <class T>
void narrow(Random& random) {
  constexpr bool bools = std::is_same_v<T, char>;
  Reduce r = {Reduction::sum, bools ? DType::b8 : DType::i32, random.integer(0, 9), dimension(random),
              random.one_in(2) ? 1 : random.integer(1, 70)};
  if (random.one_in(8)) r.reduce = random.integer(4000, 9000);
  const int64_t n = r.outer * r.inner;
  Array<T> x(static_cast<size_t>(n * r.reduce));
  for (T& v : x) v = static_cast<T>(bools ? random.integer(0, 1) : static_cast<int64_t>(random.bits()));
  const auto check = [&](const char* what, auto zero) {
    using Out = decltype(zero);
    Array<int64_t> wide(static_cast<size_t>(n));
    reference::reduce(r, Array<int64_t>(x.begin(), x.end()).data(), wide.data());
    const Array<Out> want(wide.begin(), wide.end());
    for_each_isa([&](const Kernels& k) {
      Array<Out> whole = unwritten<Out>(n), parts = whole;
      k.reduce(r, x.data(), whole.data(), 0, n);
      in_parts(random, n, [&](int64_t lo, int64_t hi) { k.reduce(r, x.data(), parts.data(), lo, hi); });
      record(k, whole);
      expect_same(what, k.isa, whole, want);
      expect_same(what, k.isa, parts, want);
    });
  };
  check(bools ? "sum of bools" : "sum of int32", int64_t{0});
  if (!bools || r.reduce == 0) return;
  for (Reduction kind : {Reduction::max, Reduction::min}) {
    r.kind = kind;
    check("extreme of bools", char{0});
  }
}

void one(Random& random, uint64_t round) {
  switch (round % 5) {
    case 0:
      reduce<float>(random);
      reduce<double>(random);
      sum_squares<float>(random);
      sum_squares<double>(random);
      break;
    case 1:
      reduce<int32_t>(random);
      reduce<int64_t>(random);
      break;
    case 2:
      arg_reduce<float>(random);
      arg_reduce<double>(random);
      break;
    case 3:
      arg_reduce<int32_t>(random);
      arg_reduce<int64_t>(random);
      narrow<char>(random);
      narrow<int32_t>(random);
      break;
    case 4:
      cumsum<float>(random);
      cumsum<double>(random);
      cumsum<int32_t>(random);
      cumsum<int64_t>(random);
      cumsum<char>(random);
      break;
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
