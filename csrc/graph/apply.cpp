#include "graph/apply.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/parallel.h"
#include "base/thread_local.h"
#include "graph/anomaly.h"
#include "graph/met.h"
#include "graph/slot.h"
#include "graph/storage.h"

namespace bs {
namespace {

BS_THREAD_LOCAL bool is_recording = true;
BS_THREAD_LOCAL uint32_t apart = 0;
std::atomic<uint32_t> scopes{0};

// What one core moves out of the second-level cache, for ops that state no cost of their own.
constexpr double kBytesPerNanosecond = 20;

// op.infer; what shapes themselves refuse (too large, too many axes) gets the op's name too. Gives the bytes of each
// output, where these are wanted.
void infer(const Op& op, const Attrs* attrs, const Specs& in, Spec* out, int n_out, int64_t* bytes = nullptr) {
  try {
    op.infer(attrs, in, out);
    for (int i = 0; i < n_out; ++i) {
      const int64_t n = checked_bytes(numel(out[i].shape), static_cast<int64_t>(size_of(out[i].dtype)));
      if (bytes) bytes[i] = n;
    }
  } catch (const ShapeError& e) {
    if (e.what()[0] == '[') throw;
    throw ShapeError(cat("[", op.name, "] ", e.what()));
  }
}

}  // namespace

void refuse_severed(const char* name) {
  throw GraphError(cat(
      "[", name,
      "] an input is the result of a compiled function that differentiated it with backward() or grad(), and so gave "
      "up what its derivative reads: a gradient would be lost here. Take .detach() of the result where no gradient "
      "is wanted; else give retain_graph=True inside the function, or differentiate outside of it"));
}

bool recording() { return is_recording; }
void set_recording(bool on) { is_recording = on; }
RecordingGuard::RecordingGuard(bool on) : before_(is_recording) { is_recording = on; }
RecordingGuard::~RecordingGuard() { is_recording = before_; }

ApartScope::ApartScope() : ApartScope(scopes.fetch_add(1, std::memory_order_relaxed) + 1) {}
ApartScope::ApartScope(uint32_t number) : before_(apart) { apart = number; }
ApartScope::~ApartScope() { apart = before_; }
uint32_t ApartScope::current() { return apart; }

double forward_cost(const Op& op, const Attrs* attrs, const Specs& in, const Spec* out, int n_out) {
  if (op.cost) return op.cost(attrs, in, out);
  double bytes = 0;
  for (int i = 0; i < in.size(); ++i)
    if (in.has(i)) bytes += static_cast<double>(numel(in[i].shape)) * static_cast<double>(size_of(in[i].dtype));
  for (int i = 0; i < n_out; ++i)
    bytes += static_cast<double>(numel(out[i].shape)) * static_cast<double>(size_of(out[i].dtype));
  return bytes / kBytesPerNanosecond;
}

void run_forward(const Op& op, Call& call, const Specs& in, const Spec* out) {
  int members = 1, parts = 1;
  Placement place;
  if (op.place) {
    place = op.place(call.attrs, in, out);
    if (const int threads = num_threads(); threads > 1) {
      const double cost = forward_cost(op, call.attrs, in, out, call.n_out);
      if (cost > kTeamNanoseconds) {
        members = threads;
        const int shares = shares_for(cost, members);
        const int64_t units = (place.extent + place.granule - 1) / place.granule;
        parts = shares * parts_for(cost / shares, cost / shares, place.extent / shares, place.block);
        parts = static_cast<int>(std::clamp<int64_t>(units, 1, parts));
      }
    }
  }
  Ref<Buffer> scratch;
  const size_t bytes = op.scratch_bytes ? (op.scratch_bytes(call.attrs, in, out) + 63) / 64 * 64 : 0;
  const size_t own = op.scratch_of_thread ? bytes : 0;  // of each thread
  if (bytes > 0) scratch = Buffer::make(own > 0 ? own * static_cast<size_t>(members) : bytes);
  call.scratch = scratch ? static_cast<char*>(scratch->data) : nullptr;
  if (op.prepare) op.prepare(call);
  int64_t bad = -1;
  if (members == 1) {
    bad = op.forward(call, 0, place.extent);
  } else {
    std::atomic<int64_t> first_bad{INT64_MAX};
    share_out(parts, nullptr, members, [&](int part, int member) {
      const Range r = part_of(place.extent, place.granule, part, parts);
      Call mine = call;
      mine.scratch += static_cast<size_t>(member) * own;
      int64_t b = op.forward(mine, r.lo, r.hi);
      if (b < 0) return;
      int64_t seen = first_bad.load();
      while (b < seen && !first_bad.compare_exchange_weak(seen, b)) {
      }
    });
    if (first_bad.load() != INT64_MAX) bad = first_bad.load();
  }
  if (bad >= 0) op.explain(call, bad);
  if (op.merge) op.merge(call);
}

namespace {

// The results of an application: the outputs of a node, or of ops that are composed.
struct Applied {
  Ref<Node> node;
  std::vector<Tensor> composed;
};

// The results of an op that does not take storage types as they are.
std::vector<Tensor> in_computing_types(const Op& op, std::span<const Tensor> given, Ref<Attrs> attrs) {
  std::vector<Tensor> in(given.begin(), given.end());
  DType storage = DType::b8;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i] || !is_storage(in[i].dtype())) continue;
    storage = in[i].dtype();
    if (op.storage == Storage::refused)
      throw DTypeError(bs::cat("[", op.name, "] ", op.inputs[std::min(i, op.inputs.size() - 1)].name, " is ",
                               name_of(storage),
                               ", in which nothing is computed: cast it first, as in x.to(bs.float32)"));
    in[i] = cast_of(in[i], computing(storage));
  }
  std::vector<Tensor> out = apply_all(op, in, std::move(attrs));
  for (Tensor& t : out)
    if (t.dtype() == computing(storage)) t = cast_of(t, storage);
  return out;
}

