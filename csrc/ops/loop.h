// Loop spaces: of elementwise lists, broadcast, with dimensions merged so that the innermost one is long; of what works
// on rows, all axes but the last.
#pragma once

#include "graph/op.h"
#include "kernels/kernels.h"

namespace bs::ops {

// Sets n_dims, size and the strides of `operands` (inputs, then outputs) in `list` for the loop shape `shape`, to which
// every operand broadcasts.
void set_loop(kernels::EwList& list, const Dims& shape, const Spec* const* operands, int n_operands);

// The arithmetic in which an elementwise op (or a copy) computes: EwList::compute.
DType list_dtype(const Op& op, const Specs& in, const Spec& out);
// The instruction that computes it.
kernels::Ew list_instruction(const Op& op, const Spec& out);

// The name of an instruction of a list (kernels::Ew).
const char* list_op_name(int code);

// How an elementwise loop over `shape` is cut: by rows of the first axis, or by elements where that is short.
int64_t loop_extent(const Dims& shape);
// The Placement for inputs that broadcast to `shape`.
Placement place_loop(const Dims& shape, const Specs& in);

// The number of rows: the product of all axes but the last.
inline int64_t rows_of(const Dims& shape) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

}  // namespace bs::ops
