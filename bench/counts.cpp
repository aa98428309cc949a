// Small kernels for bench/counts.py, which runs this program under Callgrind: each case once to warm up and once
// counted, in a dump of its own. Counts of instructions show a drift that noise would hide.
#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace bs::bench {
namespace {

using kernels::Ew;
using kernels::EwInstr;
using kernels::EwList;

const kernels::Kernels& kernel = kernels::active();

template <class Fn>
void count(const std::string& name, Fn fn) {
  fn();
  CALLGRIND_ZERO_STATS;
  fn();
  CALLGRIND_DUMP_STATS_AT(name.c_str());
}

// Positive, so that square roots and logarithms are of numbers.
std::vector<float> numbers(int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  uint32_t state = 1;
  for (float& x : v) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
    x = static_cast<float>(state >> 8) * 0x1p-24f;
  }
  return v;
}

// Of contiguous float32 arrays of n elements, one output.
EwList list_of(int64_t n, int n_in, int n_temp, const std::vector<EwInstr>& instructions) {
  EwList list = {};
  list.compute = DType::f32;
  list.n_in = static_cast<uint8_t>(n_in);
  list.n_temp = static_cast<uint8_t>(n_temp);
  list.n_out = 1;
  list.n_dims = 1;
  list.size[0] = n;
  for (int i = 0; i <= n_in; ++i) list.arg[i] = {DType::f32, {1}};
  for (const EwInstr& o : instructions) list.instr[list.n_instr++] = o;
  return list;
}

// A product, plain and as a program runs relu(linear(x)): bias inside, then the activation in place, by blocks of rows.
void products(int64_t m, int64_t k, int64_t n, bool b_transposed = false) {
  const auto a = numbers(m * k), b = numbers(k * n), bias = numbers(n);
  auto c = numbers(m * n);
  kernels::Gemm g = {DType::f32, m, n, k, k, 1, n, 1, n};
  if (b_transposed) g.b_row = 1, g.b_col = k;
  std::vector<char> memory(kernel.gemm_scratch(g) + 64);
  void* scratch = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  std::string name = "gemm " + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
  if (b_transposed) name += " Bt";
  count(name, [&] { kernel.gemm(g, a.data(), b.data(), nullptr, c.data(), 0, m, 0, n, scratch); });

  const EwList relu = list_of(m * n, 1, 0, {{Ew::relu, 1, 0, 0, 0}});
  void* const args[] = {c.data(), c.data()};
  constexpr int64_t kRows = 256;  // kEpilogueRows of ops/linear.cpp
  count(name + ", bias, relu", [&] {
    for (int64_t lo = 0; lo < m; lo += kRows) {
      const int64_t hi = lo + kRows < m ? lo + kRows : m;
      kernel.gemm(g, a.data(), b.data(), bias.data(), c.data(), lo, hi, 0, n, scratch);
      kernel.elementwise(relu, args, lo * n, hi * n);
    }
  });
}

void elementwise() {
  auto x = numbers(1536), y = numbers(1536), w = numbers(1536), z = numbers(1536);
  for (const int64_t n : {8, 1536}) {
    const EwList add = list_of(n, 2, 0, {{Ew::add, 2, 0, 1, 0}});
    void* const args[] = {x.data(), y.data(), z.data()};
    count("add " + std::to_string(n), [&] { kernel.elementwise(add, args, 0, n); });
  }
  const EwList fused = list_of(1536, 3, 2, {{Ew::mul, 3, 0, 1, 0}, {Ew::add, 4, 3, 2, 0}, {Ew::relu, 5, 4, 0, 0}});
  void* const args[] = {x.data(), y.data(), w.data(), z.data()};
  count("relu(x y + w) 1536", [&] { kernel.elementwise(fused, args, 0, 1536); });
}

void rows() {
  const auto x = numbers(32 * 64), gamma = numbers(64), beta = numbers(64);
  auto y = numbers(32 * 64), mean = numbers(64), rstd = numbers(32), loss = numbers(32);
  std::vector<int64_t> target;
  for (int64_t i = 0; i < 32; ++i) target.push_back(i % 10);
  count("cross entropy 32x10", [&] {
    kernel.cross_entropy(DType::f32, 10, x.data(), target.data(), -100, loss.data(), mean.data(), rstd.data(), 0, 32);
  });
  const float one = 1;
  count("cross entropy 32x10, backward", [&] {
    kernel.cross_entropy_backward(DType::f32, 10, x.data(), target.data(), -100, mean.data(), rstd.data(), &one, 0,
                                  y.data(), 0, 32);
  });
  count("layer norm 32x64", [&] {
    kernel.layer_norm(DType::f32, 64, x.data(), gamma.data(), beta.data(), 1e-5, y.data(), mean.data(), rstd.data(), 0,
                      32);
  });
  count("sum of 32x64 over columns",
        [&] { kernel.reduce({kernels::Reduction::sum, DType::f32, 32, 64, 1}, x.data(), y.data(), 0, 32); });
  count("sum of 32x64 over rows",
        [&] { kernel.reduce({kernels::Reduction::sum, DType::f32, 1, 32, 64}, x.data(), y.data(), 0, 64); });
}

void updates() {
  auto p = numbers(1000), g = numbers(1000), mean = numbers(1000), square = numbers(1000);
  const kernels::Sgd plain = {DType::f32, 0.01, 0, 0, 1, false, false};
  count("sgd 1000", [&] { kernel.sgd(plain, p.data(), g.data(), nullptr, p.data(), nullptr, 0, 1000); });
  const kernels::Sgd momentum = {DType::f32, 0.01, 0, 0.9, 1, false, false};
  count("sgd 1000, momentum",
        [&] { kernel.sgd(momentum, p.data(), g.data(), mean.data(), p.data(), mean.data(), 0, 1000); });
  const kernels::Adam adam = {DType::f32, 0.001, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, false, false};
  const void* const in[] = {p.data(), g.data(), mean.data(), square.data(), nullptr};
  void* const out[] = {p.data(), mean.data(), square.data(), nullptr};
  count("adam 1000", [&] { kernel.adam(adam, in, out, 0, 1000); });
}

}  // namespace
}  // namespace bs::bench

int main() {
  using namespace bs::bench;
  if (const char* error = bs::kernels::selection_error()) {
    std::fprintf(stderr, "%s\n", error);
    return 1;
  }
  products(1, 64, 64, true);
  products(1, 30, 64, true);
  products(8, 30, 64, true);
  products(32, 64, 64);
  products(64, 64, 64);
  products(128, 256, 128);
  products(64, 784, 128);
  elementwise();
  rows();
  updates();
  return 0;
}