// Where the outputs of a view lie in the memory of what they show, whether that is there or will be.
void place_views(const Op& op, const Attrs* attrs, std::span<const Tensor> given, Node& node) {
  const int n = static_cast<int>(node.n_outputs);
  Few<int64_t, 4> at(n);
  std::fill(at.begin(), at.end(), 0);
  if (op.view_offsets) op.view_offsets(attrs, given[0].spec(), at);
  for (int i = 0; i < n; ++i)
    node.out(i).offset = given[op.view_each ? static_cast<size_t>(i) : 0].out().offset + at[i];
}

Applied apply_op(const Op& op, std::span<const Tensor> given, Ref<Attrs> attrs) {
  if (op.instead && attrs) {
    if (Tensor made = op.instead(*attrs, given)) return {{}, {std::move(made)}};
    attrs = {};
  }
  if (!op.infer) {
    const auto stored = [](const Tensor& t) { return t && is_storage(t.dtype()); };
    if (op.storage == Storage::cast && std::any_of(given.begin(), given.end(), stored))
      return {{}, in_computing_types(op, given, std::move(attrs))};
    return {{}, with_errors_of(op.name, [&] { return op.compose(attrs.get(), given); })};
  }
  const int n = static_cast<int>(given.size());
  Few<const Spec*, kFewOperands> in(n);
  bool symbolic = false, needs_grad = false, all_ready = true, storage = false;
  for (int i = 0; i < n; ++i) {
    const Tensor& t = given[static_cast<size_t>(i)];
    in[i] = t ? &t.spec() : nullptr;
    if (!t) continue;
    symbolic |= t.symbolic();
    needs_grad |= t.node()->requires_grad;
    storage |= is_storage(in[i]->dtype);
    all_ready &= in[i]->contiguous() || op.strided.has(i);
  }
  if (Meeting::all.load(std::memory_order_relaxed) > 0)
    if (Meeting* meeting = Meeting::current())
      for (const Tensor& t : given)
        if (t && !t.symbolic()) meeting->met(t);
  if (storage && op.storage != Storage::moved && !op.view && op.elementwise < 0)
    return {{}, in_computing_types(op, given, std::move(attrs))};
  const bool record = needs_grad && is_recording && op.differentiable();
  // Under capture, else an effect would happen once, at capture; and so would the making of a history that a sweep
  // frees.
  symbolic |= (op.effect || record) && current_capture();
  if (!all_ready) {
    std::vector<Tensor> made(given.begin(), given.end());
    for (int i = 0; i < n; ++i) {
      Tensor& t = made[static_cast<size_t>(i)];
      if (t && !t.spec().contiguous() && !op.strided.has(i)) t = copy_of(t);
    }
    return apply_op(op, made, std::move(attrs));
  }

  const Specs specs(in);
  const int n_out = op.n_outputs(attrs.get(), specs);
  Few<Spec, 4> out(n_out);
  Few<int64_t, 4> bytes(n_out);
  infer(op, attrs.get(), specs, out.data(), n_out, bytes.data());
  if (!op.forward && !op.view) return {{}, op.compose(attrs.get(), given)};
  const bool keeps_edges = record || symbolic;
  Ref<Node> node = Node::make(keeps_edges ? &op : nullptr, keeps_edges ? n : 0, n_out);
  for (int i = 0; i < n_out; ++i) node->out(i).spec = std::move(out[i]);
  if (keeps_edges) {
    for (int i = 0; i < n; ++i) {
      const Tensor& t = given[static_cast<size_t>(i)];
      if (t && record && t.node()->severed) refuse_severed(op.name);
      if (t) node->connect(i, t, symbolic ? !t.symbolic() : op.keeps_in(i));
    }
    node->attrs = attrs;
    node->requires_grad = record;
    if (record && anomaly().on) note_line(*node);
    node->symbolic = symbolic;
    if (symbolic) {
      node->apart = apart;
      if (op.effect && current_capture()) current_capture()->effect(Tensor(node, 0));
      if (op.view) place_views(op, attrs.get(), given, *node);
      return {std::move(node), {}};
    }
    for (int i = 0; i < n_out; ++i)
      if (op.keeps_out(i)) node->out(i).value_refs.fetch_add(1, std::memory_order_relaxed);
  }

  if (op.view) {
    place_views(op, attrs.get(), given, *node);
    for (int i = 0; i < n_out; ++i) {
      const Tensor& of = given[op.view_each ? static_cast<size_t>(i) : 0];
      if (!of.has_value()) of.data();  // throws the error that says why
      node->out(i).buffer = of.out().buffer;
    }
    return {std::move(node), {}};
  }
  Call call;
  Few<View, kFewOperands> operands(n + n_out);
  call.attrs = attrs.get();
  call.n_in = n;
  call.n_out = n_out;
  call.in = operands.data();
  call.out = call.in + n;
  for (int i = 0; i < n; ++i) call.in[i] = View{in[i], in[i] ? given[static_cast<size_t>(i)].data() : nullptr};
  for (int i = 0; i < n_out; ++i) {
    Output& o = node->out(i);
    o.buffer = Buffer::make(static_cast<size_t>(bytes[i]));
    call.out[i] = View{&o.spec, static_cast<char*>(o.buffer->data)};
  }
  const Spec* outs = n_out == 1 ? &node->out(0).spec : out.data();
  for (int i = 0; i < n_out && n_out > 1; ++i) out[i] = node->out(i).spec;
  run_forward(op, call, specs, outs);
  return {std::move(node), {}};
}

}  // namespace

