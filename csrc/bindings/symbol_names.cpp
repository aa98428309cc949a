#include "bindings/symbol_names.h"

#include "bindings/size.h"
#include "graph/apply.h"
#include "graph/storage.h"
#include "ops/ops.h"
#include "program/capture.h"

namespace bs::bindings {
namespace {

// Whether `at` shows all of x, in order; for sizes of a replay it may be otherwise.
bool shows_all(const Tensor& at, const Tensor& x) {
  return at.spec().contiguous() && at.out().offset == x.out().offset && at.numel() == x.numel();
}

int64_t offset_in(const Tensor& at, const Tensor& x) { return at.out().offset - x.out().offset; }

Tensor with_history_of(const Tensor& value, const Tensor& past) {
  RecordingGuard on(true);
  if (!past.node()->cell) return with_history(ops::detach(value), past);
  Tensor made = ops::detach(as_computed(value, past));
  made.node()->cell = past.node()->cell;  // the leaf that it was
  made.node()->requires_grad = true;
  return made;
}

}  // namespace

Ref<SymbolLineage> SymbolLineage::make(Ref<SymbolStorage> s, Tensor base) {
  Ref<SymbolLineage> made = Ref<SymbolLineage>::adopt(new SymbolLineage);
  made->version = s->version;
  made->storage = std::move(s);
  made->base = std::move(base);
  return made;
}

Ref<SymbolLineage> SymbolLineage::apart(DType dtype) {
  return make(storage, taped(read(), [dtype](const Tensor& t) { return ops::bitcast(detached(t), dtype); }));
}

const Tensor& SymbolLineage::read() {
  if (version == storage->version) return base;
  const Tensor both[] = {storage->value, base};
  base = taped(both, [](std::span<const Tensor> in) {
    const Tensor now = ops::bitcast(in[0], in[1].dtype());
    if (in[1].requires_grad()) return with_history_of(now, in[1]);
    return now.requires_grad() ? ops::detach(now) : now;
  });
  version = storage->version;
  return base;
}

void SymbolLineage::write(const Tensor& at, const Tensor& v) {
  const Tensor in[] = {read(), at, v};
  Tensor made = taped(in, [](std::span<const Tensor> i) {
    const Tensor &x = i[0], &part = i[1];
    Tensor src = ops::cast(ops::expand(i[2], part.shape()), part.dtype());
    if (shows_all(part, x)) return ops::reshape(ops::contiguous(src), x.shape());
    return ops::write_strided(x, src, part.spec().full_strides(), offset_in(part, x));
  });
  storage->value =
      made.dtype() == storage->value.dtype()
          ? made
          : taped(made, [dtype = storage->value.dtype()](const Tensor& t) { return ops::bitcast(t, dtype); });
  ++storage->version;
  if (!recording() && base.requires_grad()) return;  // the history stays
  base = std::move(made);
  version = storage->version;
}

bool of_capture(const Tensor& t) {
  if (t.symbolic()) return true;
  const auto* capture = static_cast<const Capture*>(current_capture());
  return capture && t.node()->sequence >= capture->begin;
}

Tensor symbol_part(const Tensor& base, const Tensor& at) {
  const Tensor both[] = {base, at};
  RecordingGuard on(true);
  return taped(both, [](std::span<const Tensor> in) {
    const Tensor &x = in[0], &part = in[1];
    if (shows_all(part, x) && part.shape() == x.shape()) return x;
    return ops::as_strided(x, part.shape(), part.spec().full_strides(), offset_in(part, x));
  });
}

const Node* root_of(const Tensor& t) {
  const Node* n = t.node();
  int output = t.output();
  while (n->op && n->op->view) {
    const Edge& e = n->in(n->op->view_each ? output : 0);
    n = e.node;
    output = static_cast<int>(e.output);
  }
  return n;
}

}  // namespace bs::bindings
