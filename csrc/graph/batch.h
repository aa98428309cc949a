// Functions of one sample that run on a batch (vmap): the function is recorded once, on symbols that stand for any
// sample; then each recorded op is applied to the whole batch, by its rule (ops/batch.h does that).
#pragma once

#include <span>

#include "graph/op.h"

namespace bs {

// What a random draw is in the function of one sample.
enum class Randomness : uint8_t {
  error,
  same,       // one draw for all samples
  different,  // one for each
};

// While it lives, this thread records a function of one sample; scopes nest.
class BatchScope {
 public:
  BatchScope(int64_t size, Randomness randomness);
  ~BatchScope();
  BatchScope(const BatchScope&) = delete;
  BatchScope& operator=(const BatchScope&) = delete;
  // The innermost one of this thread, or null.
  static BatchScope* current();
  // Whether t was recorded in a scope of this thread: it has no value, and none after the scope. Cheap.
  static bool holds(const Tensor& t);

  // Stands for any of the samples that lie along axis 0 of `values`.
  Tensor symbol(const Tensor& values);

  const int64_t size;
  const Randomness randomness;
  std::vector<Tensor> symbols, values;
  uint64_t begin() const { return begin_; }  // nodes of this number and later ones were made in the scope

 private:
  BatchScope* const outer_;
  const uint64_t begin_;
};

// One recorded op that is to be applied to a batch.
class BatchCall {
 public:
  BatchCall(const Node& node, int64_t size, std::span<const Tensor> in, const Mask& batched)
      : node_(node), size_(size), in_(in), batched_(batched) {}

  const Op& op() const { return *node_.op; }
  const Attrs& attrs() const { return *node_.attrs; }
  Ref<Attrs> same_attrs() const { return node_.attrs; }
  int64_t size() const { return size_; }
  int n_inputs() const { return static_cast<int>(node_.n_inputs); }
  int n_outputs() const { return static_cast<int>(node_.n_outputs); }
  bool has(int i) const { return i < n_inputs() && in_[static_cast<size_t>(i)]; }
  // Whether axis 0 of input i is the batch; else it is the same for all samples.
  bool batched(int i) const { return batched_.has(i); }
  const Tensor& in(int i) const { return in_[static_cast<size_t>(i)]; }
  // As one sample has it.
  const Spec& spec(int i) const { return node_.in(i).node->out(static_cast<int>(node_.in(i).output)).spec; }
  const Spec& out_spec(int k = 0) const { return node_.out(k).spec; }
  bool records() const { return node_.requires_grad; }

 private:
  const Node& node_;
  const int64_t size_;
  std::span<const Tensor> in_;
  const Mask& batched_;
};

// The outputs of an op on a batch, which is their axis 0; or nothing where the rule does not serve: then the op's
// composition is asked, or it is applied to one sample after the other. Outputs are reshaped to the batch and the sizes
// that one sample has, so a rule may leave axes of size 1 out.
using BatchRule = std::vector<Tensor> (*)(const BatchCall& call);

struct BatchRegistrar {
  BatchRegistrar(const Op& op, BatchRule rule);
};
#define BS_BATCH(op, ...) static const ::bs::BatchRegistrar batch_registrar_##op(op, __VA_ARGS__)
// Null where the op has none.
BatchRule batch_rule(const Op& op);

}  // namespace bs
