// Hooks: what users do with a gradient when a sweep has all of it, of an output of a node or of a leaf. Few tensors
// have any, so they stand beside the graph.
#pragma once

#include <functional>

#include "graph/tensor.h"

namespace bs {

// Gives what takes the gradient's place, or an empty handle to leave it as it is.
using Hook = std::function<Tensor(const Tensor& gradient)>;

// The leaf's cell has it, so that a parameter keeps it from value to value. Hooks run in the order of their adding.
uint64_t add_hook(const Tensor& t, Hook hook);
void remove_hook(uint64_t id);
// A result keeps its gradient, as it is after the hooks, like a leaf.
void retain_grad(const Tensor& t);
// Where it does; empty where it does not.
Ref<GradCell> retained_cell(const Tensor& t);

// Whether there is anything to ask for: one load.
bool any_hooks();
// What the hooks of output `k` of a node make of its gradient, which is kept where it is to be.
Tensor after_hooks(Node* node, int k, Tensor gradient);
// The node ends.
void forget_hooks(const Node* node);

}  // namespace bs
