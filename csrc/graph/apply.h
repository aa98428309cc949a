// apply(): the one way to use an op. Eager inputs compute at once; a symbolic input makes the result symbolic.
#pragma once

#include <span>

#include "graph/op.h"
#include "graph/tensor.h"

namespace bs {

// The first output of op(inputs...), where inputs that are absent are empty. Records the node for the reverse sweep
// where an input requires a gradient and recording is on. Throws what infer throws.
Tensor apply(const Op& op, std::span<const Tensor> inputs, Ref<Attrs> attrs = {});
inline Tensor apply(const Op& op, std::initializer_list<Tensor> inputs, Ref<Attrs> attrs = {}) {
  return apply(op, std::span<const Tensor>(inputs.begin(), inputs.size()), std::move(attrs));
}
// Throws GraphError: what the op or function of this name works on is severed (tensor.h), and is to be recorded.
[[noreturn]] void refuse_severed(const char* name);
// All outputs.
std::vector<Tensor> apply_all(const Op& op, std::span<const Tensor> inputs, Ref<Attrs> attrs = {});

// Defined in ops/, which this folder does not see: a copy in row-major order, x as another dtype, and x + y.
Tensor copy_of(const Tensor& x);
Tensor cast_of(const Tensor& x, DType dtype);
Tensor sum_of(const Tensor& x, const Tensor& y);

// Runs the forward of `op` on buffers that exist, cut over threads where that pays.
void run_forward(const Op& op, Call& call, const Specs& in, const Spec* out);

// Nanoseconds that a forward takes on one thread, roughly.
double forward_cost(const Op& op, const Attrs* attrs, const Specs& in, const Spec* out, int n_out);

// Whether apply() records (per thread): off inside no_grad and in sweeps without create_graph.
bool recording();
class RecordingGuard {
 public:
  explicit RecordingGuard(bool on);
  ~RecordingGuard();
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool before_;
};
void set_recording(bool on);

}  // namespace bs
