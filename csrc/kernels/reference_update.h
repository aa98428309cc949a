// The oracle of the updates of optimizers: the formulas of kernels.h, in double whatever the kernel's dtype. For tests
// only.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// How many arrays of state a rule has.
int states(Rule rule);

// in: p, the gradient, the state; out: p and the state after the step. `size` gets, for each output, the size of the
// terms that it is made of: the error of any way of computing it is a few roundings of these. u.dtype is not looked at.
void update(const Update& u, int64_t n, const double* const* in, double* const* out, double* const* size);

}  // namespace bs::kernels::reference
