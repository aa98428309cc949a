// The oracles: what each fast kernel must compute, in the plainest loops. For tests only.
#pragma once

#include <cmath>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// One step of a chain. `fused`: multiply and add round once (v3, v4, neon); otherwise each rounds (v2).
template <class T>
T multiply_add(T x, T y, T z, bool fused) {
  if (fused) return std::fma(x, y, z);
  const volatile T product = x * y;  // volatile: no compiler may fuse it with the sum
  return product + z;
}

// ---- Matrix product (reference.cpp) --------------------------------------------------------------------------

// The whole of C, in the order of kernels.h, so equal to the fast kernels to the bit; `fused` as above.
void gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, bool fused);

}  // namespace bs::kernels::reference
