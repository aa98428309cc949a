// Recorded functions of one sample, applied to a batch of them.
#pragma once

#include <functional>

#include "graph/batch.h"

namespace bs::ops {

// A value for all samples: with the batch as axis 0, or the same for each.
struct Batched {
  Tensor value;
  bool varies = false;
};

// What `outputs`, recorded in the scope, are for the batch. Linear in the nodes that they depend on.
std::vector<Batched> on_batch(const BatchScope& scope, std::span<const Tensor> outputs);

// fn of one sample on a batch, recorded and applied.
std::vector<Batched> on_batch(const std::function<std::vector<Tensor>(std::span<const Tensor>)>& fn,
                              std::span<const Batched> in, int64_t size);

// With the batch as axis 0, repeated where the value is the same for all samples.
Tensor whole(const Tensor& value, bool varies, int64_t size);
inline Tensor whole(const BatchCall& call, int i) { return whole(call.in(i), call.batched(i), call.size()); }

// ---- rules that serve many ops ----

// The op itself: its leading axes are those of a batch already, in all inputs that vary; others stay as they are.
std::vector<Tensor> batch_as_is(const BatchCall& call);
// As batch_as_is, but with all inputs repeated to the batch.
std::vector<Tensor> batch_whole(const BatchCall& call);
// The same, with the numbers of axes among the attributes (dim, dims, dim0, dim1) moved on by one. None stands for all
// axes, or for one number alone for all elements in one row.
std::vector<Tensor> batch_dims(const BatchCall& call);

}  // namespace bs::ops
