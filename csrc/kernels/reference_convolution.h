// The oracles of the convolutions: every element by itself, in the order of kernels.def, so equal to the fast kernels
// to the bit. `fused`: multiply and add round once (v3, v4, neon); otherwise each rounds (v2). For tests only.
#pragma once

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// The whole of y, of dx and of dw. bias may be null.
void convolution(const Conv& c, const void* x, const void* w, const void* bias, void* y, bool fused);
void convolution_input(const Conv& c, const void* dy, const void* w, const void* bias, void* dx, bool fused);
void convolution_weight(const Conv& c, const void* x, const void* dy, void* dw, bool fused);

}  // namespace bs::kernels::reference
