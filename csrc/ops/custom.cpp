#include "ops/custom.h"

#include "base/error.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

CustomGrad& custom_of(const Attrs& a) { return static_cast<CustomGrad&>(*a.get<std::shared_ptr<Object>>(0)); }
HostFunction& host_of(const Attrs& a) { return static_cast<HostFunction&>(*a.get<std::shared_ptr<Object>>(0)); }

// A view of the values (the first inputs), whose derivative goes to the user's inputs, which follow.
const Op custom_op{
    .name = "custom",
    .doc = "A user's unit: the values that its forward computed, with the derivative that its backward states.",
    .inputs = {{"values", false, true}},
    .attrs = {{"function", AttrType::object, true}},
    .count_outputs = [](const Attrs* attrs, const Specs& in) { return in.size() - custom_of(*attrs).n_inputs; },
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          for (int i = 0; i < in.size() - custom_of(*attrs).n_inputs; ++i) out[i] = in[i];
        },
    .view = true,
    .view_each = true,
    .strided = ALL_INPUTS,
    .grad =
        [](GradCall& call) {
          CustomGrad& custom = custom_of(call.attrs());
          const int n_out = call.n_outputs();
          std::vector<Tensor> outputs, inputs;
          for (int i = 0; i < n_out; ++i) outputs.push_back(call.in(i));
          for (int i = 0; i < custom.n_inputs; ++i) inputs.push_back(call.in(n_out + i));
          std::vector<Tensor> result = custom.backward(call.grads(), inputs, outputs);
          for (int i = 0; i < custom.n_inputs; ++i) {
            const Tensor& g = result[static_cast<size_t>(i)];
            if (!call.needs(n_out + i) || !g) continue;
            const Spec& want = call.spec(n_out + i);
            if (!(g.shape() == want.shape))
              throw ShapeError(cat("[custom] backward gave a gradient of shape ", str(g.shape()), " for input ", i,
                                   " of shape ", str(want.shape)));
            if (g.dtype() != want.dtype)
              throw DTypeError(cat("[custom] backward gave a ", name_of(g.dtype()), " gradient for input ", i,
                                   ", which is ", name_of(want.dtype), ": cast it"));
            call.set(n_out + i, g);
          }
        },
    .grad_takes = ALL_OUTPUTS,
    .reads = ALL_INPUTS,
};
BS_REGISTER(custom_op);

const Op host_call_op{
    .name = "host_call",
    .doc = "A call back into Python: runs on one thread, under the interpreter's lock.",
    .inputs = {},
    .attrs = {{"function", AttrType::object, true}},
    .count_outputs = [](const Attrs* attrs, const Specs&) { return static_cast<int>(host_of(*attrs).outputs.size()); },
    .infer =
        [](const Attrs* attrs, const Specs&, Spec* out) {
          const HostFunction& f = host_of(*attrs);
          for (size_t i = 0; i < f.outputs.size(); ++i) out[i] = f.outputs[i];
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      host_of(*call.attrs).run(call);
      return -1;
    },
    .storage = Storage::moved,
    .host = true,
    .effect = true,
};
BS_REGISTER(host_call_op);

}  // namespace

std::vector<Tensor> with_grad(std::shared_ptr<CustomGrad> custom, std::span<const Tensor> inputs,
                              std::span<const Tensor> outputs) {
  std::vector<Tensor> values;
  // A function may return an input as it came: the derivative is the stated one all the same.
  for (const Tensor& t : outputs) values.push_back(detach(t));
  values.insert(values.end(), inputs.begin(), inputs.end());
  custom->n_inputs = static_cast<int>(inputs.size());
  return bs::apply_all(custom_op, values, Attrs::make({std::static_pointer_cast<Object>(custom)}));
}

std::vector<Tensor> host_call(std::shared_ptr<HostFunction> function, std::span<const Tensor> inputs) {
  if (function->outputs.empty()) throw ValueError("[host_call] a call has at least one output");
  return bs::apply_all(host_call_op, inputs, Attrs::make({std::static_pointer_cast<Object>(function)}));
}

}  // namespace bs::ops
