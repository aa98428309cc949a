// Units that users write: an override of a derivative, and a call back into the host language.
#pragma once

#include <functional>
#include <string>

#include "graph/op.h"

namespace bs::ops {

// The derivative that a user states: gradients of the inputs, given those of the outputs (empty: zero).
struct CustomGrad : Object {
  int n_inputs;
  std::string name;  // of the user's class
  std::function<std::vector<Tensor>(std::span<const Tensor> grads, std::span<const Tensor> inputs,
                                    std::span<const Tensor> outputs)>
      backward;
};
// That of a node that with_grad() has made; null for others.
const std::string* name_of_custom(const Node& node);
// `outputs` unchanged, but with `custom` as their derivative by `inputs`; what made them is not differentiated.
std::vector<Tensor> with_grad(std::shared_ptr<CustomGrad> custom, std::span<const Tensor> inputs,
                              std::span<const Tensor> outputs);

// A function of the host: gets the operands' memory, fills the outputs, may throw.
struct HostFunction : Object {
  std::vector<Spec> outputs;
  std::function<void(const Call&)> run;
};
std::vector<Tensor> host_call(std::shared_ptr<HostFunction> function, std::span<const Tensor> inputs);

}  // namespace bs::ops
