#include "kernels/reference.h"

#include <algorithm>

namespace bs::kernels::reference {
namespace {

constexpr int64_t kRestart = 4096;

template <class T>
void gemm_of(const Gemm& g, const T* a, const T* b, const T* bias, T* c, bool fused) {
  const int64_t lanes = g.n == 1 ? 16 : 1;
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) {
      T total = 0;
      for (int64_t p0 = 0; p0 < g.k; p0 += kRestart) {
        T chain[16] = {};
        for (int64_t p = p0; p < std::min(g.k, p0 + kRestart); ++p) {
          T& sum = chain[p % lanes];
          sum = multiply_add(a[i * g.a_row + p * g.a_col], b[p * g.b_row + j * g.b_col], sum, fused);
        }
        for (int64_t h = lanes / 2; h > 0; h /= 2)
          for (int64_t q = 0; q < h; ++q) chain[q] = chain[q] + chain[q + h];
        total = p0 == 0 ? chain[0] : total + chain[0];
      }
      c[i * g.c_row + j] = bias ? total + bias[j] : total;
    }
  }
}

}  // namespace

void gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, bool fused) {
  if (g.dtype == DType::f64) {
    gemm_of(g, static_cast<const double*>(a), static_cast<const double*>(b), static_cast<const double*>(bias),
            static_cast<double*>(c), fused);
  } else {
    gemm_of(g, static_cast<const float*>(a), static_cast<const float*>(b), static_cast<const float*>(bias),
            static_cast<float*>(c), fused);
  }
}

}  // namespace bs::kernels::reference
