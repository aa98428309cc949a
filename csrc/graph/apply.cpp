#include "graph/apply.h"

#include <atomic>

#include "base/error.h"
#include "base/parallel.h"
#include "graph/slot.h"

namespace bs {
namespace {

thread_local bool is_recording = true;

// Below this a team costs more than it saves: waking and joining two threads takes about 5 us here.
constexpr double kTeamNanoseconds = 60e3;
// What one core moves out of the second-level cache, for ops that state no cost of their own.
constexpr double kBytesPerNanosecond = 20;

// op.infer; what shapes themselves refuse (too large, too many axes) gets the op's name too.
void infer(const Op& op, const Attrs* attrs, const Specs& in, Spec* out) {
  try {
    op.infer(attrs, in, out);
    for (int i = 0; i < op.n_outputs(attrs); ++i)
      checked_bytes(numel(out[i].shape), static_cast<int64_t>(size_of(out[i].dtype)));
  } catch (const ShapeError& e) {
    if (e.what()[0] == '[') throw;
    throw ShapeError(cat("[", op.name, "] ", e.what()));
  }
}

}  // namespace

bool recording() { return is_recording; }
void set_recording(bool on) { is_recording = on; }
RecordingGuard::RecordingGuard(bool on) : before_(is_recording) { is_recording = on; }
RecordingGuard::~RecordingGuard() { is_recording = before_; }

double forward_cost(const Op& op, const Attrs* attrs, const Specs& in, const Spec* out, int n_out) {
  if (op.cost) return op.cost(attrs, in, out);
  double bytes = 0;
  for (int i = 0; i < in.n; ++i)
    bytes += static_cast<double>(numel(in[i].shape)) * static_cast<double>(size_of(in[i].dtype));
  for (int i = 0; i < n_out; ++i)
    bytes += static_cast<double>(numel(out[i].shape)) * static_cast<double>(size_of(out[i].dtype));
  return bytes / kBytesPerNanosecond;
}

void run_forward(const Op& op, Call& call, const Specs& in, const Spec* out) {
  int members = 1;
  Placement place;
  if (op.place) {
    place = op.place(call.attrs, in, out);
    int threads = num_threads();
    if (threads > 1 && forward_cost(op, call.attrs, in, out, call.n_out) > kTeamNanoseconds) members = threads;
  }
  Ref<Buffer> scratch;
  if (op.scratch_bytes) {
    if (size_t bytes = op.scratch_bytes(call.attrs, in, out, members)) scratch = Buffer::make(bytes);
  }
  call.scratch = scratch ? static_cast<char*>(scratch->data) : nullptr;
  call.member = 0;
  if (op.prepare) op.prepare(call);
  int64_t bad = -1;
  if (members == 1) {
    bad = op.forward(call, 0, place.extent);
  } else {
    std::atomic<int64_t> first_bad{INT64_MAX};
    run_team(members, [&](int member, int count) {
      Range r = part_of(place.extent, place.granule, member, count);
      if (r.lo == r.hi) return;
      Call mine = call;
      mine.member = member;
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

Tensor apply(const Op& op, std::span<const Tensor> given, Ref<Attrs> attrs) {
  const int n = static_cast<int>(given.size());
  bool symbolic = false, needs_grad = false, all_ready = true;
  for (int i = 0; i < n; ++i) {
    const Tensor& t = given[static_cast<size_t>(i)];
    symbolic |= t.symbolic();
    needs_grad |= t.node()->requires_grad;
    all_ready &= t.spec().contiguous() || ((op.strided >> i) & 1);
  }
  symbolic |= op.effect && current_capture();  // else its effect would happen once, at capture
  if (!all_ready) {
    static const Op* const contiguous = find_op("contiguous");
    std::vector<Tensor> made(given.begin(), given.end());
    for (int i = 0; i < n; ++i) {
      Tensor& t = made[static_cast<size_t>(i)];
      if (!t.spec().contiguous() && !((op.strided >> i) & 1)) t = apply(*contiguous, {t});
    }
    return apply(op, std::span<const Tensor>(made), std::move(attrs));
  }

  const bool record = needs_grad && is_recording && op.differentiable();
  const int n_out = op.n_outputs(attrs.get());
  Ref<Node> node = Node::make(record || symbolic ? &op : nullptr, record || symbolic ? n : 0, n_out);
  Specs specs;
  specs.n = n;
  for (int i = 0; i < n; ++i) specs.s[i] = &given[static_cast<size_t>(i)].spec();
  Spec inferred[kMaxOutputs];
  infer(op, attrs.get(), specs, inferred);
  if (!op.forward && !op.view) return op.compose(attrs.get(), given)[0];
  for (int i = 0; i < n_out; ++i) node->out(i).spec = std::move(inferred[i]);

  if (record || symbolic) {
    const uint32_t reads = op.kept();
    for (int i = 0; i < n; ++i) {
      const Tensor& t = given[static_cast<size_t>(i)];
      node->connect(t, symbolic ? !t.symbolic() : ((reads >> i) & 1) != 0);
    }
    node->attrs = attrs;
    node->requires_grad = record;
    node->symbolic = symbolic;
    if (!symbolic)
      for (int i = 0; i < n_out; ++i)
        if ((reads >> (16 + i)) & 1) node->out(i).value_refs.fetch_add(1, std::memory_order_relaxed);
    if (symbolic) {
      Tensor made(std::move(node), 0);
      if (op.effect && current_capture()) current_capture()->effect(made);
      return made;
    }
  }

  // From here the outputs are held by `results`, so that a throwing forward frees all.
  Tensor first(node, 0);
  if (op.view) {
    const Output& source = given[0].out();
    if (!source.buffer) given[0].data();  // throws the error that says why
    Output& o = node->out(0);
    o.buffer = source.buffer;
    o.offset = source.offset + (op.view_offset ? op.view_offset(attrs.get(), source.spec) : 0);
    return first;
  }
  Call call;
  call.attrs = attrs.get();
  call.n_in = n;
  call.n_out = n_out;
  for (int i = 0; i < n; ++i) call.in[i] = View{specs.s[i], given[static_cast<size_t>(i)].data()};
  Spec* outs = inferred;
  for (int i = 0; i < n_out; ++i) {
    Output& o = node->out(i);
    outs[i] = o.spec;
    int64_t count = numel(o.spec.shape);
    o.buffer = Buffer::make(static_cast<size_t>(checked_bytes(count, static_cast<int64_t>(size_of(o.spec.dtype)))));
    call.out[i] = View{&o.spec, static_cast<char*>(o.buffer->data)};
  }
  run_forward(op, call, specs, outs);
  return first;
}

}  // namespace bs
