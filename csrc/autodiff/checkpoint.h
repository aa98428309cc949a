// A function whose graph is not kept: its derivative runs it again.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/slot.h"

namespace bs {

using Checkpointed = std::function<std::vector<Tensor>(std::span<const Tensor> args)>;

// function(args). What of its results was made inside and requires a gradient is the output of one node, which keeps
// the arguments, the slots that were read, and whatever else that requires a gradient the function reached, and none of
// what lies between. Its rule runs the function again, with slots, generators among them, as they were, and sweeps what
// that records: so derivatives are those of the function itself, to any order. What runs again is recorded apart.
std::vector<Tensor> checkpoint(const Checkpointed& function, std::span<const Tensor> args);

// What a slot reads as once a value is written where it does not get it: a leaf that collects gradients where the slot
// does, and hides how it was made.
Tensor leaf_of(const Slot& slot, const Tensor& value);

}  // namespace bs
