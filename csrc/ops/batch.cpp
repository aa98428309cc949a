#include "ops/batch.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

Dims with_batch(int64_t size, const Dims& sample) {
  Dims shape = sample;
  shape.insert(0, size);
  return shape;
}

// Broadcasting counts axes from the last, so those of a batch come before as many as any operand has. A 0-d operand has
// no say in the dtype unless its kind is higher; with a batch it would have.
std::vector<Tensor> batch_elementwise(const BatchCall& call) {
  const int n = call.n_inputs();
  std::vector<const Spec*> specs;
  int rank = 0;
  for (int i = 0; i < n; ++i) {
    specs.push_back(&call.spec(i));
    rank = std::max(rank, specs.back()->shape.size());
  }
  const int first = n == 3 && !call.op().inputs[0].weak ? 1 : 0;  // the condition of a choice
  const DType dtype = promote(Specs(specs), first);
  std::vector<Tensor> in;
  for (int i = 0; i < n; ++i) {
    Tensor t = call.in(i);
    if (call.batched(i) && call.spec(i).shape.size() < rank) {
      Dims shape{call.size()};
      for (int d = call.spec(i).shape.size(); d < rank; ++d) shape.push(1);
      for (int64_t d : call.spec(i).shape) shape.push(d);
      t = reshape(t, shape);
    }
    if (n > 1 && i >= first && call.spec(i).shape.size() == 0) t = cast(t, dtype);
    in.push_back(std::move(t));
  }
  return apply_all(call.op(), in, call.same_attrs());
}

// One sample after the other.
std::vector<Tensor> one_by_one(const BatchCall& call) {
  const size_t n = static_cast<size_t>(call.n_inputs());
  std::vector<std::vector<Tensor>> parts(n);
  for (size_t i = 0; i < n; ++i)
    if (call.batched(static_cast<int>(i))) parts[i] = unbind(call.in(static_cast<int>(i)), 0);
  std::vector<std::vector<Tensor>> made(static_cast<size_t>(call.n_outputs()));
  for (int64_t b = 0; b < call.size(); ++b) {
    std::vector<Tensor> in;
    for (size_t i = 0; i < n; ++i)
      in.push_back(parts[i].empty() ? call.in(static_cast<int>(i)) : parts[i][static_cast<size_t>(b)]);
    std::vector<Tensor> out = apply_all(call.op(), in, call.same_attrs());
    for (size_t k = 0; k < made.size(); ++k) made[k].push_back(std::move(out[k]));
  }
  std::vector<Tensor> outputs;
  for (size_t k = 0; k < made.size(); ++k) {
    const Spec& spec = call.out_spec(static_cast<int>(k));
    outputs.push_back(made[k].empty() ? Tensor::empty(spec.dtype, with_batch(0, spec.shape)) : stack(made[k], 0));
  }
  return outputs;
}

class Replay {
 public:
  explicit Replay(const BatchScope& scope) : scope_(scope) {
    for (size_t k = 0; k < scope.symbols.size(); ++k) made_[scope.symbols[k].node()] = {scope.values[k]};
  }

  // What t is for the batch. Nodes that it depends on are applied first.
  Batched value(const Tensor& t) {
    follow(t.node());
    const auto it = made_.find(t.node());
    if (it == made_.end()) return {t, false};
    return {it->second[static_cast<size_t>(t.output())], true};
  }

 private:
  bool recorded(const Node* n) const { return n->symbolic && n->op && n->sequence >= scope_.begin(); }

  void follow(const Node* root) {
    std::vector<const Node*> open{root}, found;
    while (!open.empty()) {
      const Node* n = open.back();
      open.pop_back();
      if (!recorded(n) || !seen_.insert(n).second) continue;
      found.push_back(n);
      for (int i = 0; i < static_cast<int>(n->n_inputs); ++i)
        if (n->in(i).node) open.push_back(n->in(i).node);
    }
    // Inputs are made before consumers.
    std::sort(found.begin(), found.end(), [](const Node* a, const Node* b) { return a->sequence < b->sequence; });
    for (const Node* n : found) make(*n);
  }

