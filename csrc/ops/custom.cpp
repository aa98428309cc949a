#include "ops/custom.h"

#include "base/error.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

CustomGrad& custom_of(const Attrs& a) { return static_cast<CustomGrad&>(*a.get<std::shared_ptr<Object>>(0)); }
HostFunction& host_of(const Attrs& a) { return static_cast<HostFunction&>(*a.get<std::shared_ptr<Object>>(0)); }

// One node per output: a view of it (input 0) whose derivative goes to the user's inputs. The other outputs come last,
// since the rule may read them.
const Op custom_op{
    .name = "custom",
    .doc = "A user's unit: the value that its forward computed, with the derivative that its backward states.",
    .inputs = {{"out"}},
    .attrs = {{"function", AttrType::object, true}, {"which", AttrType::integer, true}},
    .infer = [](const Attrs*, const Specs& in, Spec* out) { out[0] = in[0]; },
    .view = true,
    .strided = 0xffffffffu,
    .grad =
        [](GradCall& call) {
          CustomGrad& custom = custom_of(call.attrs());
          const int which = static_cast<int>(call.attrs().get<int64_t>(1));
          const int n_out = call.n_inputs() - custom.n_inputs;
          std::vector<Tensor> outputs, inputs, grads(static_cast<size_t>(n_out));
          // Inputs of this node: output `which`, the user's inputs, the other outputs in order.
          for (int i = 0; i < custom.n_inputs; ++i) inputs.push_back(call.in(1 + i));
          for (int i = 0, next = 1 + custom.n_inputs; i < n_out; ++i)
            outputs.push_back(i == which ? call.in(0) : call.in(next++));
          grads[static_cast<size_t>(which)] = call.grad();
          std::vector<Tensor> result = custom.backward(grads, inputs, outputs);
          for (int i = 0; i < custom.n_inputs; ++i) {
            if (!call.needs(1 + i) || !result[static_cast<size_t>(i)]) continue;
            const Tensor& g = result[static_cast<size_t>(i)];
            if (!(g.shape() == inputs[static_cast<size_t>(i)].shape()))
              throw ShapeError(cat("[custom] backward gave a gradient of shape ", str(g.shape()), " for input ", i,
                                   " of shape ", str(inputs[static_cast<size_t>(i)].shape())));
            if (g.dtype() != inputs[static_cast<size_t>(i)].dtype())
              throw DTypeError(cat("[custom] backward gave a ", name_of(g.dtype()), " gradient for input ", i,
                                   ", which is ", name_of(inputs[static_cast<size_t>(i)].dtype()), ": cast it"));
            call.set(1 + i, g);
          }
        },
    .reads = ALL_INPUTS,
};
BS_REGISTER(custom_op);

const Op host_call_op{
    .name = "host_call",
    .doc = "A call back into Python: runs on one thread, under the interpreter's lock.",
    .inputs = {},
    .attrs = {{"function", AttrType::object, true}},
    .count_outputs = [](const Attrs* attrs) { return static_cast<int>(host_of(*attrs).outputs.size()); },
    .infer =
        [](const Attrs* attrs, const Specs&, Spec* out) {
          const HostFunction& f = host_of(*attrs);
          for (size_t i = 0; i < f.outputs.size(); ++i) out[i] = f.outputs[i];
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      host_of(*call.attrs).run(call);
      return -1;
    },
    .host = true,
    .effect = true,
};
BS_REGISTER(host_call_op);

}  // namespace

std::vector<Tensor> with_grad(std::shared_ptr<CustomGrad> custom, std::span<const Tensor> inputs,
                              std::span<const Tensor> outputs) {
  if (inputs.size() + outputs.size() > kMaxInputs)
    throw ValueError(cat("[custom] a function has at most ", kMaxInputs, " inputs and outputs together"));
  std::vector<Tensor> values(outputs.begin(), outputs.end()), made;
  // A function may return an input as it came: the derivative is the stated one all the same.
  for (Tensor& v : values) v = detach(v);
  custom->n_inputs = static_cast<int>(inputs.size());
  for (size_t which = 0; which < values.size(); ++which) {
    std::vector<Tensor> in{values[which]};
    in.insert(in.end(), inputs.begin(), inputs.end());
    for (size_t i = 0; i < values.size(); ++i)
      if (i != which) in.push_back(values[i]);
    made.push_back(bs::apply(custom_op, std::span<const Tensor>(in),
                             Attrs::make({std::static_pointer_cast<Object>(custom), static_cast<int64_t>(which)})));
  }
  return made;
}

std::vector<Tensor> host_call(std::shared_ptr<HostFunction> function, std::span<const Tensor> inputs) {
  if (inputs.size() > kMaxInputs) throw ValueError(cat("[host_call] a call has at most ", kMaxInputs, " inputs"));
  const size_t n = function->outputs.size();
  if (n < 1 || n > kMaxOutputs) throw ValueError(cat("[host_call] a call has 1 to ", kMaxOutputs, " outputs, not ", n));
  std::vector<Tensor> made;
  Tensor first = bs::apply(host_call_op, inputs, Attrs::make({std::static_pointer_cast<Object>(function)}));
  for (size_t i = 0; i < n; ++i) made.push_back(sibling(first, static_cast<int>(i)));
  return made;
}

}  // namespace bs::ops
