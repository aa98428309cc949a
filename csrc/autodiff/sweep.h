// The reverse sweep: gradients of everything by anything, as nodes made of ops.
//
// Nodes are visited once, in reverse topological order; gradients into one output are added in a fixed order. Time and
// memory are linear in the number of nodes, without recursion.
#pragma once

#include <span>
#include <vector>

#include "graph/tensor.h"

namespace bs {

// The gradients of sum_k <outputs[k], grad_outputs[k]> by each of `inputs`, which may be any nodes of the graph. An
// empty grad_output stands for ones of a single-element output. With create_graph the results carry a history of
// their own. A result is empty where the outputs do not depend on the input. The gradient by a parameter counts all of
// its values that the graph holds. Without `retain` the nodes give up the values that their derivatives read, each when
// it has had its turn, and cannot be swept again. The histories of `ends` are not entered. Throws GraphError,
// ShapeError.
std::vector<Tensor> gradients(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                              std::span<const Tensor> inputs, bool create_graph, bool retain,
                              std::span<const Tensor> ends = {});

// Adds the gradients of sum_k <roots[k], given[k]> by all leaves that collect them to their cells; with `inputs`, by
// those alone, of which results keep theirs from then on (hooks.h). GraphError for one that needs no gradient.
void backward(std::span<const Tensor> roots, std::span<const Tensor> given, bool create_graph, bool retain,
              const std::span<const Tensor>* inputs = nullptr);

// Whether the derivative of a node of this op reads values, so that a sweep gives them up.
bool reads_values(const Op& op);

}  // namespace bs
