#include "graph/slot.h"

#include "base/error.h"
#include "base/thread_local.h"
#include "graph/apply.h"
#include "graph/batch.h"
#include "graph/slot_scope.h"
#include "graph/storage.h"

namespace bs {
namespace {

BS_THREAD_LOCAL CaptureHooks* capture = nullptr;
std::atomic<int> capturing{0};  // how many threads do: where none does, no thread looks for its own
std::atomic<uint64_t> epoch{1};

// A fresh leaf that holds `buffer` with the spec and the gradient cell of a slot.
Tensor leaf(const Spec& spec, Ref<Buffer> buffer, const Ref<GradCell>& cell) {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  t.out().spec.dtype = spec.dtype;
  t.out().spec.shape = spec.shape;
  t.out().buffer = std::move(buffer);
  t.node()->cell = cell;
  t.node()->requires_grad = static_cast<bool>(cell);
  return t;
}

}  // namespace

CaptureHooks* current_capture() { return capturing.load(std::memory_order_relaxed) > 0 ? capture : nullptr; }
void set_current_capture(CaptureHooks* c) {
  capturing.fetch_add((c != nullptr) - (capture != nullptr), std::memory_order_relaxed);
  capture = c;
}
uint64_t structure_epoch() { return epoch.load(std::memory_order_relaxed); }
void bump_structure_epoch() { epoch.fetch_add(1, std::memory_order_relaxed); }

Ref<Slot> Slot::make(const Tensor& value, bool requires_grad) {
  if (value.symbolic()) throw GraphError("[slot] a slot is made inside bs.compile: make it before the compiled call");
  if (requires_grad && !is_float(value.dtype()))
    throw DTypeError(cat("[slot] only float tensors collect gradients, this one is ", name_of(value.dtype())));
  RecordingGuard off(false);
  // A copy: the value that came in may be shared.
  Tensor copy = copy_of(value);
  Ref<GradCell> cell = requires_grad ? GradCell::make() : Ref<GradCell>();
  Ref<Slot> s = Ref<Slot>::adopt(new Slot(leaf(copy.spec(), copy.out().buffer, cell)));
  s->cell = cell;
  return s;
}

Tensor Slot::value() const {
  std::lock_guard guard(lock_);
  return value_;
}

void Slot::set(Tensor value) {
  std::lock_guard guard(lock_);
  std::swap(value_, value);
  version_.fetch_add(1, std::memory_order_release);
}

Tensor Slot::read() {
  if (SlotScope* scope = SlotScope::current()) return scope->read(*this);
  return capture ? capture->read_slot(*this) : value();
}

void Slot::write(const Tensor& value) {
  if (!(value.shape() == spec().shape))
    throw ShapeError(cat("[assign] a value of shape ", str(value.shape()), " does not fit a slot of shape ",
                         str(spec().shape), ": a slot keeps its shape"));
  if (value.dtype() != spec().dtype)
    throw DTypeError(cat("[assign] a ", name_of(value.dtype()), " value does not fit a ", name_of(spec().dtype),
                         " slot: cast it first, with .to(bs.", name_of(spec().dtype), ")"));
  if (BatchScope::holds(value))
    throw GraphError("[vmap] the value of one sample is written to a parameter or buffer, which all samples share");
  if (SlotScope* scope = SlotScope::current()) return scope->write(*this, value);
  if (capture) {
    capture->write_slot(*this, value);
    return;
  }
  if (value.symbolic()) throw GraphError("[assign] a tensor of a finished or other capture is written to a slot");
  // Programs bind bare addresses: a slot's value is contiguous, starts its buffer and is our own memory.
  const Output& o = value.out();
  if (!value.spec().contiguous() || o.offset != 0 || !o.buffer || o.buffer->release) {
    RecordingGuard off(false);
    commit(copy_of(value).out().buffer, value.dtype());
    return;
  }
  commit(value.out().buffer, value.dtype());
}

bool Slot::ours() const {
  const Ref<Buffer>& now = value_.out().buffer;
  return value_.node()->refs.load(std::memory_order_acquire) == 1 && now.unique() && !now->release;
}

char* Slot::hold(DType dtype) {
  if (!lock_.try_lock()) return nullptr;
  if (ours() && value_.dtype() == dtype) return static_cast<char*>(value_.out().buffer->data);
  lock_.unlock();
  return nullptr;
}

Slot::Binding Slot::bind(Write write, DType dtype, Tensor* value) {
  std::unique_lock guard(lock_);
  if (value_.dtype() != dtype)
    throw GraphError(cat("[compile] a parameter of shape ", str(value_.shape()), " became ", name_of(value_.dtype()),
                         " while a program that knows it as ", name_of(dtype),
                         " was in use: change the dtype of a model before or after training it"));
  const Ref<Buffer>& now = value_.out().buffer;
  if (value) *value = value_;
  Binding b;
  if (write == Write::in_place && ours()) {
    b.next = now;
    b.locked = true;
    guard.release();
  } else if (write != Write::no) {
    b.next = Buffer::make(static_cast<size_t>(numel(value_.shape())) * size_of(dtype));
  }
  b.current = now;
  return b;
}

void Slot::commit(Ref<Buffer> buffer, DType dtype) {
  Tensor made;  // what it replaces goes after the lock does
  std::lock_guard guard(lock_);
  if (buffer.get() == value_.out().buffer.get() || value_.dtype() != dtype) return;
  made = leaf(spec_, std::move(buffer), cell);
  std::swap(value_, made);
  version_.fetch_add(1, std::memory_order_release);
}

void Slot::replace(const Tensor& value) {
  if (capture || value.symbolic())
    throw GraphError("[_replace] a slot changes its dtype inside bs.compile: do it before the call");
  if (!(value.shape() == spec().shape))
    throw ShapeError(
        cat("[_replace] a value of shape ", str(value.shape()), " does not fit a slot of shape ", str(spec().shape)));
  if (cell && !is_float(value.dtype()))
    throw DTypeError(cat("[_replace] a parameter that collects gradients is a float, not ", name_of(value.dtype())));
  RecordingGuard off(false);
  Tensor copy = copy_of(value);
  if (storage && copy.dtype() != spec().dtype) storage->leave_slot();  // its names keep their dtype
  if (cell) cell->set({}, false);                                      // it had the old dtype
  Tensor made = leaf(copy.spec(), copy.out().buffer, cell);
  {
    std::lock_guard guard(lock_);
    spec_ = copy.spec();
    std::swap(value_, made);
    version_.fetch_add(1, std::memory_order_release);
  }
  bump_structure_epoch();
}

void Slot::set_requires_grad(bool on) {
  if (on == static_cast<bool>(cell)) return;
  std::swap(cell, resting_);
  if (on && !cell) cell = GradCell::make();
  (on ? cell : resting_)->set({}, false);
  set(leaf(spec_, buffer(), cell));
  bump_structure_epoch();
}

Tensor read_grad(GradCell& cell) {
  if (capture) return capture->read_grad(cell);
  std::lock_guard guard(cell.lock);
  if (cell.stale)
    throw GraphError(
        "[grad] a compiled step has run since and kept no gradients: return them from the compiled function, or "
        "run the step without bs.compile to look at .grad");
  return cell.grad;
}

namespace {

void refuse_sample(const Tensor& grad) {
  if (BatchScope::holds(grad))
    throw GraphError(
        "[vmap] the gradient of one sample is written to .grad, which all samples share: use bs.func.grad inside");
}

}  // namespace

void write_grad(GradCell& cell, const Tensor& grad) {
  refuse_sample(grad);
  if (capture) {
    capture->write_grad(cell, grad);
    return;
  }
  if (grad && grad.symbolic()) throw GraphError("[grad] a tensor of a finished or other capture has no value to keep");
  cell.set(grad, false);
}

void accumulate_grad(GradCell& cell, const Tensor& grad) {
  refuse_sample(grad);
  if (capture) {
    capture->accumulate_grad(cell, grad);
    return;
  }
  // One critical section: two sweeps that meet must not lose either's part. What it replaces goes after the lock does,
  // since a graph that ends may wait for the interpreter.
  Tensor old;
  std::lock_guard guard(cell.lock);
  if (cell.stale) return;
  old = cell.grad;
  cell.grad = old ? sum_of(old, grad) : grad;
  if (cell.named) cell.named->set(cell.grad);
}

}  // namespace bs
