// What random ops share: their key, and how they are cut.
#pragma once

#include "graph/op.h"
#include "ops/loop.h"

namespace bs::ops {

// DTypeError unless it is (seed, draw).
void check_key(const char* name, const Spec& key);
inline uint64_t seed_of(const View& key) { return key.as<uint64_t>()[0]; }
inline uint64_t draw_of(const View& key) { return key.as<uint64_t>()[1]; }

// Cut by the elements of the output.
Placement place_drawn(const Attrs* attrs, const Specs& in, const Spec* out);

// The numbers 0 ... n - 1 in an order drawn at random.
Tensor random_order(const Tensor& key, int64_t n);

// The elements of a part of a loop over `shape` that is cut as loop_extent() says.
struct Part {
  int64_t from, to;
  Part(const Dims& shape, int64_t lo, int64_t hi) {
    const int64_t extent = loop_extent(shape), each = extent ? numel(shape) / extent : 0;
    from = lo * each;
    to = hi * each;
  }
};

}  // namespace bs::ops
