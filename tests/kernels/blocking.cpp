// Prints how products are blocked and what of them is copied (kernels/gemm_blocking.h): blocking <l1> <l2>, in bytes,
// then lines "isa m k n form" on standard input. test_fuzz.py compares with bench/results.
#include "kernels/gemm_blocking.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  using namespace bs;
  if (argc != 3) return 2;
  const CacheSizes caches = {std::atoll(argv[1]), std::atoll(argv[2])};
  char isa[8], form[8];
  int64_t m, k, n;
  while (std::scanf("%7s %" SCNd64 " %" SCNd64 " %" SCNd64 " %7s", isa, &m, &k, &n, form) == 5) {
    kernels::Gemm g = {DType::f32, m, n, k, k, 1, n, 1, n};
    if (form[0] == 'A') g.a_row = 1, g.a_col = m;
    if (form[0] == 'B') g.b_row = 1, g.b_col = k;
    const kernels::Blocking b = kernels::blocking(g, kernels::tile_size(isa), caches);
    std::printf("%d %d %d %" PRId64 " %" PRId64 "\n", b.copy_a, b.copy_b, static_cast<int>(b.ahead), b.rows, b.strips);
  }
  return 0;
}
