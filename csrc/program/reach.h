// The part of a recorded graph that something needs.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "graph/op.h"

namespace bs {

// How many of a node's inputs its outputs are made of, the first ones: a view shows some, and what else it has matters
// to its derivative alone.
inline int inputs_shown(const Node& n) {
  if (!n.op || !n.op->view) return static_cast<int>(n.n_inputs);
  return n.op->view_each ? static_cast<int>(n.n_outputs) : 1;
}

// The symbolic nodes that `roots` need, in the order in which they were made: those that `enter` takes, asked each time
// that an output of one is reached, and then what is reached by as many of their inputs as `inputs_of` says.
template <class Enter, class InputsOf>
std::vector<Node*> symbolic_nodes(std::span<const Tensor> roots, Enter enter, InputsOf inputs_of) {
  std::vector<Node*> found;
  const auto visit = [&](Node* n, int output) {
    if (n && n->symbolic && enter(n, output)) found.push_back(n);
  };
  for (const Tensor& t : roots) visit(t.node(), t.output());
  for (size_t k = 0; k < found.size(); ++k)
    for (int i = 0; i < inputs_of(*found[k]); ++i) {
      const Edge& e = found[k]->in(i);
      visit(e.node, static_cast<int>(e.output));
    }
  std::sort(found.begin(), found.end(), [](const Node* a, const Node* b) { return a->sequence < b->sequence; });
  return found;
}

}  // namespace bs
