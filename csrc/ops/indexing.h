// What ops and bindings that read or write by index share.
#pragma once

#include <span>
#include <vector>

#include "graph/tensor.h"

namespace bs::ops {

// Along axis `dim` (0 or more), by an int64 index that has x's axes: see the ops of these names.
Tensor gather_axis(const Tensor& x, const Tensor& index, int dim);
Tensor scatter_sum_of(const Dims& shape, const Tensor& index, const Tensor& src, int dim);
// x with src at index, or added there.
Tensor scatter_into(const Tensor& x, const Tensor& index, const Tensor& src, int dim, bool add);

// int64 of int64 and int32; DTypeError "[op] ..." for others.
Tensor as_index(const char* op, const Tensor& index);
// The row-major positions (int64) of the elements of a mask that are true. GraphError "[op] ..." in a capture: how many
// there are depends on values.
Tensor positions_of_true(const char* op, const Tensor& mask);

// Positions of x along the axes from `dim` on, as many as there are in an int tensor's one or in all axes of a mask.
struct IndexOfAxes {
  int dim;
  Tensor index;
};
// x at all of them together, broadcast: the new axes stand where the chosen ones were if those are neighbours, else
// first. As NumPy's and PyTorch's x[:, i, j]. Indices below 0 count from the end.
Tensor index(const Tensor& x, std::span<const IndexOfAxes> at);
// x with `values`, which broadcast to index(x, at), in their place; or added there.
Tensor index_put(const Tensor& x, std::span<const IndexOfAxes> at, const Tensor& values, bool accumulate);

}  // namespace bs::ops
