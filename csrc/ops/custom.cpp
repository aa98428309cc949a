#include "ops/custom.h"

#include "base/error.h"
#include "ops/batch.h"
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
// The derivative of one sample, on the batch; what all samples share gets the sum over them.
BS_BATCH(custom_op, [](const BatchCall& call) {
  const int n_out = call.n_outputs();
  std::vector<Tensor> values, inputs;
  for (int i = 0; i < n_out; ++i) values.push_back(whole(call, i));
  Mask varies;
  for (int i = n_out; i < call.n_inputs(); ++i) {
    inputs.push_back(call.in(i));
    if (call.batched(i)) varies.set(i - n_out);
  }
  if (!recording()) return values;
  auto on_all = std::make_shared<CustomGrad>();
  const auto rule = call.attrs().get<std::shared_ptr<Object>>(0);
  on_all->name = custom_of(call.attrs()).name;
  on_all->backward = [rule, varies, size = call.size()](std::span<const Tensor> grads, std::span<const Tensor> in,
                                                        std::span<const Tensor> out) {
    std::vector<Batched> given;
    std::vector<bool> there;
    for (const Tensor& g : grads) {
      there.push_back(static_cast<bool>(g));
      if (g) given.push_back({g, true});
    }
    for (size_t i = 0; i < in.size(); ++i) given.push_back({in[i], varies.has(static_cast<int>(i))});
    for (const Tensor& t : out) given.push_back({t, true});
    const auto one = [&](std::span<const Tensor> sample) {
      std::vector<Tensor> g;
      size_t next = 0;
      for (bool is : there) g.push_back(is ? sample[next++] : Tensor());
      return static_cast<CustomGrad&>(*rule).backward(g, sample.subspan(next, in.size()),
                                                      sample.subspan(next + in.size()));
    };
    std::vector<Tensor> made;
    std::vector<Batched> found = on_batch(one, given, size);
    for (size_t i = 0; i < found.size(); ++i) {
      const Batched& b = found[i];
      if (!b.value || varies.has(static_cast<int>(i)))
        made.push_back(b.value ? whole(b.value, b.varies, size) : Tensor());
      else
        made.push_back(b.varies ? sum(b.value, Dims{0}) : mul(b.value, static_cast<double>(size)));
    }
    return made;
  };
  return with_grad(std::move(on_all), inputs, values);
});

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

const std::string* name_of_custom(const Node& node) {
  return node.op == &custom_op ? &custom_of(*node.attrs).name : nullptr;
}

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
