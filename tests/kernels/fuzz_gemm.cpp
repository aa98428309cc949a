// Matrix products of random sizes, strides and parts against the naive one: equal to the bit, since kernels.h fixes the
// order of every sum.
#include <cinttypes>

#include "base/cpu.h"
#include "fuzz.h"
#include "kernels/reference.h"

namespace bs::fuzz {
namespace {

// A matrix in a block that just holds it, in one of the memory orders that callers may use.
template <class T>
struct Matrix {
  static constexpr int kOrders = 16;
  Array<T> memory;
  int64_t row = 0, col = 0;  // strides
  const T* at = nullptr;     // element (0, 0)

  Matrix(Random& random, int64_t rows, int64_t cols, int order) {
    const int64_t strides[kOrders][2] = {
        {cols, 1},        {1, rows},         // rows, columns
        {cols + 1100, 1}, {1, rows + 1100},  // more than a page apart: packed in larger products
        {cols + 3, 1},    {1, rows + 5},     // with gaps
        {-cols, 1},       {-1, -rows},       // backwards
        {cols, -1},       {1, -rows},        // columns backwards
        {2 * cols, 2},    {2, 2 * rows},     // every second one
        {0, 1},           {1, 0},            // one row, one column for all
        {0, 0},           {3, 3 * rows + 1},
    };
    row = strides[order][0];
    col = strides[order][1];
    if (rows == 0 || cols == 0) return;
    const int64_t ends[] = {row * (rows - 1), col * (cols - 1)};
    const int64_t before = -std::min<int64_t>(ends[0], 0) - std::min<int64_t>(ends[1], 0);
    const int64_t after = std::max<int64_t>(ends[0], 0) + std::max<int64_t>(ends[1], 0);
    memory = Array<T>(static_cast<size_t>(before + after + 1));
    for (T& x : memory) x = static_cast<T>(random.integer(-1000000, 1000000)) / T(777777);
    at = memory.data() + before;
  }
};

template <class T>
void one_product(Random& random, int64_t m, int64_t k, int64_t n) {
  const int a_order = static_cast<int>(random.integer(0, Matrix<T>::kOrders - 1));
  const int b_order = static_cast<int>(random.integer(0, Matrix<T>::kOrders - 1));
  const Matrix<T> a(random, m, k, a_order), b(random, k, n, b_order);
  Array<T> bias(static_cast<size_t>(n));
  for (T& x : bias) x = static_cast<T>(random.integer(-1000, 1000)) / T(777);
  const T* z = random.one_in(2) ? bias.data() : nullptr;
  const int64_t gap = random.one_in(3) ? random.integer(1, 9) : 0;
  const kernels::Gemm g = {dtype_of<T>(), m, n, k, a.row, a.col, b.row, b.col, n + gap};
  const int64_t size = m > 0 ? (m - 1) * g.c_row + n : 0;

  Array<T> want[2];  // unfused, fused; gaps stay as they are
  for (auto* table = kernels::available(); *table; ++table) {
    const Kernels& kernel = **table;
    Array<T>& expected = want[fused(kernel)];
    if (expected.empty()) {
      expected = unwritten<T>(size);
      kernels::reference::gemm(g, a.at, b.at, z, expected.data(), fused(kernel));
    }
    for (int whole = 1; whole >= 0; --whole) {
      // Rows in L2, strips in L2 (gemm_blocking.h).
      set_cache_sizes({48 << 10, (whole + m + k + n) % 2 ? 1 << 20 : 2 << 20});
      Array<T> c = unwritten<T>(size);
      const size_t bytes = kernel.gemm_scratch(g);
      void* scratch = nullptr;  // aligned, and of exactly this size, which aligned_alloc may not give
      if (posix_memalign(&scratch, 64, bytes) != 0) fail("no memory");
      if (bytes) std::memset(scratch, 0xff, bytes);  // NaN: a read before the write shows
      const auto part = [&](int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
        kernel.gemm(g, a.at, b.at, z, c.data(), r0, r1, c0, c1, scratch);
      };
      if (whole) {
        part(0, m, 0, n);
      } else {
        in_parts(random, m, [&](int64_t r0, int64_t r1) {
          in_parts(random, n, [&](int64_t c0, int64_t c1) { part(r0, r1, c0, c1); });
        });
      }
      std::free(scratch);
      if (whole) record(kernel, c);
      const int64_t i = first_difference(c, expected);
      if (i >= 0) {
        fail("gemm %s %s %s: m %" PRId64 " k %" PRId64 " n %" PRId64 ", A strides (%" PRId64 ", %" PRId64
             "), B strides (%" PRId64 ", %" PRId64 "), C row %" PRId64 "%s: C[%" PRId64 ", %" PRId64
             "] is %.17g, not %.17g",
             kernel.isa, name_of(g.dtype), whole ? "whole" : "in parts", m, k, n, a.row, a.col, b.row, b.col, g.c_row,
             z ? ", bias" : "", i / g.c_row, i % g.c_row, static_cast<double>(c[static_cast<size_t>(i)]),
             static_cast<double>(expected[static_cast<size_t>(i)]));
      }
    }
  }
}

void one(Random& random, uint64_t round) {
  static constexpr int64_t kEdges[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65};
  const auto size = [&] { return random.one_in(3) ? random.integer(0, 100) : random.pick(kEdges); };
  int64_t m = size(), k = size(), n = size();
  switch (round % 10) {
    case 2:
      n = 1;
      break;
    case 3:
      m = 1;
      break;
    case 4:
      n = random.integer(100, 500);
      break;
  }
  // Narrow layers: rows or sums many, what else there is few.
  if (round % 10 == 7) m = random.integer(16, 600), k = random.integer(1, 40), n = random.integer(2, 70);
  if (round % 20 == 18) m = random.integer(1, 600), k = random.integer(100, 900), n = random.integer(2, 10);
  if (round % 20 == 6) m = random.integer(60, 100), n = random.integer(505, 600);
  // Sums that restart (every 4096), several row and column blocks, and both.
  if (round % 40 == 0) m = random.integer(0, 20), k = random.integer(4000, 13000), n = random.integer(0, 70);
  if (round % 100 == 11) m = random.integer(100, 300), k = random.integer(200, 600), n = random.integer(190, 400);
  if (round % 400 == 205) m = random.integer(260, 300), k = random.integer(4100, 4400), n = random.integer(513, 530);
  if (random.one_in(3)) {
    one_product<double>(random, m, k, n);
  } else {
    one_product<float>(random, m, k, n);
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
