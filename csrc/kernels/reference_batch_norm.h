// The oracles of what batch norm sums over images (images, channels, inner): the formulas of kernels.h over whole
// arrays, in double whatever the kernel's dtype (sums in long double). For tests only.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// Sums of x - about and of its square over each row, about being one number of each; and the mean itself.
void plane_moments(int64_t planes, int64_t inner, const double* x, const double* about, double* mean, double* sum,
                   double* squares);
// sum and squares may be null: 0.
void join_moments(int64_t parts, int64_t channels, int64_t count, const double* mean, const double* sum,
                  const double* squares, double* to_mean, double* to_var);
// Of each plane; where inner is 1, of each channel. mean may be null: 0.
void plane_products(int64_t images, int64_t channels, int64_t inner, const double* g, const double* x,
                    const double* mean, double* dot, double* sum);

}  // namespace bs::kernels::reference
