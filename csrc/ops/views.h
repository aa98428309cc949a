// More builders, for compositions: views, and what is reduced or runs along an axis.
#pragma once

#include "ops/ops.h"

namespace bs::ops {

// ---- views ---- those that end in -ed make a node of their own even where the shape stays.
Tensor reshaped(const Tensor& x, const Dims& shape);  // a copy where no strides give the shape
Tensor viewed(const Tensor& x, const Dims& shape);
Tensor expanded(const Tensor& x, const Dims& shape);
Tensor permute(const Tensor& x, const Dims& order);
Tensor slice(const Tensor& x, const Slice& part);
Tensor narrow(const Tensor& x, int dim, int64_t start, int64_t length);
// Sizes with one -1 filled in so that the number of elements stays; throws ShapeError that begins with "[name]".
Dims resolve_shape(const char* name, const Dims& from, const Dims& to);

// ---- reductions ---- an absent dim means all.
Tensor amin(const Tensor& x, std::optional<Dims> dim = {}, bool keepdim = false);
// Of x^2, float64.
Tensor sum_squares(const Tensor& x, std::optional<Dims> dim = {}, bool keepdim = false);
// (sum |x|^p)^(1/p), in x's dtype; p may be infinite, or 0: how many are not 0.
Tensor norm(const Tensor& x, double p, std::optional<Dims> dim = {}, bool keepdim = false);

// ---- along an axis ---- sums or products of all up to each position, or from the last one on.
Tensor cumsum(const Tensor& x, int dim, bool reverse = false);
Tensor cumprod(const Tensor& x, int dim, bool reverse = false);

}  // namespace bs::ops
