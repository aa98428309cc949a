// The oracle of `elementwise`: what each element of a list must be.
#pragma once

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// Same interface as Kernels::elementwise. Every instruction is computed in double (libm) or 128-bit integers, then
// rounded to list.compute: so it equals the fast kernels to the bit, but for rows that call exp or log or that round
// more than once (rsqrt, sigmoid, softplus). Operands may lie anywhere; an output may be one of the inputs.
void elementwise(const EwList& list, void* const* args, int64_t lo, int64_t hi);

}  // namespace bs::kernels::reference