bool apply_over(const Op& op, std::span<const Tensor> given, int self, const Attrs* attrs) {
  const Tensor& x = given[static_cast<size_t>(self)];
  const bool elementwise = op.elementwise >= 0;
  if (!op.infer || !op.forward || op.host || op.effect || op.count_outputs || op.outputs.size() != 1 ||
      (op.instead && attrs) || !(elementwise || op.in_place.has(self)) || !x.spec().contiguous() || Meeting::current())
    return false;
  // What is checked while others have been written already would leave half a result.
  if (op.explain && !(elementwise && is_float(x.dtype()))) return false;
  const int n = static_cast<int>(given.size());
  Few<const Spec*, kFewOperands> in(n);
  for (int i = 0; i < n; ++i) {
    const Tensor& t = given[static_cast<size_t>(i)];
    in[i] = t ? &t.spec() : nullptr;
    if (!t) continue;
    const Output& o = t.out();
    if (!o.buffer || (t.node()->requires_grad && is_recording) || !(o.spec.contiguous() || op.strided.has(i)) ||
        (is_storage(o.spec.dtype) && !elementwise && op.storage != Storage::moved))
      return false;
    const bool same =
        o.offset == x.out().offset && o.spec.contiguous() && o.spec.dtype == x.dtype() && o.spec.shape == x.shape();
    if (o.buffer.get() == x.out().buffer.get() && !(same && (elementwise || op.in_place.has(i)))) return false;
  }
  Spec out;
  infer(op, attrs, Specs(in), &out, 1);
  if (!(out.shape == x.shape()) || out.dtype != x.dtype() || !out.contiguous()) return false;
  Call call;
  Few<View, kFewOperands> operands(n + 1);
  call.attrs = attrs;
  call.n_in = n;
  call.n_out = 1;
  call.in = operands.data();
  call.out = call.in + n;
  for (int i = 0; i < n; ++i) call.in[i] = View{in[i], in[i] ? given[static_cast<size_t>(i)].data() : nullptr};
  call.out[0] = View{&out, x.data()};
  run_forward(op, call, Specs(in), &out);
  return true;
}

Tensor apply(const Op& op, std::span<const Tensor> inputs, Ref<Attrs> attrs) {
  Applied made = apply_op(op, inputs, std::move(attrs));
  if (!made.node) return std::move(made.composed[0]);
  // Nobody can ask for the other outputs.
  for (int i = static_cast<int>(made.node->n_outputs); --i > 0;)
    if (Output& o = made.node->out(i); o.value_refs.load(std::memory_order_relaxed) == 0) o.buffer = Ref<Buffer>();
  return Tensor(std::move(made.node), 0);
}

std::vector<Tensor> apply_all(const Op& op, std::span<const Tensor> inputs, Ref<Attrs> attrs) {
  Applied made = apply_op(op, inputs, std::move(attrs));
  if (!made.node) return std::move(made.composed);
  std::vector<Tensor> outputs;
  outputs.reserve(made.node->n_outputs);
  for (int i = 0; i < static_cast<int>(made.node->n_outputs); ++i) outputs.emplace_back(made.node.get(), i);
  return outputs;
}

}  // namespace bs
