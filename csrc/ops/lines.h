// A shape taken apart at one axis: for what goes along it.
#pragma once

#include "ops/ops.h"

namespace bs::ops {

// Elements in row-major order as (outer, n, inner), of which n are along the axis.
struct Lines {
  int64_t outer = 1, n = 1, inner = 1;
};

// A tensor without axes is one line of one element.
inline Lines lines_of(const Dims& shape, int dim) {
  Lines l;
  for (int d = 0; d < shape.size(); ++d) (d < dim ? l.outer : d == dim ? l.n : l.inner) *= shape[d];
  return l;
}

// By the axis that attribute 0 names, all elements as one line where it names none; IndexError that begins with
// "[name]".
inline Lines lines_of(const char* name, const Attrs* attrs, const Dims& shape) {
  if (!attrs->has(0)) return {1, numel(shape), 1};
  return lines_of(shape, scalar_dim(name, attrs->get<int64_t>(0), shape.size()));
}

}  // namespace bs::ops
