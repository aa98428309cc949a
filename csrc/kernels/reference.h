// The oracles: what each fast kernel must compute, in the plainest loops. For tests only.
#pragma once

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// ---- Matrix product (reference.cpp) --------------------------------------------------------------------------

// The whole of C, in the order of kernels.h, so equal to the fast kernels to the bit. `fused`: multiply and add round
// once (v3, v4, neon); otherwise each rounds (v2).
void gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, bool fused);

}  // namespace bs::kernels::reference