  void make(const Node& node) {
    std::vector<Tensor> in;
    Mask batched;
    for (int i = 0; i < static_cast<int>(node.n_inputs); ++i) {
      const Edge& e = node.in(i);
      const auto it = e.node ? made_.find(e.node) : made_.end();
      if (it != made_.end()) {
        batched.set(i);
        in.push_back(it->second[e.output]);
      } else {
        in.push_back(e.node ? Tensor(e.node, static_cast<int>(e.output)) : Tensor());
      }
    }
    if (!batched.any()) return;  // the same for all samples
    const RecordingGuard recorded(node.requires_grad && recording());
    const BatchCall call(node, scope_.size, in, batched);
    std::vector<Tensor> out = apply_to(call, node);
    for (size_t k = 0; k < out.size(); ++k)
      out[k] = reshape(out[k], with_batch(scope_.size, call.out_spec(static_cast<int>(k)).shape));
    made_[&node] = std::move(out);
  }

  std::vector<Tensor> apply_to(const BatchCall& call, const Node& node) {
    const Op& op = call.op();
    std::vector<Tensor> out;
    if (const BatchRule rule = batch_rule(op)) out = rule(call);
    if (out.empty() && op.elementwise >= 0) out = batch_elementwise(call);
    if (!out.empty()) return out;
    if (op.compose && !op.effect) {
      // Of one sample, recorded like what the function itself did.
      std::vector<Tensor> sample;
      for (int i = 0; i < call.n_inputs(); ++i) {
        const Edge& e = node.in(i);
        sample.push_back(e.node ? Tensor(e.node, static_cast<int>(e.output)) : Tensor());
      }
      for (const Tensor& t : op.compose(node.attrs.get(), sample)) {
        const Batched b = value(t);
        out.push_back(whole(b.value, b.varies, scope_.size));
        composed_.push_back(t);
      }
      return out;
    }
    if (!op.forward && !op.view)
      throw GraphError(cat("[vmap] ", op.name, " cannot be applied to a batch: no rule says how"));
    return one_by_one(call);
  }

  const BatchScope& scope_;
  std::unordered_map<const Node*, std::vector<Tensor>> made_;
  std::unordered_set<const Node*> seen_;
  std::vector<Tensor> composed_;  // nodes of compositions stay: they are known by their addresses
};

}  // namespace

Tensor whole(const Tensor& value, bool varies, int64_t size) {
  return varies ? value : expand(value, with_batch(size, value.shape()));
}

std::vector<Batched> on_batch(const BatchScope& scope, std::span<const Tensor> outputs) {
  Replay replay(scope);
  std::vector<Batched> made;
  for (const Tensor& t : outputs) made.push_back(t ? replay.value(t) : Batched());
  return made;
}

std::vector<Batched> on_batch(const std::function<std::vector<Tensor>(std::span<const Tensor>)>& fn,
                              std::span<const Batched> in, int64_t size) {
  BatchScope scope(size, Randomness::different);
  std::vector<Tensor> sample;
  for (const Batched& b : in) sample.push_back(b.varies ? scope.symbol(b.value) : b.value);
  return on_batch(scope, fn(sample));
}

std::vector<Tensor> batch_as_is(const BatchCall& call) {
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) in.push_back(call.in(i));
  return apply_all(call.op(), in, call.same_attrs());
}

std::vector<Tensor> batch_whole(const BatchCall& call) {
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) in.push_back(call.has(i) ? whole(call, i) : Tensor());
  return apply_all(call.op(), in, call.same_attrs());
}

std::vector<Tensor> batch_dims(const BatchCall& call) {
  const Op& op = call.op();
  const int rank = std::max(call.spec(0).shape.size(), 1);  // a 0-d sample counts as one of axis 0
  bool flat = false;
  const auto moved = [rank](int64_t d) { return d < 0 ? d + rank + 1 : d + 1; };
  std::vector<Attr> attrs = call.attrs().values;
  for (size_t k = 0; k < attrs.size(); ++k) {
    if (std::strncmp(op.attrs[k].name, "dim", 3) != 0) continue;
    if (auto* one = std::get_if<int64_t>(&attrs[k])) {
      *one = moved(*one);
    } else if (op.attrs[k].type == AttrType::integer) {
      attrs[k] = int64_t{1};
      flat = true;
    } else {
      Dims dims;
      if (const auto* given = std::get_if<Dims>(&attrs[k]); given && given->size() > 0)
        for (int64_t d : *given) dims.push(moved(d));
      else
        for (int d = 1; d <= rank; ++d) dims.push(d);
      attrs[k] = dims;
    }
  }
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) {
    Tensor t = call.has(i) ? whole(call, i) : Tensor();
    if (t && (flat || t.shape().size() == 1)) t = reshape(t, {call.size(), flat ? -1 : 1});
    in.push_back(std::move(t));
  }
  return apply_all(op, in, Attrs::make(std::move(attrs)));
}

}  // namespace bs::ops
